"""Segments: basins joined where their border is no membrane, by a multicut of the graph of their borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segcore.segments.basins import Basins, find_basins

SMALLEST_PX = 25
BIASES = tuple(round(0.05 * step, 2) for step in range(3, 19))
"""Those that are tried and measured, 0.15 to 0.90."""
_SURE = 0.001


def segments_of(
    probability: NDArray[np.uint8], smoothing_px: float, bias: float, smallest_px: int = SMALLEST_PX
) -> NDArray[np.int32]:
    """The segments of a slice, by one cut of its basins; see `find_basins` and `cut`."""
    return cut(find_basins(probability, smoothing_px), bias, smallest_px)


def cut(basins: Basins, bias: float, smallest_px: int = SMALLEST_PX) -> NDArray[np.int32]:
    """The segments of a slice: every pixel is in one.

    A border pulls its basins together with log((1 - m) / m) + log((1 - b) / b) for a mean probability of membrane m and
    a bias b, and apart where that is negative; the multicut is the partition with the largest sum of what it joins
    (greedy additive contraction, then Kernighan-Lin). Deterministic.

    Args:
        basins: of the slice.
        bias: for membrane, between 0 and 1: the higher it is, the more segments there are. A border whose mean
            probability of membrane is 1 - `bias` is worth nothing either way.
        smallest_px: segments with fewer pixels go to their neighbours.

    Returns:
        (H, W) int32, numbers from 1 without gaps.
    """
    from bioimage_cpp.graph import multicut

    if not len(basins.membrane):
        return np.ones_like(basins.labels)
    membrane = basins.membrane.clip(_SURE, 1 - _SURE)
    pull = np.log((1 - membrane) / membrane) + np.log((1 - bias) / bias)
    objective = multicut.MulticutObjective(basins.graph, pull)
    multicut.GreedyAdditiveMulticut().optimize(objective)
    found = np.asarray(multicut.KernighanLinMulticut().optimize(objective), dtype=np.int64)
    joined = _without_small(found, basins, smallest_px)
    # Node 0 is no basin.
    _, numbers = np.unique(joined[1:], return_inverse=True)
    return np.concatenate([[0], numbers + 1]).astype(np.int32)[basins.labels]


def _without_small(found: NDArray[np.int64], basins: Basins, smallest_px: int) -> NDArray[np.int64]:
    """The segment of each basin after each small one, the smallest first, went over its border of least membrane."""
    found = found.copy()
    areas = np.bincount(found, weights=basins.areas_px)
    ends = np.asarray(basins.graph.uv_ids(), dtype=np.int64)
    while True:
        small = np.flatnonzero((areas > 0) & (areas < smallest_px))
        if not len(small) or np.count_nonzero(areas) == 1:
            return found
        number = small[np.argmin(areas[small])]
        inside = found[ends] == number
        borders = np.flatnonzero(inside[:, 0] != inside[:, 1])
        nearest = borders[np.argmin(basins.membrane[borders])]
        other = found[ends[nearest][~inside[nearest]]][0]
        found[found == number] = other
        areas[other] += areas[number]
        areas[number] = 0
