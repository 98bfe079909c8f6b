"""Opening volumes that are no pictures: HDF5 by the path inside the file, and NumPy's `.npy`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from segcore.errors import DataError
from segcore.stacks.stack import StackReader, VoxelSize, decoded, page_names, reasonable

HDF5_SUFFIXES = frozenset({".h5", ".hdf5", ".hdf"})
VOLUME_SUFFIXES = HDF5_SUFFIXES | {".npy"}
_INSIDE = re.compile(r"(.*\.(?:h5|hdf5|hdf)):(.+)", re.IGNORECASE | re.DOTALL)


def file_of(path: Path) -> Path:
    """The file on disk of a path that may go on inside it: `a.h5` of `a.h5:volumes/raw`."""
    found = None if path.exists() else _INSIDE.fullmatch(str(path))
    return Path(found[1]) if found else path


def open_hdf5(path: Path) -> StackReader:
    """Opens a (Z, H, W) or (H, W) array in an HDF5 file, which is read a slice at a time.

    Args:
        path: `file.h5:volumes/raw`, or the file alone if there is one such array in it. The array's attribute
            `resolution` is the voxel size, (z, y, x) in nm, as CREMI writes it.

    Raises:
        DataError: if the file cannot be read, or has not this array; the message lists those there are.
    """
    import h5py  # loads a large library, for whoever brings such a file only

    place = file_of(path)
    inside = str(path)[len(str(place)) + 1 :]
    file = decoded(place, lambda: h5py.File(place, "r"), "no HDF5 file that can be read", "a whole HDF5 file")
    try:
        arrays = decoded(place, lambda: _stacks_in(file), "damaged HDF5 file")
        name = inside.strip("/") or (next(iter(arrays)) if len(arrays) == 1 else "")
        if name not in arrays:
            listed = ", ".join(f"{one} ({shape})" for one, shape in list(arrays.items())[:12]) or "no stack of numbers"
            raise DataError(
                f"there is no stack {name} in this file" if name else "there are several stacks in this file",
                path=place,
                found=listed,
                expected=f"{place.name}:{next(iter(arrays))}" if arrays else "an array of slices, (Z, H, W)",
            )
        array = file[name]
        count, height, width = array.shape if array.ndim == 3 else (1, *array.shape)
        reasonable(place, height, width)
        return StackReader(
            path=path,
            names=page_names(count),
            height=height,
            width=width,
            dtype=array.dtype.newbyteorder("="),
            load=lambda z: np.asarray(array[z] if array.ndim == 3 else array[()]).astype(
                array.dtype.newbyteorder("="), copy=False
            ),
            voxel_size_nm=_resolution(array.attrs.get("resolution")),
            close=file.close,
        )
    except BaseException:
        file.close()
        raise


def open_npy(path: Path) -> StackReader:
    """Opens a (Z, H, W) or (H, W) array that NumPy saved, as a memory map.

    Raises:
        DataError: if it cannot be read, or is no such array.
    """
    array = decoded(path, lambda: np.load(path, mmap_mode="r", allow_pickle=False), "no .npy file that can be read")
    if array.ndim not in (2, 3) or array.dtype.kind not in "uif":
        raise DataError(
            "no stack of slices",
            path=path,
            found=f"{array.dtype} {array.shape}",
            expected="numbers, (Z, H, W) or (H, W)",
        )
    pages = array if array.ndim == 3 else array[None]
    reasonable(path, *pages.shape[1:])
    native = array.dtype.newbyteorder("=")
    return StackReader(
        path=path,
        names=page_names(len(pages)),
        height=pages.shape[1],
        width=pages.shape[2],
        dtype=native,
        load=lambda z: np.asarray(pages[z], dtype=native),
    )


def _stacks_in(file: Any) -> dict[str, str]:
    """Arrays of two or three sides that hold numbers, and their shapes in words."""
    import h5py

    found: dict[str, str] = {}

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim in (2, 3) and item.dtype.kind in "uif" and item.size:
            found[name] = " x ".join(map(str, item.shape)) + f" {item.dtype}"

    file.visititems(look)
    return found


def _resolution(said: Any) -> VoxelSize | None:
    try:
        z, y, x = (float(side) for side in said)
    except (TypeError, ValueError):
        return None
    return (z, y, x) if min(z, y, x) > 0 and np.isfinite([z, y, x]).all() else None
