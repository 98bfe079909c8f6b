"""The synthetic stack looks and behaves like tissue, and is the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.filters import threshold_otsu

from segcore.data.synthetic import SyntheticStack, make_stack


@pytest.fixture(scope="module")
def stack() -> SyntheticStack:
    return make_stack(12, 256, 256, np.random.default_rng(0))


def neighbour_correlation(pixels: np.ndarray, distance: int) -> float:
    pairs = zip(pixels[:-distance], pixels[distance:], strict=True)
    return float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]))


def test_same_seed_gives_the_same_stack():
    first, again = (make_stack(2, 96, 80, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)


def test_another_seed_gives_another_stack():
    first, second = (make_stack(2, 96, 80, np.random.default_rng(seed)) for seed in (5, 6))
    assert (first.images != second.images).mean() > 0.9
    assert (first.labels != second.labels).mean() > 0.1


def test_global_random_state_plays_no_part():
    np.random.seed(1)  # noqa: NPY002
    first = make_stack(1, 40, 40, np.random.default_rng(5))
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(first.images, make_stack(1, 40, 40, np.random.default_rng(5)).images)


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 40, 70), (2, 131, 33), (1, 1, 1), (1, 1, 200), (2, 257, 129)])
def test_any_shape(shape):
    stack = make_stack(*shape, np.random.default_rng(1))
    for pixels in (stack.images, stack.labels):
        assert pixels.shape == shape
        assert pixels.dtype == np.uint8
    assert set(np.unique(stack.labels)) <= {0, 255}


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(160, 200), st.integers(160, 200), st.integers(0, 2**32))
def test_small_stacks_have_both_classes(slices, height, width, seed):
    stack = make_stack(slices, height, width, np.random.default_rng(seed))
    assert stack.images.shape == stack.labels.shape == (slices, height, width)
    assert set(np.unique(stack.labels)) == {0, 255}


@pytest.mark.parametrize("shape", [(0, 16, 16), (1, 0, 16), (1, 16, -1)])
def test_an_empty_stack_is_refused(shape):
    with pytest.raises(ValueError, match="at least one"):
        make_stack(*shape, np.random.default_rng(1))


def test_labels_have_both_classes_and_a_natural_share_of_membrane(stack):
    assert set(np.unique(stack.labels)) == {0, 255}
    shares = (stack.labels == 0).mean(axis=(1, 2))
    assert 0.15 < shares.mean() < 0.28
    assert shares.min() > 0.10
    assert shares.max() < 0.33


def test_neurites_are_many_and_of_very_different_sizes(stack):
    counts, areas = [], []
    for labels in stack.labels:
        pieces, count = ndimage.label(labels)
        counts.append(count)
        areas.append(np.bincount(pieces.ravel())[1:])
    # About 114 in 512 x 512 in the real stack; here a quarter of the area, with more cut at the border.
    assert 20 < np.mean(counts) < 60
    low, high = np.percentile(np.concatenate(areas), [25, 95])
    assert high > 8 * low
    assert np.concatenate(areas).min() >= 24


def test_slices_change_slowly_with_depth(stack):
    for pixels in (stack.images, stack.labels):
        near, middle, far = (neighbour_correlation(pixels, distance) for distance in (1, 3, 8))
        assert 0.15 < near < 0.6
        assert near > 1.5 * middle
        assert middle > far


def test_neurites_do_not_die_out_with_depth():
    shares = (make_stack(90, 64, 64, np.random.default_rng(2)).labels == 0).mean(axis=(1, 2))
    assert shares[-30:].mean() > 0.6 * shares[:30].mean()


def test_membranes_are_darker_but_no_threshold_finds_them(stack):
    membrane = stack.labels == 0
    assert stack.images[membrane].mean() + 25 < stack.images[~membrane].mean()
    for spread in (0, 1, 2):
        smooth = np.stack([ndimage.gaussian_filter(image.astype(float), spread) for image in stack.images])
        otsu = np.mean([(s < threshold_otsu(s)) != m for s, m in zip(smooth, membrane, strict=True)])
        assert otsu > 0.2
        best = min(((smooth < t) != membrane).mean() for t in np.percentile(smooth, np.arange(2, 50, 3)))
        assert best > 0.13


def test_grey_values_spread_like_those_of_a_micrograph(stack):
    assert stack.images.mean() == pytest.approx(126, abs=15)
    assert 30 < stack.images.std() < 55
    assert np.isin(stack.images, (0, 255)).mean() < 0.02
    assert stack.images.mean(axis=(1, 2)).std() > 2
