"""How a copy of a slice is varied, as a record of parameters, and how such records are drawn.

The ranges they are drawn from, and the limits of these, are those of `AugmentConfig` in `segcore/config.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

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
