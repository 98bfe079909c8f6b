"""Intervals of means: by hand where there are few resamples, and what must hold of all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.measures import bootstrap_mean


def generator(seed=0):
    return np.random.default_rng(seed)


def test_equal_values_leave_nothing_uncertain():
    found = bootstrap_mean([2.5] * 7, generator())
    assert (found.mean, found.low, found.high, found.values, found.block) == (2.5, 2.5, 2.5, 7, 1)


def test_two_values_by_hand():
    """Of a 0 and a 1 two are drawn: 0, 1/2 and 1 with 1/4, 1/2 and 1/4."""
    found = bootstrap_mean([0, 1], generator())
    assert (found.mean, found.low, found.high) == (0.5, 0, 1)
    assert bootstrap_mean([0, 1], generator(), level=0.4) == bootstrap_mean([0, 1], generator(), level=0.4)
    narrow = bootstrap_mean([0, 1], generator(), level=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_of_normal_values_it_is_the_interval_of_theory():
    values = generator(1).normal(10, 2, 400)
    found = bootstrap_mean(values, generator())
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.03)
    assert found.high == pytest.approx(values.mean() + half, abs=0.03)


def test_blocks_are_wider_where_neighbours_are_alike():
    values = np.repeat(generator(1).normal(size=40), 5)
    single, blocks = (bootstrap_mean(values, generator(), block=block) for block in (1, 5))
    assert blocks.mean == single.mean
    assert 1.9 < (blocks.high - blocks.low) / (single.high - single.low) < 2.6  # sqrt(5)
    # One block is all there is: nothing can be drawn but itself.
    whole = bootstrap_mean(values, generator(), block=200)
    assert whole.low == whole.high == pytest.approx(whole.mean)


def test_values_that_are_not_defined_are_left_out():
    found = bootstrap_mean([np.nan, 1, np.nan, np.nan, 3], generator(), block=2)
    assert (found.mean, found.values) == (2, 2)
    assert (found.low, found.high) == (1, 3)
    nothing = bootstrap_mean([np.nan] * 3, generator())
    assert nothing.values == 0
    assert np.isnan([nothing.mean, nothing.low, nothing.high]).all()
    assert bootstrap_mean([], generator()).values == 0


@pytest.mark.parametrize("wrong", [{"block": 0}, {"resamples": 0}, {"level": 0}, {"level": 1}])
def test_arguments_out_of_range(wrong):
    with pytest.raises(ValueError, match="block"):
        bootstrap_mean([1, 2], generator(), **wrong)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.integers(1, 8))
def test_an_interval_lies_within_the_values(values, block):
    found = bootstrap_mean(values, generator(), block=block, resamples=200)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found == bootstrap_mean(values, generator(), block=block, resamples=200)
