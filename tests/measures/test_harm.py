"""Harm against V_Rand computed anew; the whole of it is also tested with events."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.measures.harm import RandSums, harm_of_merge, harm_of_split
from segcore.measures.topology import contingency, score_segments


def test_the_sums_are_those_of_v_rand():
    neurites = np.array([[1, 1, 2, 2, 0]])
    segments = np.array([[1, 1, 1, 0, 3]])
    sums = RandSums.of(contingency(neurites, segments))
    # Overlaps 2 and 1, and one pixel on membrane, on its own; what lies outside of neurites counts nowhere.
    assert sums == RandSums(both=4 + 1 + 1, true=4 + 4, predicted=9 + 1)
    assert score_segments(neurites, segments).v_rand == 2 * 6 / 18


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=6), st.integers(0, 10**6))
def test_undoing_a_merge_never_makes_it_worse(overlaps, rest):
    whole = sum(overlaps) + rest
    sums = RandSums(both=sum(one**2 for one in overlaps), true=sum(one**2 for one in overlaps), predicted=whole**2)
    harm = harm_of_merge(sums, overlaps, whole)
    assert 0 < harm < 1


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=6))
def test_undoing_a_split_of_pieces_that_hold_nothing_else_makes_it_perfect(overlaps):
    both = sum(one**2 for one in overlaps)
    sums = RandSums(both=both, true=sum(overlaps) ** 2, predicted=both)
    before = 2 * both / (sum(overlaps) ** 2 + both)
    assert harm_of_split(sums, overlaps, overlaps) == pytest.approx(1 - before, rel=1e-12)


def test_counts_of_the_largest_slices_are_exact():
    # 16384 x 16384 pixels, whose squares no float64 holds.
    half = 2**27
    sums = RandSums(both=2 * half**2, true=2 * half**2, predicted=4 * half**2)
    assert harm_of_merge(sums, [half, half], 2 * half) == pytest.approx(1 / 3, rel=1e-15)
    assert harm_of_split(sums, [half, half], [half, half]) == pytest.approx(1 / 3, rel=1e-15)
