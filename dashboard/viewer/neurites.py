"""Whose a pixel is: the true neurites and the predicted segments of a slice, what became of each, and their colours.

The numbers are those of `segcore.measures`, as in lists of splits and merges: neurites are `true_neurites` of the label
that was measured, segments those of the evaluation, ended where the label is to be ignored.
"""

from __future__ import annotations

import atexit
import json
import threading
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.viewer.identity_colours import PALETTE, matched_colours
from dashboard.viewer.layers import Layers, NotThere
from dashboard.viewer.packed import KeptSlices, PackedSlice, PackedTile, Pause, Place, packed_tiles
from dashboard.viewer.turns import TURNS, Turns, Wish
from segcore.errors import RunError
from segcore.measures import (
    MIN_OVERLAP_FRACTION,
    MIN_OVERLAP_PX,
    belonging,
    contingency,
    pieces_within,
    score_segments,
    true_neurites,
)
from segcore.segments import Basins, cut, find_basins
from segcore.stacks import Plane, Truth, open_stack, stored_page

MOST_NUMBERS = 65_535
"""Neurites or segments of a slice that 16 bits can tell apart."""

MOST_IN_MEMORY = 48 * 2**20
"""Bytes of packed slices."""

MOST_BASINS = 128 * 2**20
"""Bytes of the numbers of basins that are kept, so that another cut of a slice takes milliseconds."""

MAKING = Turns(1)
"""One slice at a time: the numbers of a large one take some hundred megabytes while they are worked out."""

Numbers = NDArray[np.int32]


def slice_numbers(layers: Layers, z: int, bias: float | None = None) -> tuple[Numbers | None, Numbers | None]:
    """True neurites and segments of a slice, (H, W) int32 from 1 and 0 elsewhere; None for what there is not.

    With a bias the segments are cut anew with it, of the same basins; else they are those of the evaluation, or of a
    visitor's stack those of the run's own bias.

    Raises:
        NotThere: there is neither, or no such slice.
        SegcoreError: a file is damaged.
    """
    if z >= layers.slices:
        raise NotThere("no such slice")
    neurites = segments = truth = None
    if layers.labels is not None:
        label = layers.labels.window(z, 0, layers.height, 0, layers.width)
        truth = Truth.of(label, None if layers.numbers is None else stored_page(layers.numbers, z))
        neurites = true_neurites(truth.interior, truth.numbers)
    if layers.segmented and z in layers.pages:
        whole = _segments(layers, z) if bias is None and layers.segments is not None else _cut(layers, z, bias)
        segments = pieces_within(whole, None if truth is None else truth.counted)
    if neurites is None and segments is None:
        raise NotThere("no such layer")
    return neurites, segments


def _segments(layers: Layers, z: int) -> Numbers:
    path = layers.segments
    assert path is not None
    with open_stack(path) as stack:
        found, expected = (len(stack), stack.height, stack.width), (len(layers.pages), layers.height, layers.width)
        if found != expected:
            raise RunError("the segments are those of other slices", path=path, found=found, expected=expected)
        return np.asarray(stack.read(layers.pages[z]), dtype=np.int32)


def _cut(layers: Layers, z: int, bias: float | None) -> Numbers:
    point, probability = layers.segment_points.get(z), layers.probability
    if point is None or probability is None:
        raise NotThere("nothing to cut anew")
    key = (f"{probability.path}|{layers.version}", z)
    with _BASINS_LOCK:
        found = _BASINS.get(key)
    if found is None:
        page = probability.window(layers.pages[z], 0, layers.height, 0, layers.width)
        found = find_basins(page, point.smoothing_px)
        with _BASINS_LOCK:
            if not layers.over():
                _BASINS[key] = found
            while len(_BASINS) > 1 and sum(one.labels.nbytes for one in _BASINS.values()) > MOST_BASINS:
                del _BASINS[next(iter(_BASINS))]
    return cut(found, point.bias if bias is None else bias, point.smallest_px)


def forget_numbers(folder: Path) -> None:
    """Keeps nothing that was made of files in a folder."""
    _KEPT.forget(f"{folder}/")
    with _BASINS_LOCK:
        for key in [key for key in _BASINS if key[0].startswith(f"{folder}/")]:
            del _BASINS[key]


def numbers_tile(
    layers: Layers, z: int, level: int, ty: int, tx: int, wish: Wish | None = None, bias: float | None = None
) -> dict[str, Plane]:
    """The planes of a tile of numbers: low and high byte, of neurites and of segments.

    A coarse level has one pixel of each block, for there is no mean of numbers.

    Args:
        layers, z, level, ty, tx: of a tile that there is.
        wish: that of whoever waits.
        bias: to cut segments anew with; None for those of the evaluation.

    Raises:
        NotThere: there are no numbers, or more than 16 bits hold.
        SegcoreError: a file is damaged.
        Dropped: nobody waits for it any more.
    """
    return _packed(layers, z, wish or Wish(), bias).tile(level, ty, tx)


