"""Opening multi-page TIFF files of any common kind, and noticing those that are damaged."""

from __future__ import annotations

import logging
import os
import re
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile

from segcore.errors import DataError
from segcore.stacks.stack import (
    Page,
    StackReader,
    VoxelSize,
    decoded,
    luminance,
    page_names,
    reasonable,
    same_form,
    told_apart,
)
from segcore.stacks.units import nanometres, voxel_size

# What tifffile logs about a damaged file reaches the user as a DataError instead.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)

_COLOURS = {
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.MINISWHITE,
    tifffile.PHOTOMETRIC.RGB,
    tifffile.PHOTOMETRIC.PALETTE,
}
_MOST_STAINS = 4


@dataclass(frozen=True, kw_only=True)
class _Form:
    """What the header of a TIFF page says its grey slice will be."""

    height: int
    width: int
    dtype: np.dtype[Any]


def open_tiff(path: Path, *, as_labels: bool = False) -> StackReader:
    """Opens a TIFF, BigTIFF, OME-TIFF or ImageJ stack; all headers are checked, pixels are not read.

    An OME-TIFF may lie in several files in a folder, each of which says so of all.

    Args:
        path: of the file.
        as_labels: to refuse, when they are read, slices in which two colours would become one grey value.

    Raises:
        DataError: if it is no TIFF, damaged, cut short, empty, or not one stack of equal slices.
    """
    expected = "a TIFF file with at least one page"
    decoded(path, lambda: _check_page_chain(path), "damaged or no TIFF file", expected)
    tiff = decoded(path, lambda: tifffile.TiffFile(path), "no TIFF file that can be read", expected)
    try:
        form, count = decoded(path, lambda: _tiff_form(tiff, path), "damaged TIFF file")
        spread = decoded(path, lambda: _spread_pages(tiff, path, form, count), "damaged TIFF file")
        voxel = decoded(path, lambda: _voxel_size(tiff), "damaged TIFF file")
        single = not spread and _image_j_single(tiff, path, count)
    except BaseException:
        tiff.close()
        raise
    pages = tiff.pages

    def load(z: int) -> Page:
        if not single:
            page = spread[z].aspage() if spread else pages[z]
            assert isinstance(page, tifffile.TiffPage)
            values, lookup = _values(page), not tiff.is_imagej
            grey = _grey_of(values, page, lookup=lookup)
            looked_up = values.ndim == 3 or (lookup and page.photometric == tifffile.PHOTOMETRIC.PALETTE)
            return told_apart(grey, _last(values, page), path) if as_labels and looked_up else grey
        page = pages.first
        assert page.dtype is not None
        file = tiff.filehandle
        file.seek(page.dataoffsets[0] + z * page.nbytes)
        raw = np.frombuffer(file.read(page.nbytes), dtype=tiff.byteorder + page.dtype.char)
        return _grey_of(raw.reshape(page.shape), page, lookup=False)

    return StackReader(
        path=path,
        names=[page.parent.filename for page in spread] or page_names(count),
        height=form.height,
        width=form.width,
        dtype=form.dtype,
        load=load,
        voxel_size_nm=voxel,
        close=tiff.close,
        notes=_notes(tiff, path, as_labels),
        files=list(dict.fromkeys(path.with_name(page.parent.filename) for page in spread)),
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
        raise DataError(
            "damaged or truncated TIFF file",
            path=file.name,
            found="its end inside a page header",
            expected="a whole TIFF file",
        )
    return int(struct.unpack(form, data)[0])


def _glimpse(start: bytes, size: int) -> str:
    if size == 0:
        return "an empty file"
    text = start.decode("ascii", "replace")
    return "a file that begins with " + (f"the text {text}" if text.isprintable() else f"the bytes {start.hex(' ')}")


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
        _check_colours(page, path, z, image_j=tiff.is_imagej, alone=len(tiff.pages) == 1)
        form = _Form(height=page.imagelength, width=page.imagewidth, dtype=_grey_type(page))
        reasonable(path, form.height, form.width)
        first = first or form
        same_form(form, first, path, f"as in page 0 (page {z} differs)")
        _check_segments(page, path, z, end)
    assert first is not None
    return first, _plane_count(tiff, path)


def _check_colours(page: tifffile.TiffPage, path: Path, z: int, *, image_j: bool, alone: bool) -> None:
    """Refuses what would be read as something else than it is, with the reason."""
    kind = page.photometric
    turned = kind == tifffile.PHOTOMETRIC.YCBCR and page.compression == tifffile.COMPRESSION.JPEG  # decoded as RGB
    if kind not in _COLOURS and not turned:
        name = getattr(kind, "name", str(kind))
        raise DataError(
            f"page {z} has colours that are not read", path=path, found=name, expected="grey, a palette of greys or RGB"
        )
    if page.axes == "SYX" and alone:
        raise DataError(
            "three or four planes of colour, or slices that were saved as colours",
            path=path,
            found=f"one page of {page.samplesperpixel} planes",
            expected="a page for each slice (in tifffile, photometric='minisblack'), or colours pixel by pixel",
        )
    if kind == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None and not image_j:
        red, green, blue = np.asarray(page.colormap)
        if (red != green).any() or (green != blue).any():
            raise DataError(
                f"page {z} has a lookup table of colours, under which different values can look alike",
                path=path,
                found="a palette that is not grey",
                expected="the values themselves: grey, or saved by ImageJ",
            )


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
        count = max(count, said["channels"] * said["frames"] * said["slices"])
    shape = tuple((tiff.shaped_metadata or [{}])[0].get("shape", ()))
    planes = [side for side in shape[: -3 if tiff.pages.first.samplesperpixel > 1 else -2] if side > 1]
    if len(planes) > 1:
        raise DataError(
            "not one stack of slices", path=path, found=f"shape {' x '.join(map(str, shape))}", expected="Z x H x W"
        )
    # One dimension alone is the stack, whatever it is called: many programs name it wrongly. But few channels are
    # stains of one slice.
    if sum(size > 1 for size in said.values()) > 1 or 1 < said["channels"] <= _MOST_STAINS:
        raise DataError(
            "not one stack of slices",
            path=path,
            found=f"{said['channels']} channels, {said['frames']} frames, {said['slices']} slices",
            expected="slices only, one channel and one time point (if these are slices, ImageJ renames them: "
            "Image > Hyperstacks > Stack to Hyperstack)",
        )
    return count


def _spread_pages(
    tiff: tifffile.TiffFile, path: Path, form: _Form, count: int
) -> list[tifffile.TiffPage | tifffile.TiffFrame]:
    """The pages of an OME-TIFF whose planes lie in several files, in order; none for other files."""
    if not tiff.is_ome or count == len(tiff.pages):
        return []
    found = [page for page in tiff.series[0].pages if page is not None]
    if len(found) != count:
        raise DataError(
            "planes are missing, or in files that are not here",
            path=path,
            found=f"{len(found)} pages",
            expected=f"{count} as its OME header says",
        )
    for page in found:
        own = _Form(height=page.shape[0], width=page.shape[1], dtype=_grey_type(page.aspage()))
        same_form(own, form, path.with_name(page.parent.filename), f"as in {path.name}")
    return found


def _values(page: tifffile.TiffPage) -> Page:
    """What a page holds; its file is open for as long as it takes, where it is another one than was opened."""
    file = page.parent.filehandle
    was_closed = file.closed
    file.open()
    try:
        return page.asarray()
    finally:
        if was_closed:
            file.close()


def _image_j_single(tiff: tifffile.TiffFile, path: Path, count: int) -> bool:
    """Whether this is an ImageJ stack with one header and all slices one after the other behind it."""
    if count == len(tiff.pages):
        return False
    page = tiff.pages.first
    needed = page.dataoffsets[0] + count * page.nbytes
    if page.ndim != 2:
        raise DataError(
            "an ImageJ stack of colours with a single header is not read", path=path, found=f"{count} slices in RGB",
            expected="the stack as 8 or 16 bits of grey",
        )  # fmt: skip
    if len(tiff.pages) > 1 or not page.is_contiguous or needed > tiff.filehandle.size:
        raise DataError("truncated TIFF file", path=path, found=f"{len(tiff.pages)} pages", expected=f"{count} slices")
    return True


def _notes(tiff: tifffile.TiffFile, path: Path, as_labels: bool) -> list[str]:
    """What is odd about a file without being wrong."""
    notes = []
    elsewhere = re.search(r"<(?:\w+:)?BinaryOnly\b[^>]*MetadataFile\s*=\s*\"([^\"]*)\"", tiff.ome_metadata or "")
    if elsewhere:
        notes.append(f"it is a part of an OME image that {elsewhere[1]} describes, and is read without the other files")
    page = tiff.pages.first
    if as_labels and page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and page.bitspersample > 1:
        notes.append("its 0 is white, so its values were turned round: what is highest in the file is 0 here")
    return notes


def _last(values: Page, page: tifffile.TiffPage) -> Page:
    """What a page holds as (H, W, channels)."""
    if page.axes == "SYX":
        return np.moveaxis(values, 0, -1)
    return values if values.ndim == 3 else values[..., np.newaxis]


def _grey_of(values: Page, page: tifffile.TiffPage, *, lookup: bool) -> Page:
    """A slice in grey, the brighter the higher, from what a page holds.

    Args:
        values: of the page.
        page: says what they mean.
        lookup: whether a palette is one; ImageJ's is how it shows the values.
    """
    form = _grey_type(page)
    values = _last(values, page) if values.ndim == 3 else values
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None and lookup:
        colours = (np.asarray(page.colormap).T >> 8).astype(np.uint8)
        return np.asarray(luminance(colours[np.newaxis])[0][values])
    if values.dtype.kind == "b":
        values = values.astype(np.uint8) * np.uint8(255)
        return np.uint8(255) - values if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE else values
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        if values.dtype.kind == "u":
            values = values.dtype.type(2**page.bitspersample - 1) - values
        else:
            values = ~values if values.dtype.kind == "i" else -values
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
                float(pixels[f"PhysicalSize{axis}"]) * (nanometres(pixels.get(f"PhysicalSize{axis}Unit", "µm")) or 0)
                for axis in "ZYX"
            ]
        elif tiff.is_imagej:
            said = tiff.imagej_metadata or {}
            unit = nanometres(said["unit"]) or 0
            tags = tiff.pages.first.tags
            per_pixel = [tags[name].value for name in ("YResolution", "XResolution")]
            sizes = [float(said["spacing"]) * unit, *(below / above * unit for above, below in per_pixel)]
        elif tiff.shaped_metadata:
            sizes = [float(size) for size in tiff.shaped_metadata[0]["voxel_size_nm"]]
    return voxel_size(sizes)
