"""Opening images, stacks and folders as stacks, writing stacks, and reducing them to 8 bits."""

from __future__ import annotations

import json
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from segcore.errors import DataError
from segcore.stacks.numbering import TIFF_SUFFIXES, image_files
from segcore.stacks.stack import (
    Page,
    StackReader,
    VoxelSize,
    array_stack,
    decoded,
    luminance,
    page_names,
    reasonable,
    same_form,
)
from segcore.stacks.tiff import open_tiff
from segcore.storage import atomic_file

__all__ = [
    "StackReader",
    "StackWriter",
    "VoxelSize",
    "array_stack",
    "intensity_range",
    "map_stack",
    "open_stack",
    "page_names",
    "to_uint8",
]

_PILLOW_TYPES = {"I;16": np.uint16, "I;16B": np.uint16, "I;16L": np.uint16, "I": np.int32, "F": np.float32}


def open_stack(path: Path) -> StackReader:
    """Opens a multi-page TIFF, a single image, or a folder of numbered images.

    All headers are read and compared, pixels are not.

    Raises:
        DataError: if the path is missing, no image, empty, damaged, or mixes sizes or types.
    """
    path = Path(path)
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        raise DataError(
            "there is no such file or folder", path=path, expected="an image, a stack or a folder of images"
        )
    if path.suffix.lower() in TIFF_SUFFIXES:
        return open_tiff(path)
    return _open_picture(path)


def _open_folder(folder: Path) -> StackReader:
    files = image_files(folder)
    first: StackReader | None = None
    for path in files:
        with open_stack(path) as one:
            first = first or one
            if len(one) != 1:
                raise DataError("several pages in a file of a folder", path=path, found=len(one), expected="one page")
            same_form(one, first, path, f"as in {files[0].name}")
    assert first is not None

    def load(z: int) -> Page:
        with open_stack(files[z]) as one:
            return one.read(0)

    return StackReader(
        path=folder,
        names=[path.name for path in files],
        height=first.height,
        width=first.width,
        dtype=first.dtype,
        load=load,
    )


def _open_picture(path: Path) -> StackReader:
    def header() -> tuple[int, int, str, int]:
        with warnings.catch_warnings():
            # A damaged file ends in one line, not in what Pillow thinks of it as well.
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                return image.height, image.width, image.mode, getattr(image, "n_frames", 1)

    height, width, mode, frames = decoded(path, header, "no image that can be read")
    if frames != 1:
        raise DataError("several frames in one picture", path=path, found=frames, expected="one, or a TIFF")
    reasonable(path, height, width)

    def load(_: int) -> Page:
        with Image.open(path) as image:
            if mode in _PILLOW_TYPES:
                return np.asarray(image).astype(_PILLOW_TYPES[mode])
            # Indices of a palette are no brightness; a bilevel image becomes 0 and 255.
            return luminance(np.asarray(image.convert("L" if mode in ("L", "LA", "1") else "RGB")))

    return StackReader(
        path=path,
        names=[path.name],
        height=height,
        width=width,
        dtype=_PILLOW_TYPES.get(mode, np.uint8),
        load=load,
    )


