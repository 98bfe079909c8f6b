"""Augmentation: a transform is a record of its parameters, and applying it is one function.

Geometry is one warp for image and label together. What lies outside a slice is its mirror image,
and labels stay binary. Every copy can be made again from its record, on any device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from segcore.config import AugmentConfig


@dataclass(frozen=True, kw_only=True)
class Transform:
    """What is done to one image and its label, in this order.

    Attributes:
        flip_vertical: top and bottom change places.
        flip_horizontal: left and right change places.
        angle_deg: rotation about the centre, counter-clockwise, degrees.
        scale: zoom about the centre; above 1 enlarges.
        elastic_px: standard deviation of the elastic displacement, pixels.
        elastic_spacing_px: distance between control points, pixels.
        elastic_seed: seed of the displacement.
        contrast: factor of the intensity about the image's mean.
        brightness: added to the intensity, 0..1.
        gamma: exponent of the intensity.
        noise: kind of noise.
        noise_level: its standard deviation (that of a mid-grey pixel for poisson and speckle), 0..1.
        noise_seed: seed of the noise.
        border: `reflect` mirrors the slice at its border, `black` leaves 0 there.
    """

    flip_vertical: bool = False
    flip_horizontal: bool = False
    angle_deg: float = 0.0
    scale: float = 1.0
    elastic_px: float = 0.0
    elastic_spacing_px: float = 48.0
    elastic_seed: int = 0
    contrast: float = 1.0
    brightness: float = 0.0
    gamma: float = 1.0
    noise: Literal["none", "gaussian", "poisson", "speckle"] = "none"
    noise_level: float = 0.0
    noise_seed: int = 0
    border: Literal["reflect", "black"] = "reflect"


@dataclass(frozen=True, kw_only=True)
class AugmentedBatch:
    """Images (N, 1, h, w) float32 in 0..1; labels (N, 1, h, w) bool; weights (N, 1, h, w) float32 or None."""

    images: Tensor
    labels: Tensor
    weights: Tensor | None = None


def draw(config: AugmentConfig, rng: np.random.Generator) -> Transform:
    """One transform with parameters drawn from the ranges of `config`.

    The same number of random values is used whatever the settings, so that changing one range does
    not change the others' draws.
    """
    angle, scale, brightness, contrast, gamma = rng.uniform(-1, 1, size=5)
    flips = rng.uniform(size=2)
    kind = config.noise[int(rng.uniform() * len(config.noise))]
    share = float(rng.uniform())
    level = config.noise_level * (1.0 if config.noise_fixed else share)
    elastic_seed, noise_seed = (int(seed) for seed in rng.integers(0, 2**31, size=2))
    vertical, horizontal = _draw_flips(config.flips, float(flips[0]), float(flips[1]))
    return Transform(
        flip_vertical=vertical,
        flip_horizontal=horizontal,
        angle_deg=float(angle * config.rotation_deg),
        scale=_log_uniform(scale, config.scale),
        elastic_px=config.elastic_px,
        elastic_spacing_px=config.elastic_spacing_px,
        elastic_seed=elastic_seed,
        contrast=_log_uniform(contrast, config.contrast),
        brightness=float(brightness * config.brightness),
        gamma=_log_uniform(gamma, config.gamma),
        noise=kind,
        noise_level=0.0 if kind == "none" else level,
        noise_seed=noise_seed,
        border=config.border,
    )


def _log_uniform(unit: float, spread: float) -> float:
    return float((1 + spread) ** unit)


def _draw_flips(flips: str, first: float, second: float) -> tuple[bool, bool]:
    if flips == "independent":
        return first < 0.5, second < 0.5
    if flips == "one-of-three":
        return first < 1 / 3, 1 / 3 <= first < 2 / 3
    if flips == "vertical-only":
        return first < 1 / 3, False
    return False, False


def support_px(config: AugmentConfig, patch_px: int) -> int:
    """Side of the square a patch may draw on, in pixels: the patch turned, zoomed out and displaced."""
    # The angle is anything up to rotation_deg; 45 degrees need most.
    angle = math.radians(min(config.rotation_deg, 45.0))
    turned = math.cos(angle) + math.sin(angle)
    return math.ceil(patch_px * turned * (1 + config.scale) + 6 * config.elastic_px) + 2


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
    height, width = size or (images.shape[-2], images.shape[-1])
    # Few enough at once on a CPU to stay in its caches, enough to give every thread one.
    together = torch.get_num_threads() if images.device.type == "cpu" else len(transforms)
    if len({transform.border for transform in transforms}) > 1:
        together = 1  # a warp has one kind of border
    # Written in place: on a CPU, copying what was made would cost a fifth of making it.
    made = AugmentedBatch(
        images=torch.empty((len(transforms), 1, height, width), dtype=images.dtype, device=images.device),
        labels=torch.empty((len(transforms), 1, height, width), dtype=torch.bool, device=images.device),
        weights=None if weights is None else images.new_empty((len(transforms), 1, height, width)),
    )
    for start in range(0, len(transforms), together):
        part = slice(start, start + together)
        layers = [images[part], labels[part]] + ([] if weights is None else [weights[part]])
        _apply_together(layers, transforms[part], made, part)
    return made


def _apply_together(layers: list[Tensor], transforms: Sequence[Transform], made: AugmentedBatch, part: slice) -> None:
    """Fills a part of `made` from image, label and perhaps weights, (n, 1, H, W) each."""
    height, width = layers[0].shape[-2:]
    stacked = layers[0].new_empty((len(transforms), len(layers), height, width))
    for place, layer in enumerate(layers):
        stacked[:, place : place + 1] = layer
    if any(_moves(transform) for transform in transforms) or made.images.shape[-2:] != (height, width):
        stacked = _warp(stacked, transforms, made.images.shape[-2], made.images.shape[-1])
    _vary_intensity(stacked[:, :1], transforms, made.images[part])
    torch.gt(stacked[:, 1:2], 0.5, out=made.labels[part])
    if made.weights is not None:
        made.weights[part] = stacked[:, 2:3]


def _moves(transform: Transform) -> bool:
    return (
        transform.flip_vertical
        or transform.flip_horizontal
        or transform.angle_deg != 0
        or transform.scale != 1
        or transform.elastic_px != 0
    )


def _warp(layers: Tensor, transforms: Sequence[Transform], height: int, width: int) -> Tensor:
    """Samples `layers` (N, C, H, W) where each pixel of the (height, width) result comes from."""
    device = layers.device
    source_height, source_width = layers.shape[-2:]
    # A place is one complex number, right + i down, so that a row of places is filled in one pass.
    # grid_sample measures from -1 to 1 across the outer edges of the pixels.
    unit_right, unit_down = 2 / source_width, 2 / source_height
    steps = [_inverse(transform) for transform in transforms]
    to_right = [complex(right[0] * unit_right, right[1] * unit_down) for right, _ in steps]
    to_down = [complex(down[0] * unit_right, down[1] * unit_down) for _, down in steps]
    columns = torch.arange(width, device=device, dtype=torch.float32) - (width - 1) / 2
    rows = torch.arange(height, device=device, dtype=torch.float32) - (height - 1) / 2
    grid = (torch.tensor(to_down, device=device)[:, None] * rows)[:, :, None] + (
        torch.tensor(to_right, device=device)[:, None] * columns
    )[:, None, :]
    if any(transform.elastic_px for transform in transforms):
        right, down = _elastic(transforms, height, width, device)
        grid += torch.complex(right * unit_right, down * unit_down)
    places = torch.view_as_real(grid)
    padding = "zeros" if transforms[0].border == "black" else "reflection"
    corners = [
        corner
        for right, down in zip(to_right, to_down, strict=True)
        for corner in (right * width / 2 + down * height / 2, right * width / 2 - down * height / 2)
    ]
    displaced = 8 * max(transform.elastic_px for transform in transforms) * max(unit_right, unit_down)
    reach = max(max(abs(corner.real), abs(corner.imag)) for corner in corners) + displaced
    if padding == "reflection" and reach <= 3:
        # Mirrored once is enough, and a third faster done here than by grid_sample, which counts the turns.
        places = torch.sub(places.clamp(-1, 1).mul_(2), places)
        padding = "border"
    warped: Tensor = F.grid_sample(layers, places, padding_mode=padding, align_corners=False)
    return warped


def _inverse(transform: Transform) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where one pixel right and one pixel down in the result lead in the source: (right, down) each."""
    angle = math.radians(transform.angle_deg)
    cosine, sine = math.cos(angle) / transform.scale, math.sin(angle) / transform.scale
    across = -1.0 if transform.flip_horizontal else 1.0
    along = -1.0 if transform.flip_vertical else 1.0
    return (across * cosine, along * sine), (-across * sine, along * cosine)


