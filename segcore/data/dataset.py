"""Datasets on disk: one stack each, with or without labels, its facts and its fingerprints.

data/<name>/dataset.json   the facts below
data/<name>/images.tif     uint8 (Z, H, W), uncompressed
data/<name>/labels.tif     uint8 (Z, H, W), 255 = interior, 0 = membrane, 128 = ignore; only if labelled
data/<name>/numbers.tif    uint32 (Z, H, W), whose piece a pixel is, 0 for nobody's; only if neurites are numbered
data/<name>/*-eighth.tif   images and labels at an eighth of their size; only of large slices
data/<name>/corrections.json  what was changed, only of a corrected copy; see `segcore.data.correcting`
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.checked import from_dict
from segcore.data.fingerprints import combined, slice_fingerprint
from segcore.errors import ConfigError, DataError, SegcoreError
from segcore.stacks import (
    IGNORE,
    INTERIOR,
    MEMBRANE,
    StackReader,
    StackWriter,
    Volume,
    VoxelSize,
    map_stack,
    reduced_stacks,
    stored_page,
    to_uint8,
)
from segcore.storage import atomic_folder, read_json, safe_name, write_json

FORMAT_VERSION = 1
INFO, IMAGES, LABELS, NUMBERS = "dataset.json", "images.tif", "labels.tif", "numbers.tif"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was checked when a dataset was made: what, whether it passed, and what was seen."""

    name: str
    passed: bool
    message: str


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """What is known about a dataset without reading its pixels.

    Attributes:
        format_version: of the folder's layout.
        name: also the folder's name.
        title: for people.
        slices, height, width: shape of the stack, in slices and pixels.
        voxel_size_nm: (z, y, x) in nanometres, or None where unknown.
        labelled: whether there are labels.
        synthetic: whether this package drew it; must be said wherever it is shown.
        source: where it came from.
        terms: what is known about its licence.
        citation: what to cite.
        slice_names: one a slice; a file name where there was one.
        fingerprint: SHA-256 over shape and pixels of images and labels, and the numbers if there are any.
        slice_fingerprints: one a slice, of the source's pixels before they were stretched to 8 bits; equal for
            turned and mirrored copies. Empty for a blank slice, which is a copy of no other.
        intensity_range: the source's values that became 0 and 255.
        membrane_percent: membrane in percent of the labelled pixels of each slice, 0 where none is; empty without
            labels.
        ignored_percent: percent of each slice whose label is to be ignored; empty if nothing is.
        numbered: whether the labels number the neurites.
        volumes: what it is made of, if that is several volumes, one behind another.
        created: when it was installed, ISO 8601 in UTC.
        checks: what was checked at import.
    """

    format_version: int
    name: str
    title: str
    slices: int
    height: int
    width: int
    voxel_size_nm: tuple[float, ...] | None
    labelled: bool
    synthetic: bool
    source: str
    terms: str
    citation: str
    slice_names: tuple[str, ...]
    fingerprint: str
    slice_fingerprints: tuple[str, ...]
    intensity_range: tuple[float, ...]
    membrane_percent: tuple[float, ...]
    created: str
    checks: tuple[Check, ...] = ()
    ignored_percent: tuple[float, ...] = ()
    numbered: bool = False
    volumes: tuple[Volume, ...] = ()

    @property
    def borders(self) -> tuple[int, ...]:
        """The first slice of each volume but the first: it is no neighbour of the one before it."""
        return tuple(accumulate(volume.slices for volume in self.volumes))[:-1]

    @property
    def unlabelled_slices(self) -> tuple[int, ...]:
        """Slices whose label is to be ignored as a whole; there is nothing to learn from them or to measure."""
        return tuple(z for z, percent in enumerate(self.ignored_percent) if percent == 100)

    @property
    def one_class_slices(self) -> tuple[int, ...]:
        """Slices with labels of one class only."""
        ends = (z for z, percent in enumerate(self.membrane_percent) if percent in (0, 100))
        return tuple(z for z in ends if z not in self.unlabelled_slices)


