"""What a section of the invented tissue looks like in a microscope."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy

from segcore.data.synthetic_tissue import Floats, Section, Tissue

# Share among organelles, then two Gaussians: width in pixels and total grey of each.
_VESICLE = (0.5, 2.2, -7600, 1.8, 5000)
_DENSE_CORE_VESICLE = (0.05, 2.2, -2000, 1, 0)
_MICROTUBULE = (0.45, 1.2, -480, 1, 0)
_MOST_ORGANELLES = 16.0  # in 1000 pixels


def micrograph(section: Section, tissue: Tissue, z: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """The grey picture of a section, uint8 (H, W)."""
    shape = section.gap.shape
    inside = np.clip(section.gap / 4 - 1, 0, 1)
    grain, coarse = (scipy.ndimage.gaussian_filter(rng.standard_normal(shape), s) for s in (1.4, 4))
    grey = tissue.neurites.grey[section.owner] + 55 * grain + 110 * coarse
    grey += inside * _organelles(section, tissue.neurites.organelles, rng)
    grey = _with_mitochondria(grey, section, tissue, z + 1)
    dark = 1 - (1 - 0.97 * section.membrane) * np.exp(-0.5 * np.clip(section.thickness - 1.2, 0, 1))
    grey += dark * (44 + 60 * grain - grey)
    return _exposed(grey, tissue.stain.at(z + 1), rng)


def _organelles(section: Section, density: Floats, rng: np.random.Generator) -> Floats:
    """Vesicles (rings), dense-core vesicles (discs) and microtubules (dots) as a change of grey (H, W)."""
    height, width = section.gap.shape
    count = rng.poisson(height * width * _MOST_ORGANELLES / 1000)
    y, x = rng.integers(height, size=count), rng.integers(width, size=count)
    kept = rng.random(count) * _MOST_ORGANELLES < density[section.owner[y, x]]
    sprites = (_VESICLE, _DENSE_CORE_VESICLE, _MICROTUBULE)
    kind = rng.choice(len(sprites), count, p=[share for share, *_ in sprites])
    depth = rng.uniform(0.5, 1.4, count)
    change = np.zeros((height, width))
    for k, (_, *gaussians) in enumerate(sprites):
        places = kept & (kind == k)
        seeds = np.bincount(y[places] * width + x[places], depth[places], height * width).reshape(height, width)
        for spread, total in zip(gaussians[::2], gaussians[1::2], strict=True):
            if total:
                change += total * scipy.ndimage.gaussian_filter(seeds, spread)
    return change


def _with_mitochondria(grey: Floats, section: Section, tissue: Tissue, plane: int) -> Floats:
    """The picture with the mitochondria of this plane: a dark edge, a lighter line inside it, and striped cristae."""
    bodies = tissue.mitochondria
    left = 1 - ((plane - bodies.depth[:, 0]) / bodies.depth[:, 1]) ** 2
    flat = grey.ravel().copy()
    for m in np.flatnonzero(left > 0.05):
        here = np.flatnonzero(section.owner.ravel() == bodies.host[m])
        centre = tissue.neurites.centre[plane, bodies.host[m]] + bodies.offset[m]
        y, x = section.bent.reshape(2, -1)[:, here] - centre[:, None]
        sine, cosine = np.sin(bodies.angle[m]), np.cos(bodies.angle[m])
        a, b = bodies.radii[m] * np.sqrt(left[m])
        inside = (1 - np.hypot((sine * y + cosine * x) / a, (cosine * y - sine * x) / b)) * b
        inside = -2 * np.logaddexp(-inside / 2, 3 - section.gap.ravel()[here] / 2)
        direction, period = bodies.stripes[m]
        wave = np.sin(
            2 * np.pi * (np.sin(direction) * y + np.cos(direction) * x) / period + 1.2 * np.sin(y / 9 + x / 13)
        )
        body = 84 + 22 * wave * np.clip(inside / 4 - 0.5, 0, 1)
        body += 26 * np.exp(-((inside - 3) ** 2)) - 22 * np.exp(-((inside - 0.8) ** 2))
        cover = 0.9 * np.clip(inside / 1.2 + 0.5, 0, 1)
        flat[here] += cover * (body - flat[here])
    return flat.reshape(grey.shape)


def _exposed(grey: Floats, stain: Floats, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Stain, blur, shot noise and contrast as they differ from slice to slice."""
    grey = scipy.ndimage.gaussian_filter(grey + 9 * stain - _blemishes(grey.shape, rng), 0.75)
    noise = scipy.ndimage.gaussian_filter(rng.standard_normal(grey.shape), 0.6)
    grey = grey + 26 * noise * np.sqrt(np.clip(grey, 20, None) / 130)
    grey = 126 + rng.uniform(0.95, 1.3) * (grey - 126) + rng.normal(0, 8)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def _blemishes(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Darkness (H, W) of what preparation leaves on a few slices: specks of stain and, rarely, a fold."""
    y, x = np.indices(shape)
    dark = np.zeros(shape)
    for _ in range(rng.poisson(0.4)):
        centre, radius = rng.random(2) * shape, rng.uniform(2, 6)
        dark += rng.uniform(40, 110) * np.exp(-((((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / radius**2) ** 2))
    if rng.random() < 0.06:
        angle, bow = rng.uniform(0, np.pi), rng.uniform(-0.15, 0.15)
        along, off = np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x
        off = off - rng.uniform(off.min(), off.max()) - bow * along**2 / max(shape)
        dark += rng.uniform(30, 70) * np.exp(-((off / rng.uniform(2, 6)) ** 2))
    return dark
