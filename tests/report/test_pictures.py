"""What is drawn on a picture lies where it is in the slice."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from segcore.report.pictured import MOST_PLACES, MOST_SUSPECTS
from segcore.report.pictures import (
    FALSE,
    MISSED,
    SIDE_PX,
    Marks,
    error_picture,
    plain_picture,
    slice_picture,
    window_around,
)
from segcore.stacks import Truth

GREY = 128


def pixels(address: str) -> np.ndarray:
    head, _, data = address.partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


def like(found: np.ndarray, colour: tuple[int, int, int], within: int = 40) -> np.ndarray:
    return (np.abs(found - np.array(colour)) <= within).all(axis=-1)


def test_a_window_holds_its_points_and_ends_with_the_slice():
    assert window_around([100], [200], (512, 512), at=(100, 200)) == (40, 160, 140, 260)
    assert window_around([5], [510], (512, 512), at=(5, 510)) == (0, 120, 392, 512)
    assert window_around([100, 300], [200, 210], (512, 512), at=(100, 200)) == (40, 360, 45, 365)
    assert window_around([9], [9], (45, 52), at=(9, 9)) == (0, 45, 0, 52)


def test_of_points_too_far_apart_that_to_look_at_is_shown():
    top, bottom, left, right = window_around([100, 1900], [50, 60], (2048, 2048), at=(1900, 60))
    assert bottom - top == right - left == 512
    assert top <= 1900 < bottom
    assert left <= 60 < right


@pytest.mark.parametrize(("colour", "labelled"), [(MISSED, False), (FALSE, True)])
def test_what_is_wrong_has_its_colour_and_a_box_lies_around_it(colour, labelled):
    image = np.full((160, 160), GREY, np.uint8)
    interior = np.full((160, 160), not labelled)
    probability = np.where(interior, 255, 0).astype(np.uint8)
    interior[60:80, 40:60] = labelled
    picture = pixels(
        error_picture(
            image, Truth(interior=interior, counted=None, numbers=None), probability, 0.5, (0, 160, 0, 160),
            Marks(colour=colour, box=(60, 80, 40, 60)),
        )
    )  # fmt: skip
    assert picture.shape == (SIDE_PX, SIDE_PX, 3)  # twice as large
    tint = tuple(round(GREY * 0.45 + 0.55 * one) for one in colour)
    assert like(picture[124:156, 84:116], tint).all()
    assert like(picture[200:, 200:], (GREY, GREY, GREY), 10).all()
    rows, columns = np.nonzero(like(picture, colour, 60) & ~like(picture, tint, 25))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx((114, 166, 74, 126), abs=3)


def test_a_ring_lies_around_its_pixel():
    image = np.full((160, 160), GREY, np.uint8)
    truth = Truth(interior=np.full((160, 160), True), counted=None, numbers=None)
    probability = np.full((160, 160), 255, np.uint8)
    marks = Marks(colour=MISSED, rings=[(20, 120)])
    found = like(pixels(error_picture(image, truth, probability, 0.5, (0, 160, 0, 160), marks)), MISSED, 60)
    rows, columns = np.nonzero(found)
    assert (rows.mean(), columns.mean()) == pytest.approx((41, 241), abs=1)
    assert not found[41, 241]


def test_a_picture_alone_shows_the_window_with_a_scale_bar():
    image = np.zeros((300, 300), np.uint8)
    image[100:120, 150:170] = 255
    found = pixels(plain_picture(image, (80, 160, 130, 210), pixel_nm=5))
    assert like(found[90:150, 90:150], (255, 255, 255)).all()  # four times as large
    # 80 px are 400 nm, of which a bar takes a third at most: 100 nm are 20 px, 80 of the picture.
    (row,) = np.nonzero(like(found[308], (255, 255, 255)))
    assert row.max() - row.min() == pytest.approx(80, abs=3)


def test_all_pictures_of_the_noisiest_images_leave_a_page_below_five_megabytes():
    rng = np.random.default_rng(0)
    image, probability = (rng.integers(0, 256, (640, 640), dtype=np.uint8) for _ in range(2))
    truth = Truth(interior=rng.random((640, 640)) < 0.5, counted=None, numbers=None)
    window = (0, SIDE_PX, 0, SIDE_PX)  # neither smoothed by enlarging it nor by making it smaller
    marks = Marks(colour=MISSED, rings=[(100, 100)], box=(50, 150, 50, 150))
    both = len(plain_picture(image, window, 4)) + len(error_picture(image, truth, probability, 0.5, window, marks))
    of_slice = len(slice_picture(image, truth, probability, 0.5))
    assert (MOST_PLACES + MOST_SUSPECTS) * both + of_slice < 4_900_000
