"""Means, intervals and differences of a cross-validation, by hand."""

import math

import pytest

from segcore.crossval.results import MEASURES, CrossValidation, MemberScores, difference
from segcore.errors import ConfigError


def member(fold, seed, slices, values):
    return MemberScores(
        run=f"net-{fold}-{seed}", fold=fold, seed=seed, slices=slices, minutes=1.0, device="CPU",
        scores=dict.fromkeys(MEASURES, values),
    )  # fmt: skip


def crossval(*members, fingerprint="same"):
    return CrossValidation(name="net", dataset="cells", dataset_fingerprint=fingerprint, members=members)


BOTH = crossval(
    member(0, 0, (0, 1), (0.9, 0.7)), member(1, 0, (2, 3), (0.5, None)),
    member(0, 1, (0, 1), (0.7, 0.7)), member(1, 1, (2, 3), (0.7, None)),
)  # fmt: skip


def test_a_slice_has_the_mean_of_its_seeds():
    assert BOTH.slices == (0, 1, 2, 3)
    values = BOTH.by_slice("v_rand")
    assert values[:3] == pytest.approx([0.8, 0.7, 0.6])
    assert math.isnan(values[3])
    assert BOTH.interval("v_rand").mean == pytest.approx(0.7)
    assert BOTH.interval("v_rand").values == 3
    assert BOTH.interval("v_rand") == BOTH.interval("v_rand")
    assert BOTH.interval("v_rand", block=2).block == 2


def test_spread_over_folds_and_over_seeds():
    # Folds: 0.75 and 0.6; seeds: 0.7 and 0.7.
    assert BOTH.spread_over_folds("v_rand") == pytest.approx(0.15 / math.sqrt(2))
    assert BOTH.spread_over_seeds("v_rand") == pytest.approx(0)
    alone = crossval(member(0, 0, (0, 1), (0.9, 0.7)))
    assert math.isnan(alone.spread_over_folds("v_rand"))
    assert math.isnan(alone.spread_over_seeds("v_rand"))


def test_what_is_defined_nowhere_has_no_mean():
    nowhere = crossval(member(0, 0, (0, 1), (None, None)), member(1, 0, (2, 3), (None, None)))
    assert math.isnan(nowhere.interval("v_rand").mean)
    assert math.isnan(nowhere.members[0].mean("v_rand"))
    assert math.isnan(nowhere.spread_over_folds("v_rand"))


def test_a_difference_is_paired():
    """Slices are hard or easy for both; what is between them is the same everywhere."""
    better = crossval(member(0, 0, (0, 1), (0.91, 0.51)), member(1, 0, (2, 3), (0.71, 0.31)))
    worse = crossval(member(0, 0, (0, 1), (0.9, 0.5)), member(1, 0, (2, 3), (0.7, 0.3)))
    found = difference(better, worse, "v_rand")
    assert (found.mean, found.low, found.high) == pytest.approx((0.01, 0.01, 0.01))
    assert difference(worse, better, "v_rand").mean == pytest.approx(-0.01)
    assert better.interval("v_rand").high - better.interval("v_rand").low > 0.3


@pytest.mark.parametrize(
    "other", [crossval(member(0, 0, (0, 2), (0.9, 0.7))), crossval(member(0, 0, (0, 1), (0.9, 0.7)), fingerprint="x")]
)
def test_other_slices_are_not_compared(other):
    with pytest.raises(ConfigError, match="other slices"):
        difference(crossval(member(0, 0, (0, 1), (0.9, 0.7))), other, "v_rand")
