"""Small pictures of places: the image around each, what is wrong there in the viewer's colours, its openings ringed."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dashboard.viewer.layers import Layers, NotThere
from dashboard.viewer.pyramid import Window
from dashboard.viewer.tiles import tile, window_planes
from dashboard.viewer.turns import Wish
from segcore.measures import predicted_interior
from segcore.stacks import Plane

ThumbnailKind = Literal["merge", "split", "slice"]
THUMBNAIL_KINDS: tuple[ThumbnailKind, ...] = get_args(ThumbnailKind)
"""What is marked: missed membrane, false membrane, or both."""

SIDE, LARGEST_SIDE = 96, 384
"""Pixels of the longer side, unless another is asked for: twice those on the page, for screens that have them."""
LEAST_PX = 64
"""So much of the slice is shown at least, for an error alone says little."""
MOST_OPENINGS = 8
"""So many places are ringed at most."""

# As in `dashboard.figures.colours` and `js/colours.js`.
MISSED, FALSE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)
_TINT, _RING = 0.85, 10


def thumbnail(
    layers: Layers,
    z: int,
    box: Window,
    kind: ThumbnailKind,
    value: int,
    tolerance: int = 0,
    openings: Sequence[tuple[int, int]] = (),
    wish: Wish | None = None,
    side: int = SIDE,
) -> bytes:
    """A JPEG of a place.

    Args:
        layers: of a stack; where nothing was predicted the image alone is shown.
        z: index of the slice.
        box: top, bottom, left, right of the place, these excluded; it is shown with something around it.
        kind: what is marked.
        value: 0 to 255, the last probability called membrane.
        tolerance: 0 to 5 px; what lies nearer to a true boundary is not marked.
        openings: (y, x) of what is ringed, the first few.
        wish: that of whoever waits.
        side: pixels of the longer side.

    Raises:
        NotThere: there is no such slice, or no such place in it.
        SegcoreError: a file is damaged.
        Dropped: nobody waits for it any more.
    """
    top, bottom, left, right = box
    if z >= layers.slices or not (top < bottom <= layers.height and left < right <= layers.width):
        raise NotThere("no such place")
    planes, window = _planes(layers, z, box, tolerance, wish or Wish(), side)
    grey = planes["image"]
    scale = side / max(grey.shape)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    picture = np.repeat(np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC))[..., None], 3, axis=2)
    picture = picture.astype(np.float32)
    for marked, wrong in _wrong(planes, kind, value).items():
        # A line of one pixel is still seen where several pixels became one.
        share = np.asarray(Image.fromarray(wrong).resize(size, Image.Resampling.BOX)) / 255
        share = (_TINT * np.minimum(1, 2 * share))[..., None]
        picture = picture * (1 - share) + np.array(marked) * share
    shown = Image.fromarray(picture.round().astype(np.uint8))
    a_pixel = size[0] / (window[3] - window[2])
    _ring(shown, [((y + 0.5 - window[0]) * a_pixel, (x + 0.5 - window[2]) * a_pixel) for y, x in openings], kind)
    file = io.BytesIO()
    # Whole colours: the lines are thinner than the blocks that would share one.
    shown.save(file, format="JPEG", quality=85, subsampling=0)
    return file.getvalue()


def shown_window(layers: Layers, box: Window, side: int = SIDE) -> tuple[Window, int]:
    """What is shown of a slice for a box, and the level at which it has about as many pixels as the picture."""
    top, bottom, left, right = box
    seen = max(LEAST_PX, math.ceil(1.25 * max(bottom - top, right - left)))
    level = max(0, (seen // side).bit_length() - 1)
    return (*_around(top, bottom, seen, layers.height, level), *_around(left, right, seen, layers.width, level)), level


def _around(start: int, stop: int, side: int, whole: int, level: int) -> tuple[int, int]:
    """From where to where, within the slice, from a pixel that begins a block of the level."""
    if side >= whole:
        return 0, whole
    first = min(max(0, (start + stop - side) // 2), whole - side) >> level << level
    return first, min(first + side, whole)


def _planes(
    layers: Layers, z: int, box: Window, tolerance: int, wish: Wish, side: int
) -> tuple[Mapping[str, Plane], Window]:
    window, level = shown_window(layers, box, side)
    top, bottom, left, right = window
    if 4 * (bottom - top) * (right - left) < layers.height * layers.width:
        return window_planes(layers, z, level, window, tolerance, wish), window
    # Most of a slice: the tile that shows all of it is kept, for the viewer has it too.
    level = layers.coarsest
    if not level:
        return window_planes(layers, z, 0, window, tolerance, wish), window
    rows, columns = (slice(start >> level, -(-stop >> level)) for start, stop in ((top, bottom), (left, right)))
    whole = tile(layers, "bundle", z, level, 0, 0, tolerance, wish)
    return {name: plane[rows, columns] for name, plane in whole.items()}, window


def _wrong(
    planes: Mapping[str, Plane], kind: ThumbnailKind, value: int
) -> dict[tuple[int, int, int], NDArray[np.uint8]]:
    """255 where something is wrong, by the colour it is marked in."""
    if "peak" not in planes:
        return {}
    threshold = value / 255
    missed = predicted_interior(planes["peak"], threshold)
    false = ~predicted_interior(planes["trough"], threshold)
    if value == 255:
        # Above it lies nothing, not even the trough of a block without interior.
        false &= planes.get("interior", planes["label"]) > 0
    wanted = {"merge": {MISSED: missed}, "split": {FALSE: false}, "slice": {MISSED: missed, FALSE: false & ~missed}}
    return {colour: np.negative(where.view(np.uint8)) for colour, where in wanted[kind].items()}


def _ring(picture: Image.Image, at: Sequence[tuple[float, float]], kind: ThumbnailKind) -> None:
    """Rings that do not lie on one another: of openings side by side only the first has one."""
    draw = ImageDraw.Draw(picture)
    ringed: list[tuple[float, float]] = []
    for y, x in at[:MOST_OPENINGS]:
        if any(math.hypot(y - other[0], x - other[1]) < 2 * _RING for other in ringed):
            continue
        ringed.append((y, x))
        for radius, width, colour in (
            (_RING + 1, 5, (255, 255, 255)),
            (_RING, 3, MISSED if kind == "merge" else FALSE),
        ):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)
