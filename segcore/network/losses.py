"""What training minimises: Dice, Jaccard, binary cross-entropy, and weights for narrow membranes.

Their names are those of `LossConfig.kind` in `segcore/config.py`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from segcore.config import LossConfig


def segmentation_loss(
    logits: Tensor,
    labels: Tensor,
    config: LossConfig,
    weights: Tensor | None = None,
    counted: Tensor | None = None,
) -> Tensor:
    """The loss of a batch, a mean over its images.

    Args:
        logits: (N, 1, H, W) float, logits of interior.
        labels: (N, 1, H, W) bool or 0/1, true for interior.
        config: which loss.
        weights: (N, 1, H, W) float weights of pixels for the cross-entropy, or None.
        counted: (N, 1, H, W) bool, false where the label is to be ignored, or None.

    Returns:
        A scalar. In float32, whatever the precision of the logits.
    """
    logits, target = logits.float(), labels.float()
    squared = config.dice_form == "squared"
    probability = logits.sigmoid()
    if counted is not None:
        probability, target = probability * counted, target * counted
    if config.kind == "dice":
        return dice_loss(probability, target, squared=squared, smooth=config.smooth)
    if config.kind == "jaccard":
        return jaccard_loss(probability, target, squared=squared, smooth=config.smooth)
    entropy = _entropy(logits, target, weights, counted)
    if config.kind == "bce":
        return entropy
    return entropy + dice_loss(probability, target, squared=squared, smooth=config.smooth)


def _entropy(logits: Tensor, target: Tensor, weights: Tensor | None, counted: Tensor | None) -> Tensor:
    """The mean over images of the mean over the pixels that count, 0 where none does.

    Image by image, so that processes which share a batch take the step that one takes with all of it.
    """
    if counted is None:
        return F.binary_cross_entropy_with_logits(logits, target, weight=weights)
    weights = counted.float() if weights is None else weights * counted
    each = F.binary_cross_entropy_with_logits(logits, target, weight=weights, reduction="none")
    return (each.sum((1, 2, 3)) / counted.sum((1, 2, 3)).clamp_min(1)).mean()


def dice_loss(probability: Tensor, target: Tensor, *, squared: bool, smooth: float) -> Tensor:
    """1 - (2 sum(p g) + s) / (sum(p) + sum(g) + s), over each whole mask, then the mean over masks.

    With `squared` the denominator has sum(p^2) + sum(g^2): V-Net, Milletari et al. (3DV 2016).

    Args:
        probability: (N, 1, H, W) float, 0..1.
        target: (N, 1, H, W) float, 0 or 1.
        squared: squared terms in the denominator.
        smooth: s above.
    """
    overlap, both = _sums(probability, target, squared)
    return (1 - (2 * overlap + smooth) / (both + smooth)).mean()


def jaccard_loss(probability: Tensor, target: Tensor, *, squared: bool, smooth: float) -> Tensor:
    """1 - (sum(p g) + s) / (sum(p) + sum(g) - sum(p g) + s), arguments as for `dice_loss`."""
    overlap, both = _sums(probability, target, squared)
    return (1 - (overlap + smooth) / (both - overlap + smooth)).mean()


def _sums(probability: Tensor, target: Tensor, squared: bool) -> tuple[Tensor, Tensor]:
    overlap = (probability * target).sum(dim=(1, 2, 3))
    power: Literal[1, 2] = 2 if squared else 1
    return overlap, (probability**power + target**power).sum(dim=(1, 2, 3))


def boundary_weights(interior: NDArray[np.bool_], *, weight: float, sigma_px: float) -> NDArray[np.float32]:
    """1 + w0 exp(-(d1 + d2)^2 / (2 sigma^2)) on membrane, 1 on interior (Ronneberger et al. 2015, eq. 2).

    d1 and d2 are the distances to the nearest and second nearest neurite (4-connected component).

    Args:
        interior: (H, W) bool label.
        weight: w0.
        sigma_px: sigma, pixels.

    Returns:
        (H, W) float32, 1 or more.
    """
    neurites, _ = ndimage.label(interior)
    reach = int(np.ceil(4 * sigma_px))
    nearest = np.full(interior.shape, np.inf, dtype=np.float32)
    second = nearest.copy()
    for number, box in enumerate(ndimage.find_objects(neurites), start=1):
        # Beyond four sigma a neurite changes no weight, so its distances are only wanted near it.
        near = tuple(slice(max(0, side.start - reach), side.stop + reach) for side in box)
        distance = ndimage.distance_transform_edt(neurites[near] != number).astype(np.float32)
        second[near] = np.minimum(second[near], np.maximum(nearest[near], distance))
        nearest[near] = np.minimum(nearest[near], distance)
    extra = weight * np.exp(-((nearest + second) ** 2) / (2 * sigma_px**2))
    return np.where(interior, 1, 1 + extra).astype(np.float32)


def training_counts(logits: Tensor, labels: Tensor, counted: Tensor | None = None) -> Tensor:
    """Pixel counts for Dice and binary accuracy at threshold 0.5, pooled over a batch.

    Args:
        logits: (N, 1, H, W) float logits.
        labels: (N, 1, H, W) bool.
        counted: (N, 1, H, W) bool, false where the label is to be ignored, or None.

    Returns:
        (5,) float64: interior found, interior predicted, interior in the label, pixels right, pixels.
        Sums over batches give Dice = 2 found / (predicted + in label).
    """
    predicted, target = logits > 0, labels.bool()
    right, pixels = predicted == target, logits.new_full((), labels.numel(), dtype=torch.int64)
    if counted is not None:
        predicted, target, right, pixels = predicted & counted, target & counted, right & counted, counted.sum()
    counts = [(predicted & target).sum(), predicted.sum(), target.sum(), right.sum(), pixels]
    return torch.stack(counts).double()
