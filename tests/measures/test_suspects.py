"""Label suspects on labels drawn by hand, in which it is known what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segcore.measures import find_suspects, score_segments, true_neurites

SIDE = 60


def rooms():
    """60 x 60: four rooms between walls of four pixels, rows and columns 28 to 31."""
    interior = np.ones((SIDE, SIDE), bool)
    interior[28:32] = interior[:, 28:32] = False
    return interior


def predicted(interior, *, sure=240):
    """A prediction that is sure of these, and its segments."""
    return np.where(interior, np.uint8(sure), np.uint8(255 - sure)), true_neurites(interior)


def suspects(label, truth, **options):
    probability, segments = predicted(truth)
    return find_suspects(label, probability, segments, **options)


def test_labels_that_are_right_are_not_suspected():
    assert suspects(rooms(), rooms()) == []


def test_a_membrane_that_was_forgotten():
    label = rooms()
    label[:28, 28:32] = True  # the two upper rooms are one
    (found,) = suspects(label, rooms(), slice_index=7)
    assert not found.labelled_membrane
    assert found.slice == 7
    assert (found.top, found.left, found.right) == (0, 28, 32)
    # The last three rows are near the wall across, and belong to the place all the same.
    assert found.bottom == 28
    assert found.pixels == 28 * 4
    assert found.pixels_gain == pytest.approx(28 * 4 / SIDE**2)
    segments = true_neurites(rooms())
    before, after = (score_segments(true_neurites(one), segments).v_rand for one in (label, rooms()))
    assert after == 1
    assert found.v_rand_gain == pytest.approx(1 - before)
    assert found.gain == pytest.approx(2)  # all that V_Rand lacks, and all wrong pixels


def test_a_membrane_that_was_invented():
    label = rooms()
    label[12:15, :28] = False  # cuts the upper left room
    (found,) = suspects(label, rooms())
    assert found.labelled_membrane
    assert (found.top, found.bottom, found.left, found.right) == (12, 15, 0, 28)
    assert found.v_rand_gain > 0


def test_a_boundary_that_was_drawn_elsewhere_is_suspected_on_both_sides():
    label = np.ones((SIDE, SIDE), bool)
    label[28:32] = label[:, 36:40] = False  # eight pixels to the right of where it is
    found = suspects(label, rooms())
    assert {one.labelled_membrane for one in found} == {True, False}
    assert all(one.right - one.left <= 4 for one in found)


@pytest.mark.parametrize("by", [1, 2, 3])
def test_a_boundary_that_is_a_little_off_is_not_suspected(by):
    label = np.ones((SIDE, SIDE), bool)
    label[28:32] = label[:, 28 + by : 32 + by] = False
    assert suspects(label, rooms()) == []


def test_what_the_prediction_is_not_sure_of_is_not_suspected():
    label = rooms()
    label[:28, 28:32] = True
    probability, segments = predicted(rooms(), sure=180)  # 0.71 and 0.29
    assert find_suspects(label, probability, segments) == []


def test_what_is_ignored_is_not_suspected():
    label = rooms()
    label[:28, 28:32] = True
    counted = np.ones_like(label)
    counted[:30] = False
    assert suspects(label, rooms(), counted=counted) == []


def test_those_on_which_most_hangs_come_first():
    label = rooms()
    label[:28, 28:32] = True  # two rooms are one
    label[45:48, 40:46] = False  # a speck in another
    first, second = suspects(label, rooms())
    assert not first.labelled_membrane
    assert second.labelled_membrane
    assert first.gain > second.gain


def test_numbers_say_whose_a_pixel_is_whatever_the_membrane():
    label = rooms()
    label[:28, 28:32] = True
    numbers = np.ones((SIDE, SIDE), np.uint32)
    (found,) = suspects(label, rooms(), numbers=numbers)
    assert found.v_rand_gain == 0
    assert found.pixels_gain > 0


@given(arrays(bool, (24, 30)), arrays(np.uint8, (24, 30)))
def test_every_suspect_is_where_label_and_prediction_differ(label, probability):
    segments = true_neurites(probability > 127)
    for one in find_suspects(label, probability, segments):
        assert one.top <= one.y < one.bottom
        assert one.left <= one.x < one.right
        assert label[one.y, one.x] != (probability[one.y, one.x] > 127)
        assert label[one.y, one.x] != one.labelled_membrane
        assert one.pixels_gain == pytest.approx(one.pixels / label.size)


@given(st.integers(1, 27))
def test_the_longer_a_forgotten_membrane_the_more_pixels_are_gained(length):
    label = rooms()
    label[:length, 28:32] = True
    for one in suspects(label, rooms()):
        assert one.pixels <= 4 * length
