"""Which splits and merges two predictions share: by hand, and what holds for any."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from segcore.measures.changed_events import event_changes
from segcore.measures.events import Event


def event(kind, neurites, *, z=0, harm=0.1, loop=False, stray=5):
    return Event(
        kind=kind, loop=loop, slice=z, neurites=neurites, segments=(1,), overlaps_px=(9,) * len(neurites), area_px=90,
        stray_px=stray, harm=harm, y=1, x=2, openings=((1, 2),), top=0, left=0, bottom=9, right=9,
    )  # fmt: skip


def test_a_split_is_that_of_a_neurite_however_it_is_cut():
    here, there = event("split", (4,), harm=0.3), event("split", (4,), harm=0.1)
    other = event("split", (5,))
    found = event_changes([here, other], [there])
    assert (found.in_both, found.gone, found.new) == ((here,), (other,), ())


def test_a_merge_is_the_same_where_two_neurites_stay_together():
    three, two, others = event("merge", (1, 2, 3)), event("merge", (3, 2)), event("merge", (3, 4))
    assert event_changes([three], [two]).in_both == (three,)
    found = event_changes([three], [others])  # they have one neurite in common
    assert (found.in_both, found.gone, found.new) == ((), (three,), (others,))
    # Two merges have one each of the two neurites: nobody joins them.
    apart = [event("merge", (1, 8)), event("merge", (2, 9))]
    assert event_changes([event("merge", (1, 2))], apart).in_both == ()


def test_what_is_not_the_same():
    split, merge = event("split", (1,)), event("merge", (1, 2))
    assert event_changes([split], [merge]).in_both == ()
    assert event_changes([split], [event("split", (1,), z=1)]).in_both == ()
    assert event_changes([merge], [event("merge", (1, 2), loop=True)]).in_both == ()


def test_the_most_harmful_come_first_and_the_largest_where_nobody_knows():
    harms = [event("split", (n,), harm=harm) for n, harm in enumerate((0.1, 0.3, -0.2, 0.2))]
    assert [one.harm for one in event_changes(harms, []).gone] == [0.3, 0.2, 0.1, -0.2]
    sizes = [event("split", (n,), harm=float("nan"), stray=stray) for n, stray in enumerate((3, 9, 5))]
    assert [one.stray_px for one in event_changes([], sizes).new] == [9, 5, 3]


events = st.lists(
    st.builds(
        lambda kind, neurites, z: event(kind, tuple(neurites[:1] if kind == "split" else neurites), z=z),
        st.sampled_from(["split", "merge"]),
        st.lists(st.integers(1, 6), min_size=2, max_size=4, unique=True),
        st.integers(0, 1),
    ),
    max_size=8,
)


@given(events, events)
def test_every_event_is_in_one_place(first, second):
    found, turned = event_changes(first, second), event_changes(second, first)
    assert sorted(map(repr, found.gone + found.in_both)) == sorted(map(repr, first))
    assert len(found.new) + len(turned.in_both) == len(second)
    assert (found.gone, found.new) == (turned.new, turned.gone)
    same = event_changes(first, first)
    assert (same.gone, same.new) == ((), ())
