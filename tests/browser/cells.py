"""Cells as the network might see them: a stack of images, its labels and a prediction."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def cells(slices: int, height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels and plausible predictions: cells between membranes, blurred and noisy."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    images, labels, predictions = [], [], []
    for z in range(slices):
        interior = np.hypot((y + 2 * z) % 40 - 20, (x + 3 * z) % 44 - 22) < 18
        grey = ndimage.gaussian_filter(np.where(interior, 180.0, 60.0), 1) + rng.normal(0, 15, interior.shape)
        noise = ndimage.gaussian_filter(rng.normal(0, 1, interior.shape), 3) * (4 + z % 5)
        probability = 1 / (1 + np.exp(-(ndimage.gaussian_filter(np.where(interior, 3.0, -3.0), 1.5) + noise)))
        images.append(grey.clip(0, 255).astype(np.uint8))
        labels.append(np.where(interior, 255, 0).astype(np.uint8))
        predictions.append(np.rint(255 * probability).astype(np.uint8))
    return np.stack(images), np.stack(labels), np.stack(predictions)
