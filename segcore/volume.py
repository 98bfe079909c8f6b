"""Reading and writing stacks of grey slices, one slice in memory at a time."""

from __future__ import annotations

import json
import logging
import os
import re
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from segcore.errors import DataError, SegcoreError
from segcore.storage import atomic_file

Page = npt.NDArray[Any]
VoxelSize = tuple[float, float, float]
Result = TypeVar("Result")

TIFF_SUFFIXES = frozenset({".tif", ".tiff", ".btf", ".tf8", ".tf2"})
IMAGE_SUFFIXES = TIFF_SUFFIXES | {".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".pnm", ".gif", ".webp", ".jp2"}
MAX_PIXELS = 2**30
"""The largest slice that is opened, so that a damaged header cannot ask for all memory."""

# What tifffile logs about a damaged file reaches the user as a DataError instead.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)

_LUMINANCE = np.array([0.2125, 0.7154, 0.0721])
_NANOMETRES = {"nm": 1.0, "nanometer": 1.0, "nanometre": 1.0, "pm": 1e-3, "Å": 0.1, "A": 0.1, "mm": 1e6}
_NANOMETRES |= {"um": 1e3, "µm": 1e3, "μm": 1e3, "\\u00B5m": 1e3, "micron": 1e3, "microns": 1e3, "micrometer": 1e3}
_PILLOW_TYPES = {"I;16": np.uint16, "I;16B": np.uint16, "I;16L": np.uint16, "I": np.int32, "F": np.float32}


class StackReader:
    """A stack of grey slices of one size and type that is read a slice at a time.

    Attributes:
        path: where it comes from, for messages.
        names: the file name of each slice, or its number in a multi-page file.
        height, width: of every slice, in pixels.
        dtype: of what `read` gives: 8-bit for bilevel and palette images, otherwise the file's.
        voxel_size_nm: (z, y, x) in nanometres where the file says all three, else None.
    """

    def __init__(
        self,
        *,
        path: Path,
        names: Sequence[str],
        height: int,
        width: int,
        dtype: npt.DTypeLike,
        load: Callable[[int], Page],
        voxel_size_nm: VoxelSize | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self.path = path
        self.names = tuple(names)
        self.height = height
        self.width = width
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.voxel_size_nm = voxel_size_nm
        self._load = load
        self._close = close

    def __len__(self) -> int:
        return len(self.names)

    def __enter__(self) -> StackReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file. Reading afterwards is an error."""
        if self._close is not None:
            self._close()

    def read(self, z: int) -> Page:
        """The slice z as a (height, width) array of `dtype`, colours as their luminance.

        Raises:
            DataError: if it cannot be decoded, or holds not-a-number or infinite values.
            IndexError: if there is no slice z.
        """
        if not 0 <= z < len(self):
            raise IndexError(f"slice {z} of a stack of {len(self)}")
        page = _decoded(self.path, lambda: self._load(z), f"slice {z} ({self.names[z]}) cannot be decoded")
        if page.shape != (self.height, self.width) or page.dtype != self.dtype:
            raise DataError(
                f"slice {z} ({self.names[z]}) differs from its header",
                path=self.path,
                found=f"{_size(page.shape)} {page.dtype}",
                expected=f"{_size((self.height, self.width))} {self.dtype}",
            )
        if page.dtype.kind == "f" and not np.isfinite(page).all():
            bad = int(page.size - np.isfinite(page).sum())
            raise DataError(
                f"slice {z} ({self.names[z]}) holds values that are no numbers",
                path=self.path,
                found=f"{bad} of {page.size} pixels not a number or infinite",
                expected="finite values",
            )
        return page

    def mapped(self, change: Callable[[Page], Page], dtype: npt.DTypeLike) -> StackReader:
        """The same stack with every slice passed through `change`, which gives `dtype`."""
        return StackReader(
            path=self.path,
            names=self.names,
            height=self.height,
            width=self.width,
            dtype=dtype,
            load=lambda z: change(self.read(z)),
            voxel_size_nm=self.voxel_size_nm,
            close=self.close,
        )


def array_stack(
    array: Page, *, names: Sequence[str] | None = None, voxel_size_nm: VoxelSize | None = None, origin: str = "array"
) -> StackReader:
    """A (Z, H, W) array as a stack; `origin` is what messages call it."""
    if array.ndim != 3 or 0 in array.shape:
        raise DataError("no stack of slices", path=origin, found=f"shape {array.shape}", expected="(Z, H, W)")
    return StackReader(
        path=Path(origin),
        names=names or page_names(len(array)),
        height=array.shape[1],
        width=array.shape[2],
        dtype=array.dtype,
        load=lambda z: np.asarray(array[z]),
        voxel_size_nm=voxel_size_nm,
    )


def page_names(count: int) -> list[str]:
    """Zero-padded numbers from 0, at least three digits wide."""
    return [f"{z:0{max(3, len(str(count - 1)))}d}" for z in range(count)]


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
        raise DataError("there is no such file or folder", path=path)
    if path.suffix.lower() in TIFF_SUFFIXES:
        return _open_tiff(path)
    return _open_picture(path)


# --- folders of numbered files ----------------------------------------------------------------


def image_files(folder: Path) -> list[Path]:
    """The images in a folder in the order of their numbers, hidden files left out.

    Raises:
        DataError: if there are none, or their names do not give one order.
    """
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", path=folder) from error
    names = [path.name for path in files if not path.name.startswith(".")]
    if not names:
        raise DataError("no images in this folder", path=folder, expected="numbered image files")
    return [folder / name for name in in_number_order(names, folder)]


def in_number_order(names: Iterable[str], folder: Path) -> list[str]:
    """File names sorted by the numbers in them, 2 before 10; by text if none has a number.

    Raises:
        DataError: if two names have the same numbers, or only some have any.
    """
    ordered = sorted(names, key=lambda name: (_numbers(name), name))
    without = [name for name in ordered if not _numbers(name)]
    if len(without) == len(ordered):
        return ordered
    if without:
        raise DataError(
            "a file has no number in its name, so its place is unknown",
            path=folder / without[0],
            expected="numbered names such as 0.tif, 1.tif, 2.tif",
        )
    for first, second in pairwise(ordered):
        if _numbers(first) == _numbers(second):
            raise DataError(
                "two files have the same number",
                path=folder,
                found=f"{first} and {second}",
                expected="one file a slice",
            )
    return ordered


def slice_keys(names: Sequence[str]) -> list[tuple[int, ...]] | list[str]:
    """What tells the slices of one folder apart: the numbers that vary from name to name.

    Two folders pair if their keys are equal, whatever else is in the names (`img_07.png` and
    `img_07_mask2.png`). Names without numbers are their own keys, without the suffix.
    """
    numbers = [_numbers(name) for name in names]
    if not all(numbers):
        return [Path(name).stem for name in names]
    if len({len(row) for row in numbers}) > 1:
        return numbers
    varying = [column for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    return list(zip(*varying, strict=True)) if varying else [row[-1:] for row in numbers]


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"[0-9]+", Path(name).stem))


def _open_folder(folder: Path) -> StackReader:
    files = image_files(folder)
    first: StackReader | None = None
    for path in files:
        with open_stack(path) as one:
            first = first or one
            if len(one) != 1:
                raise DataError("several pages in a file of a folder", path=path, found=len(one), expected="one page")
            _same_form(one, first, path, f"as in {files[0].name}")
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


def _same_form(one: StackReader | _Form, other: StackReader | _Form, path: Path, where: str) -> None:
    for what, found, expected in (
        ("size", _size((one.height, one.width)), _size((other.height, other.width))),
        ("pixel type", str(one.dtype), str(other.dtype)),
    ):
        if found != expected:
            raise DataError(f"slices differ in {what}", path=path, found=found, expected=f"{expected} {where}")


# --- single pictures --------------------------------------------------------------------------


def _open_picture(path: Path) -> StackReader:
    def header() -> tuple[int, int, str, int]:
        with Image.open(path) as image:
            return image.height, image.width, image.mode, getattr(image, "n_frames", 1)

    height, width, mode, frames = _decoded(path, header, "no image that can be read")
    if frames != 1:
        raise DataError("several frames in one picture", path=path, found=frames, expected="one, or a TIFF")
    _reasonable(path, height, width)

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


def luminance(page: Page) -> Page:
    """Grey values of a (H, W), (H, W, 1..4) array in its own type; alpha is ignored.

    Weights of Rec. 709 as in scikit-image's `rgb2gray`. Equal channels keep their value exactly.
    """
    if page.ndim == 2:
        return page
    if page.shape[-1] < 3:
        return page[..., 0]
    grey = page[..., :3].astype(np.float64) @ _LUMINANCE
    return np.asarray(np.rint(grey) if page.dtype.kind in "ui" else grey, dtype=page.dtype)


# --- TIFF -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Form:
    """What the header of a TIFF page says its grey slice will be."""

    height: int
    width: int
    dtype: np.dtype[Any]


def _open_tiff(path: Path) -> StackReader:
    expected = "a TIFF file with at least one page"
    _decoded(path, lambda: _check_page_chain(path), "damaged or no TIFF file", expected)
    tiff = _decoded(path, lambda: tifffile.TiffFile(path), "no TIFF file that can be read", expected)
    try:
        form, count = _decoded(path, lambda: _tiff_form(tiff, path), "damaged TIFF file")
        voxel = _decoded(path, lambda: _voxel_size(tiff), "damaged TIFF file")
        single = _image_j_single(tiff, path, count)
    except BaseException:
        tiff.close()
        raise
    pages = tiff.pages

    def load(z: int) -> Page:
        if not single:
            page = pages[z]
            assert isinstance(page, tifffile.TiffPage)
            return _tiff_grey(page)
        page = pages.first
        file = tiff.filehandle
        file.seek(page.dataoffsets[0] + z * page.nbytes)
        raw = np.frombuffer(file.read(page.nbytes), dtype=tiff.byteorder + page.dtype.char)  # type: ignore[union-attr]
        return np.asarray(raw.reshape(page.shape), dtype=form.dtype)

    return StackReader(
        path=path,
        names=page_names(count),
        height=form.height,
        width=form.width,
        dtype=form.dtype,
        load=load,
        voxel_size_nm=voxel,
        close=tiff.close,
    )


def _check_page_chain(path: Path) -> None:
    """Follows the chain of page headers, which tifffile shortens silently where it is broken."""
    end = path.stat().st_size
    with path.open("rb") as file:
        mark = file.read(4)
        order = {b"II": "<", b"MM": ">"}.get(mark[:2])
        version = struct.unpack(order + "H", mark[2:])[0] if order and len(mark) == 4 else 0
        if version not in (42, 43):
            raise DataError("no TIFF file", path=path, found=_glimpse(mark, end), expected="a TIFF file")
        big = version == 43
        count_format, offset_format, entry = (f"{order}Q", f"{order}Q", 20) if big else (f"{order}H", f"{order}I", 12)
        file.seek(8 if big else 4)
        offset = _number(file, offset_format)
        seen: set[int] = set()
        if offset == 0:
            raise DataError("TIFF file without pages", path=path, found="0 pages", expected="at least one page")
        while offset:
            if offset in seen or offset >= end:
                raise DataError(
                    "damaged or truncated TIFF file",
                    path=path,
                    found=f"{len(seen)} whole pages, the next beyond the end of the file",
                    expected="all pages",
                )
            seen.add(offset)
            file.seek(offset)
            file.seek(_number(file, count_format) * entry, os.SEEK_CUR)
            offset = _number(file, offset_format)


def _number(file: BinaryIO, form: str) -> int:
    data = file.read(struct.calcsize(form))
    if len(data) < struct.calcsize(form):
        raise DataError("damaged or truncated TIFF file", path=file.name, found="its end inside a page header")
    return int(struct.unpack(form, data)[0])


def _glimpse(start: bytes, size: int) -> str:
    return "an empty file" if size == 0 else f"a file that begins with {start!r}"


def _tiff_form(tiff: tifffile.TiffFile, path: Path) -> tuple[_Form, int]:
    """The common form of all pages and their number, after checking that their pixels are in the file."""
    end = tiff.filehandle.size
    first: _Form | None = None
    for z in range(len(tiff.pages)):
        page = tiff.pages[z]
        assert isinstance(page, tifffile.TiffPage)
        axes = page.axes
        if axes not in ("YX", "YXS", "SYX") or page.dtype is None or page.dtype.kind not in "uifb":
            raise DataError(
                f"page {z} is no picture in grey or colour",
                path=path,
                found=f"axes {axes}, type {page.dtype}",
                expected="height x width, perhaps with colours",
            )
        form = _Form(height=page.imagelength, width=page.imagewidth, dtype=_grey_type(page))
        _reasonable(path, form.height, form.width)
        first = first or form
        _same_form(form, first, path, f"as in page 0 (page {z} differs)")
        _check_segments(page, path, z, end)
    assert first is not None
    return first, _plane_count(tiff, path)


def _grey_type(page: tifffile.TiffPage) -> np.dtype[Any]:
    assert page.dtype is not None
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE or page.dtype.kind == "b":
        return np.dtype(np.uint8)
    return page.dtype.newbyteorder("=")


def _check_segments(page: tifffile.TiffPage, path: Path, z: int, end: int) -> None:
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    held = sum(count for _, count in segments)
    too_few = page.compression == tifffile.COMPRESSION.NONE and page.bitspersample % 8 == 0 and held < page.nbytes
    if not segments or too_few or any(count == 0 or offset + count > end for offset, count in segments):
        raise DataError(
            "truncated TIFF file",
            path=path,
            found=f"{end} bytes, which end before the pixels of page {z}",
            expected="whole pages",
        )


def _plane_count(tiff: tifffile.TiffFile, path: Path) -> int:
    """How many slices the file holds, from its pages and what ImageJ or OME say about them."""
    count = len(tiff.pages)
    said = {"channels": 1, "frames": 1, "slices": count}
    if tiff.is_imagej:
        found = tiff.imagej_metadata or {}
        said = {key: int(found.get(key, 1)) for key in said}
        count = max(count, int(found.get("images", 1)))
    elif tiff.is_ome:
        pixels = _ome_pixels(tiff)
        samples = tiff.pages.first.samplesperpixel
        said["channels"] = max(1, int(pixels.get("SizeC", 1)) // samples)
        said["frames"] = int(pixels.get("SizeT", 1))
        said["slices"] = int(pixels.get("SizeZ", 1))
        if said["channels"] * said["frames"] * said["slices"] > count:
            raise DataError(
                "planes are missing, or in other files",
                path=path,
                found=f"{count} pages",
                expected=f"{said['channels'] * said['frames'] * said['slices']} as its OME header says",
            )
    if said["channels"] > 1 or (said["frames"] > 1 and said["slices"] > 1):
        raise DataError(
            "not one stack of slices",
            path=path,
            found=f"{said['channels']} channels, {said['frames']} frames, {said['slices']} slices",
            expected="one channel and one time point",
        )
    return count


def _image_j_single(tiff: tifffile.TiffFile, path: Path, count: int) -> bool:
    """Whether this is an ImageJ stack with one header and all slices one after the other behind it."""
    if count == len(tiff.pages):
        return False
    page = tiff.pages.first
    needed = page.dataoffsets[0] + count * page.nbytes
    if len(tiff.pages) > 1 or not page.is_contiguous or page.ndim != 2 or needed > tiff.filehandle.size:
        raise DataError("truncated TIFF file", path=path, found=f"{len(tiff.pages)} pages", expected=f"{count} slices")
    return True


def _tiff_grey(page: tifffile.TiffPage) -> Page:
    values = page.asarray()
    form = _grey_type(page)
    if page.axes == "SYX":
        values = np.moveaxis(values, 0, -1)
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        colours = (np.asarray(page.colormap).T >> 8).astype(np.uint8)
        return np.asarray(luminance(colours)[values])
    if values.dtype.kind == "b":
        values = values.astype(np.uint8) * np.uint8(255)
        return np.uint8(255) - values if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE else values
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and values.dtype.kind == "u":
        values = values.dtype.type(2**page.bitspersample - 1) - values
    return np.ascontiguousarray(luminance(values), dtype=form)


def _ome_pixels(tiff: tifffile.TiffFile) -> dict[str, str]:
    found = re.search(r"<(?:\w+:)?Pixels\b([^>]*)>", tiff.ome_metadata or "")
    return dict(re.findall(r"(\w+)\s*=\s*\"([^\"]*)\"", found.group(1))) if found else {}


def _voxel_size(tiff: tifffile.TiffFile) -> VoxelSize | None:
    """(z, y, x) in nm from OME, ImageJ or this package's own description, where all three are known."""
    sizes: list[float] = []
    with suppress(KeyError, ValueError, TypeError, ZeroDivisionError):
        if tiff.is_ome:
            pixels = _ome_pixels(tiff)
            sizes = [
                float(pixels[f"PhysicalSize{axis}"]) * _NANOMETRES[pixels.get(f"PhysicalSize{axis}Unit", "µm")]
                for axis in "ZYX"
            ]
        elif tiff.is_imagej:
            said = tiff.imagej_metadata or {}
            unit = _NANOMETRES[str(said["unit"])]
            tags = tiff.pages.first.tags
            per_pixel = [tags[name].value for name in ("YResolution", "XResolution")]
            sizes = [float(said["spacing"]) * unit, *(below / above * unit for above, below in per_pixel)]
        elif tiff.shaped_metadata:
            sizes = [float(size) for size in tiff.shaped_metadata[0]["voxel_size_nm"]]
    if len(sizes) != 3 or not all(np.isfinite(size) and size > 0 for size in sizes):
        return None
    # Resolutions are stored as ratios of integers, so 4 nm may come back as 3.9999999.
    z, y, x = (float(f"{size:.6g}") for size in sizes)
    return z, y, x


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
        temporary = self._target.__enter__()
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
        except Exception as closing:
            # What went wrong first says more than that closing failed as well.
            error = error or closing
        self._target.__exit__(None if error is None else type(error), error, None if error is None else trace)
        if error is not None and kind is None:
            raise error


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
    scaled = (page.astype(np.float64) - low) * (255.0 / (high - low))
    return np.asarray(np.rint(scaled.clip(0, 255)), dtype=np.uint8)


def _reasonable(path: Path, height: int, width: int) -> None:
    if not 0 < height * width <= MAX_PIXELS:
        raise DataError("slices too large", path=path, found=_size((height, width)), expected=f"{MAX_PIXELS} pixels")


def _size(shape: Sequence[int]) -> str:
    return " x ".join(str(side) for side in shape) + " pixels"


def _decoded(path: Path, decode: Callable[[], Result], problem: str, expected: str | None = None) -> Result:
    """Runs a decoder on a file from anywhere; whatever it raises becomes a `DataError`."""
    try:
        return decode()
    except (SegcoreError, MemoryError):
        raise
    except OSError as error:
        if error.errno is not None:
            raise DataError(f"cannot be read ({error.strerror})", path=path) from error
        raise DataError(problem, path=path, found=_reason(error), expected=expected) from error
    except Exception as error:
        raise DataError(problem, path=path, found=_reason(error), expected=expected) from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
