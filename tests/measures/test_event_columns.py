"""Events as columns are the same events, in whatever order they are asked for."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.measures import EVENT_COLUMNS, Event, Events


def event(z, **changes):
    values = {"kind": "merge", "neurites": (3, 4), "segments": (9,), "overlaps_px": (70, 30), "area_px": 110}
    place = {"y": 5, "x": 6, "openings": ((5, 6), (8, 9)), "top": 0, "left": 1, "bottom": 20, "right": 30}
    return Event(slice=z, **(values | {"stray_px": 30, "harm": 0.25} | place | changes))


ONE, TWO, THREE = event(1), event(2, kind="split", loop=True, harm=math.nan), event(3, openings=(), harm=-0.1)


def test_columns_and_cells():
    events = Events.of([ONE, TWO, THREE])
    assert events.column("slice") == [1, 2, 3]
    assert events.column("kind") == ["merge", "split", "merge"]
    assert events.column("openings") == [((5, 6), (8, 9)), ((5, 6), (8, 9)), ()]
    assert (events.cell("slice", 0), events.cell("slice", -1)) == (1, 3)
    turned = events.ordered([2, 0])
    assert turned == [THREE, ONE]
    assert turned.column("slice") == [3, 1]
    assert turned.cell("harm", 0) == -0.1
    assert turned.ordered([1]) == (ONE,)
    with pytest.raises(IndexError):
        events[3]


class Counted:
    """A column that counts how often somebody comes to each value."""

    def __init__(self, values):
        self.values, self.asked = values, Counter()

    def __len__(self):
        return len(self.values)

    def __getitem__(self, at):
        self.asked[at] += 1
        return self.values[at]


def test_each_is_made_once_however_often_and_in_whatever_order_they_are_gone_through():
    columns = {name: Counted([getattr(one, name) for one in (ONE, TWO, THREE)]) for name in EVENT_COLUMNS}
    events = Events(columns)
    assert events[1].slice == 2
    assert all(one.asked == {1: 1} for one in columns.values())
    first = [*events]
    for again, order in (
        (events, (0, 1, 2)), (events.ordered([2, 0]), (2, 0)), (events[1:].ordered([1]), (2,)),
        (events[::-1], (2, 1, 0)),
    ):  # fmt: skip
        assert [id(one) for one in again] == [id(first[at]) for at in order]
    assert all(one.asked == {0: 1, 1: 1, 2: 1} for one in columns.values())


def test_those_that_were_there_are_not_made_again():
    events = Events.of([ONE, TWO])
    assert events.ordered([1, 0])[0] is TWO


def test_equal_to_any_sequence_of_the_same():
    events = Events.of((ONE, TWO))
    assert events == (ONE, TWO)
    assert events == (ONE, TWO)
    assert events == Events.of([ONE, TWO, THREE])[:2]
    assert events != (TWO, ONE)
    assert events != (ONE,)
    assert events != 3
    assert hash(events) == hash((ONE, TWO))
    assert Events.of([]) == ()
    assert not Events.of([])


def test_columns_that_are_no_events():
    columns = {name: [getattr(ONE, name)] for name in EVENT_COLUMNS}
    with pytest.raises(ValueError, match="columns of 1 and 2 events"):
        Events(columns | {"harm": [0.1, 0.2]})
    del columns["openings"]
    with pytest.raises(KeyError, match="openings"):
        Events(columns)


@given(
    st.lists(st.sampled_from([ONE, TWO, THREE]), max_size=8),
    st.slices(8),
    st.lists(st.integers(0, 7), max_size=8),
)
def test_they_are_what_a_list_of_them_is(made, part, order):
    events = Events.of(made)
    assert [*events] == made
    assert len(events) == len(made)
    assert [*events[part]] == made[part]
    order = [at for at in order if at < len(made)]
    assert [*events.ordered(order)] == [made[at] for at in order]
    assert [*events[part].ordered(range(len(made[part])))] == made[part]
