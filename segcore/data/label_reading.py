"""Labels of any kind, read as membrane, interior and what is to be ignored."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from segcore.data.fitting import misfit
from segcore.data.label_doubts import SliceShares, doubts, listed, shares_of
from segcore.data.label_kinds import (
    ClassValues,
    LabelsAre,
    interior_of_instances,
    look_like_instances,
    numbers_of_instances,
    seen_in_numbers,
    values_text,
)
from segcore.data.mask_values import MaskValues, TooManyValues, two_values
from segcore.data.polarity import interior_is_white
from segcore.errors import DataError
from segcore.progress import SILENT, Progress
from segcore.stacks import IGNORE, INTERIOR, MEMBRANE, Page, StackReader, padding_of

Polarity = Literal["auto", "interior-white", "membrane-white"]
UnlabelledSlices = Literal["ask", "ignore", "keep"]

Say = Callable[[str], None]
Recorded = Callable[[str], AbstractContextManager[Say]]
"""Records a check of this name, which passes with what is said in it."""


@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """How labels are read; see `import_source`."""

    polarity: Polarity = "auto"
    threshold_labels: float | None = None
    labels_are: LabelsAre = "auto"
    class_values: ClassValues = field(default_factory=ClassValues)
    membrane_px: int = 2
    unlabelled_slices: UnlabelledSlices = "ask"

    def __post_init__(self) -> None:
        for name, chosen, choices in (
            ("polarity", self.polarity, get_args(Polarity)),
            ("kind of labels", self.labels_are, get_args(LabelsAre)),
            ("choice for unlabelled slices", self.unlabelled_slices, get_args(UnlabelledSlices)),
        ):
            if chosen not in choices:
                raise DataError(f"unknown {name}", found=chosen, expected=" or ".join(choices))
        if self.membrane_px < 1:
            raise DataError("no width of a membrane", found=self.membrane_px, expected="--membrane-px of 1 or more")
        if self.class_values.given and self.labels_are not in ("auto", "classes"):
            raise DataError(
                "values of classes, but no labels of classes", found=self.labels_are, expected="--labels-are classes"
            )
        # What these say has no meaning for other labels, and must not be passed over.
        if self.kind in ("instances", "classes"):
            for option, given in (
                ("--polarity", self.polarity != "auto"),
                ("--threshold-labels", self.threshold_labels is not None),
            ):
                if given:
                    raise DataError(
                        f"{option} is for masks of membrane", found=f"labels that are {self.kind}", expected="none"
                    )

    @property
    def kind(self) -> LabelsAre:
        """What the labels are said to be."""
        return "classes" if self.class_values.given else self.labels_are

    @property
    def given(self) -> tuple[str, ...]:
        """The options that say something of labels, by their names, so that they are not passed over without any."""
        options = {
            "--polarity": self.polarity != "auto",
            "--threshold-labels": self.threshold_labels is not None,
            "--labels-are": self.labels_are != "auto",
            "--membrane-values or --interior-values": self.class_values.given,
            "--ignore-values": bool(self.class_values.ignore),
            "--unlabelled-slices": self.unlabelled_slices != "ask",
        }
        return tuple(option for option, used in options.items() if used)


@dataclass(frozen=True, kw_only=True)
class ReadLabels:
    """Labels as they are kept.

    Attributes:
        labels: uint8 of `segcore.stacks.label`.
        numbers: uint32, whose piece each pixel is, 0 for nobody's; None where neurites are not numbered.
    """

    labels: StackReader
    numbers: StackReader | None = None


def read_labels(
    images: StackReader, raw: StackReader, options: LabelOptions, check: Recorded, progress: Progress = SILENT
) -> ReadLabels:
    """Labels of any kind; padding of the images is to be ignored.

    Args:
        images: whose labels they are.
        raw: as they are in the file, of the same size and number.
        options: what was said of them.
        check: records what was found.
        progress: told how far it is.

    Raises:
        DataError: if they cannot be read so, or something has to be said of them first.
    """
    read = _of_kind(images, raw, options, check, progress)
    with check("labelled slices") as say:
        labels = _without_unlabelled(images, read.labels, options.unlabelled_slices, say, progress)
    with check("masks fit their images") as say:
        say(misfit(images, labels) or "nothing speaks against it")
    return replace(read, labels=labels)


def _of_kind(
    images: StackReader, raw: StackReader, options: LabelOptions, check: Recorded, progress: Progress
) -> ReadLabels:
    kind, ignore = options.kind, options.class_values.ignore
    if kind == "classes":
        with check("classes") as say:
            say(options.class_values.check(raw))
        return ReadLabels(labels=raw.mapped(options.class_values.label_of, np.uint8))
    values: MaskValues | None = None
    if kind != "instances":
        with check("two values in the masks") as say:
            try:
                values = two_values(raw, threshold=options.threshold_labels, ignore=ignore, progress=progress)
                say(values.message)
            except TooManyValues as error:
                if kind == "membrane-mask" or not error.may_be_numbers:
                    raise
                if not look_like_instances(raw):
                    raise DataError(
                        "the masks are no masks: their values differ from pixel to pixel, as in a grey image",
                        path=raw.path,
                        found=error.found,
                        expected="masks alone; are images and masks exchanged, or was the mask drawn onto the image?",
                    ) from error
                if options.polarity != "auto":
                    raise DataError(
                        "--polarity is for masks of membrane",
                        path=raw.path,
                        found=f"labels that seem to number objects, with {error.found}",
                        expected="none, or masks of two values",
                    ) from error
                say("no mask: more than two values, each over areas of its own")
    if values is not None:
        with check("polarity") as say:
            return ReadLabels(labels=_interior_white(images, raw, values, options.polarity, say))
    with check("numbered objects") as say:
        _check_whole_numbers(raw)
        seen = seen_in_numbers(raw, ignore, progress)
        if ignore and not seen.ignored_percent:
            raise DataError(
                "no pixel of the labels has a number that is to be ignored",
                path=raw.path,
                found=f"none of {values_text(ignore)} among numbers from {seen.lowest} to {seen.highest}",
                expected=f"--ignore-values {seen.codes[-1]}, or others"
                if seen.codes
                else "--ignore-values that the labels hold",
            )
        numbers = numbers_of_instances(raw, ignore)
        membrane = [] if 0 in ignore else ["0"]
        said = " and ".join([*membrane, f"lines of {options.membrane_px} px between two numbers"])
        say(
            ("recognised" if kind == "auto" else "declared")
            + f": {said} are membrane, "
            + (f"{values_text(ignore)} is ignored ({seen.ignored_percent:.1f} % of the pixels), " if ignore else "")
            + "the rest is interior; a neurite is a connected piece of one number in a slice"
            + ("" if numbers.kept else "; the numbers were replaced by 1, 2, 3 .. in their order")
        )
        for code in seen.codes:
            say(
                f"WARNING: {code} counts as a neurite, though it looks like a code for what nobody labelled; then "
                f"--ignore-values {code}"
            )

    def drawn(page: Page) -> Page:
        return interior_of_instances(page, options.membrane_px, ignore)

    return ReadLabels(labels=raw.mapped(drawn, np.uint8), numbers=numbers.stack)


def _check_whole_numbers(raw: StackReader) -> None:
    if raw.dtype.kind not in "ui":
        raise DataError(
            "numbers of objects are whole numbers",
            path=raw.path,
            found=raw.dtype,
            expected="a type of integers, or a mask of two values",
        )


def _interior_white(
    images: StackReader, raw: StackReader, values: MaskValues, polarity: Polarity, say: Say
) -> StackReader:
    white = raw.mapped(values.as_white, np.uint8)
    if polarity == "auto":
        keep, reasons = interior_is_white(images, white)
        say(f"recognised: {reasons}")
    else:
        keep = polarity == "interior-white"
        say(f"declared: {polarity}")

    def inverted(page: Page) -> Page:
        return np.where(page == IGNORE, page, ~page)

    return white if keep else white.mapped(inverted, np.uint8)


# --- what is to be ignored --------------------------------------------------------------------


def _without_unlabelled(
    images: StackReader, labels: StackReader, wanted: UnlabelledSlices, say: Say, progress: Progress
) -> StackReader:
    """The labels, with what is padding of the images ignored, and slices that nobody labelled as told."""
    one_class: dict[int, str] = {}
    labelled: list[SliceShares] = []
    ignored_px, unlabelled_px = 0, 0
    blank: list[str] = []
    ignoring = _ignoring(images, labels)
    for z in progress.over(range(len(labels)), "looking at the labels", len(labels)):
        label = ignoring.read(z)
        counts = np.bincount(label.ravel(), minlength=256)
        ignored_px += int(counts[IGNORE])
        of_membrane, of_interior = int(counts[MEMBRANE]), int(counts[INTERIOR])
        if of_membrane and of_interior:
            labelled.append(shares_of(labels.names[z], label))
        elif of_membrane or of_interior:
            one_class[z] = "membrane" if of_membrane else "interior"
            unlabelled_px += of_membrane + of_interior
        else:
            blank.append(labels.names[z])
    if len(blank) == len(labels):
        raise DataError(
            "no pixel is left to learn from",
            path=images.path,
            found=f"{len(blank)} slices whose images are blank, or whose labels are ignored",
            expected="tissue with labels",
        )
    if not labelled:
        raise DataError(
            "no slice holds both classes",
            path=labels.path,
            found=_named(labels, one_class) or "nothing but what is ignored",
            expected="at least one that does",
        )
    if len(one_class) > 1 and wanted == "ask":
        raise DataError(
            f"{len(one_class)} of {len(labels)} slices hold one class only, as if nobody had labelled them",
            path=labels.path,
            found=_named(labels, one_class),
            expected="--unlabelled-slices ignore, or keep if they are as they should be",
        )
    said = [f"{len(labelled)} of {len(labels)} hold both classes"]
    if one_class:
        what = "ignored, as they hold" if wanted == "ignore" else "kept, though they hold"
        said.append(f"{what} one class only: {_named(labels, one_class)}")
    if blank:
        said.append(f"left out, as nothing of them is tissue with a label: {listed(blank)}")
    if wanted == "ignore":
        ignored_px += unlabelled_px
        ignoring = _ignoring(images, labels, set(one_class))
    if ignored_px:
        share = 100 * ignored_px / (len(labels) * labels.height * labels.width)
        said.append(f"{share:.2f} % of the pixels are ignored: not learned from, and in no figure")
    said += doubts(labelled)
    say("; ".join(said))
    return ignoring


def _ignoring(images: StackReader, labels: StackReader, slices: Collection[int] = ()) -> StackReader:
    """The labels, to be ignored where the images are padding, and in some slices."""

    def load(z: int) -> Page:
        label = labels.read(z)
        padding = None if z in slices else padding_of(images.read(z))
        if z in slices or padding is not None:
            label = np.where(True if padding is None else padding, np.uint8(IGNORE), label)
        return label

    return StackReader(
        path=labels.path,
        names=labels.names,
        height=labels.height,
        width=labels.width,
        dtype=np.uint8,
        load=load,
        voxel_size_nm=labels.voxel_size_nm,
        close=labels.close,
        volumes=labels.volumes,
    )


def _named(labels: StackReader, classes: dict[int, str]) -> str:
    return listed([f"{labels.names[z]} ({name})" for z, name in classes.items()])
