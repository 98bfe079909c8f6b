"""The wrong pixels that a place stands for, on pictures of a few pixels."""

import numpy as np
from scipy import ndimage

from segcore.measures import wrong_pixels_at, wrong_regions

LABEL = np.array(
    [
        [1, 1, 1, 0, 1, 1, 1, 1],
        [1, 1, 1, 0, 1, 1, 1, 1],
        [1, 1, 1, 0, 1, 1, 1, 1],
        [1, 1, 1, 0, 1, 1, 1, 1],
        [1, 1, 1, 0, 1, 1, 1, 1],
    ],
    bool,
)
PREDICTION = np.array(
    [
        [1, 1, 1, 1, 1, 1, 0, 1],
        [1, 1, 1, 1, 1, 0, 1, 1],
        [1, 1, 1, 0, 1, 1, 1, 1],
        [1, 1, 1, 0, 1, 1, 1, 1],
        [0, 1, 1, 1, 1, 1, 1, 0],
    ],
    bool,
)


def pixels(places, *, missed, counted=None):
    found = wrong_pixels_at(LABEL, PREDICTION, counted, places, missed=missed)
    return sorted(zip(*(one.tolist() for one in np.nonzero(found)), strict=True))


def test_missed_membrane_at_an_opening():
    assert pixels([(0, 3)], missed=True) == [(0, 3), (1, 3)]
    assert pixels([(4, 3)], missed=True) == [(4, 3)]
    # An opening beside the wrong pixels is connected to them, one that is two pixels away is not.
    assert pixels([(2, 3)], missed=True) == [(0, 3), (1, 3)]
    assert pixels([(2, 6)], missed=True) == []
    assert pixels([(0, 3), (4, 2)], missed=True) == [(0, 3), (1, 3), (4, 3)]
    assert pixels([], missed=True) == []


def test_false_membrane_touches_by_corners_and_no_other_kind():
    assert pixels([(0, 6)], missed=False) == [(0, 6), (1, 5)]
    assert pixels([(4, 0)], missed=False) == [(4, 0)]
    assert pixels([(1, 3)], missed=False) == []


def test_what_is_ignored_stands_for_nothing():
    counted = np.ones_like(LABEL)
    counted[1] = False
    assert pixels([(0, 3)], missed=True, counted=counted) == [(0, 3)]
    assert pixels([(0, 6)], missed=False, counted=counted) == [(0, 6)]


def test_places_at_the_edge_do_not_reach_around_it():
    assert pixels([(0, 0)], missed=False) == []
    assert pixels([(4, 7)], missed=False) == [(4, 7)]


def test_regions_are_numbered_as_scipy_does():
    wrong = np.random.default_rng(0).random((40, 50)) < 0.3
    expected, count = ndimage.label(wrong, np.ones((3, 3)))
    np.testing.assert_array_equal(wrong_regions(wrong), expected)
    assert count == wrong_regions(wrong).max()
