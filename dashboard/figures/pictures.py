"""Slices as pictures: errors over the image, overlays, the notebook's three. Arrays in, RGB arrays and files out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dashboard.figures import colours
from dashboard.figures.colours import rgb
from segcore.measures import boundary_distance, predicted_interior
from segcore.stacks import MEMBRANE, Truth

Grey = NDArray[np.uint8]
Rgb = NDArray[np.uint8]

MISSED, FALSE, FORGIVEN = map(rgb, (colours.MISSED, colours.FALSE, colours.FORGIVEN))
LABEL, PREDICTION = rgb(colours.LABEL), rgb(colours.PREDICTION)
RED = (220, 30, 30)
TINT = 0.75


def mask_picture(interior: NDArray[np.bool_]) -> Grey:
    """Interior white, membrane black."""
    return np.where(interior, np.uint8(255), np.uint8(0))


def error_overlay(image: Grey, label: Grey, probability: Grey, threshold: float, tolerance: int) -> Rgb:
    """The image with wrong pixels in colour: missed membrane blue, false membrane vermilion, forgiven yellow."""
    truth, predicted = Truth.of(label), predicted_interior(probability, threshold)
    true, wrong = truth.interior, truth.masked(truth.interior != predicted)
    forgiven = wrong & (boundary_distance(true, truth.counted) < tolerance)
    found = _rgb(image)
    for where, colour in (
        (wrong & predicted & ~forgiven, MISSED),
        (wrong & ~predicted & ~forgiven, FALSE),
        (forgiven, FORGIVEN),
    ):
        _tint(found, where, colour)
    return found


def coarse_error_overlay(planes: Mapping[str, Grey], threshold: float) -> Rgb:
    """The same of a coarse tile of the viewer, which knows for each block whether a pixel of it is wrong."""
    found = _rgb(planes["image"])

    def wrong(near: str, interior: Grey) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        missed = predicted_interior(planes[f"{near}peak"], threshold)
        # Above the threshold 1 lies nothing, not even the trough of a block without interior.
        called_membrane = interior > 0 if threshold == 1 else ~predicted_interior(planes[f"{near}trough"], threshold)
        return missed, ~missed & called_membrane

    missed, false = wrong("", planes.get("interior", planes["label"]))
    for where, colour in ((missed, MISSED), (false, FALSE)):
        _tint(found, where, colour)
    if "near_peak" in planes:
        _tint(found, np.logical_or(*wrong("near_", planes["label"])) & ~missed & ~false, FORGIVEN)
    return found


def notebook_pictures(label: Grey, probability: Grey, threshold: float) -> tuple[Grey, Grey, Rgb]:
    """Predicted, expected, and the prediction with every wrong pixel in red."""
    truth, predicted = Truth.of(label), predicted_interior(probability, threshold)
    wrong = _rgb(mask_picture(predicted))
    wrong[truth.masked(truth.interior != predicted)] = RED
    return mask_picture(predicted), label, wrong


def membrane_overlay(image: Grey, label: Grey, *, predicted: bool = False) -> Rgb:
    """The image with the membrane of a label, or of a prediction, tinted in the colour that the viewer gives it."""
    found = _rgb(image)
    _tint(found, label == MEMBRANE, PREDICTION if predicted else LABEL, 0.5)
    return found


def segments_picture(image: Grey, segments: NDArray[np.integer[Any]]) -> Rgb:
    """The image tinted by the number of each pixel's segment, neighbours in colours far apart, with lines between."""
    golden = 0.618034
    hue = (np.arange(int(segments.max(initial=0)) + 1) * golden) % 1
    # Saturation and value alternate too, as hues alone are few to some eyes.
    ring = np.abs((hue[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    light = np.where(np.arange(len(hue)) % 2, 255, 190)[:, None]
    colours_of = light * (0.35 + 0.65 * ring.clip(0, 1))
    found = 0.6 * image[..., None] + 0.4 * colours_of[segments]
    line = np.zeros(segments.shape, bool)
    line[:, 1:] |= segments[:, 1:] != segments[:, :-1]
    line[1:] |= segments[1:] != segments[:-1]
    found[line] = 255
    picture: Rgb = found.round().astype(np.uint8)
    return picture


def side_by_side(*pictures: NDArray[np.uint8]) -> Rgb:
    """Pictures of one height next to each other."""
    return np.hstack([_rgb(one) if one.ndim == 2 else one for one in pictures])


def small_picture(picture: NDArray[np.uint8], side: int = 420) -> NDArray[np.uint8]:
    """At most `side` pixels wide, for a preview."""
    if max(picture.shape[:2]) <= side:
        return picture
    shown = Image.fromarray(picture)
    shown.thumbnail((side, side))
    return np.asarray(shown)


def picture_file(picture: NDArray[np.uint8], kind: str) -> bytes:
    """The bytes of a `png` or `tiff` file, pixel for pixel."""
    file = io.BytesIO()
    Image.fromarray(picture).save(
        file, format=kind.upper(), **({"compression": "tiff_deflate"} if kind == "tiff" else {})
    )
    return file.getvalue()


def _rgb(image: Grey) -> Rgb:
    return np.repeat(image[..., None], 3, axis=2)


def _tint(picture: Rgb, where: NDArray[np.bool_], colour: tuple[int, int, int], share: float = TINT) -> None:
    mixed = picture[where] * (1 - share) + np.array(colour) * share
    picture[where] = mixed.round().astype(np.uint8)
