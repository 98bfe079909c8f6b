"""The checks of an import: each is kept with what was seen, and the first that fails ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from segcore.data.dataset import Check
from segcore.data.label_reading import LabelOptions, read_labels
from segcore.data.source_parts import Part
from segcore.errors import DataError, SegcoreError
from segcore.progress import SILENT, Progress
from segcore.stacks import (
    FEW_LEVELS,
    StackReader,
    Tissue,
    image_files,
    is_container,
    open_pictures,
    open_stack,
    paired_by_stem,
    tissue_of,
    unpaired,
)


@dataclass
class Checks:
    """What was checked, in order; a failed check ends the list and raises."""

    done: list[Check] = field(default_factory=list)
    progress: Progress = SILENT

    @contextmanager
    def of(self, name: str) -> Iterator[Callable[[str], None]]:
        """Records a check: passed with the message it is given, or failed with the error's."""
        said: list[str] = []
        self.progress.at(f"checking {name}")
        try:
            yield said.append
        except SegcoreError as error:
            self.done.append(Check(name=name, passed=False, message=str(error)))
            raise
        self.done.append(Check(name=name, passed=True, message="; ".join(said)))


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A part that passed its checks: images, labels, and what to record."""

    name: str
    images: StackReader
    labels: StackReader | None
    intensity_range: tuple[float, float]
    checks: tuple[Check, ...]


def checked(part: Part, options: LabelOptions, recorder: Checks, stack: ExitStack) -> Ready:
    """Opens and checks a part; its files are closed with `stack`.

    Raises:
        DataError: for the first check that fails.
    """
    before = len(recorder.done)
    with recorder.of(f"{part.name}: images") as say:
        images = stack.enter_context(_opened(part.images, "zero"))
        say(_described(images))
    labels = None
    if part.labels:
        with recorder.of(f"{part.name}: labels") as say:
            raw = stack.enter_context(_opened(part.labels, "edge"))
            say(_described(raw))
        with recorder.of(f"{part.name}: images and labels pair up") as say:
            _check_pairs(images, raw)
            say(f"{len(images)} pairs of equal size")
        labels = read_labels(images, raw, options, lambda name: recorder.of(f"{part.name}: {name}"), recorder.progress)
    with recorder.of(f"{part.name}: intensities") as say:
        tissue = tissue_of(images)
        say("; ".join(_intensities(images, tissue)))
    return Ready(
        name=part.name,
        images=images,
        labels=labels,
        intensity_range=(tissue.low, tissue.high),
        checks=tuple(recorder.done[before:]),
    )


def _opened(paths: tuple[Path, ...], smaller: Literal["zero", "edge"]) -> StackReader:
    """Images of different sizes are padded: with 0, which is known for padding, and masks with values they have."""
    if len(paths) == 1 and paths[0].is_dir() and not is_container(paths[0]):
        paths = tuple(image_files(paths[0]))
        return open_pictures(paths, smaller=smaller)
    return open_stack(paths[0]) if len(paths) == 1 else open_pictures(paths, smaller=smaller)


def _intensities(images: StackReader, tissue: Tissue) -> list[str]:
    """What is done with the grey values, and what to beware of."""
    if images.dtype == np.uint8:
        said = ["8-bit values, kept"]
    else:
        said = [f"{images.dtype}, {tissue.low:.6g} becomes 0 and {tissue.high:.6g} becomes 255"]
    if tissue.padded:
        said.append(
            f"{tissue.padded} of {tissue.sampled} slices looked at have padding (up to {tissue.padding_percent:.1f} % "
            "of a slice), which the network never sees"
        )
    if tissue.blank:
        said.append(f"{tissue.blank} of {tissue.sampled} slices looked at are blank")
    if tissue.levels < FEW_LEVELS and tissue.blank < tissue.sampled:
        said.append(f"WARNING: the tissue has only {tissue.levels} grey values of 256")
    return said


def _described(stack: StackReader) -> str:
    said = f"{len(stack)} slices of {stack.height} x {stack.width} pixels, {stack.dtype}"
    if len(set(stack.sizes)) > 1:
        height, width = min(stack.sizes)
        said += f"; of {len(set(stack.sizes))} sizes, the smallest {height} x {width}: padded, which is ignored"
    return said


def _check_pairs(images: StackReader, labels: StackReader) -> None:
    if len(images) != len(labels):
        raise DataError(
            "not as many masks as images", path=labels.path, found=len(labels), expected=f"{len(images)} masks"
        )
    size, expected = (f"{stack.height} x {stack.width} pixels" for stack in (labels, images))
    if size != expected:
        raise DataError("masks and images differ in size", path=labels.path, found=size, expected=expected)
    for name, mine, its in zip(labels.names, images.sizes, labels.sizes, strict=True):
        if mine != its:
            found, expected = (f"{height} x {width} pixels" for height, width in (its, mine))
            problem = "a mask differs from its image in size"
            raise DataError(problem, path=labels.path / name, found=found, expected=expected)
    if images.path.is_dir() and labels.path.is_dir():
        z = unpaired(images.names, labels.names)
        if z is not None and paired_by_stem(images.names, labels.names) != list(
            zip(images.names, labels.names, strict=True)
        ):
            raise DataError(
                "the names of masks and images do not pair up",
                path=labels.path / labels.names[z],
                found=f"slice {z} is {images.names[z]} with {labels.names[z]}",
                expected="the same numbers in both folders",
            )