def neurite_facts(layers: Layers, z: int, wish: Wish | None = None, bias: float | None = None) -> bytes:
    """JSON of what there is to know of each neurite and segment of a slice; errors as of `numbers_tile`.

    `palette` has the colours; `neurites` and `segments`, null where there are none, have by number from 1: `area` in
    pixels, `colour` as a place in the palette, and `with` the numbers of the segments or neurites that it belongs
    together with, as events count that, the largest overlap first. `scores`, where there are both, has V_Rand and
    V_Info of the segments, and how many neurites are split and how many segments merge.
    """
    return zlib.decompress(_packed(layers, z, wish or Wish(), bias).facts)


_KEPT = KeptSlices(MAKING, MOST_IN_MEMORY, TURNS)
_BASINS: dict[tuple[str, int], Basins] = {}
_BASINS_LOCK = threading.Lock()
# The library that made the graphs complains of those that are left when its module goes.
atexit.register(_BASINS.clear)


def _packed(layers: Layers, z: int, wish: Wish, bias: float | None = None) -> PackedSlice:
    if z >= layers.slices:
        raise NotThere("no such slice")
    if layers.labels is None and not (layers.segmented and z in layers.pages):
        raise NotThere("no such layer")
    labels = None if layers.labels is None else layers.labels.path
    key = f"{layers.images.path}|{labels}|{layers.segments}|{layers.version}|{z}|{bias}"
    found = _KEPT.get(key, lambda pause: _made(layers, z, bias, pause), wish, layers.over)
    if found.problem:
        raise NotThere(found.problem)
    return found


def _made(layers: Layers, z: int, bias: float | None, pause: Pause) -> PackedSlice:
    neurites, segments = slice_numbers(layers, z, bias)
    named = {"neurite": neurites, "segment": segments}
    for name, numbers in named.items():
        count = 0 if numbers is None else int(numbers.max(initial=0))
        if count > MOST_NUMBERS:
            return PackedSlice(problem=f"this slice has {count:,} {name}s, and at most {MOST_NUMBERS:,} can be shown")
    pause()
    facts = zlib.compress(json.dumps(_facts(neurites, segments, pause), separators=(",", ":")).encode(), 1)
    there = {name: numbers.astype(np.uint16) for name, numbers in named.items() if numbers is not None}
    tiles: dict[Place, PackedTile] = {}
    for level in range(layers.coarsest + 1):
        pause()
        rows, columns = (_middles(side, level) for side in (layers.height, layers.width))
        coarse = [numbers[np.ix_(rows, columns)] for numbers in there.values()] if level else list(there.values())
        tiles.update(packed_tiles(level, len(rows), len(columns), partial(_bytes, coarse)))
    names = tuple(f"{name}_{byte}" for name in there for byte in ("low", "high"))
    return PackedSlice(planes=names, tiles=tiles, facts=facts)


def _bytes(numbers: Sequence[NDArray[np.uint16]], window: tuple[slice, slice]) -> list[Plane]:
    """Low and high byte of each of these in a window."""
    parts = [one[window] for one in numbers]
    return [plane for part in parts for plane in (part.astype(np.uint8), (part >> 8).astype(np.uint8))]


def _middles(side: int, level: int) -> NDArray[np.int64]:
    """The pixel that stands for each block of a coarse level along a side; the last block can be cut off before it."""
    step = 1 << level
    return np.minimum(np.arange(0, side, step) + step // 2, side - 1)


def _facts(neurites: Numbers | None, segments: Numbers | None, pause: Pause) -> dict[str, Any]:
    none = np.empty(0, np.int64)
    shared, together = (none, none, none), (none, none)
    if neurites is not None and segments is not None:
        table = contingency(neurites, segments)
        inside = table.segment > 0
        shared = (table.neurite[inside], table.segment[inside], table.pixels[inside])
        neurite, segment, pixels = belonging(table, MIN_OVERLAP_PX, MIN_OVERLAP_FRACTION)
        order = np.argsort(-pixels, kind="stable")
        together = (neurite[order], segment[order])
        pause()
    colours = matched_colours(neurites, segments, shared, together)
    pause()
    found: dict[str, Any] = {"palette": PALETTE}
    several: dict[str, int] = {}
    for name, numbers, own, pair in (
        ("neurites", neurites, colours[0], together),
        ("segments", segments, colours[1], together[::-1]),
    ):
        if numbers is None:
            found[name] = None
            continue
        areas = np.bincount(numbers.ravel(), minlength=1)[1:]
        belongs: list[list[int]] = [[] for _ in range(len(areas))]
        for number, other in zip(pair[0].tolist(), pair[1].tolist(), strict=True):
            belongs[number - 1].append(other)
        found[name] = {"area": areas.tolist(), "colour": own.tolist(), "with": belongs}
        several[name] = sum(len(one) > 1 for one in belongs)
    if neurites is not None and segments is not None and neurites.any():
        score = score_segments(neurites, segments)
        found["scores"] = {"v_rand": score.v_rand, "v_info": score.v_info}
        found["scores"] |= {"split": several["neurites"], "merging": several["segments"]}
    return found
