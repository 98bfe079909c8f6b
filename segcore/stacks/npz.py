"""NumPy's archives, `.npz`: what is in one is known from its headers, and the array that is meant is unpacked alone."""

from __future__ import annotations

import io
import math
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from segcore.errors import DataError
from segcore.stacks.arrays import array_reader, chosen, is_stack
from segcore.stacks.channels import Channel, of_channel
from segcore.stacks.stack import StackReader, decoded
from segcore.stacks.volumes import file_of, inside_of, path_of

MAX_UNPACKED_BYTES = 64 * 2**30
"""The most bytes that anything packed may have, as unpacked."""

_SUFFIX = ".npy"
_DAMAGED = "{} in this file is damaged"
_MOST_HEADER_BYTES = 2**16
"""Headers are shorter. One may say that it has gigabytes, which would be read before anybody looks at them."""
_BLOCK = 2**20
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
"""By version of the format. A third one is for names of columns, and a table is no stack."""


@dataclass(frozen=True, kw_only=True)
class _Header:
    """What an array in the archive says of itself.

    Attributes:
        member: its file in the archive.
        shape, dtype: of the array.
        fortran: whether its first axis is the fastest.
        start: bytes before the first value.
    """

    member: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    start: int

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def open_npz(path: Path, channel: Channel | None = None, *, limit: int = MAX_UNPACKED_BYTES) -> StackReader:
    """Opens an array in an archive that NumPy saved, `a.npz:probabilities`.

    It is unpacked when its first slice is read, to a file without a name, so that whoever finds it too large can say so
    before. Of the others only the headers are read: how large they are, or whether they are damaged, does not matter.

    Args:
        path, channel: as for `open_hdf5`.
        limit: the most bytes that the array may have.

    Raises:
        DataError: as `open_hdf5` does, or it is too large.
    """
    place = file_of(path)
    with decoded(
        place, lambda: zipfile.ZipFile(place), "no .npz file that can be read", "an archive of arrays"
    ) as file:
        arrays, damaged = _headers(place, file)
        stacks = {name: one for name, one in arrays.items() if is_stack(one.shape, one.dtype.kind, channel)}
        others = {name: one for name, one in arrays.items() if name not in stacks}
        inside = inside_of(path).strip("/")
        if inside in damaged or (damaged and not arrays):
            raise damaged[inside] if inside in damaged else next(iter(damaged.values()))
        name = chosen(place, inside, stacks, others, channel)
        header = stacks[name]
        if header.nbytes > limit:
            raise DataError(
                f"{name} unpacks to too much", path=place, found=f"{header.nbytes:,} bytes",
                expected=f"at most {limit:,} bytes",
            )  # fmt: skip
    # Whoever named the array knows what they want; the only one that can be read may be another than was meant.
    notes = [] if inside else [f"{other} in the same file is damaged; {name} was read" for other in damaged]
    path = path_of(path, name, stacks)
    array = _Packed(place, header, _DAMAGED.format(name))
    return array_reader(path, of_channel(path, array, channel), notes=notes)


class _Packed:
    """An array in an archive, indexed like NumPy's, which is unpacked when somebody comes to it."""

    def __init__(self, place: Path, header: _Header, problem: str) -> None:
        self.shape, self.dtype = header.shape, header.dtype
        self._place, self._header, self._problem = place, header, problem
        self._whole: np.memmap[Any, Any] | None = None
        self._alone = threading.Lock()

    def __getitem__(self, at: Any) -> Any:
        with self._alone:
            if self._whole is None:
                self._whole = decoded(self._place, lambda: _unpacked(self._place, self._header), self._problem)
        return self._whole[at]


def _headers(place: Path, file: zipfile.ZipFile) -> tuple[dict[str, _Header], dict[str, DataError]]:
    """The arrays by name, and what is wrong with those whose headers cannot be read."""
    arrays: dict[str, _Header] = {}
    damaged: dict[str, DataError] = {}
    for member in file.infolist():
        if member.filename.endswith(_SUFFIX):
            name = member.filename.removesuffix(_SUFFIX)
            try:
                arrays[name] = decoded(place, partial(_header, file, member), _DAMAGED.format(name))
            except DataError as error:
                damaged[name] = error
    return arrays, damaged


def _header(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> _Header:
    with file.open(member) as packed:
        start = io.BytesIO(packed.read(_MOST_HEADER_BYTES))
    version = npy.read_magic(start)
    if version not in _READERS:
        raise ValueError(f"version {version} of the format")
    shape, fortran, dtype = _READERS[version](start)
    if any(side < 0 for side in shape):
        raise ValueError(f"a shape of {shape}")
    return _Header(member=member, shape=shape, dtype=dtype, fortran=fortran, start=start.tell())


def _unpacked(place: Path, header: _Header) -> np.memmap[Any, Any]:
    # It is open, and has its place on the disk, until the last reader of the map is gone.
    with (
        zipfile.ZipFile(place) as file,
        file.open(header.member) as packed,
        tempfile.TemporaryFile() as whole,
    ):
        packed.read(header.start)
        _copy(packed, whole, header.nbytes)
        whole.flush()
        return np.memmap(whole, header.dtype, "r", shape=header.shape, order="F" if header.fortran else "C")


def _copy(packed: IO[bytes], whole: IO[bytes], count: int) -> None:
    left = count
    while left and (block := packed.read(min(left, _BLOCK))):
        whole.write(block)
        left -= len(block)
    # The checksum is looked at where the file ends.
    if left or packed.read(1):
        raise ValueError(f"{'less' if left else 'more'} than the {count:,} bytes that its header says")
