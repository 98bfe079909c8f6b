"""The invented tissue: a solid of neurites and mitochondria that is cut into sections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_MARGIN_PX = 48.0
_TILE = 48  # pixels; speed only, the result does not depend on it
_SECTION_PLANES = (-0.4, 0.4, 0.0)  # in units of the section's distance; the label is that of the last
_MEMBRANE_HALF_WIDTH_PX = 2.8
# Size and spacing in pixels, memory in slices; the last is how each section was stretched by cutting.
_BENDS = ((16.0, 110.0, 2.5), (6.0, 36.0, 2.0), (1.8, 12.0, 1.2), (3.0, 150.0, 0.0))
_MOST_ORGANELLES = 16.0  # in 1000 pixels


@dataclass(frozen=True, kw_only=True)
class _SmoothField:
    """Random fields of mean 0 and variance 1, smooth in the plane and along depth.

    Attributes:
        grid: values at the control points, (planes, h, w).
        rows: B-spline weights of the control points, (H, h).
        columns: the same across, (W, w).
    """

    grid: Floats
    rows: Floats
    columns: Floats

    @classmethod
    def draw(
        cls, rng: np.random.Generator, planes: int, height: int, width: int, *, spacing: float, depth: float
    ) -> _SmoothField:
        """Control points `spacing` pixels apart; slices 2 `depth` apart correlate by 1/e."""
        rows, columns = _spline_weights(height, spacing), _spline_weights(width, spacing)
        return cls(
            grid=_smooth_in_depth(rng, (planes, rows.shape[1], columns.shape[1]), depth), rows=rows, columns=columns
        )

    def at(self, plane: float) -> Floats:
        """The field (H, W) at a depth, which may lie between two planes."""
        return np.asarray(self.rows @ _between(self.grid, plane) @ self.columns.T)


def _spline_weights(size: int, spacing: float) -> Floats:
    """Cubic B-spline weights of control points at each pixel, scaled to keep a variance of 1 on average."""
    place = np.arange(size) / spacing + 1
    points = np.arange(int(place[-1]) + 3)
    away = np.abs(place[:, None] - points)
    near, far = 2 / 3 - away**2 + away**3 / 2, np.clip(2 - away, 0, None) ** 3 / 6
    return np.asarray(np.where(away < 1, near, far) / np.sqrt(151 / 315))


def _smooth_in_depth(rng: np.random.Generator, shape: tuple[int, ...], depth: float) -> Floats:
    """Unit normal numbers, smoothed along the first axis with a Gaussian of `depth` slices."""
    if depth == 0:
        return rng.standard_normal(shape)
    pad = int(np.ceil(3 * depth))
    noise = rng.standard_normal((shape[0] + 2 * pad, *shape[1:]))
    smooth = scipy.ndimage.gaussian_filter1d(noise, depth, axis=0)[pad:-pad]
    return np.asarray(smooth * np.sqrt(2 * depth * np.sqrt(np.pi)))


def _between(values: Floats, plane: float) -> Floats:
    """Values (planes, ...) at a depth between two planes."""
    below = int(np.clip(np.floor(plane), 0, len(values) - 2))
    return np.asarray(values[below] + (plane - below) * (values[below + 1] - values[below]))


@dataclass(frozen=True, kw_only=True)
class _Neurites:
    """Sites of the Voronoi diagram: ellipses that drift with depth.

    Attributes:
        centre: (planes, n, 2), pixels down and across.
        radius: (planes, n), pixels; almost 0 where a neurite has not begun or has ended.
        aspect: (n,), long axis over short axis.
        angle: (planes, n), of the long axis, radians.
        grey: (n,), of the cytoplasm.
        organelles: (n,), in 1000 pixels.
    """

    centre: Floats
    radius: Floats
    aspect: Floats
    angle: Floats
    grey: Floats
    organelles: Floats

    @classmethod
    def pack(cls, planes: int, height: int, width: int, rng: np.random.Generator) -> _Neurites:
        centre, radius = _packed_discs(height, width, rng)
        n = len(radius)
        wobble = _smooth_in_depth(rng, (planes, n, 2), 2.0) * np.clip(0.2 * radius, 2, 8)[:, None]
        wander = _smooth_in_depth(rng, (planes, n, 2), 7.0) * np.clip(0.45 * radius, 3, 16)[:, None]
        swell = np.exp(0.12 * _smooth_in_depth(rng, (planes, n), 4.0))
        return cls(
            centre=centre + wobble + wander,
            radius=radius * swell * _lifetimes(planes, radius, rng),
            aspect=np.exp(np.abs(rng.normal(0, 0.45, n))),
            angle=rng.uniform(0, np.pi) + rng.normal(0, 0.7, n) + 0.2 * _smooth_in_depth(rng, (planes, n), 4.0),
            grey=158 + rng.normal(0, 7, n) - 55 * (rng.random(n) < 0.1) * rng.random(n),
            organelles=rng.choice([4.0, 9.0, _MOST_ORGANELLES], n, p=[0.4, 0.4, 0.2]),
        )

    def metrics(self, plane: float) -> tuple[Floats, Floats]:
        """Coefficients (n, 6) of the squared distance to each site, and its shorter radius (n,), pixels.

        The squared distance is 1 on the ellipse, and the product with (y^2, yx, x^2, y, x, 1).
        """
        centre, radius, angle = (_between(part, plane) for part in (self.centre, self.radius, self.angle))
        long, short = radius * np.sqrt(self.aspect), radius / np.sqrt(self.aspect)
        sine, cosine = np.sin(angle), np.cos(angle)
        yy = (sine / long) ** 2 + (cosine / short) ** 2
        xx = (cosine / long) ** 2 + (sine / short) ** 2
        yx = 2 * sine * cosine * (1 / long**2 - 1 / short**2)
        y, x = centre.T
        constant = yy * y**2 + yx * y * x + xx * x**2
        terms = (yy, yx, xx, -2 * yy * y - yx * x, -2 * xx * x - yx * y, constant)
        return np.stack(terms, axis=1), short


def _packed_discs(height: int, width: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Centres (n, 2) and radii (n,) of discs of very different sizes, large ones first, hardly overlapping."""
    scale = float(np.clip(min(height, width) / 128, 0.5, 1))
    margin = _MARGIN_PX * scale
    extent = np.array([height, width]) + 2 * margin
    count = int(np.ceil(extent.prod() / (2350 * scale**2)))
    spread = np.exp(0.72 * rng.standard_normal(count))
    radius = np.sort(np.clip(15.5 * spread, 7.5, 75) * scale)[::-1]
    radius = np.minimum(radius, 0.3 * extent.min())
    placed = np.empty((count, 2))
    for i, r in enumerate(radius):
        tries = rng.random((40, 2)) * extent
        distance = np.hypot(*(tries[:, None] - placed[None, :i]).transpose(2, 0, 1))
        room = (distance - radius[:i]).min(axis=1, initial=np.inf) / r
        placed[i] = tries[room.argmax()]
    return placed - margin, radius


