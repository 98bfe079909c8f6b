"""The thresholds of a run: the best of all by pixels, a good one by topology, and some for slices of one class."""

import numpy as np
import pytest
from scipy import ndimage

from segcore.errors import ConfigError
from segcore.measures import last_membrane_value, predicted_interior, score_segments, thin, true_neurites
from segcore.training.choosing_thresholds import choose_thresholds


def rooms(slices=4, height=60, width=72, seed=0):
    """Labels (0/255) of rooms with walls, and probabilities that are blurred and noisy."""
    generator = np.random.default_rng(seed)
    labels = np.full((slices, height, width), 255, np.uint8)
    for z in range(slices):
        labels[z, 9 + z :: 15, :] = labels[z, :, 7 + z :: 18] = 0
        labels[z, 10 + z :: 15, :] = labels[z, :, 8 + z :: 18] = 0
    smooth = ndimage.gaussian_filter(labels / 255, (0, 1, 1))
    noise = ndimage.gaussian_filter(generator.standard_normal(labels.shape), (0, 1, 1))
    return np.clip(np.rint(255 * (smooth + 0.6 * noise)), 0, 255).astype(np.uint8), labels


def test_thresholds_of_no_slices_are_refused():
    probability, labels = rooms()
    with pytest.raises(ConfigError, match="no slices"):
        choose_thresholds(probability[:0], labels[:0])


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 3), (8, 9)])
@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("predicted", [0, 255])
def test_thresholds_of_slices_of_one_class(shape, value, predicted):
    points = choose_thresholds(np.full((2, *shape), predicted, np.uint8), np.full((2, *shape), value, np.uint8))
    assert 0 <= points.pixel <= 1
    assert 0 <= points.topology <= 1


def test_thresholds_of_a_perfect_probability():
    _, labels = rooms()
    points = choose_thresholds(labels, labels)
    assert points.pixel == 0.5
    assert points.topology == pytest.approx(0.5, abs=0.003)


def test_the_pixel_threshold_is_the_best_of_all():
    probability, labels = rooms()
    chosen = last_membrane_value(choose_thresholds(probability, labels).pixel)
    wrong = [int(((probability > value) != (labels > 0)).sum()) for value in range(256)]
    assert wrong[chosen] == min(wrong)


def test_the_topology_threshold_is_near_the_best():
    # Gaps in the walls have a probability of 0.6, the walls 0.2, the rooms 0.9.
    _, labels = rooms()
    probability = np.where(labels > 0, 230, 51).astype(np.uint8)
    for z in range(len(labels)):
        probability[z, 9 + z : 11 + z, ::10] = 153
    points = choose_thresholds(probability, labels)
    assert points.pixel < 230 / 255
    assert 0.6 <= points.topology < 230 / 255
    for z in range(len(labels)):
        segments = thin(predicted_interior(probability[z], points.topology))
        assert score_segments(true_neurites(labels[z] > 0), segments).v_rand > 0.99


def test_numbers_say_which_rooms_are_one():
    """A wall of a probability of 0.6 is to be seen, or is inside of a neurite, by the numbers alone."""
    labels = np.full((3, 60, 60), 255, np.uint8)
    labels[:, 29:31] = 0
    probability = np.where(labels > 0, 230, 51).astype(np.uint8)
    labels[:, :, 29:31] = 0
    probability[:, :, 29:31] = np.minimum(153, probability[:, :, 29:31])
    numbers = np.ones(labels.shape, np.uint32)
    numbers[:, 30:] = 2
    assert choose_thresholds(probability, labels).topology > 0.6
    assert choose_thresholds(probability, labels, numbers).topology < 0.6


def test_thresholds_lie_between_two_values():
    probability, labels = rooms(seed=3)
    points = choose_thresholds(probability, labels, workers=1)
    assert points == choose_thresholds(probability, labels, workers=2)
    for threshold in (points.pixel, points.topology):
        assert (255 * threshold) % 1 == pytest.approx(0.5)
