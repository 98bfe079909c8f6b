"""Stacks from arrays on disk, whatever library opens them: which one is meant, and reading it a slice at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.errors import DataError
from segcore.stacks.stack import StackReader, VoxelSize, page_names, reasonable, size_text

_RAW = re.compile(r"raw|image|volume$|data$", re.IGNORECASE)


def is_stack(shape: Sequence[int], kind: str) -> bool:
    """Whether an array of that shape, its type of that `kind`, is slices: (Z, H, W) or (H, W) of numbers."""
    return len(shape) in (2, 3) and kind in "uif" and 0 not in shape


def chosen(place: Path, inside: str, stacks: Mapping[str, Any]) -> str:
    """The name of the stack that a path inside a file means, or of the only one.

    Args:
        place: the file.
        inside: what was said; empty for the only one.
        stacks: those there are, by name, each with a `shape` and a `dtype`.

    Raises:
        DataError: if there is none, or several and none was said; the message lists them.
    """
    name = inside.strip("/") or (next(iter(stacks)) if len(stacks) == 1 else "")
    if name in stacks:
        return name
    if not stacks:
        raise DataError(
            "there is no stack of numbers in this file", path=place, expected="an array of slices, (Z, H, W)"
        )
    likely = next((one for one in stacks if _RAW.search(one)), next(iter(stacks)))
    listed = [f"{one} ({size_text(array.shape)} {array.dtype})" for one, array in list(stacks.items())[:12]]
    raise DataError(
        f"there is no stack {name} in this file" if name else "there are several stacks in this file",
        path=place,
        found=", ".join(listed),
        expected=f"a path inside it, such as {place.name}:{likely}",
    )


def array_reader(
    path: Path,
    array: Any,
    *,
    voxel_size_nm: VoxelSize | None = None,
    page: Callable[[Any, int], Any] | None = None,
    shape: Sequence[int] | None = None,
    dtype: npt.DTypeLike | None = None,
    close: Callable[[], None] | None = None,
) -> StackReader:
    """A stack of an array that is indexed like NumPy's, a slice at a time.

    Args:
        path: where it comes from.
        array: (Z, H, W) or (H, W).
        voxel_size_nm: (z, y, x).
        page: reads slice z of the array, where that is not `array[z]`.
        shape: of the stack, where the array's axes have another order.
        dtype: of the pages, where it is not the array's.
        close: closes the file.
    """
    shape = tuple(array.shape if shape is None else shape)
    count, height, width = shape if len(shape) == 3 else (1, *shape)
    reasonable(path, height, width)
    native = np.dtype(array.dtype if dtype is None else dtype).newbyteorder("=")
    single = len(shape) == 2

    def load(z: int) -> Any:
        found = page(array, z) if page is not None else array[...] if single else array[z]
        return np.asarray(found).astype(native, copy=False)

    return StackReader(
        path=path,
        names=page_names(count),
        height=height,
        width=width,
        dtype=native,
        load=load,
        voxel_size_nm=voxel_size_nm,
        close=close,
    )
