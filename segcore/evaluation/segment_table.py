"""A table of the segments of slices: how large each is and where, in pixels and, where known, in micrometres."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.stacks import VoxelSize


def segment_rows(segments: NDArray[np.int32], z: int, voxel_size_nm: VoxelSize | None) -> Iterator[dict[str, Any]]:
    """A row a segment: its slice and number, area, perimeter, and the middle of its pixels.

    The perimeter is scikit-image's, through the centres of the outermost pixels; pixels that are not square have none
    in micrometres.

    Args:
        segments: (H, W), numbers from 1.
        z: the slice, from 0.
        voxel_size_nm: (z, y, x), if it is known.
    """
    from skimage.measure import regionprops_table

    found = regionprops_table(segments, properties=("label", "area", "perimeter", "centroid"))  # type: ignore[no-untyped-call]
    for number, area, around, y, x in zip(*(found[name] for name in found), strict=True):
        row: dict[str, Any] = {
            "slice": z,
            "segment": int(number),
            "area_px": int(area),
            "perimeter_px": round(float(around), 2),
            "y": round(float(y), 2),
            "x": round(float(x), 2),
        }
        if voxel_size_nm is not None:
            _, down, across = voxel_size_nm
            row["area_um2"] = float(f"{area * down * across / 1e6:.6g}")
            row["perimeter_um"] = float(f"{around * down / 1e3:.6g}") if down == across else None
        yield row
