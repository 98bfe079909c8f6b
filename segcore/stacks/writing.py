"""Writing a stack as a TIFF, a slice at a time."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from segcore.errors import DataError
from segcore.stacks.stack import VoxelSize
from segcore.stacks.tiff import open_tiff
from segcore.storage import atomic_file


class StackWriter(AbstractContextManager["StackWriter"]):
    """Writes a multi-page TIFF of one type slice by slice; it appears when it is complete, or not at all.

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
        dtype: npt.DTypeLike = np.uint8,
    ) -> None:
        self._path = path
        self._shape = (height, width)
        self._dtype = np.dtype(dtype)
        self._slices = slices
        self._compression = compression
        self._description = {} if voxel_size_nm is None else {"voxel_size_nm": list(voxel_size_nm)}
        self._written = 0
        self._target = atomic_file(path)

    def __enter__(self) -> StackWriter:
        temporary = self._temporary = self._target.__enter__()
        big = self._slices * self._shape[0] * self._shape[1] * self._dtype.itemsize > 2**32 - 2**26
        try:
            self._tiff = tifffile.TiffWriter(temporary, bigtiff=big)
        except BaseException as error:
            self._target.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def write(self, page: npt.NDArray[Any]) -> None:
        """Appends one (height, width) slice of the file's type."""
        if page.shape != self._shape or page.dtype != self._dtype or self._written == self._slices:
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
