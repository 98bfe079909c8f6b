"""The checks of an import: each is kept with what was seen, and the first that fails ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from segcore.data.dataset import Check
from segcore.data.label_doubts import listed
from segcore.data.label_reading import LabelOptions, read_labels
from segcore.data.source_parts import Part
from segcore.errors import DataError, SegcoreError
from segcore.progress import SILENT, Progress
from segcore.stacks import (
    FEW_LEVELS,
    Axes,
    StackReader,
    Tissue,
    channels_in,
    image_files,
    is_container,
    missing_numbers,
    open_joined,
    open_pictures,
    open_stack,
    paired_by_stem,
    reordered,
    slices_seem_last,
    tissue_of,
    unpaired,
)

_SAME_VOXEL = 0.01


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
        self.done.append(Check(name=name, passed=True, message="; ".join(filter(None, said))))


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A part that passed its checks: images, labels, perhaps the numbers of neurites, and what to record."""

    name: str
    images: StackReader
    labels: StackReader | None
    numbers: StackReader | None
    intensity_range: tuple[float, float]
    checks: tuple[Check, ...]


def checked(part: Part, options: LabelOptions, axes: Axes, recorder: Checks, stack: ExitStack) -> Ready:
    """Opens and checks a part; its files are closed with `stack`.

    Labels have the axes of the images, unless they fit without.

    Raises:
        DataError: for the first check that fails.
    """
    before = len(recorder.done)
    with recorder.of(f"{part.name}: images") as say:
        lying = stack.enter_context(_opened(part.images, "zero"))
        images = reordered(lying, axes)
        say(_described(images))
        for note in images.notes:
            say(f"WARNING: {note}")
        if axes != "zyx" and lying.axes_known:
            say(f"WARNING: this format says itself which axis is which; {axes} was counted on top of that, from z y x")
        if images.path.is_dir() and len(images) > 1:
            say(_order_of(images))
        if axes == "zyx" and slices_seem_last(images):
            say("WARNING: the last axis is by far the shortest, as if the slices lay along it; then --axes yxz")
    labels = numbers = None
    if part.labels:
        with recorder.of(f"{part.name}: labels") as say:
            # With a threshold, colours may be mixed: the brightness alone decides.
            raw = _opened(part.labels, "edge", as_labels=options.threshold_labels is None)
            raw = _as_the_images_lie(stack.enter_context(raw), lying, images, axes, say)
            say(_described(raw))
            for note in raw.notes:
                say(note)
        with recorder.of(f"{part.name}: images and labels pair up") as say:
            _check_pairs(images, raw)
            say(f"{len(images)} pairs of equal size")
            say(_voxels_of_both(images, raw))
        read = read_labels(images, raw, options, lambda name: recorder.of(f"{part.name}: {name}"), recorder.progress)
        labels, numbers = read.labels, read.numbers
    with recorder.of(f"{part.name}: intensities") as say:
        tissue = tissue_of(images)
        say("; ".join(_intensities(images, tissue)))
    return Ready(
        name=part.name,
        images=images,
        labels=labels,
        numbers=numbers,
        intensity_range=(tissue.low, tissue.high),
        checks=tuple(recorder.done[before:]),
    )


def _as_the_images_lie(
    raw: StackReader, lying: StackReader, images: StackReader, axes: Axes, say: Callable[[str], None]
) -> StackReader:
    """The labels with the axes of the images, unless they fit without.

    Where both fit, as in a cube, volumes that have the shape of the images in their file are taken to lie as they do.
    """
    if axes == "zyx":
        return raw
    if _shape(raw) != _shape(images):
        return reordered(raw, axes)
    if _shape(raw) != _shape(lying) or raw.path.is_dir():
        return raw
    say(f"WARNING: they fit as they are and as {axes}, and were taken to lie as the images do")
    return reordered(raw, axes)


def _shape(stack: StackReader) -> tuple[int, int, int]:
    return len(stack), stack.height, stack.width


