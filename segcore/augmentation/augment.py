"""Augmentation: applying transforms to images and labels, one function for every device.

Geometry is one warp for image and label together. What lies outside a slice is its mirror image, and labels stay
binary. Every copy can be made again from its record, on any device.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segcore.augmentation.transform import Transform
from segcore.augmentation.warp import LARGEST_PX, moves, opencv, warp_arrays, warp_tensors

Pixels = TypeVar("Pixels", NDArray[np.float32], Tensor)


@dataclass(frozen=True, kw_only=True)
class AugmentedBatch:
    """Images (N, 1, h, w) float32 in 0..1; labels (N, 1, h, w) bool; weights (N, 1, h, w) float32 or None."""

    images: Tensor
    labels: Tensor
    weights: Tensor | None = None

    @property
    def layers(self) -> list[Tensor]:
        """Image, label, and weights if there are any."""
        return [self.images, self.labels, *([] if self.weights is None else [self.weights])]


def apply(
    images: Tensor,
    labels: Tensor,
    transforms: Sequence[Transform],
    *,
    weights: Tensor | None = None,
    size: tuple[int, int] | None = None,
) -> AugmentedBatch:
    """Applies one transform to each image and label of a batch.

    Args:
        images: (N, 1, H, W) float32, 0..1.
        labels: (N, 1, H, W) bool, true for interior.
        transforms: N records.
        weights: (N, 1, H, W) float32 weights of pixels, warped alike, or None.
        size: height and width of the result, cut from the centre; the input's if None.

    Returns:
        The batch, on the device of `images`.
    """
    batch = AugmentedBatch(images=images, labels=labels, weights=weights)
    shape = (len(transforms), 1, *(size or images.shape[-2:]))
    made = AugmentedBatch(
        images=images.new_empty(shape),
        labels=labels.new_empty(shape),
        weights=None if weights is None else weights.new_empty(shape),
    )
    if images.device.type == "cpu" and max(*images.shape, *shape) <= LARGEST_PX:
        sources, results = ([layer.numpy()[:, 0] for layer in one.layers] for one in (batch, made))
        _in_threads(lambda n: _fill_arrays([s[n] for s in sources], transforms[n], [r[n] for r in results]), shape[0])
    else:
        for n, transform in enumerate(transforms):
            _fill_tensors([layer[n, 0] for layer in batch.layers], transform, [layer[n, 0] for layer in made.layers])
    return made


def _in_threads(task: Callable[[int], None], count: int) -> None:
    """Does a task for 0, 1 ... count - 1, as many at once as PyTorch would use threads."""
    threads = min(count, torch.get_num_threads())

    def share(first: int) -> None:
        for number in range(first, count, threads):
            task(number)

    if threads < 2:
        share(0)
    else:
        list(_pool(threads, os.getpid()).map(share, range(threads)))


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads that stay; a forked process has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="augment")


def _fill_arrays(sources: list[NDArray[Any]], transform: Transform, results: list[NDArray[Any]]) -> None:
    """Image, label and perhaps weights of one copy, (h, w) each, in memory."""
    if moves(transform) or sources[0].shape != results[0].shape:
        warp_arrays(sources, transform, results)
    else:
        for source, result in zip(sources, results, strict=True):
            np.copyto(result, source)
    _vary_intensity(results[0], transform)


def _fill_tensors(layers: list[Tensor], transform: Transform, made: list[Tensor]) -> None:
    """The same on any device."""
    if moves(transform) or layers[0].shape != made[0].shape:
        stacked = torch.stack([layer.float() for layer in layers])
        layers = list(warp_tensors(stacked, transform, *made[0].shape))
        layers[1] = layers[1] > 0.5
    for layer, result in zip(layers, made, strict=True):
        result.copy_(layer)
    _vary_intensity(made[0], transform)


def _vary_intensity(image: Pixels, transform: Transform) -> None:
    """Varies the intensity of an image (h, w) and adds noise, in place."""
    if transform.contrast != 1 or transform.brightness != 0 or transform.gamma != 1:
        mean = float(image.mean())
        image -= mean
        image *= transform.contrast
        image += mean + transform.brightness
        _clip(image)
        image **= transform.gamma
    if transform.noise == "none" or transform.noise_level == 0:
        return
    noise = _noise(image, transform.noise_seed, transform.noise_level)
    if transform.noise == "poisson":
        # The variance of counts, as many as give a pixel of intensity 1/2 a standard deviation of the level, in its
        # normal limit. Counts drawn by rejection would be quite others on a device whose image differs in the last
        # digit.
        noise *= (2 * image.clip(0, 1)) ** 0.5
    elif transform.noise == "speckle":
        noise *= 2 * image
    image += noise
    _clip(image)


def _clip(image: NDArray[np.float32] | Tensor) -> None:
    if isinstance(image, Tensor):
        image.clip_(0, 1)
    else:
        np.clip(image, 0, 1, out=image)


def _noise(image: Pixels, seed: int, deviation: float) -> Pixels:
    """Normal values in the shape of an image. Drawn in memory whatever the device, so that a record means the same."""
    cv2, values = opencv(), np.empty(tuple(image.shape), np.float32)
    cv2.setRNGSeed(seed)  # this thread's generator, so that the others do not matter
    cv2.randn(values, 0, deviation)
    return torch.from_numpy(values).to(image.device) if isinstance(image, Tensor) else values
