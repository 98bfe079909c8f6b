"""Which verdict belongs to which place of an evaluation that was made again: by hand, and in general."""

import math
import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from judging import at, place, verdict

from segcore.reviews import Place, match


def matched(verdicts, places, **how):
    found = match(verdicts, places, **how)
    return found.of_places, found.stale


def test_nothing_and_nobody():
    assert matched([], []) == ((), ())
    assert matched([], [place()]) == (((),), ())
    assert matched([verdict()], []) == ((), (verdict(),))


def test_the_same_pixel_is_the_same_place_whatever_its_box():
    small = place(top=19, bottom=21, left=29, right=31)
    assert matched([verdict()], [place(slice=4), small]) == (((), (verdict(),)), ())


def test_another_kind_or_slice_is_another_place():
    assert matched([verdict()], [place(kind="merge"), place(slice=2)]) == (((), ()), (verdict(),))


def test_a_place_that_has_moved_a_little_is_found_by_its_box():
    # Boxes of 40 x 40, 10 to the right: 30 of 50 columns are covered by both.
    moved = place(x=40, left=20, right=60)
    assert matched([verdict()], [moved]) == (((verdict(),),), ())


def test_half_of_both_boxes_is_just_enough():
    # 40 and 20 columns of the same rows: 20 are covered by both, 40 together.
    half = place(x=31, left=20, right=40)
    assert matched([verdict()], [half]) == (((verdict(),),), ())
    less = place(x=31, left=21, right=40)
    assert matched([verdict()], [less]) == (((),), (verdict(),))


def test_a_pixel_too_far_away_is_another_place_though_the_box_is_the_same():
    moved = place(y=23, x=34)
    assert matched([verdict()], [moved], within_px=5) == (((verdict(),),), ())
    assert matched([verdict()], [moved], within_px=4.99) == (((),), (verdict(),))
    assert matched([verdict()], [place()], within_px=0) == (((verdict(),),), ())


def test_the_nearest_is_taken_and_of_equally_near_ones_that_with_the_most_alike_box():
    far, near = place(x=36), place(x=33)
    assert matched([verdict()], [far, near]) == (((), (verdict(),)), ())
    left, right = place(x=28, bottom=39), place(x=32)
    assert matched([verdict()], [left, right]) == (((), (verdict(),)), ())
    assert matched([verdict()], [place(x=28), place(x=32)]) == (((verdict(),), ()), ())


def test_each_place_has_one_verdict_of_a_reviewer_and_the_exact_one_comes_first():
    old, new = verdict(x=31, at=at(9)), verdict(x=30)
    assert matched([old, new], [place()]) == (((new,),), (old,))
    assert matched([old, new], [place(), place(x=32)]) == (((new,), (old,)), ())
    # Both are one pixel away: the later one.
    assert matched([verdict(x=29), old], [place()]) == (((old,),), (verdict(x=29),))


def test_reviewers_do_not_take_places_from_each_other():
    anas, bos = verdict(x=31), verdict(reviewer="Bo", at=at(5))
    assert matched([bos, anas], [place()]) == (((anas, bos),), ())


short = st.integers(0, 30)


@st.composite
def some_places(draw):
    y, x, up, down, left, right = (draw(short) for _ in range(6))
    box = {"top": max(y - up, 0), "left": max(x - left, 0), "bottom": y + 1 + down, "right": x + 1 + right}
    return Place(kind=draw(st.sampled_from(["split", "merge"])), slice=draw(st.integers(0, 1)), y=y, x=x, **box)


some_verdicts = st.builds(
    lambda where, reviewer, second: verdict(place=where, reviewer=reviewer, at=at(second)),
    some_places(), st.sampled_from(["Ana", "Bo"]), st.integers(0, 3),
)  # fmt: skip


def belong(one, other, within_px):
    """The rule, pixel by pixel."""
    if (one.kind, one.slice) != (other.kind, other.slice):
        return False
    if (one.y, one.x) == (other.y, other.x):
        return True
    first, second = (
        {(y, x) for y in range(box.top, box.bottom) for x in range(box.left, box.right)} for box in (one, other)
    )
    near = math.dist((one.y, one.x), (other.y, other.x)) <= within_px
    return near and len(first & second) / len(first | second) >= 0.5


@given(
    st.lists(some_verdicts, max_size=8), st.lists(some_places(), max_size=8), st.sampled_from([0, 3, 25]), st.randoms()
)
def test_what_holds_of_every_matching(verdicts, places, within_px, order):
    found = match(verdicts, places, within_px=within_px)
    belonging = [(one, where) for where, own in zip(places, found.of_places, strict=True) for one in own]
    everyone = [one for one, _ in belonging] + list(found.stale)
    assert sorted(everyone, key=repr) == sorted(verdicts, key=repr), "each verdict once"
    for own in found.of_places:
        assert len({one.reviewer for one in own}) == len(own)
    assert all(belong(one.place, where, within_px) for one, where in belonging)
    for one in found.stale:
        for where, own in zip(places, found.of_places, strict=True):
            taken = one.reviewer in {other.reviewer for other in own}
            assert taken or not belong(one.place, where, within_px), "a stale one has no place left"
    again = random.Random(order.random()).sample(verdicts, len(verdicts))
    assert match(again, places, within_px=within_px) == found


def test_ten_thousand_places_of_a_slice_are_no_trouble():
    places = [
        place(kind="wrong pixels", slice=0, y=y, x=x, top=y, left=x, bottom=y + 9, right=x + 9)
        for y in range(0, 1000, 10)
        for x in range(0, 1000, 10)
    ]
    moved = [verdict(place=one) for one in places[::10]]
    shifted = [replace(one, y=one.y + 1, top=one.top + 1, bottom=one.bottom + 1) for one in places]
    found = match(moved, shifted)
    assert found.stale == ()
    assert [own[0].place if own else None for own in found.of_places[::10]] == places[::10]
    assert sum(map(len, found.of_places)) == len(moved)