# A cubic B-spline surface over independent control points of deviation 1 has this deviation.
_SPLINE_DEVIATION = 151 / 315


def _elastic(transforms: Sequence[Transform], height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Displacements right and down, (N, height, width) each, in pixels.

    A free-form deformation: cubic B-splines over a grid of control points (Rueckert et al. 1999).
    """
    right, down = [], []
    for transform in transforms:
        along = _spline_basis(height, transform.elastic_spacing_px)
        across = _spline_basis(width, transform.elastic_spacing_px)
        rng = np.random.default_rng(transform.elastic_seed)
        points = rng.standard_normal((2, along.shape[1], across.shape[1]), dtype=np.float32)
        points *= transform.elastic_px / _SPLINE_DEVIATION
        along_rows, across_columns = torch.from_numpy(along).to(device), torch.from_numpy(across).to(device)
        fields = along_rows @ torch.from_numpy(points).to(device) @ across_columns.T
        right.append(fields[0])
        down.append(fields[1])
    return torch.stack(right), torch.stack(down)


@lru_cache(maxsize=64)
def _spline_basis(length: int, spacing: float) -> NDArray[np.float32]:
    """Weights (length, control points) of cubic B-splines at each pixel."""
    place = np.arange(length) / spacing
    distance = np.abs(place[:, None] - (np.arange(int(place[-1]) + 4) - 1)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def _vary_intensity(images: Tensor, transforms: Sequence[Transform], out: Tensor) -> None:
    """Writes images (n, 1, h, w) with their intensity varied and noise added to `out`."""

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, device=images.device, dtype=images.dtype).view(-1, 1, 1, 1)

    if any(t.contrast != 1 or t.brightness != 0 or t.gamma != 1 for t in transforms):
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        contrast = column([t.contrast for t in transforms])
        images = (images - mean) * contrast + mean + column([t.brightness for t in transforms])
        images = images.clamp_(0, 1).pow_(column([t.gamma for t in transforms]))
    for image, transform, result in zip(images, transforms, out, strict=True):
        if transform.noise_level > 0:
            torch.add(image, _noise(image, transform), out=result).clamp_(0, 1)
        else:
            result.copy_(image)


def _noise(image: Tensor, transform: Transform) -> Tensor:
    """What noise adds to an image of any shape.

    The numbers are drawn on the CPU, so that a record gives the same noise on every device.
    """
    level = transform.noise_level
    if transform.noise == "none" or level == 0:
        return torch.zeros_like(image)
    noise = _normal(image.shape, transform.noise_seed, level, image.device)
    if transform.noise == "poisson":
        # The variance of counts, as many as give a pixel of intensity 1/2 a standard deviation of `level`,
        # in its normal limit. Counts drawn by rejection would be quite others on a device whose image
        # differs in the last digit.
        return noise * (2 * image).clamp_min(0).sqrt()
    return noise * image * 2 if transform.noise == "speckle" else noise


def _normal(shape: torch.Size, seed: int, deviation: float, device: torch.device) -> Tensor:
    """Normal float32 values by inverse transform sampling from 16-bit uniform values.

    Several times as fast as `torch.randn` on a CPU; the largest value is 4.3 deviations.
    """
    count = shape.numel()
    uniform = np.random.SFC64(seed).random_raw((count + 3) // 4).view(np.uint16)[:count]
    places = torch.from_numpy(uniform.astype(np.int32)).to(device)
    return (_normal_quantiles(device) * deviation).index_select(0, places).view(shape)


@lru_cache(maxsize=8)
def _normal_quantiles(device: torch.device) -> Tensor:
    middle = (torch.arange(2**16, dtype=torch.float64) + 0.5) / 2**16
    quantiles: Tensor = torch.special.ndtri(middle).float().to(device)
    return quantiles
