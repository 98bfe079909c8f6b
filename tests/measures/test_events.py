"""Splits and merges: places by hand, and what holds for any prediction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segcore.measures.events import find_events
from segcore.measures.topology import components, thin

pytestmark = pytest.mark.filterwarnings("error")


def framed(columns, height=12):
    """Rooms of 12 x 12 side by side, one column of membrane between them."""
    interior = np.ones((height, 13 * columns - 1), bool)
    interior[:, 12::13] = False
    return interior


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
    assert [event.stray_px for event in events] == sorted((event.stray_px for event in events), reverse=True)
    for event in events:
        whole, parts = (
            (neurites == event.neurites[0], event.segments)
            if event.kind == "split"
            else (segments == event.segments[0], event.neurites)
        )
        other = segments if event.kind == "split" else neurites
        assert len(parts) == len(event.overlaps_px) >= 2
        assert whole[event.y, event.x]
        assert event.overlaps_px == tuple(int((whole & (other == part)).sum()) for part in parts)
        assert event.stray_px == sum(event.overlaps_px) - max(event.overlaps_px)
        rows, columns = np.nonzero(whole)
        assert (event.top, event.left) == (rows.min(), columns.min())
        assert (event.bottom, event.right) == (rows.max() + 1, columns.max() + 1)


# The real labels
