"""Predicting any images: a stack in, probabilities out; a stack or folder in, files of probability and mask out."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from segcore.data import unpacked
from segcore.errors import ConfigError, DataError
from segcore.evaluation.segment_table import segment_rows
from segcore.measures import predicted_interior
from segcore.progress import SILENT, Progress
from segcore.runs import Run, SegmentPoint, threshold_value
from segcore.segments import segments_of
from segcore.stacks import (
    Axes,
    PngWriter,
    StackReader,
    StackWriter,
    ZarrWriter,
    intensity_range,
    is_container,
    is_read,
    open_stack,
    page_names,
    reordered,
    to_uint8,
    without_padding,
)
from segcore.storage import atomic_folder

PredictionFormat = Literal["tiff", "png", "ome-zarr", "challenge"]


@dataclass(frozen=True, kw_only=True)
class PredictedFiles:
    """What was written: the probability (times 255) and the mask (255 is interior) in `folder`.

    Also the segments, numbered from 1 in each slice, as `segments.tif` of 16 or 32 bits with a table of them,
    `segments.csv`, where the run knows how they are made.

    As `probability.tif` and `mask.tif`, folders `probability/` and `mask/` of PNG pictures, or `probability.ome.zarr`
    and `mask.ome.zarr`; of several stacks, or images of different sizes, two for each, such as `img_07-mask.tif`.
    For the ISBI 2012 challenge there is `challenge.tif` too: float32 from 0, membrane, to 1, interior.

    Attributes:
        folder: in which they are.
        slices: of all of them.
        threshold: above which a pixel of the mask is interior.
    """

    folder: Path
    slices: int
    threshold: float


def predict_stack(run: Run, stack: StackReader, *, device: str = "auto") -> Iterator[NDArray[np.uint8]]:
    """Probability of interior for each slice of a stack, in order, computed as they are asked for.

    Args:
        run: with weights.
        stack: open until the last slice was given. More than 8 bits are stretched to 8 as at import. In padding
            the answer is that for the mirror image of the tissue beside it.
        device: where the network runs: `auto`, `cpu` or `cuda`.

    Returns:
        (H, W) uint8 for each slice, probability times 255, rounded.

    Raises:
        ConfigError: if there is no such device.
        DataError: if a slice cannot be read.
        RunError: if the run has no whole weights, or the device has not the memory.
    """
    from segcore.network import load_network, predict  # PyTorch takes seconds to load

    run.check_network()
    model = load_network(run.config.model, run.weights, device)
    low, high = intensity_range(stack)
    pages = (without_padding(to_uint8(stack.read(z), low, high)) for z in range(len(stack)))
    return predict(model, pages, run.config.prediction)


def predict_to_files(
    run: Run,
    source: Path,
    folder: Path,
    *,
    threshold: str | float = "pixel",
    device: str = "auto",
    format: PredictionFormat = "tiff",
    axes: Axes = "zyx",
    progress: Progress = SILENT,
) -> PredictedFiles:
    """Predicts every slice of `source`, one at a time.

    Args:
        run: with weights; with operating points if `threshold` names one.
        source: whatever `open_stack` takes, a folder of several of these or of images of different sizes, or a zip
            of one of these. More than 8 bits are stretched to 8 as at import.
        folder: a new folder, which appears when it is complete, or not at all.
        threshold: `pixel`, `topology`, or a value 0..1 above which a pixel is interior.
        device: where the network runs: `auto`, `cpu` or `cuda`.
        format: of the files, `tiff`, `png` (a picture a slice, called as the slice is), `ome-zarr`, or `challenge`: as
            `tiff`, and what the ISBI 2012 challenge takes.
        axes: of the source, in the order in which they lie in its files.
        progress: told of every slice.

    Raises:
        DataError: if the source cannot be read.
        RunError: if the run has no whole weights, or no thresholds yet.
        StorageError: if the folder exists or cannot be written.
        ConfigError: for a format that is none of these.
    """
    if format not in get_args(PredictionFormat):
        raise ConfigError("unknown format", found=format, expected=" or ".join(get_args(PredictionFormat)))
    run.check_network()
    value = threshold_value(run, threshold)
    slices = 0
    with unpacked(source, folder.absolute().parent, progress=progress) as root:
        inputs = _inputs(root)  # what cannot be read is told before anything is written
        with atomic_folder(folder) as making:
            for name, path in inputs:
                with open_stack(path) as opened:
                    stack = reordered(opened, axes)
                    slices += len(stack)
                    _predict_one(run, stack, making, name, value, device, format, progress)
    return PredictedFiles(folder=folder, slices=slices, threshold=value)


def _inputs(root: Path) -> list[tuple[str, Path]]:
    """What is predicted: one stack without a name, or several with names of their own."""
    if not root.is_dir() or is_container(root):
        with open_stack(root):
            return [("", root)]
    there = [path for path in sorted(root.iterdir()) if not path.name.startswith((".", "__MACOSX"))]
    if len(there) == 1 and there[0].is_dir() and not is_container(there[0]):
        return _inputs(there[0])
    try:
        with open_stack(root):
            return [("", root)]
    except DataError:
        names = [path.name.split(".")[0] for path in there]
        several = [
            (name if names.count(name) == 1 else path.name, path)
            for name, path in zip(names, there, strict=True)
            if is_read(path)
        ]
        if len(several) < 2:
            raise
        return several


def _predict_one(
    run: Run,
    stack: StackReader,
    folder: Path,
    name: str,
    threshold: float,
    device: str,
    format: PredictionFormat,
    progress: Progress,
) -> None:
    def writer(what: str) -> StackWriter | PngWriter | ZarrWriter:
        file = f"{name}{'-' if name else ''}{what}"
        if format == "png":
            return PngWriter(folder / file, names=_picture_names(stack))
        written, suffix = (ZarrWriter, ".ome.zarr") if format == "ome-zarr" else (StackWriter, ".tif")
        return written(
            folder / f"{file}{suffix}",
            height=stack.height,
            width=stack.width,
            slices=len(stack),
            voxel_size_nm=stack.voxel_size_nm,
        )

    found = predict_stack(run, stack, device=device)
    points = run.info.operating_points
    with (
        writer("probability") as probabilities,
        writer("mask") as masks,
        _segments_of(stack, folder, name, None if points is None else points.segments) as keep_segments,
        _for_the_challenge(stack, folder, name, wanted=format == "challenge") as keep_for_challenge,
    ):
        for z, probability in enumerate(progress.over(found, "predicting", len(stack))):
            probabilities.write(probability)
            keep_for_challenge(probability)
            masks.write(predicted_interior(probability, threshold).astype("uint8") * 255)
            keep_segments(z, probability)


@contextmanager
def _for_the_challenge(
    stack: StackReader, folder: Path, name: str, *, wanted: bool
) -> Iterator[Callable[[NDArray[np.uint8]], None]]:
    """Gives a function that writes a page as the challenge takes it."""
    if not wanted:
        yield lambda probability: None
        return
    path = folder / f"{name}{'-' if name else ''}challenge.tif"
    with StackWriter(
        path, height=stack.height, width=stack.width, slices=len(stack), voxel_size_nm=stack.voxel_size_nm,
        dtype=np.float32,
    ) as writer:  # fmt: skip
        yield lambda probability: writer.write(probability.astype(np.float32) / np.float32(255))


@contextmanager
def _segments_of(
    stack: StackReader, folder: Path, name: str, point: SegmentPoint | None
) -> Iterator[Callable[[int, NDArray[np.uint8]], None]]:
    """Gives a function that writes the segments of a slice and their rows of the table; nothing without a point."""
    if point is None:
        yield lambda z, probability: None
        return
    path = folder / f"{name}{'-' if name else ''}segments.tif"
    fits = stack.height * stack.width <= point.smallest_px * np.iinfo(np.uint16).max
    dtype = np.dtype(np.uint16 if fits else np.uint32)
    with (
        StackWriter(
            path, height=stack.height, width=stack.width, slices=len(stack), voxel_size_nm=stack.voxel_size_nm,
            compression="zlib", dtype=dtype,
        ) as writer,
        path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as table,
    ):  # fmt: skip
        rows: csv.DictWriter[str] | None = None

        def keep(z: int, probability: NDArray[np.uint8]) -> None:
            nonlocal rows
            segments = segments_of(probability, point.smoothing_px, point.bias, point.smallest_px)
            writer.write(segments.astype(dtype))
            for row in segment_rows(segments, z, stack.voxel_size_nm):
                if rows is None:
                    rows = csv.DictWriter(table, list(row), lineterminator="\n")
                    rows.writeheader()
                rows.writerow(row)

        yield keep


def _picture_names(stack: StackReader) -> list[str]:
    """The names of the slices without endings, or their numbers where two of these would be one."""
    stems = [Path(name).stem for name in stack.names]
    usable = len({*stems}) == len(stems) and not any("/" in name for name in stack.names)
    return stems if usable else page_names(len(stack))
