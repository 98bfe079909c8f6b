"""Splits and merges: places by hand, and what holds for any prediction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segcore.measures.events import find_events
from segcore.measures.topology import components, score_segments, thin

pytestmark = pytest.mark.filterwarnings("error")


def framed(columns, height=12):
    """Rooms of 12 x 12 side by side, one column of membrane between them."""
    interior = np.ones((height, 13 * columns - 1), bool)
    interior[:, 12::13] = False
    return interior


def score_undone(event, neurites, segments):
    """V_Rand with an event undone pixel by pixel."""
    fresh = segments.max() + 1 + np.arange(len(event.neurites))
    if event.kind == "merge":
        apart = segments.copy()
        for number, neurite in zip(fresh, event.neurites[1:], strict=False):
            apart[(segments == event.segments[0]) & (neurites == neurite)] = number
        return score_segments(neurites, apart).v_rand
    inside = (neurites == event.neurites[0]) & np.isin(segments, event.segments)
    return score_segments(neurites, np.where(inside, event.segments[0], segments)).v_rand


def test_the_harm_of_a_merge_and_of_a_split_by_hand():
    label = framed(2)
    prediction = label.copy()
    prediction[7, 12] = True
    (merge,) = find_events(components(label), thin(prediction), prediction)
    # S_AB = S_A = 2 * 144^2 and S_B = 288^2, so V_Rand is 2 * 2 / (2 + 4); undone it is 1.
    assert merge.harm == pytest.approx(1 / 3)
    prediction = label.copy()
    prediction[:, 4] = False
    (split,) = find_events(components(label), thin(prediction), prediction)
    # Pieces of 84 and 48, and 12 pixels on the false wall, each on its own.
    both, joined, true = 84**2 + 48**2 + 144**2 + 12, 132**2 + 144**2 + 12, 2 * 144**2
    assert split.harm == pytest.approx(2 * joined / (true + joined) - 2 * both / (true + both))


def test_a_split_of_which_a_merge_has_the_largest_piece_is_not_worth_undoing_alone():
    # The second neurite is a large piece in a segment with the first, and a small one of its own.
    neurites = np.repeat([1, 2, 2, 2], 30)[None].repeat(4, 0)
    segments = np.repeat([1, 1, 1, 2], 30)[None].repeat(4, 0)
    split, _ = sorted(find_events(neurites, segments, neurites > 0), key=lambda one: one.kind != "split")
    # S_AB 120^2 + 240^2 + 120^2, S_A 120^2 + 360^2, S_B 360^2 + 120^2; joined S_AB 120^2 + 360^2, S_B 480^2: per 120^2,
    # 2 * 6 / (10 + 10) before and 2 * 10 / (10 + 16) after.
    assert split.harm == pytest.approx(20 / 26 - 12 / 20)
    neurites = np.repeat([1, 1, 1, 1, 1, 1, 2, 2, 2], 30)[None].repeat(4, 0)
    segments = np.repeat([1, 1, 1, 1, 1, 1, 1, 1, 2], 30)[None].repeat(4, 0)
    split, merge = sorted(find_events(neurites, segments, neurites > 0), key=lambda one: one.kind != "split")
    # Per 120^2: 2 * (36 + 4 + 1) / (45 + 65) before, 2 * 45 / (45 + 81) after.
    assert split.harm == pytest.approx(90 / 126 - 82 / 110)
    assert split.harm < 0 < merge.harm


def test_every_gap_of_a_merge_is_a_place_and_the_one_with_most_at_stake_comes_first():
    label = framed(3, height=20)
    prediction = label.copy()
    prediction[3, 12] = prediction[9:12, 12] = prediction[15, 25] = True
    small = label.copy()
    small[:, 26:34] = False  # the third room is narrow
    prediction[:, 26:34] = False
    prediction[15, 25:34] = True
    (merge,) = find_events(components(small), thin(prediction), prediction)
    assert merge.neurites == (1, 2, 3)
    assert len(merge.openings) == 3
    # Between the large rooms first, there the wide gap; then the narrow one; then that to the small room.
    (first, second, third) = merge.openings
    assert (first[0] in (9, 10, 11), second[0], third[0]) == (True, 3, 15)
    assert all(11 <= x <= 13 for _, x in merge.openings[:2])
    assert 24 <= third[1] <= 34


def loops():
    """A neurite with two organelles whose outline the label has as membrane, and a neurite beside it."""
    label = np.ones((30, 61), bool)
    label[:, 40] = False
    for top, left, side in ((4, 4, 12), (10, 22, 10)):
        label[top : top + side, left : left + side] = False
        label[top + 1 : top + side - 1, left + 1 : left + side - 1] = True
    return label


def test_loops_inside_a_neurite_are_an_event_of_their_own():
    label = loops()
    neurites = components(label)
    everything = np.ones_like(label)
    merge, loop = sorted(find_events(neurites, thin(everything), everything), key=lambda one: one.loop)
    outer, beside, *inner = neurites[0, 0], neurites[0, 50], neurites[9, 9], neurites[14, 26]
    assert (merge.kind, merge.loop, merge.neurites) == ("merge", False, (outer, beside))
    assert (loop.kind, loop.loop, loop.neurites) == ("merge", True, (outer, *inner))
    assert loop.overlaps_px[1:] == (100, 64)
    assert merge.harm > loop.harm > 0
    # The other way round they are pieces that nobody wants.
    whole = label.copy()
    whole[:, :40] = True
    split, *others = find_events(components(whole), thin(label), label)
    assert (split.kind, split.loop, split.overlaps_px[1:], others) == ("split", True, (100, 64), [])


def test_a_neurite_in_a_bay_is_no_loop():
    label = np.ones((30, 30), bool)
    label[8:22, 8:] = False
    label[10:20, 10:28] = True  # open to the edge of the slice, not enclosed
    everything = np.ones_like(label)
    (merge,) = find_events(components(label), thin(everything), everything)
    assert not merge.loop


def test_a_merge_and_its_place():
    label = framed(3)
    prediction = label.copy()
    prediction[7, 12] = True  # a hole in the first membrane
    events = find_events(components(label), thin(prediction), prediction, slice_index=4)
    (merge,) = events
    assert merge.kind == "merge"
    assert merge.slice == 4
    assert merge.neurites == (1, 2)
    assert merge.segments == (1,)
    assert merge.overlaps_px == (144, 144)
    assert (merge.area_px, merge.stray_px) == (288, 144)
    assert merge.y == 7
    assert 11 <= merge.x <= 13
    assert prediction[merge.y, merge.x]
    assert (merge.top, merge.left, merge.bottom, merge.right) == (0, 0, 12, 25)


def test_a_split_and_its_place():
    label = framed(2)
    prediction = label.copy()
    prediction[:, 4] = False
    (split,) = find_events(components(label), thin(prediction), prediction)
    assert split.kind == "split"
    assert split.neurites == (1,)
    assert split.overlaps_px == (84, 48)
    assert len(split.segments) == 2
    assert (split.area_px, split.stray_px) == (144, 48)
    assert 3 <= split.x <= 5
    assert not prediction[split.y, split.x]
    assert (split.top, split.left, split.bottom, split.right) == (0, 0, 12, 12)


def test_specks_and_slivers_are_no_events():
    label = framed(2)
    speck = label.copy()
    speck[4:9, 4:9] = False
    speck[6, 6] = True  # a segment of a few pixels inside a neurite
    assert find_events(components(label), thin(speck), speck) == []
    shifted = np.roll(label, 2, axis=1)  # 12 pixels of one neurite in the other's segment
    shifted[:, :2] = True
    neurites, segments = components(label), thin(shifted)
    assert find_events(neurites, segments, shifted) == []
    assert find_events(neurites, segments, shifted, min_overlap_px=1, min_overlap_fraction=0) != []
    # In large neurites more than 20 pixels can still be a sliver.
    label = framed(2, height=400)
    shifted = np.roll(label, 2, axis=1)
    shifted[:, :2] = True
    neurites, segments = components(label), thin(shifted)
    assert len(find_events(neurites, segments, shifted, min_overlap_fraction=0)) == 2
    assert len(find_events(neurites, segments, shifted, min_overlap_fraction=0.1)) == 0


def test_a_neurite_that_was_missed_shows_as_a_merge():
    label = framed(3)
    prediction = label.copy()
    prediction[:, 13:25] = False
    events = find_events(components(label), thin(prediction), prediction)
    assert {event.kind for event in events} == {"merge", "split"}
    assert all(2 in event.neurites for event in events)


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.7))
@settings(max_examples=40)
def test_events_hold_together(seed, level):
    generator = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(generator.standard_normal((2, 48, 40)), (0, 2, 2))
    label, prediction = fields[0] < np.quantile(fields[0], 0.7), fields[1] < np.quantile(fields[1], level)
    neurites, segments = components(label), thin(prediction)
    events = find_events(neurites, segments, prediction, min_overlap_px=5)
    assert [event.harm for event in events] == sorted((event.harm for event in events), reverse=True)
    before = score_segments(neurites, segments).v_rand
    for event in events:
        assert event.harm == pytest.approx(score_undone(event, neurites, segments) - before, abs=1e-12)
        assert (event.y, event.x) == event.openings[0]
        assert len(set(event.openings)) == len(event.openings)
        whole, parts = (
            (neurites == event.neurites[0], event.segments)
            if event.kind == "split"
            else (segments == event.segments[0], event.neurites)
        )
        other = segments if event.kind == "split" else neurites
        assert len(parts) == len(event.overlaps_px) >= 2
        assert all(whole[place] for place in event.openings)
        assert event.overlaps_px == tuple(int((whole & (other == part)).sum()) for part in parts)
        assert event.stray_px == sum(event.overlaps_px) - max(event.overlaps_px)
        rows, columns = np.nonzero(whole)
        assert (event.top, event.left) == (rows.min(), columns.min())
        assert (event.bottom, event.right) == (rows.max() + 1, columns.max() + 1)


# The real labels
