"""The values in a stack of masks: exactly two, or a message that says what there is instead."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore.data.label_kinds import MOST_CLASSES, is_one_of, value_text, values_text
from segcore.errors import DataError
from segcore.progress import SILENT, Progress
from segcore.stacks import IGNORE, Page, StackReader

NEAR = 0.15
"""How near the lowest or highest value, as a share of the range, counts as nearly binary."""
NEARLY_BINARY_SHARE = 0.85
_LEAST_AT_AN_END = 0.05
_LEAST_SMEARED = 8
_MOST_VALUES = 65536


class TooManyValues(DataError):
    """Masks of more than two values; whether these may be numbers of objects: many, and not those of smeared ones."""

    may_be_numbers = False


@dataclass(frozen=True, kw_only=True)
class MaskValues:
    """How a mask is read: what is not of `ignore` is white from `white_from` up. `message` says what was found."""

    white_from: float
    message: str
    ignore: tuple[float, ...] = ()

    def as_white(self, page: Page) -> npt.NDArray[np.uint8]:
        """A page of the mask, (H, W) uint8: 255 where it is white, `IGNORE` where it is to be ignored, else 0."""
        white = np.where(page >= self.white_from, np.uint8(255), np.uint8(0))
        if self.ignore:
            white[is_one_of(page, self.ignore)] = IGNORE
        return white


def two_values(
    masks: StackReader,
    *,
    threshold: float | None = None,
    ignore: tuple[float, ...] = (),
    progress: Progress = SILENT,
) -> MaskValues:
    """Reads all masks and finds their two values.

    Args:
        threshold: values from this one up are white, so any number of values will do.
        ignore: values of what is to be ignored; the two are others.

    Raises:
        DataError: if there is one value only, or more than two and no threshold; the message
            gives the values, and the threshold to use if they are nearly binary, as those of
            resized or JPEG-compressed masks are.
    """
    counts: Counter[float] = Counter()
    ignored = 0
    for z in progress.over(range(len(masks)), "reading the masks", len(masks)):
        page = masks.read(z)
        if page.dtype.kind == "f" and np.isnan(page).any():
            raise DataError(
                f"mask {masks.names[z]} holds values that are no numbers",
                path=masks.path,
                found=f"{int(np.isnan(page).sum())} of {page.size} pixels",
                expected="two values, and another one of its own for what nobody labelled, named by --ignore-values",
            )
        of_page = _counted(page)
        ignored += sum(of_page.pop(value, 0) for value in ignore)
        counts.update(of_page)
        if len(counts) > _MOST_VALUES and threshold is None:
            break
        if threshold is not None:
            # Only the sides of the threshold matter, so the table stays small.
            counts = _by_side(counts, threshold)
    if ignore and not ignored and len(counts) <= _MOST_VALUES:
        raise DataError(
            "no pixel of the masks has a value that is to be ignored", path=masks.path,
            found=f"none of {values_text(ignore)}",
            expected="--ignore-values that the masks hold",
        )  # fmt: skip
    if threshold is not None:
        return dataclasses.replace(_thresholded(counts, threshold, masks), ignore=ignore)
    values = sorted(counts)
    if len(values) == 2:
        low, high = values
        message = f"the values are {value_text(low)} and {value_text(high)}"
        if ignore:
            share = 100 * ignored / (ignored + counts.total())
            message += f"; {values_text(ignore)} is ignored ({share:.1f} % of the pixels)"
        return MaskValues(white_from=high, message=message, ignore=ignore)
    if len(values) < 2:
        found = value_text(values[0]) if values else "nothing but what is to be ignored"
        raise DataError("the masks hold only one value", path=masks.path, found=found, expected="two values")
    raise _too_many(values, counts, masks)


def _counted(page: Page) -> dict[float, int]:
    if page.dtype == np.uint8:
        found = np.bincount(page.ravel(), minlength=256)
        return {int(value): int(found[value]) for value in np.flatnonzero(found)}
    values, numbers = np.unique(page, return_counts=True)
    # Whole numbers stay whole: as floats, numbers of objects beyond 2 ** 53 would be one and the same.
    return dict(zip(values.tolist(), numbers.tolist(), strict=True))


def _by_side(counts: Counter[float], threshold: float) -> Counter[float]:
    kept: Counter[float] = Counter()
    for value, number in counts.items():
        kept[math.inf if value >= threshold else -math.inf] += number
    return kept


def _thresholded(counts: Counter[float], threshold: float, masks: StackReader) -> MaskValues:
    white = counts[math.inf]
    share = 100 * white / counts.total()
    if not 0 < share < 100:
        raise DataError(
            "the threshold leaves only one value in the masks",
            path=masks.path,
            found=f"{share:g} % of the pixels from {threshold:g} up",
            expected="a --threshold-labels between the lowest and the highest value",
        )
    message = f"thresholded: {share:.2f} % of the pixels are {threshold:g} or more and count as white"
    return MaskValues(white_from=threshold, message=message)


def _too_many(values: list[float], counts: Counter[float], masks: StackReader) -> TooManyValues:
    low, high = values[0], values[-1]
    number = f"more than {_MOST_VALUES}" if len(values) > _MOST_VALUES else str(len(values))
    found = f"{number} values from {value_text(low)} to {value_text(high)}"
    reach = NEAR * (high - low)
    near_low = sum(counts[value] for value in values if value - low <= reach) / counts.total()
    near_high = sum(counts[value] for value in values if high - value <= reach) / counts.total()
    # Two crowded ends, as of a smeared mask; numbers of objects may crowd at one, when a single number is huge.
    crowded = near_low + near_high >= NEARLY_BINARY_SHARE
    smeared = len(values) >= _LEAST_SMEARED and crowded and min(near_low, near_high) >= _LEAST_AT_AN_END
    # Far above all others lies a single value: what is smeared is so at both ends.
    if smeared and masks.dtype.kind in "ui" and values[-2] - low <= reach:
        return TooManyValues(
            "one value lies far above all others, as a code for what nobody labelled",
            path=masks.path,
            found=f"{found}, the others up to {value_text(values[-2])}",
            expected=f"--ignore-values {value_text(high)} if it is one, and --labels-are instances if the others "
            "number objects",
        )
    if smeared:
        middle = (low + high) / 2
        middle = math.ceil(middle) if high - low > 2 else middle
        return TooManyValues(
            "the masks are nearly binary, as after JPEG compression or resizing",
            path=masks.path,
            found=f"{found}, {100 * (near_low + near_high):.1f} % of the pixels near the two ends",
            expected=f"exactly two values, or --threshold-labels {value_text(middle)} to make them so",
        )
    if len(values) <= MOST_CLASSES:
        shares = ", ".join(f"{value_text(value)} ({100 * counts[value] / counts.total():.1f} %)" for value in values)
        return TooManyValues(
            "the masks are not binary",
            path=masks.path,
            found=f"{len(values)} values: {shares}",
            expected="two values, or --membrane-values, --interior-values and --ignore-values that say what each is, "
            "or --labels-are instances if they number objects",
        )
    error = TooManyValues(
        "the masks are not binary",
        path=masks.path,
        found=found,
        expected="exactly two values, or --labels-are instances if they number objects",
    )
    error.may_be_numbers = True
    return error
