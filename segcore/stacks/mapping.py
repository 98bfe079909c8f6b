"""Uncompressed stacks as memory maps, and single pages of them without the map."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import tifffile

from segcore.errors import DataError
from segcore.stacks.formats import open_stack

Pixel = TypeVar("Pixel", bound=np.generic)


def map_stack(
    path: Path, slices: int, height: int, width: int, dtype: npt.DTypeLike = np.uint8
) -> np.memmap[Any, np.dtype[Any]]:
    """The pixels of an uncompressed stack of a type as a read-only (Z, H, W) memory map.

    Raises:
        DataError: if the file is missing, damaged, or of another shape.
    """
    with open_stack(path) as reader:
        found = (len(reader), reader.height, reader.width, reader.dtype)
    expected = (slices, height, width, np.dtype(dtype))
    if found != expected:
        raise DataError("another stack than its description says", path=path, found=found, expected=expected)
    with tifffile.TiffFile(path) as tiff:
        first, last = tiff.pages.first, tiff.pages[slices - 1]
        offset, slice_bytes = first.dataoffsets[0], height * width * np.dtype(dtype).itemsize
        if not first.is_contiguous or last.dataoffsets[0] != offset + (slices - 1) * slice_bytes:
            raise DataError("the slices do not follow one another", path=path, expected="an uncompressed stack")
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=(slices, height, width))


def stored_page(stack: np.memmap[Any, np.dtype[Pixel]], z: int) -> npt.NDArray[Pixel]:
    """A copy of one slice (H, W) of a whole memory map (Z, H, W), read from its file.

    Pages of a memory map stay with the process once touched; what walks through a whole stack reads
    it with this instead, so that its memory does not grow with the slices.

    Raises:
        DataError: if the file ends before the slice does.
        IndexError: if there is no slice z.
    """
    if not 0 <= z < len(stack):
        raise IndexError(f"slice {z} of {len(stack)}")
    height, width = stack.shape[1:]
    start = stack.offset + z * height * width * stack.itemsize
    page = np.fromfile(str(stack.filename), stack.dtype, count=height * width, offset=start)
    if page.size != height * width:
        raise DataError(
            f"slice {z} is cut short", path=str(stack.filename), found=page.size, expected=f"{height * width} pixels"
        )
    return page.reshape(height, width)