def _opened(paths: tuple[Path, ...], smaller: Literal["zero", "edge"], *, as_labels: bool = False) -> StackReader:
    """Images of different sizes are padded: with 0, which is known for padding, and masks with values they have.

    Several files are slices, or, where the first has several, volumes.
    """
    if len(paths) == 1:
        if not paths[0].is_dir() or is_container(paths[0]):
            return open_stack(paths[0], as_labels=as_labels)
        paths = tuple(image_files(paths[0]))
    with open_stack(paths[0]) as first:
        volumes = len(first) > 1 and not first.files
    opened = open_joined if volumes else open_pictures
    return opened(paths, smaller=smaller, as_labels=as_labels)


def _order_of(images: StackReader) -> str:
    """What the names of pictures say of their order, and what is missing in it."""
    channels = channels_in(images.names)
    if channels:
        raise DataError(
            "the names are of several channels of the same slices",
            path=images.path,
            found=" and ".join(channels),
            expected=f"one of them, such as '{images.path.name}/*{channels[0]}*'",
        )
    if not any(character.isdecimal() for name in images.names for character in Path(name).stem):
        return "in the order of their names, which have no numbers"
    missing = [str(number) for number in missing_numbers(images.names)]
    return f"WARNING: no slice has the number {listed(missing)}; those beside it count as neighbours" if missing else ""


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
    if tissue.blank == tissue.sampled:
        said.append("WARNING: every slice looked at is blank; transparency is not looked at")
    elif tissue.blank:
        said.append(f"{tissue.blank} of {tissue.sampled} slices looked at are blank")
    if tissue.levels < FEW_LEVELS and tissue.blank < tissue.sampled:
        said.append(f"WARNING: the tissue has only {tissue.levels} grey values of 256")
    return said


def _described(stack: StackReader) -> str:
    said = f"{len(stack)} slices of {stack.height} x {stack.width} pixels, {stack.dtype}"
    if stack.volumes:
        volumes = ", ".join(f"{volume.name} ({volume.slices})" for volume in stack.volumes)
        said += f"; {len(stack.volumes)} volumes, whose slices are no neighbours of each other's: {volumes}"
    if len(set(stack.sizes)) > 1:
        height, width = min(stack.sizes)
        said += f"; of {len(set(stack.sizes))} sizes, the smallest {height} x {width}: padded, which is ignored"
    return said


def _voxels_of_both(images: StackReader, labels: StackReader) -> str:
    """What is odd in the sizes of a voxel that the files of images and labels say; nothing if nothing is."""
    mine, its = images.voxel_size_nm, labels.voxel_size_nm
    if its is None or mine == its:
        return ""
    sides = " x ".join(f"{side:g}" for side in its)
    if mine is None:
        return f"the labels say that a voxel has {sides} nm, the images nothing"
    own = " x ".join(f"{side:g}" for side in mine)
    if max(abs(one / other - 1) for one, other in zip(mine, its, strict=True)) < _SAME_VOXEL:
        return ""
    return f"WARNING: a voxel of the images has {own} nm, one of the labels {sides} nm; are they of the same volume?"


def _check_pairs(images: StackReader, labels: StackReader) -> None:
    if len(images) != len(labels):
        raise DataError(
            "not as many masks as images", path=labels.path, found=len(labels), expected=f"{len(images)} masks"
        )
    each, wanted = ([volume.slices for volume in stack.volumes] for stack in (labels, images))
    if each != wanted:
        raise DataError("the volumes of masks and images differ", path=labels.path, found=each, expected=wanted)
    size, expected = (f"{stack.height} x {stack.width} pixels" for stack in (labels, images))
    if size != expected:
        raise DataError("masks and images differ in size", path=labels.path, found=size, expected=expected)
    for name, mine, its in zip(labels.names, images.sizes, labels.sizes, strict=True):
        if mine != its:
            found, expected = (f"{height} x {width} pixels" for height, width in (its, mine))
            problem = "a mask differs from its image in size"
            raise DataError(problem, path=labels.path / name, found=found, expected=expected)
    if images.path.is_dir() and labels.path.is_dir() and not images.volumes:
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
