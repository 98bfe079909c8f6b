"""How alike a prediction and a label look as pictures: SSIM and PSNR, as the notebook reported them.

Neither says much about segmentations, see the wrong pixels and V_Rand for that.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

SSIM_WINDOW_PX = 7
_SUMS = SSIM_WINDOW_PX**2 + 1
"""How many values a sum of bits has."""


def binary_ssim(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Mean structural similarity of two binary images (Wang et al. 2004).

    The value of `skimage.metrics.structural_similarity(one, other, data_range=1)`: windows of 7 x 7
    pixels, K1 = 0.01, K2 = 0.03, sample covariances, only windows that lie inside the image. On
    binary images the five window sums it needs are three sums of bits, so few that windows are
    counted by them: many times faster.

    Args:
        one, other: (H, W).

    Returns:
        -1 to 1; nan for images less than 7 pixels high or wide.
    """
    if one.shape != other.shape:
        raise ValueError(f"shapes differ: {one.shape}, {other.shape}")
    if min(one.shape) < SSIM_WINDOW_PX:
        return math.nan
    x, y, both = (_window_sums(image) for image in (one, other, one & other))
    key = (x.astype(np.int32) * _SUMS + y) * _SUMS + both
    windows = np.bincount(key.ravel(), minlength=_SUMS**3)
    # Not as a product of vectors, for which NumPy wakes threads that are in the way of those that slices are dealt to.
    return float((windows * _ssim_by_sums()).sum() / key.size)


@cache
def _ssim_by_sums() -> NDArray[np.float64]:
    """Similarity of a window by its sums of one image, the other and both."""
    pixels = _SUMS - 1
    x, y, both = (sums.ravel() / pixels for sums in np.indices((_SUMS,) * 3))
    to_sample = pixels / (pixels - 1)
    # A bit is its own square, so the mean of squares is the mean.
    variance_x, variance_y = to_sample * (x - x * x), to_sample * (y - y * y)
    covariance = to_sample * (both - x * y)
    c1, c2 = 0.01**2, 0.03**2
    above = (2 * x * y + c1) * (2 * covariance + c2)
    below = (x * x + y * y + c1) * (variance_x + variance_y + c2)
    similarity: NDArray[np.float64] = above / below
    return similarity


def _window_sums(image: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Sums over all windows inside the image, (H - 6, W - 6); at most 49."""
    bits = np.asarray(image, dtype=bool).view(np.uint8)
    rows = bits[: len(bits) - SSIM_WINDOW_PX + 1].copy()
    for shift in range(1, SSIM_WINDOW_PX):
        rows += bits[shift : shift + len(rows)]
    width = rows.shape[1] - SSIM_WINDOW_PX + 1
    sums = rows[:, :width].copy()
    for shift in range(1, SSIM_WINDOW_PX):
        sums += rows[:, shift : shift + width]
    return sums


def binary_psnr_db(wrong_pixels: int, pixels: int) -> float:
    """Peak signal-to-noise ratio of a binary prediction, decibels: -10 log10(share of wrong pixels).

    Infinite where nothing is wrong; nan without pixels.
    """
    if pixels == 0:
        return math.nan
    return math.inf if wrong_pixels == 0 else -10 * math.log10(wrong_pixels / pixels)
