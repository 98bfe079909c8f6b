"""Moving pixels: where each pixel of a copy comes from, and two ways to look there.

The geometry is written once. Arrays are sampled by OpenCV, which is faster on a CPU; tensors by PyTorch's
`grid_sample`, on any device. Both interpolate bilinearly between the four nearest pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from segcore.augmentation.transform import Transform

Vector = tuple[float, float]

LARGEST_PX = 2**15 - 2
"""The longest side that OpenCV samples, borders included, pixels."""
_ROWS = 32


@cache
def opencv() -> Any:
    """The module `cv2`, which is told to start no threads: images are dealt to threads here, each as a whole."""
    import cv2

    cv2.setNumThreads(1)
    return cv2


def moves(transform: Transform) -> bool:
    """Whether a transform moves any pixel."""
    return (
        transform.flip_vertical
        or transform.flip_horizontal
        or transform.angle_deg != 0
        or transform.scale != 1
        or transform.elastic_px != 0
    )


def warp_arrays(layers: Sequence[NDArray[Any]], transform: Transform, results: Sequence[NDArray[Any]]) -> None:
    """Fills each result with its layer as the transform moves it.

    Args:
        layers: (H, W) each, float32 or bool; what is bool is true where the interpolated value is above one half.
        transform: of all of them.
        results: (h, w) each, contiguous and of the layers' types: the middle of what the transform makes.
    """
    places = _Places(transform, layers[0].shape, results[0].shape)
    # The image is the first, and last to be made: then it is still in the cache for what comes after.
    for layer, result in reversed(list(zip(layers, results, strict=True))):
        # What is bool is 0 or 1 to OpenCV, which rounds to the nearest of them, and one half to 0.
        numbers = np.uint8 if layer.dtype == bool else layer.dtype
        places.sample(layer.view(numbers), result.view(numbers))


class _Places:
    """Where the pixels of a result are found in an array."""

    def __init__(self, transform: Transform, source: tuple[int, int], result: tuple[int, int]) -> None:
        self.black = transform.border == "black"
        self.size = (result[1], result[0])
        turn = np.array(_inverse(transform)).T
        middle_of_result = (np.array(self.size) - 1) / 2
        middle_of_source = (np.array([source[1], source[0]]) - 1) / 2
        reach = np.abs(turn) @ middle_of_result
        fields = None
        if transform.elastic_px:
            fields = _displacement(transform, *result)
            reach += np.abs(fields).max(axis=(1, 2))
        # A border that is mirrored beforehand costs less than one that is mirrored while sampling.
        wanted = 0 if self.black else math.ceil(max(0.0, *(reach - middle_of_source)))
        self.margin = max(0, min(wanted, (LARGEST_PX - max(source)) // 2))
        self.matrix = np.column_stack([turn, middle_of_source + self.margin - turn @ middle_of_result])
        self.maps = None if fields is None else self._maps(fields)

    def sample(self, layer: NDArray[Any], result: NDArray[Any]) -> None:
        """Writes the layer's values at the places to the result, both float32 or both uint8."""
        cv2 = opencv()
        border = cv2.BORDER_CONSTANT if self.black else cv2.BORDER_REFLECT
        if self.margin:
            layer = cv2.copyMakeBorder(layer, *[self.margin] * 4, border)
        if self.maps is None:
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            cv2.warpAffine(layer, self.matrix, self.size, dst=result, flags=flags, borderMode=border)
        else:
            cv2.remap(layer, *self.maps, cv2.INTER_LINEAR, dst=result, borderMode=border)

    def _maps(self, fields: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Columns and rows of the places, moved by the displacements."""
        columns, rows = (np.arange(length, dtype=np.float32) for length in self.size)
        matrix = self.matrix.astype(np.float32)
        return [
            (to_right * columns + start) + (to_down * rows)[:, None] + field
            for (to_right, to_down, start), field in zip(matrix, fields, strict=True)
        ]


def warp_tensors(layers: Tensor, transforms: Sequence[Transform], height: int, width: int) -> Tensor:
    """The same for a batch, on any device, without waiting for it.

    Args:
        layers: (N, C, H, W) float32.
        transforms: N of one border and one distance between control points.
        height, width: of the result.

    Returns:
        (N, C, height, width) float32.
    """
    device = layers.device
    turns = sent(np.array([_inverse(transform) for transform in transforms], np.float32), device)
    columns = torch.arange(width, device=device, dtype=torch.float32) - (width - 1) / 2
    rows = torch.arange(height, device=device, dtype=torch.float32) - (height - 1) / 2
    right, down = turns[:, 0, None, None], turns[:, 1, None, None]
    places = right * columns[:, None] + down * rows[:, None, None]
    if any(transform.elastic_px for transform in transforms):
        spacing = transforms[0].elastic_spacing_px
        along, across = (_basis_on(length, spacing, device) for length in (height, width))
        counts = along.shape[1], across.shape[1]
        points = sent(np.stack([_control_points(transform, *counts) for transform in transforms]), device)
        places += (along @ points @ across.T).movedim(1, -1)
    # grid_sample measures from -1 to 1 across the outer edges of the pixels.
    places[..., 0] *= 2 / layers.shape[-1]
    places[..., 1] *= 2 / layers.shape[-2]
    padding = "zeros" if transforms[0].border == "black" else "reflection"
    warped: Tensor = F.grid_sample(layers, places, padding_mode=padding, align_corners=False)
    return warped


def sent(values: NDArray[Any], device: torch.device) -> Tensor:
    """Values on a device; to a GPU through pinned memory, so that nothing waits until they are there."""
    here = torch.from_numpy(values)
    return here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here.to(device)


def _inverse(transform: Transform) -> tuple[Vector, Vector]:
    """Where one pixel right and one pixel down in the result lead in the source: (right, down) each."""
    angle = math.radians(transform.angle_deg)
    cosine, sine = math.cos(angle) / transform.scale, math.sin(angle) / transform.scale
    across = -1.0 if transform.flip_horizontal else 1.0
    along = -1.0 if transform.flip_vertical else 1.0
    return (across * cosine, along * sine), (-across * sine, along * cosine)


# A cubic B-spline surface over independent control points of deviation 1 has this deviation.
_SPLINE_DEVIATION = 151 / 315


def _control_points(transform: Transform, rows: int, columns: int) -> NDArray[np.float32]:
    """A free-form deformation: displacements right and down, (2, rows, columns) pixels, of the control points of
    cubic B-splines (Rueckert et al. 1999)."""
    points = np.random.default_rng(transform.elastic_seed).standard_normal((2, rows, columns), dtype=np.float32)
    points *= transform.elastic_px / _SPLINE_DEVIATION
    return points


def _displacement(transform: Transform, height: int, width: int) -> NDArray[np.float32]:
    """Displacements right and down of every pixel, (2, height, width), pixels."""
    along, across = (_spline_basis(length, transform.elastic_spacing_px) for length in (height, width))
    points = _control_points(transform, along.shape[1], across.shape[1])
    between, made = points @ across.T, np.empty((2, height, width), np.float32)
    # In parts too small for NumPy to start threads, which would be in the way of those that images are dealt to.
    for start in range(0, height, _ROWS):
        np.matmul(along[start : start + _ROWS], between, out=made[:, start : start + _ROWS])
    return made


@lru_cache(maxsize=64)
def _basis_on(length: int, spacing: float, device: torch.device) -> Tensor:
    return torch.from_numpy(_spline_basis(length, spacing)).to(device)


@lru_cache(maxsize=64)
def _spline_basis(length: int, spacing: float) -> NDArray[np.float32]:
    """Weights (length, control points) of cubic B-splines at each pixel."""
    place = np.arange(length) / spacing
    distance = np.abs(place[:, None] - (np.arange(int(place[-1]) + 4) - 1)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)
