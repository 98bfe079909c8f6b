"""What is odd about labels is said, by hand-drawn slices."""

import numpy as np
import pytest

from segcore.data.label_doubts import SliceShares, doubts, shares_of
from segcore.stacks import IGNORE, INTERIOR, MEMBRANE


def drawn(*rows):
    return np.array([[{"#": MEMBRANE, ".": INTERIOR, "?": IGNORE}[sign] for sign in row] for row in rows], np.uint8)


def test_shares_by_hand():
    found = shares_of("a", drawn("##..", "##..", "....", "#..?"))
    assert found == SliceShares(name="a", membrane=5 / 15, quarters_without=2, thick=4 / 5)


def test_an_ignored_quarter_is_not_one_without_membrane():
    assert shares_of("a", drawn("#..#", "....", "#.??", "..??")).quarters_without == 0


def test_odd_sizes():
    assert shares_of("a", drawn("#")).thick == 0
    assert shares_of("a", drawn("#.#")).quarters_without == 0
    assert shares_of("a", drawn("###", "###")).thick == 1


def usual(name, **changes):
    return SliceShares(**{"name": name, "membrane": 0.2, "quarters_without": 0, "thick": 0.9} | changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, None),
        ({"membrane": 0.8}, "much more membrane than in the others (20 %), as if inverted: odd (80 %)"),
        ({"quarters_without": 1}, "whole quarters of a slice without membrane, as if it were drawn in part: odd;"),
        ({"thick": 0.0}, None),  # one slice of five is no habit
    ],
)
def test_one_slice_among_others(changes, says):
    found = doubts([*(usual(f"{z}") for z in range(4)), usual("odd", **changes)])
    assert [one[:9] for one in found] == ["WARNING: "] * (says is not None)
    assert says is None or says in found[0]


def test_what_all_slices_have():
    assert "60 %" not in str(doubts([usual("a", membrane=0.6)]))
    assert "70 % of a slice is membrane; is this what the labels say?" in str(doubts([usual("a", membrane=0.7)]))
    assert "a line one pixel wide, as a skeleton" in str(doubts([usual("a", thick=0.05), usual("b", thick=0.0)]))
    # Large cells, in every slice, are no labels that somebody began.
    assert doubts([usual("a", quarters_without=1)] * 3) == []


def test_the_isbi_labels_raise_no_doubt(isbi_labels):
    labels = np.where(isbi_labels, np.uint8(INTERIOR), np.uint8(MEMBRANE))
    assert doubts([shares_of(str(z), label) for z, label in enumerate(labels)]) == []
