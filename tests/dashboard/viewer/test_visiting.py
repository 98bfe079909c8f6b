"""Visitors' stacks: each under its own name, as long as the visit lasts, and nothing of them in memory afterwards."""

from __future__ import annotations

import gc
import json
import os
import threading
import weakref
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import tifffile
from waiting import wait_for

from dashboard.viewer import neurites, show_uploaded
from dashboard.viewer.kept import KeptTiles
from dashboard.viewer.layers import NotThere, open_layers
from dashboard.viewer.neurites import neurite_facts
from dashboard.viewer.packed import KeptSlices, PackedSlice
from dashboard.viewer.tiles import tile
from dashboard.viewer.turns import TURNS, Turns, Wish
from segcore.runs import SegmentPoint
from segcore.stacks import StackWriter

SHAPE = (2, 700, 1100)
POINT = SegmentPoint(smoothing_px=2.0, bias=0.5, smallest_px=25)


def pages(grey: int, rooms: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of one grey value, and a probability with walls between so many rooms."""
    images, probability = np.full(SHAPE, grey, np.uint8), np.full(SHAPE, 240, np.uint8)
    for wall in range(1, rooms):
        at = wall * SHAPE[2] // rooms
        probability[..., at : at + 6] = 10
    return images, probability


def brought(folder: Path, grey: int, rooms: int) -> Path:
    """A folder as *Try it* leaves it."""
    folder.mkdir()
    for name, data in zip(("images.tif", "probability.tif"), pages(grey, rooms), strict=True):
        with StackWriter(folder / name, height=SHAPE[1], width=SHAPE[2], slices=SHAPE[0]) as writer:
            for page in data:
                writer.write(page)
    return folder


def brought_again(folder: Path, grey: int, rooms: int) -> None:
    """Other pixels in files that look the same from outside, so that what was kept would be taken for theirs."""
    for name, data in zip(("images.tif", "probability.tif"), pages(grey, rooms), strict=True):
        path = folder / name
        before = path.stat()
        stored = tifffile.memmap(path, mode="r+")
        stored[:] = data
        stored.flush()
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def seen(name: str) -> tuple[int, int, int]:
    """Of the first slice: its grey value at full size and as a whole, and how many segments it has."""
    layers = open_layers(name, None, "test")
    grey = [int(tile(layers, "bundle", 0, level, 0, 0)["image"].mean()) for level in (0, layers.coarsest)]
    return *grey, len(json.loads(neurite_facts(layers, 0))["segments"]["area"])


def test_what_was_made_is_kept_during_the_visit_and_gone_after_it(tmp_path):
    folder = brought(tmp_path / "mine", 100, 2)
    mine = show_uploaded(folder, SHAPE, POINT)
    assert seen(mine.name) == (100, 100, 2)
    brought_again(folder, 50, 3)
    # What is asked for once more is what was made: the tile, and basins, of which another bias cuts other segments.
    assert seen(mine.name) == (50, 100, 2)
    layers = open_layers(mine.name, None, "test")
    kept = weakref.ref(tile(layers, "bundle", 0, layers.coarsest, 0, 0)["probability"])
    assert kept() is not None
    mine.forget()
    gc.collect()
    assert kept() is None
    assert mine.forgotten
    with pytest.raises(NotThere):
        open_layers(mine.name, None, "test")
    again = show_uploaded(folder, SHAPE, POINT)
    assert again.name != mine.name
    assert seen(again.name) == (50, 50, 3)
    again.forget()


def test_each_visitor_has_a_stack_of_their_own(tmp_path, ask):
    """Also where one folder's name begins with another's."""
    stacks = [show_uploaded(brought(tmp_path / name, grey, 2), SHAPE, POINT) for name, grey in (("a", 10), ("ab", 20))]

    def asked(number, what="tiles"):
        path = f"{stacks[number].name}/-/test"
        kinds = {
            "tiles": f"tiles/{path}/image/0/1/0/0", "neurites": f"neurites/{path}/0",
            "thumbnails": f"thumbnails/{path}/0/0/0/90/90?kind=slice&value=127"
            f"&version={open_layers(stacks[1].name, None, 'test').version if number else '-'}",
        }  # fmt: skip
        return ask(f"/segcore/{kinds[what]}")

    assert [int(asked(number).plane().mean()) for number in (0, 1)] == [10, 20]
    assert asked(1, "thumbnails").headers["cache-control"] == "no-store"
    stacks[0].forget()
    assert [asked(0, what).status for what in ("tiles", "neurites", "thumbnails")] == [404, 404, 404]
    assert [asked(1, what).status for what in ("tiles", "neurites", "thumbnails")] == [200, 200, 200]
    stacks[1].forget()


def test_what_was_being_made_when_the_visit_ended_is_not_kept(tmp_path):
    folder = brought(tmp_path / "mine", 100, 2)
    mine = show_uploaded(folder, SHAPE, POINT)
    layers = open_layers(mine.name, None, "test")
    with ExitStack() as busy:
        # Nobody else has a turn meanwhile.
        busy.enter_context(neurites.MAKING.turn(Wish()))
        for _ in range(max(1, (os.cpu_count() or 2) - 1)):
            busy.enter_context(TURNS.turn(Wish()))
        asked = [
            threading.Thread(target=tile, args=(layers, "bundle", 0, layers.coarsest, 0, 0)),
            threading.Thread(target=neurite_facts, args=(layers, 0)),
        ]
        for one in asked:
            one.start()
        wait_for(lambda: TURNS._waiting and neurites.MAKING._waiting, "both to wait")
        forgetting = threading.Thread(target=mine.forget, daemon=True)
        forgetting.start()
        forgetting.join(10)
        assert not forgetting.is_alive(), "a visitor who goes waits for nobody"
    for one in asked:
        one.join(30)
    brought_again(folder, 50, 3)
    again = show_uploaded(folder, SHAPE, POINT)
    assert seen(again.name) == (50, 50, 3)
    again.forget()


def test_what_is_over_while_it_is_made_is_given_and_not_kept():
    tiles, slices, made = KeptTiles(), KeptSlices(Turns(1), 1000), []

    def tile_of(number: int, over: bool) -> int:
        def make():
            made.append(number)
            return {"image": np.full((1, 1), number, np.uint8)}

        return int(tiles.get("x", make, on_disk=False, over=lambda: over)["image"][0, 0])

    def slice_of(number: int, over: bool) -> int:
        return slices.get("x", lambda _: PackedSlice(facts=bytes([number])), Wish(), lambda: over).facts[0]

    for get in (tile_of, slice_of):
        assert [get(1, over=True), get(2, over=False), get(3, over=False)] == [1, 2, 2]
    assert made == [1, 2]
