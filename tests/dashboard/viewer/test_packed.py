"""Slices that were worked out as a whole: cut into tiles and together again, kept within bounds, given up in time."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.viewer.layers import TILE
from dashboard.viewer.packed import KeptSlices, PackedSlice, Pause, packed_tiles
from dashboard.viewer.turns import Dropped, Turns, Wish


def test_tiles_are_the_planes_they_were_cut_from():
    rng = np.random.default_rng(0)
    planes = [rng.integers(0, 256, (700, 1100), np.uint8) for _ in range(2)]
    tiles = dict(packed_tiles(3, 700, 1100, lambda window: [plane[window] for plane in planes]))
    assert sorted(tiles) == [(3, ty, tx) for ty in range(2) for tx in range(3)]
    packed = PackedSlice(planes=("one", "other"), tiles=tiles)
    found = packed.tile(3, 1, 2)
    assert list(found) == ["one", "other"]
    for plane, name in zip(planes, found, strict=True):
        np.testing.assert_array_equal(found[name], plane[TILE:, 2 * TILE :])


def test_slices_are_kept_within_bounds():
    kept, made = KeptSlices(Turns(1), most=3 * 100), []

    def get(name: str) -> None:
        kept.get(name, lambda _: made.append(name) or PackedSlice(facts=bytes(100)), Wish())

    for name in "aabcdda":
        get(name)
    assert "".join(made) == "abcda"


@pytest.mark.parametrize("working", [Turns(1), None])
def test_work_ends_at_the_next_pause_where_nobody_waits_for_it(working):
    kept, wish, steps = KeptSlices(Turns(1), most=100, working=working), Wish(), []

    def make(pause: Pause) -> PackedSlice:
        for step in range(3):
            steps.append(step)
            if step == 1:
                wish.dropped = True
            pause()
        return PackedSlice()

    with pytest.raises(Dropped):
        kept.get("a", make, wish)
    assert steps == [0, 1]
    # And the next one has its turn.
    assert kept.get("a", lambda _: PackedSlice(facts=b"found"), Wish()).facts == b"found"