class StackWriter(AbstractContextManager["StackWriter"]):
    """Writes an 8-bit multi-page TIFF slice by slice; it appears when it is complete, or not at all.

    Without compression all pixels follow one another, so the file can be memory-mapped.
    """

    def __init__(
        self,
        path: Path,
        *,
        height: int,
        width: int,
        slices: int,
        voxel_size_nm: VoxelSize | None = None,
        compression: str | None = None,
    ) -> None:
        self._path = path
        self._shape = (height, width)
        self._slices = slices
        self._compression = compression
        self._description = {} if voxel_size_nm is None else {"voxel_size_nm": list(voxel_size_nm)}
        self._written = 0
        self._target = atomic_file(path)

    def __enter__(self) -> StackWriter:
        temporary = self._temporary = self._target.__enter__()
        big = self._slices * self._shape[0] * self._shape[1] > 2**32 - 2**26
        try:
            self._tiff = tifffile.TiffWriter(temporary, bigtiff=big)
        except BaseException as error:
            self._target.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def write(self, page: npt.NDArray[np.uint8]) -> None:
        """Appends one (height, width) slice of type uint8."""
        if page.shape != self._shape or page.dtype != np.uint8 or self._written == self._slices:
            raise ValueError(f"slice {self._written} of {self._slices} is {page.dtype} {page.shape}, not {self._shape}")
        if self._compression is None:
            self._tiff.write(page, photometric="minisblack", contiguous=True, metadata=self._description)
        else:
            # Only the first page describes the series: one shape for all, as for uncompressed ones.
            described = {"shape": [self._slices, *self._shape], **self._description} if self._written == 0 else None
            self._tiff.write(
                page,
                photometric="minisblack",
                compression=self._compression,
                contiguous=False,
                metadata=None,
                description=None if described is None else json.dumps(described),
            )
        self._written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._tiff.close()
            if error is None and self._written != self._slices:
                raise ValueError(f"{self._written} of {self._slices} slices were written")
            if error is None:
                self._check_whole()
        except Exception as closing:
            # What went wrong first says more than that closing failed as well.
            error = error or closing
        self._target.__exit__(None if error is None else type(error), error, None if error is None else trace)
        if error is not None and kind is None:
            raise error

    def _check_whole(self) -> None:
        """Notices a disk that was full for the last bytes of a slice, which numpy's `tofile` does not."""
        try:
            with open_tiff(self._temporary) as stack:
                whole = len(stack) == self._slices
        except DataError:
            whole = False
        if not whole:
            raise OSError("short write")


def map_stack(path: Path, slices: int, height: int, width: int) -> np.memmap[Any, np.dtype[np.uint8]]:
    """The pixels of an uncompressed 8-bit stack as a read-only (Z, H, W) memory map.

    Raises:
        DataError: if the file is missing, damaged, or of another shape.
    """
    with open_stack(path) as reader:
        found = (len(reader), reader.height, reader.width, reader.dtype)
    expected = (slices, height, width, np.dtype(np.uint8))
    if found != expected:
        raise DataError("another stack than its description says", path=path, found=found, expected=expected)
    with tifffile.TiffFile(path) as tiff:
        first, last = tiff.pages.first, tiff.pages[slices - 1]
        offset = first.dataoffsets[0]
        if not first.is_contiguous or last.dataoffsets[0] != offset + (slices - 1) * height * width:
            raise DataError("the slices do not follow one another", path=path, expected="an uncompressed stack")
    return np.memmap(path, dtype=np.uint8, mode="r", offset=offset, shape=(slices, height, width))


def intensity_range(reader: StackReader) -> tuple[float, float]:
    """The values that become 0 and 255 in 8 bits.

    (0, 255) for 8-bit stacks. Otherwise the percentiles 0.1 and 99.9 over up to 16 slices spread
    evenly, so that a few hot pixels do not decide.
    """
    if reader.dtype == np.uint8:
        return 0.0, 255.0
    samples = []
    for z in np.unique(np.linspace(0, len(reader) - 1, 16).round().astype(int)):
        page = reader.read(int(z)).ravel()
        # Striding by an odd number, so that it does not keep step with the rows.
        samples.append(page[:: (page.size // 2**17) | 1])
    values = np.concatenate(samples).astype(np.float64)
    low, high = np.percentile(values, (0.1, 99.9))
    if high <= low:
        low, high = values.min(), values.max()
    return float(low), float(high if high > low else low + 1)


def to_uint8(page: Page, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Stretches `low` to 0 and `high` to 255, rounded and clipped."""
    if page.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return page
    scaled = (page.astype(np.float64) - low) * 255.0 / (high - low)
    return np.asarray(np.rint(scaled.clip(0, 255)), dtype=np.uint8)
