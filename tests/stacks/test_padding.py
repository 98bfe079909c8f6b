"""Padding is recognised, tissue is not taken for it, and what takes its place is the tissue's mirror image."""

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from segcore.stacks.padding import fill_padding, padding_of, without_padding


def tissue(height=80, width=100, dtype=np.uint8):
    """Noise of 20 to 219, without any run."""
    return np.random.default_rng(0).integers(20, 220, (height, width)).astype(dtype)


@pytest.mark.parametrize("value", [0, 255])
def test_one_row_at_the_edge(value):
    page = tissue()
    page[-1] = value
    expected = np.zeros(page.shape, bool)
    expected[-1] = True
    np.testing.assert_array_equal(padding_of(page), expected)


def test_a_corner_that_turning_left():
    page = tissue()
    corner = np.add.outer(np.arange(80), np.arange(100)) < 40
    page[corner] = 0
    np.testing.assert_array_equal(padding_of(page), corner)


def test_the_highest_value_of_a_slice_counts_whatever_its_type():
    page = tissue(dtype=np.uint16)
    page[:, :30] = 4095
    assert padding_of(page)[:, :30].all()
    assert padding_of(page).sum() == 30 * 80


def test_not_a_number_is_padding_wherever_it_lies():
    page = tissue(dtype=np.float32)
    page[40, 50] = np.nan
    page[0] = np.nan
    np.testing.assert_array_equal(padding_of(page), np.isnan(page))
    assert padding_of(np.full((4, 5), np.nan)).all()


def test_dark_tissue_inside_or_briefly_at_the_edge_is_none():
    page = tissue()
    page[20:60, 20:60] = 0
    page[0, 10 : 10 + 24] = 0  # 100 / 4 is 25
    page[70:, 3] = 255
    assert padding_of(page) is None


def test_a_blank_slice_is_all_padding():
    assert padding_of(np.full((6, 9), 7, np.uint8)).all()
    assert padding_of(np.zeros((1, 1), np.uint8)).all()


def test_real_tissue_has_none(isbi_folder):
    for name in ("train-volume.tif", "test-volume.tif"):
        assert all(padding_of(page) is None for page in tifffile.imread(isbi_folder / name))


def test_mirrored_by_hand():
    page = np.array([[0, 0, 0, 1, 2, 3], [0, 0, 0, 4, 5, 6]], np.uint8)
    padding = np.zeros(page.shape, bool)
    padding[:, :3] = True
    # As far behind the nearest pixel; three would be the fourth, which is not there for the farthest.
    filled = fill_padding(page, padding)
    np.testing.assert_array_equal(filled, [[1, 3, 2, 1, 2, 3], [4, 6, 5, 4, 5, 6]])


def test_image_and_label_go_on_to_belong_together():
    image = tissue()
    label = np.where(image > 100, 255, 0).astype(np.uint8)
    image[:, 60:], label[:, 60:] = 0, 255
    filled, filled_label = (fill_padding(plane, padding_of(image)) for plane in (image, label))
    np.testing.assert_array_equal(filled_label, np.where(filled > 100, 255, 0))


def test_what_is_nothing_but_padding_stays():
    page = np.zeros((5, 6), np.uint8)
    np.testing.assert_array_equal(without_padding(page), page)


@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from([0, 255]))
def test_tissue_is_never_touched_and_its_values_are_all_there_is(rows, columns, value):
    page = tissue()
    padded = page.copy()
    padded[:rows] = value
    padded[:, :columns] = value
    filled = without_padding(padded)
    np.testing.assert_array_equal(filled[rows:, columns:], page[rows:, columns:])
    assert filled.min() >= 20
    assert filled.max() < 220
    if not rows and not columns:
        assert filled is padded
