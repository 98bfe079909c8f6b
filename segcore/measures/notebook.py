"""What the notebook measured: SSIM, PSNR, and its confusion matrix, bug and all.

SSIM and PSNR say how alike a prediction and a label look as pictures, and little about segmentations: see the wrong
pixels and V_Rand for that. The confusion matrix is there to be shown beside the right one, and nothing else uses its
numbers: where it meant to count the pixels of a cell it added up their flat indices, so that a pixel at the bottom of
a slice weighs hundreds of thousands of times one at the top; and it called the missed membrane false and the false
membrane missed.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_SSIM_WINDOW_PX = 7


def binary_ssim(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Mean structural similarity of two binary images (Wang et al. 2004), by scikit-image's usual settings.

    Args:
        one, other: (H, W).

    Returns:
        -1 to 1; nan for images less than 7 pixels high or wide.
    """
    if min(one.shape) < _SSIM_WINDOW_PX:
        return math.nan
    from skimage.metrics import structural_similarity

    planes = one.astype(np.float64), other.astype(np.float64)
    return float(structural_similarity(*planes, win_size=_SSIM_WINDOW_PX, data_range=1))  # type: ignore[no-untyped-call]


def binary_psnr_db(wrong_pixels: int, pixels: int) -> float:
    """Peak signal-to-noise ratio of a binary prediction, decibels: -10 log10(share of wrong pixels).

    Infinite where nothing is wrong; nan without pixels.
    """
    if pixels == 0:
        return math.nan
    return math.inf if wrong_pixels == 0 else -10 * math.log10(wrong_pixels / pixels)


def index_sums(
    label_interior: NDArray[np.bool_],
    prediction_interior: NDArray[np.bool_],
    counted: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Sums of flat pixel indices by true class, then predicted class, of one slice.

    Args:
        label_interior, prediction_interior: (H, W).
        counted: (H, W), False where a pixel is in no class; all are in one if None.

    Returns:
        (2, 2) int64, each axis (membrane, interior).
    """
    label, prediction = label_interior.ravel(), prediction_interior.ravel()
    there = np.ones_like(label) if counted is None else counted.ravel()
    cells = [
        [np.flatnonzero((label == true) & (prediction == said) & there) for said in (False, True)]
        for true in (False, True)
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
