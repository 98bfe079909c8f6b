"""The notebook's confusion matrix, bug and all, to be shown beside the right one.

Where it meant to count the pixels of a cell it added up their flat indices, so that a pixel at the
bottom of a slice weighs hundreds of thousands of times one at the top; and it called the missed
membrane false and the false membrane missed. Nothing else in the package uses these numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def index_sums(label_interior: NDArray[np.bool_], prediction_interior: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Sums of flat pixel indices by true class, then predicted class, of one slice.

    Args:
        label_interior, prediction_interior: (H, W).

    Returns:
        (2, 2) int64, each axis (membrane, interior).
    """
    label, prediction = label_interior.ravel(), prediction_interior.ravel()
    cells = [
        [np.flatnonzero((label == true) & (prediction == said)) for said in (False, True)] for true in (False, True)
    ]
    return np.array([[int(cell.sum()) for cell in row] for row in cells], dtype=np.int64)


def notebook_percent(sums: NDArray[np.int64]) -> dict[str, float] | None:
    """The matrix as the notebook showed it: percent of the four sums, the two errors exchanged.

    Args:
        sums: (2, 2), over all slices.

    Returns:
        Percent by cell, true class first, or None where all sums are 0.
    """
    total = int(sums.sum())
    if total == 0:
        return None
    percent = 100 * sums / total
    return {
        "interior_as_interior": float(percent[1, 1]),
        "interior_as_membrane": float(percent[0, 1]),
        "membrane_as_interior": float(percent[1, 0]),
        "membrane_as_membrane": float(percent[0, 0]),
    }
