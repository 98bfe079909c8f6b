"""What there is to show of a stack: its files, checked once and again whenever they change, read a window at a time."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.viewer.uploaded import UPLOADED, uploaded_stack
from segcore.data import IMAGES, INFO, LABELS, data_root, open_dataset
from segcore.errors import ConfigError, DataError, RunError, StorageError
from segcore.evaluation import SEGMENTS, stored_segment_points
from segcore.measures import PixelEvidence
from segcore.runs import SegmentPoint, evaluation_folder, models_root
from segcore.stacks import REDUCED, Plane, is_kept_reduced, map_stack, reduced_shape
from segcore.storage import safe_name

TILE = 512
"""Height and width of a tile in pixels."""

NO_RUN = "-"
EVALUATED_PARTS = ("test", "all", "validation", "train")
"""Which slices a run may have been evaluated on, those that say most first."""


class NotThere(LookupError):
    """A well-formed address of what does not exist."""


@dataclass(frozen=True)
class StackFile:
    """An uncompressed stack on disk, read a window at a time.

    Reading by `pread` and not through a memory map keeps the server's memory flat: mapped pages stay with the
    process once touched.
    """

    path: Path
    offset: int
    slices: int
    height: int
    width: int

    def window(self, page: int, top: int, bottom: int, left: int, right: int) -> Plane:
        """Pixels [top, bottom) x [left, right) of a page, uint8."""
        start = self.offset + (page * self.height + top) * self.width
        rows, columns = bottom - top, right - left
        file = os.open(self.path, os.O_RDONLY)
        try:
            # Whole rows in one go, unless most of them would be thrown away.
            if columns * 4 >= self.width:
                band = _read(file, rows * self.width, start).reshape(rows, self.width)
                return np.ascontiguousarray(band[:, left:right])
            out = np.empty((rows, columns), dtype=np.uint8)
            for row in range(rows):
                out[row] = _read(file, columns, start + row * self.width + left)
            return out
        finally:
            os.close(file)


def _read(file: int, count: int, offset: int) -> Plane:
    data = os.pread(file, count, offset)
    if len(data) != count:
        raise NotThere("the file was cut short")
    return np.frombuffer(data, dtype=np.uint8)


@dataclass(frozen=True)
class Layers:
    """What there is to show of a dataset, with or without a run's evaluation of it.

    Attributes:
        slices, height, width: of the stack.
        labels: None for a dataset without labels.
        probability: None without a run, or where the evaluation kept none.
        pages: page of `probability` by slice.
        evidence: the file of pixel tables, or None without a run.
        reduced: what is kept at an eighth of its size, by the name of the plane; empty for small slices.
        version: changes whenever a file changes.
        ignores: whether anything of the labels is to be ignored.
        borders: the first slice of each volume but the first, where there are several.
        numbers: whose piece each pixel is, where the labels number the neurites.
        segments: the segments of the evaluated slices, in the order of `pages`; None where there are none.
        segment_points: how they were made, by slice; empty where nobody knows.
        uploaded: the name of a visitor's stack, of which nothing is kept on disk; empty for a dataset.
    """

    images: StackFile
    labels: StackFile | None
    probability: StackFile | None
    pages: Mapping[int, int]
    evidence: Path | None
    reduced: Mapping[str, StackFile]
    version: str
    ignores: bool = False
    borders: tuple[int, ...] = ()
    numbers: np.memmap[Any, np.dtype[np.uint32]] | None = field(default=None, compare=False)
    segments: Path | None = None
    segment_points: Mapping[int, SegmentPoint] = field(default_factory=dict)
    uploaded: str = ""

    @property
    def temporary(self) -> bool:
        """Whether it is a visitor's."""
        return bool(self.uploaded)

    def over(self) -> bool:
        """Whether the visit whose stack it is has ended, so that nothing may be kept of it any more."""
        return self.temporary and uploaded_stack(self.uploaded) is None

    @property
    def segmented(self) -> bool:
        """Whether there are segments, or they can be made of the probability."""
        return self.segments is not None or (self.temporary and bool(self.segment_points))

    @property
    def slices(self) -> int:
        return self.images.slices

    @property
    def height(self) -> int:
        return self.images.height

    @property
    def width(self) -> int:
        return self.images.width

    @property
    def coarsest(self) -> int:
        """The first level that is one tile."""
        return max(0, (max(self.height, self.width) - 1).bit_length() - (TILE - 1).bit_length())


def open_layers(dataset: str, run: str | None, part: str) -> Layers:
    """What there is of these three, from files that are checked once and again whenever they change.

    Args:
        dataset: its name, or that of a visitor's stack.
        run: None for the dataset alone; of no meaning for a visitor's stack, which has its prediction beside it.
        part: of the dataset that was evaluated.

    Raises:
        NotThere: the visit is over.
        SegcoreError: a dataset or an evaluation that is missing or damaged, or names that are none.
    """
    if dataset.startswith(UPLOADED):
        return _uploaded_layers(dataset)
    stack = _open_stack(dataset)
    slices, height, width = stack.images.slices, stack.images.height, stack.images.width
    reduced = _reduced_stacks(stack.images.path.parent, ("image", "label"), slices, height, width)
    if run is None:
        return Layers(
            stack.images, stack.labels, None, {}, None, reduced, stack.version, stack.ignores, stack.borders,
            stack.numbers,
        )  # fmt: skip
    folder = _evaluation(run, dataset, part)
    pages, stamp = _table_of_slices(folder)
    path = folder / "probability.tif"
    probability = None
    if path.exists():
        probability = _stack_file(path, _stamp(path), (len(pages), height, width))
        stamp += _stamp(path)
        reduced |= _reduced_stacks(folder, ("probability", "peak", "trough"), len(pages), height, width)
    segments = folder / SEGMENTS
    stamp += _stamp(segments)
    labels, ignores = stack.labels, stack.ignores
    own = folder / LABELS
    if own.exists():  # only a part of what is labelled was measured
        labels, ignores = _stack_file(own, _stamp(own), (slices, height, width)), True
        stamp += _stamp(own)
    # Tables that disagree with the pictures would show other numbers than pixels.
    if max(pages, default=0) >= slices:
        raise RunError(
            "evaluated on another stack", path=folder, found=f"slice {max(pages)}", expected="evaluate again"
        )
    version = f"{stack.version}{_short(stamp)}"
    return Layers(
        stack.images, labels, probability, pages, folder / "evidence.npz", reduced, version, ignores, stack.borders,
        stack.numbers, segments if segments.exists() else None, _segment_points(folder / "summary.json"),
    )  # fmt: skip


