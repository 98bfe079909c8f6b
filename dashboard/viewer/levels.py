"""Coarse levels that keep errors: no wrong pixel disappears because the view is zoomed out.

Plain averages or every n-th pixel would hide a wrong pixel in a block of right ones. So beside the mean of
image, label and probability a coarse tile has, for each block, the largest probability over true membrane
(`peak`) and the smallest over true interior (`trough`): membrane was missed somewhere in the block exactly if
the peak is above the threshold, and false membrane is there exactly if the trough is not, at any threshold.
With a tolerance these are over the pixels beyond it, and `near_peak`, `near_trough` over those within.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Window = tuple[int, int, int, int]
Read = Callable[[str, Window], Plane]

_BAND = 128
_HOW = {"distance": "max", "peak": "max", "near_peak": "max", "trough": "min", "near_trough": "min"}


def halved(plane: Plane, how: str) -> Plane:
    """Half the height and width, rounded up; `how` is `mean`, `max` or `min` over blocks of 2 x 2.

    An odd last row or column counts twice, which changes no maximum or minimum.
    """
    height, width = plane.shape
    if height % 2 or width % 2:
        plane = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    # First rows with rows, then the two halves of wider numbers: both run at the speed of memory, where steps of two
    # along a row take four times as long.
    if how == "mean":
        pairs = np.add(plane[::2], plane[1::2], dtype=np.uint16).view(np.uint32)
        total = (pairs + (pairs >> np.uint32(16))).astype(np.uint16)
        total += np.uint16(2)
        total >>= np.uint16(2)
        return total.astype(np.uint8)
    combine = np.maximum if how == "max" else np.minimum
    both = combine(plane[::2], plane[1::2]).view(np.uint16)
    return np.asarray(combine(both >> np.uint16(8), both & np.uint16(255))).astype(np.uint8)


def reduced(plane: Plane, level: int, how: str) -> Plane:
    """Halved `level` times."""
    for _ in range(level):
        plane = halved(plane, how)
    return plane


def extremes(label: Plane, probability: Plane, chosen: NDArray[np.bool_] | None) -> tuple[Plane, Plane]:
    """What peak and trough are taken over: probability where it counts, else what never makes an error.

    Membrane that does not count is 0, which is above no threshold; interior is 255, which only the threshold 1
    calls membrane (there nothing is interior, and the whole picture says so).

    Args:
        label: 255 interior, 0 membrane.
        chosen: what counts; everything if None.
    """
    interior, membrane = label, ~label
    if chosen is not None:
        counts = np.negative(chosen.view(np.uint8))  # 255 where it does
        interior, membrane = interior & counts, membrane & counts
    return probability & membrane, probability | ~interior


def coarse_planes(
    read: Read, layer: str, level: int, window: Window, tolerance: int, pause: Callable[[], None] = lambda: None
) -> dict[str, Plane]:
    """The planes of a coarse tile, from the pixels under it.

    Args:
        read: gives the full-resolution plane `image`, `label`, `probability` or `distance` of a window, or
            raises LookupError.
        layer: one of these, or `bundle` for all that there are, with the extremes.
        window: (top, bottom, left, right) in pixels.
        pause: called every few milliseconds.
    """
    top, bottom, left, right = window
    # A band at a time stays in the processor's cache.
    height = max(_BAND, 1 << level)
    bands: dict[str, list[Plane]] = {}
    for start in range(top, bottom, height):
        pause()
        planes = _planes(read, layer, (start, min(start + height, bottom), left, right), tolerance)
        for name, plane in planes.items():
            bands.setdefault(name, []).append(reduced(plane, level, _HOW.get(name, "mean")))
    return {name: np.concatenate(parts) for name, parts in bands.items()}


def _planes(read: Read, layer: str, window: Window, tolerance: int) -> dict[str, Plane]:
    if layer != "bundle":
        return {layer: read(layer, window)}
    planes = {"image": read("image", window)}
    label, probability = _maybe(read, "label", window), _maybe(read, "probability", window)
    if label is not None:
        planes["label"] = label
    if probability is not None:
        planes["probability"] = probability
    if label is not None and probability is not None:
        counted: dict[str, NDArray[np.bool_] | None] = {"": None}
        if tolerance:
            far = read("distance", window) >= tolerance
            counted = {"": far, "near_": ~far}
        for prefix, chosen in counted.items():
            planes[f"{prefix}peak"], planes[f"{prefix}trough"] = extremes(label, probability, chosen)
    return planes


def _maybe(read: Read, layer: str, window: Window) -> Plane | None:
    try:
        return read(layer, window)
    except LookupError:
        return None
