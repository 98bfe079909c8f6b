"""Pictures in a report: the image, what is wrong there in colour, and where a membrane is open or too much."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segcore.measures import Event, predicted_interior
from segcore.stacks import Truth

SIDE_PX = 320
LEAST_PX, MOST_PX = 120, 512
MISSED, FALSE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)
_TINT = 0.55
_RING_PX = 14


def event_picture(
    image: NDArray[np.uint8], truth: Truth, probability: NDArray[np.uint8], threshold: float, event: Event
) -> str:
    """A JPEG as a data address: missed membrane blue, false membrane orange, openings and false walls ringed."""
    window = _window(event, image.shape)
    top, _, left, _ = window
    picture, scale = _enlarged(_errors(image, truth, probability, threshold), window)
    draw = ImageDraw.Draw(picture)
    for y, x in event.openings[:8]:
        middle = ((x + 0.5 - left) * scale, (y + 0.5 - top) * scale)
        for radius, width, colour in ((_RING_PX + 1, 5, (255, 255, 255)), (_RING_PX, 3, _colour(event))):
            box = (middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius)
            draw.ellipse(box, outline=colour, width=width)
    return _jpeg(picture)


def plain_picture(image: NDArray[np.uint8], event: Event, pixel_nm: float | None) -> str:
    """The image alone at the same place, as large, with a scale bar: of nanometres, or pixels where nobody said."""
    grey, scale = _enlarged(image, _window(event, image.shape))
    picture = grey.convert("RGB")
    unit_px = 1.0 if pixel_nm is None else 1 / pixel_nm
    longest = SIDE_PX / 3 / scale / unit_px
    power = 10 ** math.floor(math.log10(longest))
    length = next(factor * power for factor in (5, 2, 1) if factor * power <= longest)
    draw, width = ImageDraw.Draw(picture), length * unit_px * scale
    bottom = picture.height - 10
    draw.rectangle((8, bottom - 22, 20 + max(width, 52), bottom + 5), fill=(0, 0, 0))
    draw.rectangle((14, bottom - 3, 14 + width, bottom), fill=(255, 255, 255))
    draw.text((14, bottom - 19), f"{length:g} {'px' if pixel_nm is None else 'nm'}", fill=(255, 255, 255))
    return _jpeg(picture)


def _enlarged(picture: NDArray[np.uint8], window: tuple[int, int, int, int]) -> tuple[Image.Image, float]:
    top, bottom, left, right = window
    scale = SIDE_PX / max(bottom - top, right - left)
    size = round((right - left) * scale), round((bottom - top) * scale)
    cut = np.ascontiguousarray(picture[top:bottom, left:right])
    return Image.fromarray(cut).resize(size, Image.Resampling.BICUBIC), scale


def slice_picture(image: NDArray[np.uint8], truth: Truth, probability: NDArray[np.uint8], threshold: float) -> str:
    """The same of a whole slice, without rings."""
    picture = Image.fromarray(_errors(image, truth, probability, threshold))
    picture.thumbnail((2 * SIDE_PX, 2 * SIDE_PX))
    return _jpeg(picture)


def _colour(event: Event) -> tuple[int, int, int]:
    return MISSED if event.kind == "merge" else FALSE


def _window(event: Event, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """A square around the openings that holds them and something around, as far as there is a slice."""
    ys, xs = zip(*(event.openings or ((event.y, event.x),)), strict=True)
    reach = max(max(ys) - min(ys), max(xs) - min(xs)) + LEAST_PX
    found: list[int] = []
    for low, high, whole in ((min(ys), max(ys), shape[0]), (min(xs), max(xs), shape[1])):
        side = min(whole, max(LEAST_PX, min(MOST_PX, reach)))
        start = min(max(0, (low + high) // 2 - side // 2), whole - side)
        found += [start, start + side]
    return found[0], found[1], found[2], found[3]


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
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=82, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
