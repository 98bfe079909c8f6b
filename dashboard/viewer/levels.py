"""Coarse levels that keep errors: no wrong pixel disappears because the view is zoomed out.

Plain averages or every n-th pixel would hide a wrong pixel in a block of right ones. So beside the mean of
image, label and probability a coarse tile has, for each block, the largest probability over true membrane
(`peak`) and the smallest over true interior (`trough`): membrane was missed somewhere in the block exactly if
the peak is above the threshold, and false membrane is there exactly if the trough is not, at any threshold.
With a tolerance these are over the pixels beyond it, and `near_peak`, `near_trough` over those within.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Window = tuple[int, int, int, int]
Read = Callable[[str, Window], Plane]

_HOW = {"distance": "max", "peak": "max", "near_peak": "max", "trough": "min", "near_trough": "min"}


def halved(plane: Plane, how: str) -> Plane:
    """Half the height and width, rounded up; `how` is `mean`, `max` or `min` over blocks of 2 x 2.

    An odd last row or column counts twice, which changes no maximum or minimum.
    """
    height, width = plane.shape
    if height % 2 or width % 2:
        plane = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    a, b, c, d = plane[::2, ::2], plane[::2, 1::2], plane[1::2, ::2], plane[1::2, 1::2]
    if how == "mean":
        total = a.astype(np.uint16)
        total += b
        total += c
        total += d
        total += 2
        total >>= 2
        return total.astype(np.uint8)
    combine = np.maximum if how == "max" else np.minimum
    return np.asarray(combine(combine(a, b), combine(c, d)))


def reduced(plane: Plane, level: int, how: str) -> Plane:
    """Halved `level` times."""
    for _ in range(level):
        plane = halved(plane, how)
    return plane


def extremes(interior: NDArray[np.bool_], probability: Plane, chosen: NDArray[np.bool_] | None) -> tuple[Plane, Plane]:
    """What peak and trough are taken over: probability where it counts, else what never makes an error.

    Membrane that does not count is 0, which is above no threshold; interior is 255, which only the threshold 1
    calls membrane (there nothing is interior, and the whole picture says so).
    """
    membrane = ~interior
    if chosen is not None:
        membrane, interior = membrane & chosen, interior & chosen
    return np.where(membrane, probability, np.uint8(0)), np.where(interior, probability, np.uint8(255))


def coarse_planes(read: Read, layer: str, level: int, window: Window, tolerance: int) -> dict[str, Plane]:
    """The planes of a coarse tile, from the pixels under it.

    Args:
        read: gives the full-resolution plane `image`, `label`, `probability` or `distance` of a window, or
            raises LookupError.
        layer: one of these, or `bundle` for all that there are, with the extremes.
    """
    if layer != "bundle":
        return {layer: reduced(read(layer, window), level, _HOW.get(layer, "mean"))}
    planes = {"image": read("image", window)}
    label, probability = _maybe(read, "label", window), _maybe(read, "probability", window)
    if label is not None:
        planes["label"] = label
    if probability is not None:
        planes["probability"] = probability
    if label is not None and probability is not None:
        interior = label > 127
        counted: dict[str, NDArray[np.bool_] | None] = {"": None}
        if tolerance:
            far = read("distance", window) >= tolerance
            counted = {"": far, "near_": ~far}
        for prefix, chosen in counted.items():
            planes[f"{prefix}peak"], planes[f"{prefix}trough"] = extremes(interior, probability, chosen)
    return {name: reduced(plane, level, _HOW.get(name, "mean")) for name, plane in planes.items()}


def joined(quarters: Sequence[Sequence[Mapping[str, Plane]]]) -> dict[str, Plane]:
    """The planes of the tile one level up from the rows of tiles it covers."""
    names = quarters[0][0]
    return {
        name: halved(np.block([[tile[name] for tile in row] for row in quarters]), _HOW.get(name, "mean"))
        for name in names
    }


def _maybe(read: Read, layer: str, window: Window) -> Plane | None:
    try:
        return read(layer, window)
    except LookupError:
        return None
