"""Segments as a picture: one colour a number, lines between, the image seen through."""

import numpy as np

from dashboard.figures import segments_picture

SEGMENTS = np.repeat(np.repeat(np.array([[1, 2], [3, 1]]), 6, 0), 6, 1)


def test_a_colour_for_each_number_and_lines_between():
    found = segments_picture(np.full(SEGMENTS.shape, 100, np.uint8), SEGMENTS)
    assert found.shape == (12, 12, 3)
    assert found.dtype == np.uint8
    first, second, third, again = (found[y, x] for y, x in ((2, 2), (2, 9), (9, 2), (9, 9)))
    assert (first == again).all()
    assert all(np.abs(one.astype(int) - other).sum() > 20 for one, other in ((first, second), (first, third)))
    assert (found[6] == 255).all()
    assert (found[:, 6] == 255).all()


def test_the_image_is_seen_through():
    dark, light = (segments_picture(np.full(SEGMENTS.shape, grey, np.uint8), SEGMENTS) for grey in (0, 255))
    assert (light[2, 2].astype(int) - dark[2, 2] == 153).all()


def test_one_segment():
    found = segments_picture(np.zeros((3, 4), np.uint8), np.ones((3, 4), np.uint32))
    assert len(np.unique(found.reshape(-1, 3), axis=0)) == 1