def _uploaded_layers(name: str) -> Layers:
    stack = uploaded_stack(name)
    if stack is None:
        raise NotThere("no such stack")
    images, probability = stack.folder / "images.tif", stack.folder / "probability.tif"
    shape, stamps = stack.shape, (_stamp(images), _stamp(probability))
    if not all(stamps):
        raise NotThere("the visit is over")
    pages = {z: z for z in range(shape[0])}
    files = [_stack_file(path, stamp, shape) for path, stamp in zip((images, probability), stamps, strict=True)]
    made = {} if stack.segment_point is None else dict.fromkeys(pages, stack.segment_point)
    return Layers(files[0], None, files[1], pages, None, {}, _short(stamps), segment_points=made, uploaded=name)


def _segment_points(path: Path) -> Mapping[int, SegmentPoint]:
    return _read_segment_points(path, _stamp(path))


@lru_cache(maxsize=16)
def _read_segment_points(path: Path, stamp: tuple[int, ...]) -> Mapping[int, SegmentPoint]:
    try:
        return stored_segment_points(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError):
        # Pages say what is wrong with an evaluation; without this there is only no other bias to be tried.
        return {}


@dataclass(frozen=True)
class _Stack:
    """A dataset's files."""

    images: StackFile
    labels: StackFile | None
    version: str
    ignores: bool
    borders: tuple[int, ...]
    numbers: np.memmap[Any, np.dtype[np.uint32]] | None


def _open_stack(dataset: str) -> _Stack:
    # The name is checked before anything is looked for.
    folder = data_root() / safe_name(dataset, "dataset")
    stamps = tuple(_stamp(folder / file) for file in (INFO, IMAGES, LABELS))
    return _opened(dataset, str(folder), stamps)


@lru_cache(maxsize=16)
def _opened(name: str, folder: str, stamps: tuple[Any, ...]) -> _Stack:
    opened = open_dataset(name)
    info = opened.info

    def file(stack: np.memmap[Any, Any] | None) -> StackFile | None:
        if stack is None:
            return None
        return StackFile(Path(str(stack.filename)), int(stack.offset), info.slices, info.height, info.width)

    images = file(opened.images)
    assert images is not None
    ignores = bool(info.ignored_percent)
    return _Stack(images, file(opened.labels), _short(stamps), ignores, info.borders, opened.numbers)


def _reduced_stacks(folder: Path, planes: Sequence[str], slices: int, height: int, width: int) -> dict[str, StackFile]:
    """Those of the planes that are kept reduced, for full slices of that size."""
    if not is_kept_reduced(height, width):
        return {}
    paths = {plane: folder / REDUCED[plane] for plane in planes}
    shape = (slices, *reduced_shape(height, width))
    return {plane: _stack_file(path, _stamp(path), shape) for plane, path in paths.items() if path.exists()}


@lru_cache(maxsize=16)
def _stack_file(path: Path, stamp: tuple[int, ...], shape: tuple[int, int, int]) -> StackFile:
    try:
        return StackFile(path, int(map_stack(path, *shape).offset), *shape)
    except DataError as error:
        raise RunError(error.problem, path=path, found=error.found, expected="evaluate or import again") from error


def _evaluation(run: str, dataset: str, part: str) -> Path:
    """Where an evaluation is kept, without opening the run."""
    if part not in EVALUATED_PARTS:
        raise StorageError("unknown part of a dataset", found=repr(part[:40]), expected=", ".join(EVALUATED_PARTS))
    return evaluation_folder(models_root() / safe_name(run, "run"), dataset, part)


def _table_of_slices(folder: Path) -> tuple[dict[int, int], tuple[int, ...]]:
    path = folder / "slices.csv"
    stamp = _stamp(path)
    if not stamp:
        raise RunError("there is no such evaluation", path=folder, expected="evaluate first")
    return _pages(path, stamp), stamp


@lru_cache(maxsize=16)
def _pages(path: Path, stamp: tuple[int, ...]) -> dict[int, int]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {int(row["slice"]): page for page, row in enumerate(csv.DictReader(file))}
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise RunError(
            "the table of slices cannot be read", path=path, found=error, expected="evaluate again"
        ) from error


@lru_cache(maxsize=4)
def _evidence(path: Path, stamp: tuple[int, ...]) -> PixelEvidence:
    return PixelEvidence.load(path)


def tables(layers: Layers) -> PixelEvidence:
    """The pixel tables of the evaluation, as long as they fit its slices."""
    if layers.evidence is None:
        raise NotThere("no run")
    found = _evidence(layers.evidence, _stamp(layers.evidence))
    if len(found) != len(layers.pages):
        raise NotThere("the evaluation is being rewritten")
    return found


def _stamp(path: Path) -> tuple[int, ...]:
    """Changes whenever the file does; empty if there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _short(stamps: object) -> str:
    return f"{hash(stamps) & 0xFFFFFFFFFFFF:012x}"
