"""The wrong pixels that a place stands for: those of one kind that hang together there."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy
from numpy.typing import NDArray

_TOUCHING = np.ones((3, 3), bool)
"""By an edge or a corner."""


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
