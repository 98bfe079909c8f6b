"""Every wrong pixel is one thing: by hand on small pictures, and the sum on any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segcore.measures.error_parts import (
    ERROR_PARTS,
    ErrorParts,
    count_error_parts,
    error_part_of_pixels,
)
from segcore.measures.evidence import boundary_distance
from segcore.measures.topology import grown, thin, true_neurites

pytestmark = pytest.mark.filterwarnings("error")


def rooms(columns, height=14, wall=3):
    """Rooms of 14 x 14 side by side, with walls of some pixels between them."""
    interior = np.ones((height, (14 + wall) * columns - wall), bool)
    for wall_at in range(1, columns):
        interior[:, (14 + wall) * wall_at - wall : (14 + wall) * wall_at] = False
    return interior


def parts(label, prediction, counted=None, numbers=None):
    interior = label if counted is None else label & counted
    prediction = prediction if counted is None else prediction & counted
    neurites = true_neurites(interior, numbers)
    return error_part_of_pixels(interior, neurites, prediction, thin(prediction), grown(neurites, interior), counted)


def names(found):
    return {ERROR_PARTS[code - 1]: int((found == code).sum()) for code in np.unique(found) if code}


def test_a_gap_through_a_membrane_is_a_merge_and_a_dent_in_it_is_not():
    label = rooms(2)
    prediction = label.copy()
    prediction[4:6, 14:17] = True  # through all three pixels
    prediction[10, 14] = True  # the wall is thin here, and closed
    found = parts(label, prediction)
    assert names(found) == {"merge": 6, "thin": 1}
    assert (found[4:6, 14:17] == 3).all()


def test_a_wall_through_a_neurite_is_a_split_and_one_that_ends_in_it_is_not():
    label = rooms(2)
    prediction = label.copy()
    prediction[:, 6:8] = False  # from edge to edge
    prediction[:9, 24] = False  # only so far
    found = parts(label, prediction)
    assert names(found) == {"split": 28, "thick": 9}
    assert (found[:, 6:8] == 4).all()


def test_a_thick_membrane_beside_a_false_wall_is_still_a_thick_membrane():
    label = rooms(2, height=40)
    prediction = label.copy()
    prediction[19:21, :14] = False
    prediction[:, 12:14] = False  # two pixels too thick all along
    found = parts(label, prediction)
    assert (found[19:21, :11] == 4).all()
    assert (found[:15, 12:14] == 2).all()
    assert set(names(found)) == {"split", "thick"}


def test_objects_that_were_missed_or_invented():
    label = rooms(3, wall=11)
    prediction = label.copy()
    prediction[:, 25:39] = False  # the room in the middle
    prediction[5:8, 18:21] = True  # a piece inside the first wall
    assert names(parts(label, prediction)) == {"missed": 14 * 14, "invented": 9}


def test_nothing_found_and_nothing_left_out():
    label = rooms(2)
    assert names(parts(label, np.zeros_like(label))) == {"missed": 2 * 14 * 14}
    # Everything interior: the whole wall is gone.
    assert names(parts(label, np.ones_like(label))) == {"merge": 3 * 14}
    assert names(parts(label, label)) == {}
    # No interior at all: whatever is found is invented.
    assert names(parts(np.zeros_like(label), label)) == {"invented": 2 * 14 * 14}
    assert names(parts(np.ones_like(label), np.ones_like(label))) == {}


def test_contact_by_a_corner_joins_nothing():
    label = rooms(2, wall=2)
    prediction = label.copy()
    prediction[4, 14] = prediction[5, 15] = True  # they meet at a corner
    assert names(parts(label, prediction)) == {"thin": 2}


def test_a_hole_in_a_neurite_is_no_split():
    label = rooms(1, height=30)
    prediction = label.copy()
    prediction[10:14, 5:9] = False
    assert names(parts(label, prediction)) == {"thick": 16}


def test_what_is_ignored_is_nothing():
    label = rooms(2)
    counted = np.ones_like(label)
    counted[4:6] = False
    prediction = label.copy()
    prediction[4:6, 14:17] = True
    assert names(parts(label, prediction, counted)) == {}


def test_numbers_that_touch_have_no_wall_to_open():
    label = np.ones((14, 40), bool)
    numbers = np.ones((14, 40), np.uint32)
    numbers[:, 20:] = 2
    assert names(parts(label, label, numbers=numbers)) == {}
    prediction = label.copy()
    prediction[:, 10] = False
    assert names(parts(label, prediction, numbers=numbers)) == {"split": 14}


def test_tolerance_forgives_the_boundary_and_nothing_else():
    label = rooms(2)
    prediction = label.copy()
    prediction[4:6, 14:17] = True
    prediction[10, 14] = True
    found = parts(label, prediction)
    counts = ErrorParts(count_error_parts(found, boundary_distance(label))[None])
    plain = {name: int(value[0]) for name, value in counts.wrong().items()}
    assert plain == {"thin": 1, "thick": 0, "merge": 6, "split": 0, "invented": 0, "missed": 0, "near": 0}
    tolerant = {name: int(value[0]) for name, value in counts.wrong(1).items()}
    assert tolerant == plain | {"thin": 0, "near": 1}
    # The middle of the wall is one pixel away from the boundary, the rest touches it.
    assert counts.forgiven_though(1).tolist() == [4]
    assert counts.forgiven_though(2).tolist() == [6]


def test_counts_that_cannot_be():
    with pytest.raises(ValueError, match="shape"):
        ErrorParts(np.zeros((1, 5, 6), np.int64))
    with pytest.raises(ValueError, match="shape"):
        ErrorParts(np.full((1, 6, 6), -1))


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9), st.booleans())
@settings(max_examples=60)
def test_every_wrong_pixel_is_one_thing(seed, level, ignored):
    generator = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(generator.standard_normal((2, 44, 37)), (0, 2, 2))
    label, prediction = fields[0] < np.quantile(fields[0], 0.7), fields[1] < np.quantile(fields[1], level)
    counted = fields.sum(0) < np.quantile(fields.sum(0), 0.8) if ignored else None
    found = parts(label, prediction, counted)
    wrong = label != prediction if counted is None else (label != prediction) & counted
    assert ((found > 0) == wrong).all()
    missed = wrong & ~label
    assert set(np.unique(found[missed])) <= {1, 3, 5}
    assert set(np.unique(found[wrong & label])) <= {2, 4, 6}
    counts = ErrorParts(count_error_parts(found, boundary_distance(label, counted))[None])
    for tolerance in range(6):
        assert sum(int(one[0]) for one in counts.wrong(tolerance).values()) == wrong.sum()


@given(st.integers(0, 2**32 - 1), st.floats(0.4, 0.8))
@settings(max_examples=40)
def test_drawing_the_gaps_and_rubbing_out_the_walls_mends_what_they_did(seed, level):
    """With merges drawn as membrane and splits as interior, no two neurites share a piece because of a gap."""
    generator = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(generator.standard_normal((2, 60, 60)), (0, 2, 2))
    label = fields[0] < np.quantile(fields[0], 0.75)
    prediction = fields[0] + fields[1] / 3 < np.quantile(fields[0], level)
    found = parts(label, prediction)
    closed = prediction & (found != ERROR_PARTS.index("merge") + 1)
    left = parts(label, closed)
    assert not (left == ERROR_PARTS.index("merge") + 1).any()
