"""Opening volumes that are no pictures: HDF5 and N5 by the path inside, NumPy's `.npy`, MRC, NRRD and NIfTI.

Their libraries are loaded by whoever brings such a file. Zarr and `.npz` have modules of their own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from segcore.errors import DataError
from segcore.stacks.arrays import array_reader, chosen, is_stack, unwritten
from segcore.stacks.channels import Channel, of_channel
from segcore.stacks.stack import StackReader, decoded
from segcore.stacks.units import nanometres, voxel_size

HDF5_SUFFIXES = frozenset({".h5", ".hdf5", ".hdf"})
HOLDS_SEVERAL = HDF5_SUFFIXES | {".npz"}
"""Suffixes of files that can hold several stacks, each with a path inside."""
MRC_SUFFIXES = frozenset({".mrc", ".rec", ".map", ".st"})
NRRD_SUFFIXES = frozenset({".nrrd", ".nhdr"})
VOLUME_SUFFIXES = HDF5_SUFFIXES | MRC_SUFFIXES | NRRD_SUFFIXES | {".npy", ".npz", ".nii"}
_INSIDE = re.compile(r"(.*\.(?:h5|hdf5|hdf|zarr|n5|npz)):(.+)", re.IGNORECASE | re.DOTALL)

_IMOD = 1146047817
"""What IMOD writes into its MRC headers ("IMOD")."""
_NRRD_PLACES = ("domain", "space", "???", "none")
"""Kinds of axes along which places differ, and not the values of one."""
_NRRD_SKIPS = {"byte skip", "byteskip", "line skip", "lineskip"}
_SEVERAL_FILES = re.compile(r"LIST\b|.*%[0-9]*d")
"""What a NRRD says in place of the file with its data, where they lie in several."""


def file_of(path: Path) -> Path:
    """The file on disk of a path that may go on inside it: `a.h5` of `a.h5:volumes/raw`."""
    found = None if path.exists() else _INSIDE.fullmatch(str(path))
    return Path(found[1]) if found else path


def inside_of(path: Path) -> str:
    """What follows in such a path: `volumes/raw`, or nothing."""
    return str(path)[len(str(file_of(path))) + 1 :]


def path_of(path: Path, name: str, stacks: Collection[str]) -> Path:
    """The path of a stack in a file: with its name where that was found, and is not the only one."""
    return path if inside_of(path) or len(stacks) == 1 else Path(f"{path}:{name}")


def open_hdf5(path: Path, channel: Channel | None = None) -> StackReader:
    """Opens a (Z, H, W) or (H, W) array in an HDF5 file, which is read a slice at a time.

    Args:
        path: `file.h5:volumes/raw`, or the file alone if there is one such array in it. The array's attribute
            `resolution` is the voxel size, (z, y, x) in nm, as CREMI writes it.
        channel: which, of an array that has some; None for no such array.

    Raises:
        DataError: if the file cannot be read, or has not this array; the message lists those there are.
    """
    import h5py

    place = file_of(path)
    file = decoded(place, lambda: h5py.File(place, "r"), "no HDF5 file that can be read", "a whole HDF5 file")
    stacks: dict[str, Any] = {}
    others: dict[str, Any] = {}

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            (stacks if is_stack(item.shape, item.dtype.kind, channel) else others)[name] = item

    try:
        decoded(place, lambda: file.visititems(look), "damaged HDF5 file")
        name = chosen(place, inside_of(path), stacks, others, channel)
        array, path = stacks[name], path_of(path, name, stacks)
        voxels, notes = voxel_size(array.attrs.get("resolution")), _unwritten_of_hdf5(array)
        array = of_channel(path, array, channel)
        return array_reader(path, array, voxel_size_nm=voxels, close=file.close, notes=notes)
    except BaseException:
        file.close()
        raise


def _unwritten_of_hdf5(array: Any) -> list[str]:
    if array.is_virtual or array.external:
        return []
    if array.chunks is None:
        return unwritten(int(array.id.get_storage_size() > 0), 1, array.fillvalue)
    chunks = math.prod(-(-side // step) for side, step in zip(array.shape, array.chunks, strict=True))
    return unwritten(array.id.get_num_chunks(), chunks, array.fillvalue)


def open_n5(path: Path) -> StackReader:
    """Opens an array in an N5 container, `a.n5:volumes/raw`; arguments and errors as for `open_hdf5`.

    N5 lists axes from the fastest, so that its attribute `resolution` is (x, y, z).
    """
    import z5py

    place = file_of(path)
    container = decoded(place, lambda: z5py.File(str(place), "r", use_zarr_format=False), "no N5 that can be read")
    stacks: dict[str, Any] = {}
    others: dict[str, Any] = {}

    def look(group: Any, before: str) -> None:
        for name in sorted(group.keys()):
            item = group[name]
            if isinstance(item, z5py.Dataset):
                (stacks if is_stack(item.shape, np.dtype(item.dtype).kind) else others)[before + name] = item
            else:
                look(item, f"{before}{name}/")

    decoded(place, lambda: look(container, ""), "damaged N5")
    array = stacks[chosen(place, inside_of(path), stacks, others)]
    said = dict(array.attrs).get("resolution")
    return array_reader(path, array, voxel_size_nm=voxel_size(said[::-1] if isinstance(said, list) else None))


def open_npy(path: Path, channel: Channel | None = None) -> StackReader:
    """Opens a (Z, H, W) or (H, W) array that NumPy saved, as a memory map; or one `channel` of several.

    Raises:
        DataError: if it cannot be read, or is no such array.
    """
    array = decoded(path, lambda: np.load(path, mmap_mode="r", allow_pickle=False), "no .npy file that can be read")
    return array_reader(path, _a_stack(path, of_channel(path, array, channel)))


def open_mrc(path: Path) -> StackReader:
    """Opens an MRC volume as a memory map. Bytes are signed, unless IMOD or the range in the header says otherwise.

    Raises:
        DataError: if it cannot be read, or is no volume of numbers.
    """
    import mrcfile

    file = decoded(path, lambda: mrcfile.mmap(path, mode="r"), "no MRC file that can be read")
    try:
        array = file.data
        stamp, flags = np.frombuffer(file.header.tobytes()[152:160], np.int32)
        unsigned = not flags & 1 if stamp == _IMOD else file.header.dmin >= 0 and file.header.dmax > 127
        if array.dtype == np.int8 and unsigned:
            array = array.view(np.uint8)
        size = file.voxel_size
        voxels = voxel_size((size.z, size.y, size.x), nanometres("angstrom"))
        return array_reader(path, _a_stack(path, array), voxel_size_nm=voxels, close=file.close)
    except BaseException:
        file.close()
        raise


def open_nrrd(path: Path) -> StackReader:
    """Opens a NRRD volume, whose axes run from the fastest (x, y, z).

    Raw data are mapped; compressed ones have to be unpacked into memory as a whole.

    Raises:
        DataError: if it cannot be read, or is no volume of numbers.
    """
    import nrrd

    with decoded(path, lambda: path.open("rb"), "cannot be read") as file:
        header = decoded(path, lambda: nrrd.read_header(file), "no NRRD file that can be read")
        start = file.tell()
    colours = [kind for kind in header.get("kinds", []) if kind not in _NRRD_PLACES]
    if colours:
        found = ", ".join(colours)
        raise DataError("a NRRD of more than one value a pixel", path=path, found=found, expected="grey values")
    elsewhere = header.get("data file", header.get("datafile"))
    if isinstance(elsewhere, list) or (isinstance(elsewhere, str) and _SEVERAL_FILES.match(elsewhere)):
        raise DataError(
            "a NRRD whose data lie in several files is not read",
            path=path,
            found=elsewhere if isinstance(elsewhere, str) else f"{len(elsewhere)} files",
            expected="its data in one file",
        )
    if isinstance(elsewhere, str) and not (path.parent / elsewhere).exists():
        raise DataError(
            "the file with the data is missing", path=path.parent / elsewhere, expected=f"it beside {path.name}"
        )
    if header.get("encoding") == "raw" and elsewhere is None and not _NRRD_SKIPS & header.keys():
        # The library reads files as a whole; which type a header means it says to itself alone.
        kind = np.dtype(nrrd.reader._determine_datatype(header))
        shape = tuple(int(side) for side in header["sizes"][::-1])
        array = decoded(path, lambda: np.memmap(path, kind, "r", start, shape), "damaged NRRD file")
    else:
        array = decoded(path, lambda: nrrd.read(str(path), index_order="C")[0], "damaged NRRD file")
    sides = header.get("spacings")
    if header.get("space directions") is not None:
        sides = np.linalg.norm(header["space directions"], axis=1)
    units = header.get("space units") or header.get("units") or [""]
    voxels = None if sides is None else voxel_size(sides[::-1], nanometres(units[0]))
    return array_reader(path, _a_stack(path, array), voxel_size_nm=voxels, axes_known=True)


def open_nifti(path: Path) -> StackReader:
    """Opens a NIfTI volume, whose axes are (x, y, z), a slice at a time.

    Raises:
        DataError: if it cannot be read, or is no volume of numbers.
    """
    import nibabel

    image: Any = decoded(path, lambda: nibabel.load(path), "no NIfTI file that can be read")
    array = image.dataobj
    if not is_stack(array.shape, np.dtype(array.dtype).kind) or len(array.shape) != 3:
        raise _no_stack(path, array)
    scaled = (array.slope, array.inter) not in ((1.0, 0.0), (None, None))
    return array_reader(
        path,
        array,
        voxel_size_nm=voxel_size(image.header.get_zooms()[::-1], nanometres(image.header.get_xyzt_units()[0])),
        page=lambda volume, z: np.asarray(volume[:, :, z]).T,
        shape=array.shape[::-1],
        dtype=np.float64 if scaled else None,
        axes_known=True,
    )


def _a_stack(path: Path, array: Any) -> Any:
    if not is_stack(array.shape, array.dtype.kind):
        raise _no_stack(path, array)
    return array


def _no_stack(path: Path, array: Any) -> DataError:
    return DataError(
        "no stack of slices",
        path=path,
        found=f"{np.dtype(array.dtype)} {tuple(array.shape)}",
        expected="numbers, (Z, H, W) or (H, W)",
    )
