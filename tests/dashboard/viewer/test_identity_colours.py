"""Neighbours differ in colour, and a neurite and its segment do not."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dashboard.viewer.identity_colours import PALETTE, matched_colours
from segcore.measures import MIN_OVERLAP_FRACTION, MIN_OVERLAP_PX, belonging, contingency, true_neurites

NONE = np.empty(0, np.int64)
# What each kind of cones lacks, in linear RGB (Machado and others 2009, severity 1).
VISION = {
    "all": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def cielab(linear: np.ndarray) -> np.ndarray:
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    x, y, z = (
        np.cbrt(one) if one > 216 / 24389 else (24389 / 27 * one + 16) / 116
        for one in to_xyz @ linear / np.array([0.95047, 1, 1.08883])
    )
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_all_colours_differ_for_everybody():
    channels = np.array([[int(one[at : at + 2], 16) for at in (1, 3, 5)] for one in PALETTE]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    for name, seen in VISION.items():
        found = [cielab(np.clip(np.asarray(seen) @ one, 0, 1)) for one in linear]
        least = min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(found, 2))
        assert least > 20, name


def matched(neurites: np.ndarray, segments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours of two label images, by number, 255 for 0."""
    table = contingency(neurites, segments)
    inside = table.segment > 0
    shared = (table.neurite[inside], table.segment[inside], table.pixels[inside])
    together = belonging(table, MIN_OVERLAP_PX, MIN_OVERLAP_FRACTION)[:2]
    found = matched_colours(neurites, segments, shared, together)
    return tuple(np.concatenate([[255], one]) for one in found)


def side_by_side(numbers: np.ndarray) -> set[tuple[int, int]]:
    pairs = {*zip(numbers[:-1].ravel(), numbers[1:].ravel(), strict=True)}
    pairs |= {*zip(numbers[:, :-1].ravel(), numbers[:, 1:].ravel(), strict=True)}
    return {(int(a), int(b)) for a, b in pairs if a and b and a != b}


def cells(owners: np.ndarray, side: int) -> np.ndarray:
    """Areas of side x side pixels."""
    return np.repeat(np.repeat(owners, side, axis=0), side, axis=1)


GRIDS = arrays.arrays(np.int32, st.tuples(st.integers(2, 7), st.integers(2, 7)), elements=st.integers(1, 9))


@given(GRIDS, st.data())
def test_neighbours_differ_and_a_segment_is_as_its_neurite(owners, data):
    # Pieces of one number that touch nowhere are several neurites, and several segments.
    names = cells(owners, 6).astype(np.uint32)
    neurites = true_neurites(np.ones(names.shape, bool), names)
    other = data.draw(arrays.arrays(np.int32, owners.shape, elements=st.integers(1, 4)))
    joined = cells(other, 6).astype(np.uint32)
    segments = true_neurites(np.ones(joined.shape, bool), joined)
    of_neurite, of_segment = matched(neurites, segments)
    assert all(of_neurite[a] != of_neurite[b] for a, b in side_by_side(neurites))
    assert all(of_segment[a] != of_segment[b] for a, b in side_by_side(segments))
    table = contingency(neurites, segments)
    takers: dict[int, list[tuple[int, int]]] = {}
    for segment in range(1, int(segments.max()) + 1):
        here = table.segment == segment
        pixels, neurite = max(zip(table.pixels[here].tolist(), (-table.neurite[here]).tolist(), strict=True))
        takers.setdefault(-neurite, []).append((pixels, -segment))
    for neurite, found in takers.items():
        (_, first), *rest = sorted(found, reverse=True)
        assert of_segment[-first] == of_neurite[neurite]
        assert all(of_segment[-other] != of_neurite[neurite] for _, other in rest)


def test_neurites_are_neighbours_across_the_membrane_between_them():
    owners = np.arange(1, 31, dtype=np.int32).reshape(5, 6)
    neurites = np.zeros((5 * 20, 6 * 20), np.int32)
    for (row, column), number in np.ndenumerate(owners):
        neurites[20 * row + 4 : 20 * row + 16, 20 * column + 4 : 20 * column + 16] = number
    colours, none = matched_colours(neurites, None, (NONE, NONE, NONE), (NONE, NONE))
    assert none.size == 0
    grid = colours.reshape(5, 6)
    assert (grid[1:] != grid[:-1]).all()
    assert (grid[:, 1:] != grid[:, :-1]).all()
    # All are used, and about equally often.
    assert np.bincount(colours, minlength=len(PALETTE)).min() >= 1


def test_the_pieces_of_a_neurite_that_do_not_touch_differ_too():
    neurites = np.ones((20, 90), np.int32)
    segments = np.full((20, 90), 2, np.int32)
    segments[:, :40], segments[:, 60:] = 1, 3
    neurites[:, 40:60] = 0
    of_neurite, of_segment = matched(neurites, segments)
    assert of_segment[1] == of_neurite[1]
    assert of_segment[3] != of_neurite[1]


def test_where_all_colours_are_taken_there_is_one_twice():
    neurites = np.ones((30, 30 * 20), np.int32)
    segments = cells(np.arange(1, 21, dtype=np.int32)[None], 30)
    of_neurite, of_segment = matched(neurites, segments)
    assert set(of_segment[1:].tolist()) == set(range(len(PALETTE)))
    assert (of_segment[1:-1] != of_segment[2:]).all()
    assert of_neurite[1] == of_segment[1]


def test_a_slice_with_nothing_in_it():
    nothing = np.zeros((9, 9), np.int32)
    colours = matched_colours(nothing, nothing, (NONE, NONE, NONE), (NONE, NONE))
    assert [one.size for one in colours] == [0, 0]