def _lifetimes(planes: int, radius: Floats, rng: np.random.Generator) -> Floats:
    """Factor (planes, n) of the radii of neurites that come and go; small ones do so more often."""
    goes = rng.random(len(radius)) < np.where(radius < 20, 0.5, 0.15)
    present = rng.uniform(8, 30, len(radius))
    period = present + rng.uniform(2, 8, len(radius))
    age = (np.arange(planes)[:, None] + rng.random(len(radius)) * period) % period
    size = np.sqrt(np.clip(np.minimum(age, present - age) / 3, 1e-3, 1))
    return np.asarray(np.where(goes, size, 1.0))


@dataclass(frozen=True, kw_only=True)
class _Mitochondria:
    """Ellipsoids inside the larger neurites.

    Attributes:
        host: (m,), index of the neurite.
        depth: (m, 2), plane in the middle, half its extent in planes.
        offset: (m, 2), from the neurite's centre, pixels down and across.
        radii: (m, 2), pixels.
        angle: (m,), of the first radius, radians.
        stripes: (m, 2), direction (radians) and period (pixels) of the cristae.
    """

    host: Integers
    depth: Floats
    offset: Floats
    radii: Floats
    angle: Floats
    stripes: Floats

    @classmethod
    def place(cls, neurites: _Neurites, rng: np.random.Generator) -> _Mitochondria:
        planes = len(neurites.radius)
        size = np.median(neurites.radius, axis=0)
        share = np.where(size > 16, np.clip(size / 50, 0, 1), 0)
        host = np.repeat(np.arange(len(size)), rng.poisson(share * (planes + 10) / 10))
        m = len(host)
        short = np.clip(size[host] * rng.uniform(0.35, 0.6, m), 8, 24)
        return cls(
            host=host,
            depth=np.stack([rng.uniform(-5, planes + 5, m), rng.uniform(2, 8, m)], axis=1),
            offset=rng.normal(0, 0.25, (m, 2)) * size[host][:, None],
            radii=np.stack([short * rng.uniform(1, 1.9, m), short], axis=1),
            angle=rng.uniform(0, np.pi, m),
            stripes=np.stack([rng.uniform(0, np.pi, m), rng.uniform(5.5, 8.5, m)], axis=1),
        )


