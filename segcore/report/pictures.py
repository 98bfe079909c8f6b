"""Pictures in a report: a window of a slice as it is, and the same with what is wrong there in colour."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segcore.measures import predicted_interior
from segcore.stacks import Truth

SIDE_PX = 320
LEAST_PX, MOST_PX = 120, 512
MISSED, FALSE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)
_WHITE = (255, 255, 255)
_TINT = 0.55
_RING_PX = 14
_BOX_MARGIN_PX = 3
_QUALITIES = (82, 65, 45, 25)
_MOST_CHARACTERS_A_PIXEL = 1.0

Window = tuple[int, int, int, int]
"""Top, bottom, left and right of a part of a slice, in its pixels; bottom and right excluded."""


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What is drawn over a picture, with a white edge so that it is seen on dark and bright.

    Attributes:
        colour: of all of it.
        rings: (y, x) of the pixels that a ring is drawn around.
        box: what a box is drawn around, a little outside so that it hides nothing; None for no box.
    """

    colour: tuple[int, int, int]
    rings: Sequence[tuple[int, int]] = ()
    box: Window | None = None


def window_around(ys: Sequence[int], xs: Sequence[int], shape: tuple[int, ...], *, at: tuple[int, int]) -> Window:
    """A square that holds some points and something around them, as far as there is a slice.

    Args:
        ys, xs: of the points; one each at least.
        shape: of the slice, (H, W).
        at: (y, x) of what has to be seen where the points are too far apart for one window.
    """
    reach = max(max(ys) - min(ys), max(xs) - min(xs)) + LEAST_PX
    found: list[int] = []
    for ends, whole, must in ((ys, shape[0], at[0]), (xs, shape[1], at[1])):
        side = min(whole, max(LEAST_PX, min(MOST_PX, reach)))
        middle = (min(ends) + max(ends)) // 2 if reach <= MOST_PX else must
        start = min(max(0, middle - side // 2), whole - side)
        found += [start, start + side]
    return found[0], found[1], found[2], found[3]


def error_picture(
    image: NDArray[np.uint8],
    truth: Truth,
    probability: NDArray[np.uint8],
    threshold: float,
    window: Window,
    marks: Marks,
) -> str:
    """A JPEG as a data address: missed membrane blue, false membrane orange, and the marks.

    Args:
        image, probability: (H, W), the slice and its probability of interior times 255.
        truth: its label.
        threshold: above which a pixel is predicted interior.
        window: what of the slice is shown.
        marks: what is drawn over it.
    """
    top, _, left, _ = window
    picture, scale = _enlarged(_errors(image, truth, probability, threshold), window)
    draw = ImageDraw.Draw(picture)
    for y, x in marks.rings:
        middle = ((x + 0.5 - left) * scale, (y + 0.5 - top) * scale)
        for radius, width, colour in ((_RING_PX + 1, 5, _WHITE), (_RING_PX, 3, marks.colour)):
            box = (middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius)
            draw.ellipse(box, outline=colour, width=width)
    if marks.box is not None:
        first, last, begin, end = marks.box
        for margin, width, colour in ((_BOX_MARGIN_PX + 4, 5, _WHITE), (_BOX_MARGIN_PX + 3, 3, marks.colour)):
            corners = (
                max(0, (begin - left) * scale - margin),
                max(0, (first - top) * scale - margin),
                min(picture.width - 1, (end - left) * scale + margin),
                min(picture.height - 1, (last - top) * scale + margin),
            )
            draw.rectangle(corners, outline=colour, width=width)
    return _jpeg(picture)


def plain_picture(image: NDArray[np.uint8], window: Window, pixel_nm: float | None) -> str:
    """The image alone in the same window, as large, with a scale bar: of nm, or pixels where nobody said their size."""
    grey, scale = _enlarged(image, window)
    picture = grey.convert("RGB")
    unit_px = 1.0 if pixel_nm is None else 1 / pixel_nm
    longest = SIDE_PX / 3 / scale / unit_px
    power = 10 ** math.floor(math.log10(longest))
    length = next(factor * power for factor in (5, 2, 1) if factor * power <= longest)
    draw, width = ImageDraw.Draw(picture), length * unit_px * scale
    bottom = picture.height - 10
    draw.rectangle((8, bottom - 22, 20 + max(width, 52), bottom + 5), fill=(0, 0, 0))
    draw.rectangle((14, bottom - 3, 14 + width, bottom), fill=_WHITE)
    draw.text((14, bottom - 19), f"{length:g} {'px' if pixel_nm is None else 'nm'}", fill=_WHITE)
    return _jpeg(picture)


def slice_picture(image: NDArray[np.uint8], truth: Truth, probability: NDArray[np.uint8], threshold: float) -> str:
    """A whole slice with what is wrong in colour, without marks."""
    picture = Image.fromarray(_errors(image, truth, probability, threshold))
    picture.thumbnail((2 * SIDE_PX, 2 * SIDE_PX))
    return _jpeg(picture)


def _enlarged(picture: NDArray[np.uint8], window: Window) -> tuple[Image.Image, float]:
    top, bottom, left, right = window
    scale = SIDE_PX / max(bottom - top, right - left)
    size = round((right - left) * scale), round((bottom - top) * scale)
    cut = np.ascontiguousarray(picture[top:bottom, left:right])
    return Image.fromarray(cut).resize(size, Image.Resampling.BICUBIC), scale


def _errors(
    image: NDArray[np.uint8], truth: Truth, probability: NDArray[np.uint8], threshold: float
) -> NDArray[np.uint8]:
    predicted = predicted_interior(probability, threshold)
    wrong = truth.masked(truth.interior != predicted)
    found = np.repeat(image[..., None], 3, axis=2).astype(np.float32)
    for where, colour in ((wrong & predicted, MISSED), (wrong & ~predicted, FALSE)):
        found[where] = found[where] * (1 - _TINT) + np.array(colour, np.float32) * _TINT
    return np.asarray(found.round(), dtype=np.uint8)


def _jpeg(picture: Image.Image) -> str:
    """In the best quality that is not too large; only what is noise from pixel to pixel has less than the first."""
    most = _MOST_CHARACTERS_A_PIXEL * picture.width * picture.height
    address = ""
    for quality in _QUALITIES:
        file = io.BytesIO()
        picture.save(file, format="JPEG", quality=quality, subsampling=0)
        address = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
        if len(address) <= most:
            break
    return address
