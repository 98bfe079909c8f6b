"""How segments are made is chosen on validation slices: where it can be told, and in the middle where it cannot."""

import numpy as np
import pytest
from scipy import ndimage

from segcore.errors import ConfigError
from segcore.segments import BIASES
from segcore.stacks import IGNORE
from segcore.training.choosing_segments import SMOOTHINGS_PX, choose_segments


def rooms(faint, slices=3, side=72):
    """Labels of rooms with walls, and a probability in which a third of the walls are as faint as told."""
    labels = np.full((slices, side, side), 255, np.uint8)
    membrane = np.zeros(labels.shape)
    for z in range(slices):
        for place in (18, 36, 54):
            wall = 0.9 if place != 36 else faint
            for plane in (labels[z], labels[z].T):
                plane[place + z : place + 2 + z] = 0
            membrane[z, place + z : place + 2 + z] = np.maximum(membrane[z, place + z : place + 2 + z], wall)
            membrane[z, :, place + z : place + 2 + z] = np.maximum(membrane[z, :, place + z : place + 2 + z], wall)
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(labels.shape), (0, 1, 1))
    return np.clip(255 * (1 - membrane + 0.05 * noise), 0, 255).astype(np.uint8), labels


def test_faint_walls_ask_for_a_higher_bias():
    clear, faint = (choose_segments(*rooms(wall)) for wall in (0.9, 0.25))
    assert clear.v_rand > 0.98
    assert faint.v_rand > 0.98
    assert faint.point.bias > clear.point.bias
    assert faint.point.bias > 0.7


def test_the_middle_of_what_cannot_be_told_apart_is_taken():
    found = choose_segments(*rooms(0.9))
    assert found.flat >= 5
    assert abs(found.point.bias - 0.5) < 0.25
    assert found.point.smoothing_px in SMOOTHINGS_PX
    assert BIASES[0] < found.point.bias < BIASES[-1]


def test_numbers_say_which_rooms_are_one():
    """Walls that are inside of neurites by their numbers are better not cut."""
    probability, labels = rooms(0.25)
    numbers = np.ones(labels.shape, np.uint32)
    for z in range(len(labels)):
        numbers[z] = 1 + sum((np.arange(72)[:, None] > place + z) * step + (np.arange(72)[None] > place + z) * 4 * step
                             for place, step in ((18, 1), (54, 2)))  # fmt: skip
    without, told = choose_segments(probability, labels), choose_segments(probability, labels, numbers)
    assert told.point.bias < without.point.bias


def test_what_is_ignored_chooses_nothing():
    probability, labels = rooms(0.25)
    wider = np.pad(labels, ((0, 0), (0, 0), (0, 30)), constant_values=IGNORE)
    found = choose_segments(np.pad(probability, ((0, 0), (0, 0), (0, 30)), mode="edge"), wider)
    assert abs(found.point.bias - choose_segments(probability, labels).point.bias) <= 0.1


def test_slices_without_neurites_choose_nothing():
    assert choose_segments(np.zeros((2, 9, 9), np.uint8), np.zeros((2, 9, 9), np.uint8)) is None
    with pytest.raises(ConfigError, match="no slices"):
        choose_segments(np.zeros((0, 9, 9), np.uint8), np.zeros((0, 9, 9), np.uint8))


def test_workers_change_nothing():
    pair = rooms(0.4)
    assert choose_segments(*pair, workers=1) == choose_segments(*pair, workers=2)