@dataclass(frozen=True)
class Dataset:
    """An installed dataset: its facts, its folder, and its pixels as read-only memory maps."""

    info: DatasetInfo
    folder: Path

    @cached_property
    def images(self) -> np.memmap[Any, np.dtype[np.uint8]]:
        """Grey values, uint8 (Z, H, W)."""
        return self._map(IMAGES)

    @cached_property
    def labels(self) -> np.memmap[Any, np.dtype[np.uint8]] | None:
        """Labels, uint8 (Z, H, W) of 0 (membrane), 128 (ignore) and 255 (interior), or None without labels."""
        return self._map(LABELS) if self.info.labelled else None

    @cached_property
    def numbers(self) -> np.memmap[Any, np.dtype[np.uint32]] | None:
        """Whose piece each pixel is, uint32 (Z, H, W), 0 for nobody's; None where neurites are not numbered."""
        return self._map(NUMBERS, np.uint32) if self.info.numbered else None

    def image(self, z: int) -> npt.NDArray[np.uint8]:
        """A copy of one slice's grey values, uint8 (H, W).

        Pages of a memory map stay with the process once touched; what walks through a whole
        stack reads it with this instead, so that its memory does not grow with the slices.
        """
        return stored_page(self.images, z)

    def label(self, z: int) -> npt.NDArray[np.uint8]:
        """A copy of one slice's labels, uint8 (H, W) of 0, 128 and 255, read as `image` is.

        Raises:
            DataError: if the dataset has no labels.
        """
        if self.labels is None:
            raise DataError("a dataset without labels", path=self.folder, expected="a labelled one")
        return stored_page(self.labels, z)

    def _map(self, file: str, dtype: npt.DTypeLike = np.uint8) -> np.memmap[Any, np.dtype[Any]]:
        return map_stack(self.folder / file, self.info.slices, self.info.height, self.info.width, dtype)


def data_root() -> Path:
    """Where datasets are: the environment's SEGCORE_DATA_DIR, or `data` in the current folder."""
    return Path(os.environ.get("SEGCORE_DATA_DIR") or "data").absolute()


def installed() -> list[DatasetInfo]:
    """The facts of all datasets, by name; damaged ones are logged and left out."""
    found = []
    for path in sorted(data_root().glob(f"*/{INFO}")):
        if path.parent.name.startswith("."):
            continue
        try:
            found.append(_read_info(path.parent))
        except SegcoreError as error:
            log.warning("%s", error)
    return found


def open_dataset(name: str) -> Dataset:
    """The dataset of that name, checked against its description.

    Raises:
        DataError: if there is none (the message lists those there are), or if it is damaged or
            of a newer format.
    """
    folder = data_root() / safe_name(name, "dataset")
    if not folder.is_dir():
        names = ", ".join(info.name for info in installed())
        expected = f"one of {names}" if names else "one made by `fetch` or `import` first"
        raise DataError(f"there is no dataset {name}", path=data_root(), expected=expected)
    dataset = Dataset(info=_read_info(folder), folder=folder)
    _ = dataset.images, dataset.labels, dataset.numbers
    return dataset


def install(
    name: str,
    images: StackReader,
    labels: StackReader | None = None,
    *,
    numbers: StackReader | None = None,
    title: str = "",
    voxel_size_nm: VoxelSize | None = None,
    synthetic: bool = False,
    source: str = "",
    terms: str = "",
    citation: str = "",
    intensity_range: tuple[float, float] = (0.0, 255.0),
    slice_names: Sequence[str] | None = None,
    checks: Sequence[Check] = (),
) -> Dataset:
    """Writes a dataset, a slice at a time; it is there when it is complete, or not at all.

    Args:
        name: a safe folder name that is not taken.
        images: grey slices of any type, stretched to 8 bits by `intensity_range`.
        labels: as many 8-bit slices of the same size, 255 for interior, 0 for membrane and 128 for ignore.
        numbers: as many slices of uint32, whose piece each pixel is, 0 for nobody's.
        voxel_size_nm: (z, y, x); what `images` says if not given.
        intensity_range: the source's values that became 0 and 255.

    Raises:
        DataError: if the name is taken, the stacks do not fit each other or a slice cannot be read.
        StorageError: if the name is not safe, or the disk refuses.
    """
    folder = data_root() / safe_name(name, "dataset")
    if folder.exists():
        raise DataError(
            f"there is already a dataset {name}", path=folder, expected="another name, or that folder removed first"
        )
    _check_pair(images, labels)
    _check_pair(images, numbers)
    voxel_size_nm = voxel_size_nm or images.voxel_size_nm
    with atomic_folder(folder) as temporary:
        facts = _write_pixels(temporary, images, labels, numbers, voxel_size_nm, intensity_range)
        info = DatasetInfo(
            format_version=FORMAT_VERSION,
            name=name,
            title=title or name,
            slices=len(images),
            height=images.height,
            width=images.width,
            voxel_size_nm=voxel_size_nm,
            labelled=labels is not None,
            numbered=numbers is not None,
            synthetic=synthetic,
            source=source,
            terms=terms,
            citation=citation,
            slice_names=tuple(slice_names or images.names),
            volumes=images.volumes,
            intensity_range=intensity_range,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            checks=tuple(checks),
            **facts,
        )
        write_json(temporary / INFO, dataclasses.asdict(info))
    return open_dataset(name)


