"""Writing a stack as OME-Zarr 0.5, a slice at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.stacks.stack import VoxelSize
from segcore.storage import atomic_folder, storage_errors

_CHUNK_PX = 1024


class ZarrWriter(AbstractContextManager["ZarrWriter"]):
    """Writes an 8-bit OME-Zarr image of one level slice by slice; it appears when it is complete, or not at all.

    Args:
        path: of the new folder, which by custom ends in `.ome.zarr`.
        height, width, slices: of the stack.
        voxel_size_nm: (z, y, x); without it the axes have no unit.
    """

    def __init__(
        self, path: Path, *, height: int, width: int, slices: int, voxel_size_nm: VoxelSize | None = None
    ) -> None:
        self._path = path
        self._shape = (slices, height, width)
        self._voxel_size_nm = voxel_size_nm
        self._written = 0
        self._target = atomic_folder(path)

    def __enter__(self) -> ZarrWriter:
        import zarr  # takes a third of a second to load

        temporary = self._target.__enter__()
        try:
            with storage_errors(self._path):
                group = zarr.open_group(temporary, mode="a", zarr_format=3)
                group.attrs["ome"] = {"version": "0.5", "multiscales": [self._described()]}
                _, height, width = self._shape
                chunks = (1, min(height, _CHUNK_PX), min(width, _CHUNK_PX))
                self._array = group.create_array(
                    "0", shape=self._shape, dtype="uint8", chunks=chunks, dimension_names=("z", "y", "x")
                )
        except BaseException as error:
            self._target.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def write(self, page: npt.NDArray[np.uint8]) -> None:
        """Appends one (height, width) slice of type uint8."""
        if page.shape != self._shape[1:] or page.dtype != np.uint8 or self._written == self._shape[0]:
            raise ValueError(f"slice {self._written} of {self._shape} is {page.dtype} {page.shape}")
        with storage_errors(self._path):
            self._array[self._written] = page
        self._written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None and self._written < self._shape[0]:
            error = ValueError(f"{self._written} slices of {self._shape[0]} were written")
            self._target.__exit__(type(error), error, None)
            raise error
        self._target.__exit__(kind, error, traceback)

    def _described(self) -> dict[str, Any]:
        unit = {"unit": "nanometer"} if self._voxel_size_nm else {}
        scale = list(self._voxel_size_nm or (1.0, 1.0, 1.0))
        return {
            "name": self._path.name.removesuffix(".zarr").removesuffix(".ome"),
            "axes": [{"name": name, "type": "space"} | unit for name in "zyx"],
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
        }
