"""The leak audit: slices are recognised by their pixels, whoever saw them."""

import numpy as np

from segcore.config import SplitConfig
from segcore.data import slice_fingerprint
from segcore.runs.leaks import Seen, audit, audit_split
from segcore.runs.splits import Split, make_split


def prints(count):
    return [f"slice {index}" for index in range(count)]


def test_the_audit_tells_trained_chosen_and_neighbouring_slices():
    split = make_split(30, SplitConfig())
    found = audit(split, prints(30), range(30), prints(30))
    assert found.trained_on == tuple(range(16))
    assert found.chosen_on == (17, 18, 19)
    assert found.neighbours == (16,)
    clean = audit(split, prints(30), split.test, prints(30))
    assert not clean.leaks
    assert clean.overlaps == clean.neighbours == ()


def test_near_misses_are_counted():
    """Trained on 0-15, nothing on 16, validated with 17-19, tested on 20-29."""
    split = make_split(30, SplitConfig())
    found = audit_split(split, prints(30))
    assert found.within == (0, 1, 2)  # 17 and 18
    assert found.near_misses.startswith(
        "0 of the judged slices lie at most 1 slice from a trained one, 1 at most 2 and 2 at most 3"
    )
    far = audit(split, prints(30), split.test, prints(30))
    assert far.within == (0, 0, 0)
    assert far.near_misses == ""
    # What was trained on itself is no near miss, and on the other side of a border nothing is near.
    assert audit(split, prints(30), [14, 15, 16], prints(30)).within == (1, 1, 1)
    assert audit(split, prints(30), [16, 17, 18], prints(30), borders=(16,)).within == (0, 0, 0)


def test_slices_on_the_two_sides_of_a_border_are_no_neighbours():
    parts = {"train": tuple(range(9)), "validation": (11,), "gap": (10,), "test": (9,)}
    split = Split(protocol="blocks", slices=12, borders=(9,), **parts)
    assert audit_split(split, prints(12)).neighbours == ()
    assert audit(split, prints(12), [9], prints(12)).neighbours == (9,)
    assert audit(split, prints(12), [9], prints(12), borders=(9,)).neighbours == ()


def test_the_audit_recognises_pixels_under_another_name_and_another_way_round():
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 256, (12, 9, 7), np.uint8)
    split = make_split(12, SplitConfig())  # trains on 0-5, validates on 7, tests on 8-11
    other = rng.integers(0, 256, (6, 9, 7), np.uint8)
    other[1] = stack[2]
    other[3] = stack[4, ::-1]
    other[4] = np.rot90(stack[5], 2)
    other[5] = stack[7, :, ::-1]
    trained = [slice_fingerprint(page) for page in stack]
    found = audit(split, trained, range(6), [slice_fingerprint(page) for page in other])
    assert [(one.judged, one.source, one.seen_in) for one in found.overlaps] == [
        (1, 2, "train"), (3, 4, "train"), (4, 5, "train"), (5, 7, "validation"),
    ]  # fmt: skip
    assert found.neighbours == (0, 2)
    # Turned by 90 degrees a slice has another shape, and is the same slice still.
    turned = [slice_fingerprint(np.rot90(page, 3)) for page in stack]
    assert audit(split, trained, [0], turned).leaks


def test_a_slice_twice_in_a_stack_leaks_by_its_pixels():
    split = make_split(12, SplitConfig())
    same = prints(12)
    same[9] = same[1]
    assert audit(split, same, split.test, same).trained_on == (9,)


def test_what_the_weights_had_seen_before_is_told_apart_from_what_the_run_saw():
    split = make_split(12, SplitConfig())  # trains on 0-5, validates on 7, tests on 8-11
    own = prints(12)
    before = Seen(trained=(own[7], own[8], own[2], "elsewhere"), validated=(own[9], own[8], own[3]))
    found = audit_split(split, own, before)
    assert [(one.judged, one.seen_in, one.source, one.inherited) for one in found.overlaps] == [
        (7, "train", None, True), (8, "train", None, True), (9, "validation", None, True),
    ]  # fmt: skip
    assert (found.trained_here, found.trained_before, found.chosen_on) == ((), (7, 8), (9,))
    # In another stack: one slice that both learned from, one that only the ancestor chose by, one that both chose by.
    other = [own[2], own[9], own[7], own[6]]
    found = audit(split, own, range(4), other, Seen(trained=(own[2],), validated=(own[9], own[7])))
    assert [(one.judged, one.seen_in, one.source, one.inherited) for one in found.overlaps] == [
        (0, "train", 2, True), (1, "validation", None, True), (2, "validation", 7, True),
    ]  # fmt: skip
    assert (found.trained_here, found.trained_before, found.chosen_on) == ((0,), (0,), (1, 2))