def _check_pair(images: StackReader, labels: StackReader | None) -> None:
    if len(images) == 0:
        raise DataError("a stack without slices", path=images.path, expected="at least one slice")
    if labels is None:
        return
    found, expected = (f"{len(stack)} slices of {stack.height} x {stack.width} pixels" for stack in (labels, images))
    if found != expected:
        raise DataError("images and labels differ", path=labels.path, found=found, expected=expected)


def _write_pixels(
    folder: Path,
    images: StackReader,
    labels: StackReader | None,
    numbers: StackReader | None,
    voxel_size_nm: VoxelSize | None,
    intensity_range: tuple[float, float],
) -> dict[str, Any]:
    """Streams the slices to disk; gives the fingerprints and the percentage of membrane."""
    shape = (len(images), images.height, images.width)
    files_of = ((IMAGES, images, np.uint8), (LABELS, labels, np.uint8), (NUMBERS, numbers, np.uint32))
    written = [(file, stack, dtype) for file, stack, dtype in files_of if stack is not None]
    stacks = [stack for _, stack, _ in written]
    hashes = [hashlib.sha256(repr(shape).encode()) for _ in stacks]
    fingerprints: list[str] = []
    membrane: list[float] = []
    ignored: list[float] = []
    with ExitStack() as files:
        write_reduced = files.enter_context(
            reduced_stacks(
                folder,
                ("image",) if labels is None else ("image", "label"),
                height=images.height,
                width=images.width,
                slices=len(images),
            )
        )
        writers = [
            files.enter_context(
                StackWriter(
                    folder / file,
                    height=images.height,
                    width=images.width,
                    slices=len(images),
                    voxel_size_nm=voxel_size_nm,
                    dtype=dtype,
                )
            )
            for file, _, dtype in written
        ]
        for z in range(len(images)):
            pages = [stack.read(z) for stack in stacks]
            # Stretched by its own range, the same slice has other pixels in every stack.
            blank = bool((pages[0] == pages[0].flat[0]).all())
            fingerprints.append("" if blank else slice_fingerprint(pages[0]))
            pages[0] = to_uint8(pages[0], *intensity_range)
            for page, running, writer in zip(pages, hashes, writers, strict=True):
                running.update(np.ascontiguousarray(page).data)
                writer.write(page)
            write_reduced(dict(zip(("image", "label"), pages, strict=False)))
            if labels is not None:
                of_membrane, of_ignore = shares_of_labels(pages[1], labels.path, labels.names[z])
                membrane.append(of_membrane)
                ignored.append(of_ignore)
    return {
        "fingerprint": combined(hashes),
        "slice_fingerprints": tuple(fingerprints),
        "membrane_percent": tuple(membrane),
        "ignored_percent": tuple(ignored) if any(ignored) else (),
    }


def shares_of_labels(page: npt.NDArray[np.uint8], path: Path, name: str) -> tuple[float, float]:
    """Membrane in percent of what is labelled, and what is to be ignored in percent of all.

    Args:
        page: a slice of labels (H, W).
        path: of the stack it is from, for the message.
        name: of the slice, for the message.

    Raises:
        DataError: if it holds other values than those of labels.
    """
    counts = np.bincount(page.ravel(), minlength=256)
    labelled = int(counts[MEMBRANE] + counts[INTERIOR])
    if labelled + counts[IGNORE] != page.size:
        values = ", ".join(str(value) for value in np.flatnonzero(counts)[:8])
        raise DataError(
            f"label {name} holds other values",
            path=path,
            found=f"values {values}",
            expected="0, 128 and 255",
        )
    return _percent(counts[MEMBRANE], labelled), _percent(counts[IGNORE], page.size)


def _percent(some: int, of: int) -> float:
    """To four digits; nothing and all are said of nothing and all alone."""
    rounded = round(100 * float(some) / max(1, of), 4)
    return rounded if some in (0, of) else min(max(rounded, 0.0001), 99.9999)


def _read_info(folder: Path) -> DatasetInfo:
    path = folder / INFO
    values = read_json(path, DataError)
    version = values.get("format_version") if isinstance(values, dict) else None
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise DataError(
            "a dataset of an unknown or newer format", path=path, found=version, expected=f"at most {FORMAT_VERSION}"
        )
    try:
        info = from_dict(DatasetInfo, values)
    except ConfigError as error:
        raise DataError(f"damaged file ({error})", path=path, expected="as `import` or `fetch` wrote it") from error
    counts = {len(info.slice_names), len(info.slice_fingerprints), info.slices}
    if (
        len(counts) != 1
        or info.name != folder.name
        or (info.labelled and len(info.membrane_percent) != info.slices)
        or (len(info.ignored_percent) not in (0, info.slices))
        or (info.volumes and sum(volume.slices for volume in info.volumes) != info.slices)
    ):
        raise DataError("damaged file (its parts disagree)", path=path, expected="as `import` or `fetch` wrote it")
    return info
