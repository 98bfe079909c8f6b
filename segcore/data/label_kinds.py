"""Labels that are no mask of membrane: numbered objects, and several classes; as masks of interior and membrane.

Numbered objects are what CREMI's `neuron_ids`, cellpose and micro-sam write: every neurite has its own number, 0 is
none of them. Touching ones have no membrane between them, so it is drawn there.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy

from segcore.errors import DataError
from segcore.progress import SILENT, Progress
from segcore.stacks import IGNORE, INTERIOR, MEMBRANE, Page, StackReader

LabelsAre = Literal["auto", "membrane-mask", "instances", "classes"]

MOST_CLASSES = 16
"""Of more values than this it is asked whether they number objects."""
_LARGEST_SHARE_OF_EDGES = 0.3
_WIDE_BYTES = 4


def value_text(value: float) -> str:
    """A value of a label for messages: whole numbers in full, as an option takes them, others in six digits."""
    return str(int(value)) if math.isfinite(value) and value == int(value) else f"{value:g}"


def values_text(values: Iterable[float]) -> str:
    """The first eight values, and how many more there are."""
    some = [value_text(value) for value in values]
    return ", ".join(some[:8]) + (f" and {len(some) - 8} more" if len(some) > 8 else "")


def is_one_of(page: Page, values: Collection[float]) -> npt.NDArray[np.bool_]:
    """Where a page holds one of some values, (H, W).

    Whole numbers are compared as such: as floats, those beyond 2 ** 53 would be one and the same.
    """
    if page.dtype.kind not in "ui":
        return np.isin(page, list(values))
    least, most = np.iinfo(page.dtype).min, np.iinfo(page.dtype).max
    possible = [int(value) for value in values if math.isfinite(value) and value == int(value)]
    return np.isin(page, np.array([value for value in possible if least <= value <= most], page.dtype))


def interior_of_instances(numbers: Page, membrane_px: int, ignore: Collection[float] = ()) -> npt.NDArray[np.uint8]:
    """Numbered objects as interior, and membrane where 0 is and along lines between two numbers.

    Args:
        numbers: (H, W) whole numbers.
        membrane_px: how wide a line is drawn between two numbers, at least 1; 1 takes the pixel above or to the left.
        ignore: numbers of what is to be ignored; 0 may be among them. No line is drawn beside them.

    Returns:
        (H, W) uint8.
    """
    ignored = is_one_of(numbers, ignore)
    line = np.zeros(numbers.shape, dtype=bool)
    for before, after in (((slice(None, -1),), (slice(1, None),)), ((..., slice(None, -1)), (..., slice(1, None)))):
        edge = (numbers[before] != numbers[after]) & ~ignored[before] & ~ignored[after]
        line[before] |= edge
        if membrane_px > 1:
            line[after] |= edge
    if membrane_px > 2:
        line = scipy.ndimage.distance_transform_edt(~line) <= (membrane_px - 2) / 2 if line.any() else line
    label = np.where(line | (numbers == 0), np.uint8(MEMBRANE), np.uint8(INTERIOR))
    label[ignored] = IGNORE
    return label


@dataclass(frozen=True)
class KeptNumbers:
    """Numbers of objects as uint32, 0 for none; and whether they are those of the file, or others in their order."""

    stack: StackReader
    kept: bool


def numbers_of_instances(raw: StackReader, ignore: Collection[float] = ()) -> KeptNumbers:
    """The numbers of objects in a type that holds those of most files.

    Larger or negative ones, as segmentations of whole brains have, are replaced by 1, 2, 3 .. in their order, all of
    them.

    Args:
        raw: whole numbers of any type.
        ignore: numbers of what is no object; nor is 0.
    """

    def objects(page: Page) -> Page:
        return np.where(is_one_of(page, ignore), page.dtype.type(0), page)

    if raw.dtype.kind == "u" and raw.dtype.itemsize <= np.dtype(np.uint32).itemsize:
        return KeptNumbers(raw.mapped(lambda page: objects(page).astype(np.uint32), np.uint32), kept=True)
    known = np.unique(np.concatenate([np.unique(objects(raw.read(z))) for z in range(len(raw))]))
    known = known[known != 0]
    if not known.size or (known[0] > 0 and known[-1] <= np.iinfo(np.uint32).max):
        return KeptNumbers(raw.mapped(lambda page: objects(page).astype(np.uint32), np.uint32), kept=True)

    def in_order(page: Page) -> Page:
        page = objects(page)
        return np.where(page == 0, 0, np.searchsorted(known, page) + 1).astype(np.uint32)

    return KeptNumbers(raw.mapped(in_order, np.uint32), kept=False)


def look_like_instances(labels: StackReader) -> bool:
    """Whether what has many values may number objects: values that are the same over areas (of three slices)."""
    for z in {0, len(labels) // 2, len(labels) - 1}:
        page = labels.read(z)
        edges = [(page[1:] != page[:-1]).mean() if len(page) > 1 else 0.0, (page[:, 1:] != page[:, :-1]).mean()]
        if max(edges) > _LARGEST_SHARE_OF_EDGES:
            return False
    return True


@dataclass(frozen=True, kw_only=True)
class NumbersSeen:
    """What is special in numbers of objects.

    Attributes:
        lowest, highest: of all numbers.
        ignored_percent: of the pixels, how many hold a number that is to be ignored.
        codes: numbers that seldom are an object's, and are not to be ignored: negative ones, and the highest of a type
            of 32 or 64 bits, by which CREMI and others mark what nobody labelled.
    """

    lowest: int
    highest: int
    ignored_percent: float
    codes: tuple[int, ...]


def seen_in_numbers(raw: StackReader, ignore: Collection[float] = (), progress: Progress = SILENT) -> NumbersSeen:
    """Looks at whole numbers of any type, all slices of them."""
    wide = raw.dtype.itemsize >= _WIDE_BYTES
    ends: set[int] = set()
    ignored = 0
    for z in progress.over(range(len(raw)), "reading the numbers", len(raw)):
        page = raw.read(z)
        ends |= {int(page.min()), int(page.max())}
        if ignore:
            ignored += int(is_one_of(page, ignore).sum())
    most = np.iinfo(raw.dtype).max
    return NumbersSeen(
        lowest=min(ends),
        highest=max(ends),
        ignored_percent=100 * ignored / (len(raw) * raw.height * raw.width),
        codes=tuple(sorted(one for one in ends - {*ignore} if one < 0 or (wide and one == most))),
    )


@dataclass(frozen=True, kw_only=True)
class ClassValues:
    """Which values of labels with several classes are membrane, which interior, and which are to be ignored.

    The last may be given alone: then the others are what the labels would be without them.
    """

    membrane: tuple[float, ...] = ()
    interior: tuple[float, ...] = ()
    ignore: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        times = Counter([*{*self.membrane}, *{*self.interior}, *{*self.ignore}])
        twice = sorted(value for value, number in times.items() if number > 1)
        if twice:
            raise DataError(
                "a value cannot be of two kinds", found=values_text(twice), expected="each value in one list"
            )

    @property
    def given(self) -> bool:
        """Whether any value of a class is."""
        return bool(self.membrane or self.interior)

    def check(self, labels: StackReader) -> str:
        """What is said of labels whose every value is in a list.

        Raises:
            DataError: if there is none in one of the lists, or a value in neither.
        """
        if not (self.membrane and self.interior):
            raise DataError(
                "the values of one class are missing",
                path=labels.path,
                found="values of " + ("interior" if self.interior else "membrane" if self.membrane else "neither"),
                expected="both --membrane-values and --interior-values",
            )
        pixels = np.zeros(3, dtype=np.int64)
        for z in range(len(labels)):
            page = labels.read(z)
            is_membrane, is_interior, is_ignored = self._where(page)
            known = is_membrane | is_interior | is_ignored
            if not known.all():
                others = np.unique(page[~known])
                raise DataError(
                    f"label {labels.names[z]} holds values that are in no list",
                    path=labels.path,
                    found=values_text(others.tolist()),
                    expected="every value in --membrane-values, --interior-values or --ignore-values",
                )
            pixels += is_membrane.sum(), is_interior.sum(), is_ignored.sum()
        if not pixels[:2].all():
            raise DataError(
                "the labels hold one of the two classes only",
                path=labels.path,
                found="membrane" if pixels[0] else "interior",
                expected="both",
            )
        of_membrane, _, of_ignore = 100 * pixels / pixels.sum()
        ignored = f", {values_text(self.ignore)} is ignored ({of_ignore:.1f} %)" if self.ignore else ""
        membrane, interior = values_text(self.membrane), values_text(self.interior)
        return f"{membrane} is membrane ({of_membrane:.1f} %) and {interior} is interior{ignored}, as told"

    def label_of(self, page: Page) -> npt.NDArray[np.uint8]:
        """A page as a label, (H, W) uint8."""
        is_membrane, is_interior, _ = self._where(page)
        return np.select([is_membrane, is_interior], [np.uint8(MEMBRANE), np.uint8(INTERIOR)], np.uint8(IGNORE))

    def _where(self, page: Page) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        return is_one_of(page, self.membrane), is_one_of(page, self.interior), is_one_of(page, self.ignore)
