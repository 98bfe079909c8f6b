"""Grey values of any type become 8 bits by one range for the whole stack."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.errors import DataError
from segcore.stacks.eight_bits import intensity_range, tissue_of, to_uint8
from segcore.stacks.stack import array_stack


def test_eight_bit_values_are_kept():
    page = np.arange(63, dtype=np.uint8).reshape(7, 9)
    assert intensity_range(array_stack(page[None])) == (0, 255)
    assert to_uint8(page, 0, 255) is page


def test_stretch_by_hand():
    page = np.array([[-5, 100, 125, 150, 900]], np.int16)
    np.testing.assert_array_equal(to_uint8(page, 100, 150), [[0, 0, 128, 255, 255]])


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_range_is_that_of_the_percentiles(dtype):
    pages = np.random.default_rng(0).normal(1000, 300, (5, 64, 64)).astype(dtype)
    pages[0, 0, 0] = 1e4 if dtype == np.float32 else np.iinfo(dtype).max
    expected = np.percentile(pages.astype(float), (0.1, 99.9))
    np.testing.assert_allclose(intensity_range(array_stack(pages)), expected)


def test_constant_stack_has_a_range():
    low, high = intensity_range(array_stack(np.full((2, 3, 3), 700, np.uint16)))
    assert (low, high) == (700, 701)
    assert not to_uint8(np.full((3, 3), 700, np.uint16), low, high).any()


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_stretch_is_monotone_and_reaches_both_ends(low, width):
    values = to_uint8(np.linspace(low, low + width, 50)[None], low, low + width)[0].astype(int)
    assert values[0] == 0
    assert values[-1] == 255
    assert (np.diff(values) >= 0).all()


def stack_of_tissue(dtype=np.uint16):
    return np.random.default_rng(0).normal(3000, 100, (5, 128, 128)).astype(dtype)


SPOILS = {
    "a black row": lambda pages: pages[:, :1].fill(0),
    "a white margin": lambda pages: pages[:, :, :50].fill(65535),
    "not-a-number": lambda pages: pages[:, 64:].fill(np.nan),
    "saturated dirt": lambda pages: pages[:, 60:69, 60:69].fill(65535),
    "dead pixels": lambda pages: pages[:, 60:69, 60:69].fill(0),
    "a blank slice": lambda pages: pages[2].fill(0),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_what_is_no_tissue_does_not_decide(spoil):
    clean = stack_of_tissue(np.float32 if spoil == "not-a-number" else np.uint16)
    spoilt = clean.copy()
    SPOILS[spoil](spoilt)
    assert (spoilt != clean).any()
    np.testing.assert_allclose(intensity_range(array_stack(spoilt)), intensity_range(array_stack(clean)), atol=25)


def test_what_was_seen_of_the_tissue():
    pages = stack_of_tissue()
    pages[1, :32], pages[3] = 0, 0
    found = tissue_of(array_stack(pages))
    assert (found.sampled, found.padded, found.blank, found.padding_percent) == (5, 1, 1, 25.0)
    assert found.levels > 200
    assert tissue_of(array_stack(pages // 100)).levels < 20
    assert tissue_of(array_stack(np.zeros((3, 9, 9), np.float32))).blank == 3
    with pytest.raises(DataError, match="no pixel is a number; found nothing but padding"):
        tissue_of(array_stack(np.full((3, 9, 9), np.nan, np.float32)))


def test_not_a_number_becomes_black():
    np.testing.assert_array_equal(to_uint8(np.array([[np.nan, 0.0, 1.0]]), 0, 1), [[0, 0, 255]])
