"""Augmentation: applying transforms to images and labels, one function for every device.

Geometry is one warp for image and label together. What lies outside a slice is its mirror image, and labels stay
binary. Every copy can be made again from its record, on any device. What is drawn for a record is said in
`transform.py`, and how far it may go in `AugmentConfig` of `segcore/config.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segcore.augmentation.noise import normal_array, normal_tensor
from segcore.augmentation.transform import Transform
from segcore.augmentation.warp import LARGEST_PX, moves, sent, warp_arrays, warp_tensors


@dataclass(frozen=True, kw_only=True)
class AugmentedBatch:
    """What a network learns from.

    Attributes:
        images: (N, 1, h, w) float32, 0..1.
        labels: (N, 1, h, w) bool, true for interior.
        weights: (N, 1, h, w) float32 weights of pixels, or None.
        counted: (N, 1, h, w) bool, false where the label is to be ignored; None where it is nowhere.
    """

    images: Tensor
    labels: Tensor
    weights: Tensor | None = None
    counted: Tensor | None = None

    @property
    def layers(self) -> dict[str, Tensor]:
        """What there is of them, by name; the image first."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: layer for name, layer in named.items() if layer is not None}


def apply(
    images: Tensor,
    labels: Tensor,
    transforms: Sequence[Transform],
    *,
    weights: Tensor | None = None,
    counted: Tensor | None = None,
    size: tuple[int, int] | None = None,
    as_tensors: bool = False,
) -> AugmentedBatch:
    """Applies one transform to each image of a batch, and to all that belongs to it alike.

    Args:
        images: (N, 1, H, W) float32, 0..1.
        labels: (N, 1, H, W) bool, true for interior.
        transforms: N records.
        weights: (N, 1, H, W) float32 weights of pixels, or None.
        counted: (N, 1, H, W) bool, false where the label is to be ignored, or None.
        size: height and width of the result, cut from the centre; the input's if None.
        as_tensors: as a GPU does it, also where they are in memory; nothing is waited for then.

    Returns:
        The batch, on the device of `images`.
    """
    batch = AugmentedBatch(images=images, labels=labels, weights=weights, counted=counted)
    height, width = size or images.shape[-2:]
    if as_tensors or images.device.type != "cpu" or max(*images.shape[-2:], height, width) > LARGEST_PX:
        return _applied(batch, transforms, height, width)
    shape = (len(transforms), 1, height, width)
    made = {name: layer.new_empty(shape) for name, layer in batch.layers.items()}
    sources, results = ([layer.numpy()[:, 0] for layer in layers.values()] for layers in (batch.layers, made))
    _in_threads(lambda n: _fill_arrays([s[n] for s in sources], transforms[n], [r[n] for r in results]), shape[0])
    return AugmentedBatch(**made)


def _applied(batch: AugmentedBatch, transforms: Sequence[Transform], height: int, width: int) -> AugmentedBatch:
    """The whole batch at once where its borders and bends are of one kind."""
    layers = batch.layers
    kinds = {(transform.border, transform.elastic_spacing_px) for transform in transforms}
    if len(kinds) > 1:
        alone = [
            _applied(AugmentedBatch(**{name: layer[n : n + 1] for name, layer in layers.items()}), [one], height, width)
            for n, one in enumerate(transforms)
        ]
        return AugmentedBatch(**{name: torch.cat([one.layers[name] for one in alone]) for name in layers})
    if any(map(moves, transforms)) or batch.images.shape[-2:] != (height, width):
        stacked = torch.cat([layer.float() for layer in layers.values()], dim=1)
        warped = torch.split(warp_tensors(stacked, transforms, height, width), 1, dim=1)
        layers = {
            name: made > 0.5 if layer.dtype == torch.bool else made
            for (name, layer), made in zip(layers.items(), warped, strict=True)
        }
    return AugmentedBatch(**layers | {"images": _varied(layers["images"], transforms)})


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
    _vary(results[0], transform)


def _varied(images: Tensor, transforms: Sequence[Transform]) -> Tensor:
    """Images (N, 1, h, w) with their intensity varied and noise added."""
    settings = np.array(
        [
            (
                one.contrast,
                one.brightness,
                one.gamma,
                one.noise_level if one.noise != "none" else 0,
                one.noise == "poisson",
                one.noise == "speckle",
                _varies(one),
            )
            for one in transforms
        ],
        np.float32,
    )
    contrast, brightness, gamma, level, poisson, speckle, varies = sent(settings, images.device).T[
        ..., None, None, None
    ]
    if any(map(_varies, transforms)):
        mean = images.mean((2, 3), keepdim=True)
        changed = ((images - mean) * contrast + mean + brightness).clip(0, 1) ** gamma
        images = torch.where(varies > 0, changed, images)
    if not any(one.noise_level for one in transforms if one.noise != "none"):
        return images
    seeds = sent(np.array([one.noise_seed for one in transforms]), images.device)
    noise = normal_tensor(seeds, *images.shape[-2:])[:, None] * level
    double = 2 * images.clip(0, 1)
    noise = torch.where(poisson > 0, noise * double.sqrt(), torch.where(speckle > 0, noise * double, noise))
    return torch.where(level > 0, (images + noise).clip(0, 1), images)


def _varies(transform: Transform) -> bool:
    return transform.contrast != 1 or transform.brightness != 0 or transform.gamma != 1


def _vary(image: NDArray[np.float32], transform: Transform) -> None:
    """Varies the intensity of an image (h, w) and adds noise, in place."""
    if _varies(transform):
        mean = float(image.mean())
        image -= mean
        image *= transform.contrast
        image += mean + transform.brightness
        np.clip(image, 0, 1, out=image)
        image **= transform.gamma
    if transform.noise == "none" or transform.noise_level == 0:
        return
    noise = normal_array(transform.noise_seed, *image.shape)
    noise *= transform.noise_level
    if transform.noise == "poisson":
        # The variance of counts, as many as give a pixel of intensity 1/2 a standard deviation of the level, in its
        # normal limit. Counts drawn by rejection would be quite others on a device whose image differs in the last
        # digit.
        noise *= (2 * image.clip(0, 1)) ** 0.5
    elif transform.noise == "speckle":
        noise *= 2 * image
    image += noise
    np.clip(image, 0, 1, out=image)
