"""V_Rand and V_Info: answers by hand, brute force over pairs, scikit-image, and the real labels."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from skimage.measure import label as skimage_label
from skimage.metrics import adapted_rand_error, variation_of_information
from skimage.segmentation import watershed

from segcore.measures.events import find_events
from segcore.measures.topology import (
    components,
    pieces_within,
    score_segments,
    thin,
    true_neurites,
)

pytestmark = pytest.mark.filterwarnings("error")


def v_rand(neurites, segments):
    return score_segments(neurites, segments).v_rand


def v_info(neurites, segments):
    return score_segments(neurites, segments).v_info


def score_slice(label, prediction):
    return score_segments(components(label), thin(prediction))


def two_neurites():
    neurites = np.zeros((4, 9), np.int32)
    neurites[:, :4] = 1
    neurites[:, 5:] = 2
    return neurites


def known_answers():
    neurites = two_neurites()
    halved = neurites.copy()
    halved[:, :2] = 3
    row = neurites.copy()
    row[0, :4] = 0
    corners = neurites.copy()
    corners[[0, 3, 0, 3], [0, 0, 8, 8]] = 0
    return {
        "identical": (neurites, 1, 1),
        "one region everywhere": (np.ones_like(neurites), 2 / 3, 0),
        "first neurite halved": (halved, 6 / 7, 0.8),
        "one row set to 0": (row, 0.88210, 0.75311),
        "four outer corners set to 0": (corners, 0.87225, 0.74947),
        "all 0": (np.zeros_like(neurites), 2 / 17, 1 / 3),
    }


@pytest.mark.parametrize("name", known_answers())
def test_known_answers(name):
    prediction, expected_rand, expected_info = known_answers()[name]
    assert v_rand(two_neurites(), prediction) == pytest.approx(expected_rand, abs=5e-6)
    assert v_info(two_neurites(), prediction) == pytest.approx(expected_info, abs=5e-6)


def test_known_answers_that_are_fractions_are_exact():
    for name in ("identical", "one region everywhere", "first neurite halved", "all 0"):
        prediction, expected_rand, expected_info = known_answers()[name]
        assert v_rand(two_neurites(), prediction) == pytest.approx(expected_rand, abs=1e-14)
        assert v_info(two_neurites(), prediction) == pytest.approx(expected_info, abs=1e-14)


def test_precision_is_about_merges_and_recall_about_splits():
    merged = score_segments(two_neurites(), np.ones((4, 9), int))
    assert (merged.rand_precision, merged.rand_recall) == (0.5, 1.0)
    halved = score_segments(two_neurites(), known_answers()["first neurite halved"][0])
    assert (halved.rand_precision, halved.rand_recall) == (1.0, 0.75)


@st.composite
def label_pairs(draw):
    shape = draw(array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8))
    numbers = st.integers(0, 4)
    return draw(arrays(np.int32, shape, elements=numbers)), draw(arrays(np.int32, shape, elements=numbers))


def segment_of_each_scored_pixel(neurites, segments):
    """Neurite and segment of every scored pixel; predicted 0 becomes a segment of its own."""
    scored = neurites > 0
    true, predicted = neurites[scored].astype(int), segments[scored].astype(int)
    alone = np.flatnonzero(predicted == 0)
    predicted[alone] = 1000 + alone
    return true, predicted


@given(label_pairs())
def test_v_rand_counts_pairs_of_pixels(pair):
    true, predicted = segment_of_each_scored_pixel(*pair)
    found = score_segments(*pair)
    if true.size == 0:
        assert math.isnan(found.v_rand)
        assert math.isnan(found.v_info)
        return
    same_neurite = true[:, None] == true[None]
    same_segment = predicted[:, None] == predicted[None]
    both = (same_neurite & same_segment).sum()
    assert found.rand_precision == pytest.approx(both / same_segment.sum(), abs=1e-12)
    assert found.rand_recall == pytest.approx(both / same_neurite.sum(), abs=1e-12)
    assert found.v_rand == pytest.approx(2 * both / (same_segment.sum() + same_neurite.sum()), abs=1e-12)


@given(label_pairs())
def test_v_info_from_probabilities_and_from_scikit_image(pair):
    true, predicted = segment_of_each_scored_pixel(*pair)
    if true.size == 0:
        return

    def entropy(keys):
        share = np.unique(keys, return_counts=True)[1] / len(true)
        return -(share * np.log2(share)).sum()

    h_true, h_predicted = entropy(true), entropy(predicted)
    h_joint = entropy(true * 10_000 + predicted)
    found = v_info(*pair)
    if h_true + h_predicted == 0:
        assert found == 1
        return
    assert found == pytest.approx(2 * (h_true + h_predicted - h_joint) / (h_true + h_predicted), abs=1e-9)
    # scikit-image gives H(true | predicted) and H(predicted | true), in bits; given zeros of their own they agree.
    first, second = variation_of_information(true, predicted)
    assert found == pytest.approx(1 - (first + second) / (h_true + h_predicted), abs=1e-9)


@given(label_pairs())
def test_v_rand_against_scikit_image_where_the_definitions_meet(pair):
    true, predicted = segment_of_each_scored_pixel(*pair)
    n = len(true)
    pairs_true = (np.unique(true, return_counts=True)[1].astype(float) ** 2).sum()
    pairs_predicted = (np.unique(predicted, return_counts=True)[1].astype(float) ** 2).sum()
    if pairs_true <= n or pairs_predicted <= n:  # it divides by the pairs of different pixels
        return
    error, _, _ = adapted_rand_error(true, predicted, ignore_labels=())
    # It leaves out the n pairs of a pixel with itself, which the challenge counts.
    both = (1 - error) * (pairs_true + pairs_predicted - 2 * n) / 2 + n
    assert v_rand(*pair) == pytest.approx(2 * both / (pairs_true + pairs_predicted), abs=1e-9)


@given(label_pairs(), st.permutations(range(1, 5)), st.permutations(range(1, 5)))
def test_numbers_do_not_matter(pair, first, second):
    neurites, segments = pair
    found = score_segments(neurites, segments)
    renamed = score_segments(np.array([0, *first])[neurites], np.array([0, *second])[segments])
    for name in ("v_rand", "rand_precision", "rand_recall", "v_info"):
        assert getattr(found, name) == pytest.approx(getattr(renamed, name), abs=1e-12, nan_ok=True)


@given(label_pairs())
def test_swapping_label_and_prediction_swaps_precision_and_recall(pair):
    neurites, segments = pair[0] + 1, pair[1] + 1  # without zeros the score is symmetric
    one, other = score_segments(neurites, segments), score_segments(segments, neurites)
    assert one.v_rand == pytest.approx(other.v_rand, abs=1e-12)
    assert one.v_info == pytest.approx(other.v_info, abs=1e-9)
    assert one.rand_precision == pytest.approx(other.rand_recall, abs=1e-12)


@given(label_pairs())
def test_turning_a_slice_changes_nothing(pair):
    turned = score_segments(np.rot90(pair[0]), np.rot90(pair[1]))
    assert turned.v_rand == pytest.approx(v_rand(*pair), abs=1e-12, nan_ok=True)


@given(label_pairs())
def test_scores_lie_between_0_and_1(pair):
    found = score_segments(*pair)
    for value in (found.v_rand, found.v_info, found.rand_precision, found.rand_recall):
        assert math.isnan(value) or 0 <= value <= 1


def test_many_numbers_take_the_sorted_way_and_agree():
    generator = np.random.default_rng(0)
    neurites, segments = generator.integers(0, 40, (2, 30, 30))
    spread = score_segments(neurites * 1009, segments * 997)
    plain = score_segments(neurites, segments)
    assert spread.v_rand == plain.v_rand
    assert spread.v_info == pytest.approx(plain.v_info, abs=1e-12)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="shapes differ"):
        score_segments(np.ones((2, 3), int), np.ones((3, 2), int))


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)))
@settings(max_examples=200)
def test_thin_is_the_watershed_of_the_definition(interior):
    found = thin(interior)
    marks = skimage_label(interior, connectivity=1)
    np.testing.assert_array_equal(found, watershed(~interior, marks, connectivity=1, watershed_line=True))
    assert found.dtype == np.int32


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)))
def test_components_are_scikit_images(interior):
    np.testing.assert_array_equal(components(interior), skimage_label(interior, connectivity=1))


def test_thin_by_hand():
    interior = np.array([[1, 0, 0, 0, 1], [1, 0, 0, 0, 1]], bool)
    assert thin(interior).tolist() == [[1, 1, 0, 2, 2], [1, 1, 0, 2, 2]]
    assert (thin(np.zeros((3, 4), bool)) == 0).all()
    assert (thin(np.ones((3, 4), bool)) == 1).all()
    alone = np.zeros((3, 4), bool)
    alone[1, 1] = True
    assert (thin(alone) == 1).all()


@pytest.mark.parametrize(("shape", "prediction"), list(product([(1, 1), (1, 5), (4, 1), (3, 7)], [True, False])))
def test_slices_of_one_class(shape, prediction):
    pixels = math.prod(shape)
    predicted = np.full(shape, prediction)
    nothing = score_slice(np.zeros(shape, bool), predicted)
    assert math.isnan(nothing.v_rand)
    assert math.isnan(nothing.v_info)
    whole = score_slice(np.ones(shape, bool), predicted)
    if prediction or pixels == 1:
        assert (whole.v_rand, whole.v_info) == (1.0, 1.0)
    else:
        assert whole.v_rand == pytest.approx(2 * pixels / (pixels**2 + pixels))
        assert whole.v_info == 0.0
    assert find_events(components(np.ones(shape, bool)), thin(predicted), predicted) == []


# Events


def test_real_labels_membranes_thickened_and_thinned(isbi_labels):
    cross = ndimage.generate_binary_structure(2, 1)
    assert np.mean([components(label).max() for label in isbi_labels]) == pytest.approx(114, abs=1)

    def measured(change):
        predictions = [change(label) for label in isbi_labels]
        wrong = 100 * np.mean([p != label for p, label in zip(predictions, isbi_labels, strict=True)])
        scores = [score_slice(label, p).v_rand for p, label in zip(predictions, isbi_labels, strict=True)]
        return wrong, float(np.mean(scores))

    wrong, score = measured(lambda label: ndimage.binary_erosion(label, cross, border_value=1))
    assert wrong == pytest.approx(5.66, abs=0.005)
    assert score == pytest.approx(0.9992, abs=5e-5)
    wrong, score = measured(lambda label: ndimage.binary_dilation(label, cross))
    assert wrong == pytest.approx(5.81, abs=0.005)
    assert score == pytest.approx(0.9703, abs=5e-5)
    wrong, score = measured(np.ones_like)
    assert wrong == pytest.approx(22.0, abs=0.05)
    assert score == pytest.approx(0.078, abs=5e-4)


def test_real_labels_are_their_own_segmentation(isbi_labels):
    label = isbi_labels[0]
    neurites = components(label)
    assert score_segments(neurites, neurites).v_rand == 1
    assert find_events(neurites, thin(label), label) == []


def test_neurites_by_their_numbers():
    """Two that touch, one in two pieces, and one that its drawn membrane cuts."""
    numbers = np.array([[5, 5, 9, 9, 9], [5, 5, 9, 9, 9], [0, 0, 9, 0, 0], [5, 5, 5, 9, 9]], np.uint32)
    everywhere = true_neurites(np.ones(numbers.shape, bool) & (numbers > 0), numbers)
    assert everywhere.tolist() == [[1, 1, 2, 2, 2], [1, 1, 2, 2, 2], [0, 0, 2, 0, 0], [3, 3, 3, 4, 4]]
    drawn = (numbers > 0) & ~np.array([[0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0], [0, 0, 1, 1, 1]], bool)
    assert components(drawn).max() == 3
    assert true_neurites(drawn, numbers).tolist() == [[1, 0, 0, 2, 2], [1, 0, 0, 0, 2], [0] * 5, [3, 3, 0, 0, 0]]
    drawn[0, 4] = False  # cuts the second one in two
    assert components(drawn).max() == 4
    assert true_neurites(drawn, numbers)[[0, 1], [3, 4]].tolist() == [2, 2]


def test_without_numbers_neurites_are_components():
    interior = np.random.default_rng(0).random((30, 40)) < 0.6
    np.testing.assert_array_equal(true_neurites(interior), components(interior))


def test_segments_end_where_nothing_counts():
    segments = np.array([[4, 4, 4, 4], [7, 7, 4, 4]], np.int32)
    counted = np.array([[1, 0, 1, 1], [1, 1, 0, 1]], bool)
    assert pieces_within(segments, counted).tolist() == [[1, 0, 2, 2], [3, 3, 0, 2]]
    assert pieces_within(segments, None) is segments
