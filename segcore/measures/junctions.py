"""Where parts of a region meet: the gap that joins two neurites, or the false wall that cuts one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from segcore.measures.topology import LabelImage

MOST = 20
"""So many junctions of an event are kept, those with most at stake."""


@dataclass(frozen=True)
class Junction:
    """A stretch of the line along which two parts of a region meet.

    Attributes:
        y, x: its pixel where the two parts are nearest to each other.
        parts: their numbers, the smaller first.
    """

    y: int
    x: int
    parts: tuple[int, int]


def junctions(
    region: NDArray[np.bool_],
    labels: LabelImage,
    overlaps_px: dict[int, int],
    preferred: NDArray[np.bool_],
) -> list[Junction]:
    """Where parts of a region meet, the place with most at stake first.

    Every pixel of the region belongs to its nearest part. Along the line where two of them meet, the stretches that are
    preferred and in no part are taken, if there are any; of each the pixel at which the parts are nearest to each
    other. At stake is the smaller of the two parts, then the length of the stretch.

    Args:
        region: (H, W), the neurite or segment whose parts are meant.
        labels: (H, W), whose numbers the parts have.
        overlaps_px: pixels of the region that each part has, by its number.
        preferred: (H, W), such as predicted membrane where a neurite is split.

    Returns:
        At least one.
    """
    in_part = region & np.isin(labels, list(overlaps_px))
    distance, nearest = scipy.ndimage.distance_transform_edt(~in_part, return_indices=True)
    owner = np.where(region, labels[tuple(nearest)], 0)
    lowest, highest = _beside(owner)
    meeting = region & (lowest != highest)
    for candidates in (meeting & preferred & ~in_part, meeting & preferred, meeting, in_part):
        if candidates.any():
            break
    from skimage.measure import label

    key = np.where(candidates, lowest * np.int64(int(labels.max()) + 1) + highest, 0)
    _, codes = np.unique(key, return_inverse=True)
    stretches = label(codes.reshape(key.shape), background=0, connectivity=2)  # type: ignore[no-untyped-call]
    found = []
    for number, box in enumerate(scipy.ndimage.find_objects(stretches), start=1):
        inside = stretches[box] == number
        y, x = divmod(int(np.argmin(np.where(inside, distance[box], np.inf))), inside.shape[1])
        y, x = y + box[0].start, x + box[1].start
        parts = int(lowest[y, x]), int(highest[y, x])
        stake = min(overlaps_px.get(part, 0) for part in parts)
        found.append((-stake, -int(inside.sum()), y, x, parts))
    return [Junction(y, x, parts) for _, _, y, x, parts in sorted(found)[:MOST]]


def _beside(owner: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The lowest and the highest number, but 0, of each pixel and its four neighbours."""
    cross = scipy.ndimage.generate_binary_structure(2, 1)
    nobody = np.iinfo(np.int64).max
    owner = owner.astype(np.int64)
    highest = scipy.ndimage.maximum_filter(owner, footprint=cross)
    lowest = scipy.ndimage.minimum_filter(np.where(owner == 0, nobody, owner), footprint=cross)
    return np.where(lowest == nobody, 0, lowest), highest