@dataclass(frozen=True, kw_only=True)
class Section:
    """What a slice shows: the tissue in its middle, and its membranes averaged over its depth.

    Attributes:
        owner: (H, W), index of the neurite.
        gap: (H, W), distance to the middle of the membrane, pixels.
        bent: (2, H, W), where in the unbent tissue each pixel lies, pixels down and across.
        membrane: (H, W), 0..1.
        thickness: (H, W), of membranes, 1 is usual.
    """

    owner: Integers
    gap: Floats
    bent: Floats
    membrane: Floats
    thickness: Floats


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """The solid that is cut. Plane 1 is the first slice's; there is one more plane at either end.

    Attributes:
        neurites: the cells.
        mitochondria: inside them.
        bends: displacements of space: size in pixels, and the fields down and across.
        thickening: makes membranes uneven, and here and there thick and dark as at synapses.
        stain: of each slice, on its own.
    """

    neurites: _Neurites
    mitochondria: _Mitochondria
    bends: tuple[tuple[float, _SmoothField, _SmoothField], ...]
    thickening: _SmoothField
    stain: _SmoothField

    @classmethod
    def grow(cls, slices: int, height: int, width: int, rng: np.random.Generator) -> Tissue:
        planes = slices + 2

        def field(spacing: float, depth: float) -> _SmoothField:
            return _SmoothField.draw(rng, planes, height, width, spacing=spacing, depth=depth)

        neurites = _Neurites.pack(planes, height, width, rng)
        return cls(
            neurites=neurites,
            mitochondria=_Mitochondria.place(neurites, rng),
            bends=tuple((size, field(spacing, depth), field(spacing, depth)) for size, spacing, depth in _BENDS),
            thickening=field(34, 2),
            stain=field(80, 0),
        )

    def cut(self, z: int) -> Section:
        """Slice `z`, counted from 0."""
        uneven = self.thickening.at(z + 1)
        thickness = 1 + 0.12 * uneven + 1.6 * np.clip(uneven - 1.6, 0, 0.8)
        half_width = _MEMBRANE_HALF_WIDTH_PX * thickness
        membrane = np.zeros_like(thickness)
        for part in _SECTION_PLANES:
            owner, gap, bent = self._plane(z + 1 + part)
            membrane += np.exp(-((gap / half_width) ** 2)) / len(_SECTION_PLANES)
        return Section(owner=owner, gap=gap, bent=bent, membrane=membrane, thickness=thickness)

    def _plane(self, plane: float) -> tuple[Integers, Floats, Floats]:
        """Owner (H, W), distance to the nearest other neurite (H, W), and the bent coordinates (2, H, W)."""
        bent = np.indices((len(self.stain.rows), len(self.stain.columns))).astype(np.float64)
        for size, down, across in self.bends:
            bent += size * np.stack([down.at(plane), across.at(plane)])
        coefficients, short = self.neurites.metrics(plane)
        owner, gap = np.empty(bent.shape[1:], np.int64), np.empty(bent.shape[1:])
        for top in range(0, bent.shape[1], _TILE):
            for left in range(0, bent.shape[2], _TILE):
                tile = (slice(top, top + _TILE), slice(left, left + _TILE))
                y, x = bent[0][tile], bent[1][tile]
                near = _candidates(y, x, coefficients, short)
                first, gap[tile] = _two_nearest(y, x, coefficients[near])
                owner[tile] = near[first]
        return owner, gap, bent


def _terms(y: Floats, x: Floats) -> Floats:
    return np.stack([y * y, y * x, x * x, y, x, np.ones_like(y)], axis=-1)


def _candidates(y: Floats, x: Floats, coefficients: Floats, short: Floats) -> Integers:
    """Indices of all sites that can be among the two nearest somewhere in a tile.

    The distance to a site changes by at most 1 / its shorter radius a pixel, so those at the tile's
    middle bound it.
    """
    middle = np.array([y.min() + y.max(), x.min() + x.max()]) / 2
    reach = np.hypot(np.ptp(y), np.ptp(x)) / 2
    distance = np.sqrt(np.clip(coefficients @ _terms(*middle), 0, None))
    second = np.partition(distance + reach / short, 1)[1]
    return np.flatnonzero(distance - reach / short <= second)


def _two_nearest(y: Floats, x: Floats, coefficients: Floats) -> tuple[Integers, Floats]:
    """Nearest site of each pixel, and the distance in pixels to where another becomes the nearest."""
    squares = _terms(y, x) @ coefficients.T
    first = squares.argmin(axis=-1)
    nearest = np.take_along_axis(squares, first[..., None], -1)[..., 0]
    np.put_along_axis(squares, first[..., None], np.inf, -1)
    second = squares.argmin(axis=-1)
    difference = np.take_along_axis(squares, second[..., None], -1)[..., 0] - nearest
    yy, yx, xx, to_y, to_x, _ = np.moveaxis(coefficients[second] - coefficients[first], -1, 0)
    slope = np.hypot(2 * yy * y + yx * x + to_y, 2 * xx * x + yx * y + to_x)
    return first, difference / np.maximum(slope, 1e-9)
