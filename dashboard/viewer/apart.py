"""Errors taken apart: what each wrong pixel of a slice is part of, at any threshold, in tiles and in numbers.

The parts are those of `segcore.measures.error_part_of_pixels`, found as an evaluation finds them, so the numbers are
the same to the last pixel. A slice is worked out once a threshold; what does not depend on the threshold is kept for
the next one. A byte says what a pixel is at every tolerance, so that tolerances cost no request:

    0            right, or not counted
    64 | code    of a merge, a split, or a missed or invented object, which no tolerance forgives; the code is its place
                 in `ERROR_PARTS`, from 1
    a | b << 3   of a boundary: `a` of one that is too thin, `b` of one that is too thick; each is 0 for none, or 1 and
                 the distance to the nearest true boundary

Of a coarse level a byte says what matters most in its block: nothing that joins or cuts neurites is averaged away, or
hidden by the many pixels of boundaries around it. So a block is a merge if one of its pixels is part of one, else of a
split, of a missed neurite, of an invented one, in this order; else `a` and `b` have the largest distances in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dashboard.viewer.layers import Layers, NotThere
from dashboard.viewer.packed import KeptSlices, PackedSlice, PackedTile, Pause, Place, packed_tiles
from dashboard.viewer.turns import Turns, Wish
from segcore.measures import (
    DISTANCE_BINS,
    ERROR_PARTS,
    ErrorPart,
    boundary_distance,
    count_error_parts,
    error_part_of_pixels,
    grown,
    predicted_interior,
    thin,
    threshold_after,
    true_neurites,
)
from segcore.stacks import Plane, Truth, reduced, stored_page

GRAVE = 64
"""Set in a byte of what no tolerance forgives."""

GRAVEST_FIRST: tuple[ErrorPart, ...] = ("merge", "split", "missed", "invented")

MOST_IN_MEMORY = 32 * 2**20
"""Bytes of packed slices."""

MOST_OF_TRUTHS = 96 * 2**20
"""Bytes kept of what is the same at every threshold."""

MAKING = Turns(1)
"""One slice at a time: a large one takes some hundred megabytes, and seconds."""

_CODES = {name: code for code, name in enumerate(ERROR_PARTS, start=1)}
# By code: 0 for a boundary's, then from the least grave to the gravest.
_RANKS = np.array([0, *(len(GRAVEST_FIRST) - GRAVEST_FIRST.index(name) if name in GRAVEST_FIRST else 0
                        for name in ERROR_PARTS)], np.uint8)  # fmt: skip
_BYTE_OF_RANK = np.array([0, *(GRAVE | _CODES[name] for name in reversed(GRAVEST_FIRST))], np.uint8)


def apart_tile(layers: Layers, z: int, level: int, ty: int, tx: int, value: int, wish: Wish | None = None) -> Plane:
    """What the pixels, or blocks, of a tile are part of: bytes as above.

    Args:
        layers, z, level, ty, tx: of a tile that there is.
        value: 0 to 255, the last 8-bit probability called membrane.
        wish: that of whoever waits.

    Raises:
        NotThere: there are no labels, or no prediction of this slice.
        SegcoreError: a file is damaged.
        Dropped: nobody waits for it any more.
    """
    return _packed(layers, z, value, wish or Wish()).tile(level, ty, tx)["apart"]


def apart_counts(layers: Layers, z: int, value: int, wish: Wish | None = None) -> NDArray[np.uint32]:
    """Wrong pixels of a slice (parts, distances), as in `segcore.measures.ErrorParts`; errors as of `apart_tile`."""
    found = _packed(layers, z, value, wish or Wish()).facts
    return np.frombuffer(found, "<u4").reshape(len(ERROR_PARTS), DISTANCE_BINS)


@dataclass(frozen=True, eq=False)
class _Known:
    """What of a slice is the same at every threshold: (H, W) each."""

    truth: Truth
    neurites: NDArray[np.integer]
    territories: NDArray[np.integer]
    distance: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        planes = (self.truth.interior, self.truth.counted, self.neurites, self.territories, self.distance)
        return sum(plane.nbytes for plane in planes if plane is not None)


_KEPT = KeptSlices(MAKING, MOST_IN_MEMORY)
_KNOWN: dict[tuple[str, int], _Known] = {}


def _packed(layers: Layers, z: int, value: int, wish: Wish) -> PackedSlice:
    if z >= layers.slices:
        raise NotThere("no such slice")
    if layers.labels is None or layers.probability is None or z not in layers.pages:
        raise NotThere("no such layer")
    key = f"{layers.labels.path}|{layers.probability.path}|{layers.version}|{z}|{value}"
    return _KEPT.get(key, lambda pause: _made(layers, z, value, pause), wish)


def _made(layers: Layers, z: int, value: int, pause: Pause) -> PackedSlice:
    known = _known(layers, z, pause)
    assert layers.probability is not None
    page = layers.probability.window(layers.pages[z], 0, layers.height, 0, layers.width)
    truth = known.truth
    prediction = truth.masked(predicted_interior(page, threshold_after(value)))
    thinned = thin(prediction)
    pause()
    found = error_part_of_pixels(truth.interior, known.neurites, prediction, thinned, known.territories, truth.counted)
    pause()
    counts = count_error_parts(found, known.distance).astype("<u4")
    tiles: dict[Place, PackedTile] = {}
    # Largest over blocks, level by level: what is gravest, and the farthest from a boundary.
    planes = _planes(found, known.distance)
    for level in range(layers.coarsest + 1):
        if level:
            planes = tuple(reduced(plane, 1, "max") for plane in planes)
        height, width = planes[0].shape
        tiles.update(packed_tiles(level, height, width, partial(_bytes, planes)))
    return PackedSlice(planes=("apart",), tiles=tiles, facts=counts.tobytes())


def _planes(found: NDArray[np.uint8], distance: NDArray[np.uint8]) -> tuple[Plane, ...]:
    """How grave each pixel is, and for boundaries that are too thin and too thick 1 and the distance."""
    beyond = distance + np.uint8(1)
    return _RANKS[found], *(np.where(found == _CODES[name], beyond, np.uint8(0)) for name in ("thin", "thick"))


def _bytes(planes: tuple[Plane, ...], window: tuple[slice, slice]) -> list[Plane]:
    grave, too_thin, too_thick = (plane[window] for plane in planes)
    return [np.where(grave > 0, _BYTE_OF_RANK[grave], too_thin | too_thick << np.uint8(3))]


def _known(layers: Layers, z: int, pause: Pause) -> _Known:
    assert layers.labels is not None
    key = (f"{layers.labels.path}|{layers.version}", z)
    # One slice is worked out at a time, so nobody else is here.
    found = _KNOWN.pop(key, None)
    if found is None:
        label = layers.labels.window(z, 0, layers.height, 0, layers.width)
        truth = Truth.of(label, None if layers.numbers is None else stored_page(layers.numbers, z))
        neurites = true_neurites(truth.interior, truth.numbers)
        pause()
        territories = grown(neurites, truth.interior)
        pause()
        found = _Known(
            Truth(truth.interior, truth.counted),
            _small(neurites),
            _small(territories),
            boundary_distance(truth.interior, truth.counted),
        )
    _KNOWN[key] = found
    while len(_KNOWN) > 1 and sum(one.nbytes for one in _KNOWN.values()) > MOST_OF_TRUTHS:
        del _KNOWN[next(iter(_KNOWN))]
    return found


def _small(numbers: NDArray[np.int32]) -> NDArray[np.integer]:
    """The same numbers in as few bytes as hold them."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
