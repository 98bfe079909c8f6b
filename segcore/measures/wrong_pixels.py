"""The wrong pixels that a place stands for: those of one kind that hang together there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

_TOUCHING = np.ones((3, 3), bool)
"""By an edge or a corner."""


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Pixels of a slice that hang together.

    Attributes:
        slice, y, x: its slice, and the pixel of it that is farthest from all that are not of it.
        pixels: how many they are.
        top, left, bottom, right: bounding box, `bottom` and `right` excluded.
    """

    slice: int
    y: int
    x: int
    pixels: int
    top: int
    left: int
    bottom: int
    right: int


def spot_of(numbers: NDArray[np.int32], number: int, box: tuple[slice, slice], slice_index: int) -> Spot:
    """The spot that the pixels of a number (H, W) are, given the rows and columns that hold them."""
    rows, columns = box
    own = numbers[box] == number
    depth = scipy.ndimage.distance_transform_cdt(np.pad(own, 1), "chessboard")[1:-1, 1:-1]
    y, x = divmod(int(depth.argmax()), depth.shape[1])
    return Spot(
        slice=slice_index, y=rows.start + y, x=columns.start + x, pixels=int(own.sum()), top=rows.start,
        left=columns.start, bottom=rows.stop, right=columns.stop,
    )  # fmt: skip


def wrong_regions(wrong: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Wrong pixels of one kind (H, W) that touch by an edge or a corner, numbered from 1; 0 elsewhere."""
    numbers, _ = scipy.ndimage.label(wrong, structure=_TOUCHING, output=np.int32)
    return np.asarray(numbers)


def wrong_pixels_at(
    interior: NDArray[np.bool_],
    prediction: NDArray[np.bool_],
    counted: NDArray[np.bool_] | None,
    places: Iterable[tuple[int, int]],
    *,
    missed: bool,
) -> NDArray[np.bool_]:
    """The wrong pixels of one kind whose regions hold one of these places or touch it; none may be there. (H, W).

    Args:
        interior: (H, W), True where the label is interior.
        prediction: (H, W), True where predicted interior.
        counted: (H, W), False where the label is to be ignored; None where everything counts.
        places: (y, x) of pixels, such as the openings of a split or merge.
        missed: whether missed membrane is meant, or else false membrane.
    """
    wrong = ~interior & prediction if missed else interior & ~prediction
    if counted is not None:
        wrong = wrong & counted
    numbers = wrong_regions(wrong)
    found = {
        number
        for y, x in places
        for number in np.unique(numbers[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]).tolist()
    }
    return np.isin(numbers, sorted(found - {0}))
