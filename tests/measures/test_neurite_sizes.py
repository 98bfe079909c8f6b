"""What became of neurites by their size: by hand on a few rooms, and the sums on any picture."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segcore.measures.error_parts import error_part_of_pixels
from segcore.measures.events import find_events
from segcore.measures.neurite_sizes import (
    NEURITE_FATES,
    NeuriteSizes,
    by_quartile,
    count_by_territory,
    joined_neurites,
    measure_neurites,
)
from segcore.measures.topology import grown, thin, true_neurites

pytestmark = pytest.mark.filterwarnings("error")


def four_rooms():
    """Rooms of 10 x 10 in two rows and columns, with walls of three pixels between them."""
    interior = np.ones((23, 23), bool)
    interior[10:13] = interior[:, 10:13] = False
    return interior


def sizes(interior, segments, wrong=None, counted=None, numbers=None, **more):
    neurites = true_neurites(interior, numbers)
    wrong = np.zeros_like(interior) if wrong is None else wrong
    events = find_events(neurites, segments, segments > 0)
    return measure_neurites(neurites, segments, grown(neurites, interior), {"pixel": wrong}, events, counted, **more)


def fates(found):
    return [NEURITE_FATES[code] for code in found.fates if code >= 0]


def test_four_rooms_of_which_one_is_split_and_two_are_merged():
    interior = four_rooms()
    segments = true_neurites(interior)
    segments[:10, 19:][segments[:10, 19:] == 2] = 5  # of the second room four columns
    segments[segments == 4] = 3
    wrong = np.zeros_like(interior)
    wrong[0, :3] = True  # of the first room
    wrong[5, 10] = True  # of the wall beside it
    wrong[5, 11] = True  # on the line in its middle
    wrong[20, 20:22] = True  # of the last room
    found = sizes(interior, segments, wrong, slice_index=7)
    assert found.slice.tolist() == [7] * 5
    assert found.neurite.tolist() == [0, 1, 2, 3, 4]
    assert found.area_px.tolist() == [0, 100, 100, 100, 100]
    # Where the lines would cross one of the rooms comes round the corner.
    assert found.territory_px.tolist() == [22 + 22, 121, 121, 121, 122]
    assert found.pieces.tolist() == [0, 1, 2, 1, 1]
    assert found.merged.tolist() == [False, False, False, True, True]
    assert found.split_off_px.tolist() == [0, 0, 40, 0, 0]
    assert found.wrong_px["pixel"].tolist() == [1, 4, 0, 0, 2]
    assert fates(found) == ["whole", "split", "merged", "merged"]
    assert not found.loops_only.any()


def test_a_room_can_be_split_and_merged():
    segments = true_neurites(four_rooms())
    segments[:10, 19:] = 5
    segments[segments == 4] = 5
    assert fates(sizes(four_rooms(), segments)) == ["whole", "split and merged", "whole", "merged"]


def test_rooms_that_nothing_was_found_of_and_rooms_too_small_to_tell():
    interior = np.zeros((12, 20), bool)
    interior[1:5, 1:5] = True  # 16 pixels
    interior[1:6, 8:13] = True  # 25 pixels
    interior[8:11, 1:11] = True  # 30 pixels
    segments = true_neurites(interior)
    segments[1:6, 8:10] = 0
    segments[1:6, 10:13] = 2  # 15 of them
    found = sizes(interior, segments)
    assert fates(found) == ["too small", "missed", "whole"]
    assert found.pieces.tolist() == [0, 0, 0, 1]


def test_loops_are_neurites_and_what_only_they_bring_about_is_told_apart():
    interior = np.ones((30, 30), bool)
    interior[8:20, 8:20] = False
    interior[10:18, 10:18] = True  # an organelle
    joined = sizes(interior, np.ones((30, 30), np.int32))
    assert fates(joined) == ["merged", "merged"]
    assert joined.loops_only.tolist() == [False, True, True]
    # Its outline was predicted though nobody drew it.
    cut = sizes(np.ones((30, 30), bool), true_neurites(interior))
    assert (fates(cut), cut.loops_only.tolist(), cut.split_off_px.tolist()) == (["split"], [False, True], [0, 64])
    # A false wall across the neurite is more than a loop.
    both = true_neurites(interior)
    both[25:] = 3
    assert sizes(np.ones((30, 30), bool), both).loops_only.tolist() == [False, False]


def test_what_is_ignored_is_of_no_territory():
    interior = four_rooms()
    counted = np.ones_like(interior)
    counted[:, 12:] = False
    interior &= counted
    found = sizes(interior, true_neurites(interior), counted=counted)
    assert found.area_px.tolist() == [0, 100, 100]
    assert found.territory_px.sum() == counted.sum() == 23 * 12
    assert found.territory_px[0] == 12


def test_a_slice_without_neurites_is_lines():
    nothing = np.zeros((5, 6), bool)
    found = sizes(nothing, nothing.astype(np.int32), ~nothing)
    assert (len(found), found.territory_px.tolist(), found.wrong_px["pixel"].tolist()) == (1, [30], [30])
    assert by_quartile(found) == ()


def test_quarters_by_area():
    areas = np.array([0, 5, 30, 30, 40, 50, 60, 70, 80])
    number = len(areas)
    found = NeuriteSizes(
        slice=np.zeros(number, np.int64),
        neurite=np.arange(number),
        area_px=areas,
        territory_px=areas + 10,
        pieces=np.array([0, 0, 0, 1, 1, 2, 1, 2, 1]),
        merged=np.array([0, 0, 0, 0, 0, 0, 1, 1, 0], bool),
        loops_only=np.array([0, 0, 0, 0, 0, 0, 1, 0, 0], bool),
        split_off_px=np.array([0, 0, 0, 0, 0, 3, 0, 4, 0]),
        wrong_px={"pixel": np.arange(number)},
    )
    groups = by_quartile(found)
    # Two of one area are in one group, so the first has three.
    assert [(one.smallest_px, one.largest_px, one.neurites) for one in groups] == [
        (5, 30, 3), (40, 40, 1), (50, 60, 2), (70, 80, 2),
    ]  # fmt: skip
    first, _, third, last = groups
    assert first.fates == {
        "whole": 1, "split": 0, "merged": 0, "split and merged": 0, "missed": 1, "too small": 1,
    }  # fmt: skip
    assert (third.fates["split"], third.fates["merged"], third.loops_only) == (1, 1, 1)
    assert last.fates["split and merged"] == last.fates["whole"] == 1
    assert [one.wrong_px["pixel"] for one in groups] == [6, 4, 11, 15]
    assert [one.territory_px for one in groups] == [95, 50, 130, 170]
    one_area = by_quartile(found.rows(np.array([2, 3])))
    assert [one.neurites for one in one_area] == [2]


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("slice", 1, -1),
        ("area_px", 0, 3),
        ("area_px", 1, 0),
        ("area_px", 1, 122),
        ("pieces", 1, -1),
        ("pieces", 1, 2),
        ("split_off_px", 2, 0),
        ("split_off_px", 2, 100),
        ("merged", 0, True),
        ("loops_only", 1, True),
    ],
)
def test_numbers_that_cannot_be(column, row, value):
    segments = true_neurites(four_rooms())
    segments[:10, 19:] = 5
    found = sizes(four_rooms(), segments)
    changed = getattr(found, column).copy()
    changed[row] = value
    with pytest.raises(ValueError, match=f"row {row + 1}"):
        dataclasses.replace(found, **{column: changed})


def test_columns_of_other_lengths_and_wrong_pixels_beyond_a_territory():
    found = sizes(four_rooms(), true_neurites(four_rooms()))
    with pytest.raises(ValueError, match="lengths"):
        found.with_wrong("mine", np.zeros(4, np.int64))
    with pytest.raises(ValueError, match="beyond a territory in row 3"):
        found.with_wrong("mine", np.array([0, 0, 122, 0, 0]))
    assert found.with_wrong("mine", np.arange(5)).wrong_px.keys() == {"pixel", "mine"}


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 0.9), st.sampled_from(["plain", "ignored", "numbered"]))
@settings(max_examples=60)
def test_the_rows_of_a_slice_are_all_of_its_pixels_and_agree_with_its_events(seed, level, kind):
    generator = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(generator.standard_normal((2, 60, 53)), (0, 2.5, 2.5))
    interior, prediction = fields[0] < np.quantile(fields[0], 0.75), fields.sum(0) < np.quantile(fields.sum(0), level)
    counted = fields[1] < np.quantile(fields[1], 0.8) if kind == "ignored" else None
    numbers = np.repeat(np.arange(1, 61, dtype=np.uint32) // 20 + 1, 53).reshape(60, 53) if kind == "numbered" else None
    if counted is not None:
        interior, prediction = interior & counted, prediction & counted
    neurites, segments = true_neurites(interior, numbers), thin(prediction)
    territories = grown(neurites, interior)
    wrong = error_part_of_pixels(interior, neurites, prediction, segments, territories, counted) > 0
    events = find_events(neurites, segments, prediction)
    found = measure_neurites(neurites, segments, territories, {"pixel": wrong}, events, counted)
    assert found.territory_px.sum() == (interior.size if counted is None else counted.sum())
    assert found.wrong_px["pixel"].sum() == wrong.sum()
    assert found.area_px.sum() == (neurites > 0).sum()
    np.testing.assert_array_equal(count_by_territory(territories, len(found), wrong), found.wrong_px["pixel"])
    # Each neurite is one thing, the one that the events say.
    split = {event.neurites[0] for event in events if event.kind == "split"}
    merged = {number for event in events if event.kind == "merge" for number in event.neurites}
    for number, fate in enumerate(fates(found), start=1):
        expected = " and ".join([word for word, of in (("split", split), ("merged", merged)) if number in of])
        assert fate == expected or (not expected and fate in ("whole", "missed", "too small"))
    more_than_loops = {number for event in events if not event.loop for number in event.neurites}
    assert {*found.neurite[found.loops_only].tolist()} == (split | merged) - more_than_loops
    both = joined_neurites([found, found])
    groups = by_quartile(both)
    assert sum(one.neurites for one in groups) == 2 * (len(found) - 1)
    assert all(sum(one.fates.values()) == one.neurites for one in groups)
    of_neurites = both.wrong_px["pixel"][both.neurite > 0].sum()
    assert sum(one.wrong_px["pixel"] for one in groups) == of_neurites
