"""What is compared with, on labels whose figures are known by hand."""

import math

import numpy as np
import pytest
from scipy import ndimage

from segcore.evaluation import all_interior, moved_boundaries, score
from segcore.stacks import array_stack


def evaluated(labels):
    labels = np.asarray(labels, np.uint8) * 255
    pages = np.full(labels.shape, 200, np.uint8)
    return score(
        array_stack(pages), array_stack(labels), slices=range(len(labels)), names=[str(z) for z in range(len(labels))],
        thresholds={"pixel": 0.5}, workers=1,
    )  # fmt: skip


def two_rooms():
    """20 x 41: rooms of 20 x 20 on either side of a wall of one pixel."""
    label = np.ones((20, 41), bool)
    label[:, 20] = False
    return label


def test_everything_called_interior():
    found = all_interior(evaluated([two_rooms()]))
    assert found.wrong_percent == pytest.approx(100 * 20 / 820)
    assert found.dice_interior == pytest.approx(2 * 800 / (800 + 820))
    # Of 800 pixels in two neurites of 400: S = 2 x 400^2, and 2 S / (S + 800^2) = 2/3.
    assert found.v_rand == pytest.approx(2 / 3)
    assert found.v_info == 0


def test_it_is_what_a_prediction_of_interior_everywhere_gets():
    one_room = np.ones((20, 41), bool)
    one_room[0] = False
    evaluation = evaluated(np.stack([two_rooms(), two_rooms()[::-1], one_room]))
    everywhere = evaluation.points["pixel"]
    assert all_interior(evaluation).v_rand == pytest.approx(np.mean([one.v_rand for one in everywhere]))
    assert all_interior(evaluation).v_info == pytest.approx(np.mean([one.v_info for one in everywhere]))


def test_boundaries_moved_by_a_pixel():
    """A column of interior on each side of the wall becomes membrane."""
    found = moved_boundaries(evaluated([two_rooms()]))
    assert found.wrong_percent == pytest.approx(100 * 40 / 820)
    assert found.dice_interior == pytest.approx(2 * 760 / (760 + 800))
    assert math.isnan(found.v_rand)


def test_it_is_dilated_membrane():
    rng = np.random.default_rng(0)
    label = ndimage.gaussian_filter(rng.normal(size=(60, 70)), 3) > 0
    grown = ndimage.binary_dilation(~label, np.ones((3, 3)))
    found = moved_boundaries(evaluated([label]))
    assert found.wrong_percent == pytest.approx(100 * (grown & label).mean())


@pytest.mark.parametrize("interior", [True, False])
def test_slices_of_one_class(interior):
    evaluation = evaluated([np.full((8, 9), interior)])
    assert all_interior(evaluation).wrong_percent == (0 if interior else 100)
    assert moved_boundaries(evaluation).wrong_percent == 0
    assert math.isnan(all_interior(evaluation).dice_interior) == (not interior)
