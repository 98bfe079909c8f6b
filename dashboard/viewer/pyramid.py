"""Coarse levels that keep errors: no wrong pixel disappears because the view is zoomed out.

Beside the mean of image, label and probability a coarse tile has, for each block, the peak and the trough of
`segcore.stacks.reduction`. With a tolerance these are over the pixels beyond it, `near_peak`, `near_trough` over those
within, and `interior` says where there is interior beyond it; without one the label does. Where anything of the labels
is to be ignored, `ignored` is its share, and the label says membrane there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segcore.stacks import HOW, IGNORE, INTERIOR, MEMBRANE, How, Plane, extremes, reduced

Window = tuple[int, int, int, int]
Read = Callable[[str, Window], Plane]

_BAND = 128
_HOW: dict[str, How] = HOW | {
    "distance": "max",
    "near_peak": "max",
    "near_trough": "min",
    "interior": "max",
    "ignored": "mean",
}


def coarse_planes(
    read: Read,
    layer: str,
    level: int,
    window: Window,
    tolerance: int,
    *,
    ignores: bool = False,
    pause: Callable[[], None] = lambda: None,
) -> dict[str, Plane]:
    """The planes of a coarse tile, from the pixels under it.

    Args:
        read: gives the full-resolution plane `image`, `label`, `probability` or `distance` of a window, or
            raises LookupError.
        layer: one of these, or `bundle` for all that there are, with the extremes.
        window: (top, bottom, left, right) in pixels.
        ignores: whether anything of the labels is to be ignored, here or elsewhere.
        pause: called every few milliseconds.
    """
    top, bottom, left, right = window
    # A band at a time stays in the processor's cache.
    height = max(_BAND, 1 << level)
    bands: dict[str, list[Plane]] = {}
    for start in range(top, bottom, height):
        pause()
        planes = _planes(read, layer, (start, min(start + height, bottom), left, right), tolerance, ignores)
        for name, plane in planes.items():
            bands.setdefault(name, []).append(reduced(plane, level, _HOW[name]))
    return {name: np.concatenate(parts) for name, parts in bands.items()}


def _planes(read: Read, layer: str, window: Window, tolerance: int, ignores: bool) -> dict[str, Plane]:
    if layer != "bundle":
        return {layer: read(layer, window)}
    planes = {"image": read("image", window)}
    label, probability = _maybe(read, "label", window), _maybe(read, "probability", window)
    if probability is not None:
        planes["probability"] = probability
    if label is not None:
        planes["label"] = label
        if ignores:
            ignored = np.equal(label, IGNORE)
            planes["ignored"] = np.negative(ignored.view(np.uint8))
            # Where the mean is above 0 there is interior, as everywhere.
            planes["label"] = np.where(ignored, np.uint8(MEMBRANE), label)
    if label is not None and probability is not None:
        counted: dict[str, NDArray[np.bool_] | None] = {"": None}
        if tolerance:
            far = read("distance", window) >= tolerance
            counted = {"": far, "near_": ~far}
            planes["interior"] = np.negative((np.equal(label, INTERIOR) & far).view(np.uint8))
        for prefix, chosen in counted.items():
            planes[f"{prefix}peak"], planes[f"{prefix}trough"] = extremes(label, probability, chosen)
    return planes


def _maybe(read: Read, layer: str, window: Window) -> Plane | None:
    try:
        return read(layer, window)
    except LookupError:
        return None
