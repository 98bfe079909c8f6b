"""A tile's planes: the pixels as they are, or a coarse level of them that was kept or is made now.

Level 0 is the pixels as they are; each further level halves both sides. All coarse levels are made from the pixels
and not from one another: a slice that is looked at as a whole needs only its coarsest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from dashboard.viewer import pyramid
from dashboard.viewer.apart import apart_tile
from dashboard.viewer.kept import KeptTiles
from dashboard.viewer.layers import TILE, Layers, NotThere, StackFile
from dashboard.viewer.neurites import numbers_tile
from dashboard.viewer.turns import TURNS, Wish
from segcore.measures import DISTANCE_BINS, boundary_distance
from segcore.stacks import HOW, LEVEL, How, Plane, Truth, reduced

NUMBERS, APART = "numbers", "apart"
LAYERS = ("image", "label", "probability", "distance", "bundle", NUMBERS, APART)

IGNORED = 6
"""What the plane `truth` holds where the label is to be ignored: membrane, at a distance there is not."""
# Distances are known up to 6 pixels, so that a tile with this much around it knows its own exactly.
_MARGIN = DISTANCE_BINS
_KEPT = KeptTiles()


def tile(
    layers: Layers,
    layer: str,
    z: int,
    level: int,
    ty: int,
    tx: int,
    tolerance: int = 0,
    wish: Wish | None = None,
    bias: float | None = None,
    value: int = 127,
) -> dict[str, Plane]:
    """The planes of a tile by name, in the order they are sent.

    Args:
        layers: of the stack.
        layer: one of `LAYERS`.
        z, level, ty, tx: of the tile.
        tolerance: 0 to 5, for coarse levels of the bundle.
        wish: that of whoever waits.
        bias: to cut segments anew with, for their numbers.
        value: 0 to 255, the last one called membrane where errors are taken apart.

    Raises:
        NotThere: there is no such tile, or this stack has no such layer.
        SegcoreError: a file is damaged.
        Dropped: nobody waits for it any more.
    """
    wish = wish or Wish()
    window = _window(layers, z, level, ty, tx)
    if layer == NUMBERS:
        return numbers_tile(layers, z, level, ty, tx, wish, bias)
    if layer == APART:
        return {APART: apart_tile(layers, z, level, ty, tx, value, wish)}
    if level:
        return dict(_coarse(layers, layer, z, level, window, tolerance, wish))
    planes = _full(layers, layer, z, window, wish)
    if not planes:
        raise NotThere("no such layer")
    return planes


def coarsest_is_kept(layers: Layers, z: int, tolerance: int) -> bool:
    """Whether the tile that shows a whole slice need not be made any more."""
    level = layers.coarsest
    if _reduced_planes(layers, "bundle", z, level, tolerance):
        return True
    return _KEPT.has(_key(layers, "bundle", z, level, _window(layers, z, level, 0, 0), tolerance))


def forget_tiles(folder: Path) -> None:
    """Keeps nothing in memory that was made of files in a folder."""
    _KEPT.forget(f"{folder}/")


def _window(layers: Layers, z: int, level: int, ty: int, tx: int) -> pyramid.Window:
    if z >= layers.slices or level > layers.coarsest:
        raise NotThere("no such slice or level")
    side = TILE << level
    top, left = ty * side, tx * side
    if top >= layers.height or left >= layers.width:
        raise NotThere("no such tile")
    return top, min(top + side, layers.height), left, min(left + side, layers.width)


def _key(layers: Layers, layer: str, z: int, level: int, window: pyramid.Window, tolerance: int) -> str:
    planes = ("with interior" if tolerance else "") + ("with ignored" if layers.ignores else "")
    return (
        f"{layers.images.path}|{layers.version}|{layers.probability}|{layer}|{z}|{level}|{window}|{tolerance}{planes}"
    )


def window_planes(
    layers: Layers, z: int, level: int, window: pyramid.Window, tolerance: int, wish: Wish
) -> Mapping[str, Plane]:
    """All planes of any window of a slice, none of them kept; its top and left are where blocks of the level begin.

    Raises:
        SegcoreError: a file is damaged.
        Dropped: nobody waits for it any more.
    """
    with TURNS.turn(wish):
        kept = _reduced_window(layers, "bundle", z, level, window, tolerance)
        return kept or _made(layers, "bundle", z, level, window, tolerance, wish)


def _coarse(
    layers: Layers, layer: str, z: int, level: int, window: pyramid.Window, tolerance: int, wish: Wish
) -> Mapping[str, Plane]:
    kept = _reduced_window(layers, layer, z, level, window, tolerance)
    if kept:
        return kept
    # A level 1 tile takes as long to make as to read, and all of them would be a third of the stack.
    on_disk = level >= 2 and layer == "bundle" and not layers.temporary
    make = partial(_made, layers, layer, z, level, window, tolerance, wish)
    key = _key(layers, layer, z, level, window, tolerance)
    return _KEPT.get(key, make, on_disk=on_disk, wish=wish, over=layers.over)


def _made(
    layers: Layers, layer: str, z: int, level: int, window: pyramid.Window, tolerance: int, wish: Wish
) -> Mapping[str, Plane]:
    def read(name: str, part: pyramid.Window) -> Plane:
        planes = (
            {"distance": _truth(layers, z, part) & np.uint8(7)}
            if name == "distance"
            else _pixels(layers, name, z, part)
        )
        if not planes:
            raise NotThere("no such layer")
        return planes[name]

    pause = partial(TURNS.pause, wish)
    return pyramid.coarse_planes(read, layer, level, window, tolerance, ignores=layers.ignores, pause=pause)


def _reduced_window(
    layers: Layers, layer: str, z: int, level: int, window: pyramid.Window, tolerance: int
) -> dict[str, Plane]:
    """The planes of a window, of what is kept reduced; empty if there is not all of it."""
    top, bottom, left, right = (-(-edge >> LEVEL) for edge in window)
    return {
        name: reduced(stack.window(page, top, bottom, left, right), level - LEVEL, how)
        for name, (stack, page, how) in _reduced_planes(layers, layer, z, level, tolerance).items()
    }


def _reduced_planes(
    layers: Layers, layer: str, z: int, level: int, tolerance: int
) -> dict[str, tuple[StackFile, int, How]]:
    """What all planes of a tile can be made of in no time, with the page and how; empty if there is not all of it."""
    bundle = layer == "bundle"
    if level < LEVEL or (bundle and (tolerance or layers.ignores)):
        return {}  # what is beyond a tolerance, and what is to be ignored, is not kept
    there = {"image": z}
    if layers.labels is not None:
        there["label"] = z
    if z in layers.pages and layers.probability is not None:
        there["probability"] = layers.pages[z]
        if layers.labels is not None:
            there["peak"] = there["trough"] = layers.pages[z]
    wanted = there if bundle else {name: page for name, page in there.items() if name == layer}
    if not wanted.keys() <= layers.reduced.keys():
        return {}
    return {name: (layers.reduced[name], page, HOW[name]) for name, page in wanted.items()}


def _full(layers: Layers, layer: str, z: int, window: pyramid.Window, wish: Wish) -> dict[str, Plane]:
    if layer == "bundle":
        planes = _pixels(layers, "image", z, window)
        if layers.labels is not None:
            planes["truth"] = _kept_truth(layers, z, window, wish)
        return planes | _pixels(layers, "probability", z, window)
    if layer == "distance" and layers.labels is not None:
        return {"distance": _kept_truth(layers, z, window, wish) & np.uint8(7)}
    return _pixels(layers, layer, z, window)


def _pixels(layers: Layers, layer: str, z: int, window: pyramid.Window) -> dict[str, Plane]:
    """A plane as it is in its file, or nothing."""
    if layer == "image":
        return {layer: layers.images.window(z, *window)}
    if layer == "label" and layers.labels is not None:
        return {layer: layers.labels.window(z, *window)}
    if layer == "probability" and layers.probability is not None and z in layers.pages:
        return {layer: layers.probability.window(layers.pages[z], *window)}
    return {}


def _kept_truth(layers: Layers, z: int, window: pyramid.Window, wish: Wish) -> Plane:
    # Distances take longer than all the rest of a tile, and are the same for every run.
    assert layers.labels is not None
    key = f"{layers.labels.path}|{layers.version}|truth|{z}|{window}"
    return _KEPT.get(key, lambda: {"truth": _truth(layers, z, window)}, on_disk=False, wish=wish)["truth"]


def _truth(layers: Layers, z: int, window: pyramid.Window) -> Plane:
    """True class and boundary distance of a window in one byte, interior << 3 | distance, exact up to its edges; where
    the label is to be ignored, `IGNORED`."""
    labels = layers.labels
    if labels is None:
        raise NotThere("no labels")
    top, bottom, left, right = window
    above, before = min(_MARGIN, top), min(_MARGIN, left)
    around = labels.window(
        z, top - above, min(bottom + _MARGIN, labels.height), left - before, min(right + _MARGIN, labels.width)
    )
    found = Truth.of(around)
    truth = (found.interior.astype(np.uint8) << np.uint8(3)) | boundary_distance(found.interior, found.counted)
    if found.counted is not None:
        truth[~found.counted] = IGNORED
    return truth[above : above + bottom - top, before : before + right - left].copy()
