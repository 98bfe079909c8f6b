"""Slices that can only be worked out as a whole: once for all their tiles at every level, and kept packed.

Whose a pixel is, or what a wrong one is part of, is told by what is connected across the slice. A tile of such a plane
packs to a few percent of its size, and unpacks in a millisecond.
"""

from __future__ import annotations

import threading
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import numpy as np

from dashboard.viewer.layers import TILE
from dashboard.viewer.turns import Dropped, Turns, Wish
from segcore.stacks import Plane

Pause = Callable[[], None]
Place = tuple[int, int, int]
"""Level, row and column of a tile."""
PackedTile = tuple[tuple[int, int], bytes]
"""Height and width, and the packed planes one after the other."""


@dataclass(frozen=True)
class PackedSlice:
    """What was worked out of a slice.

    Attributes:
        planes: names of the planes of each tile.
        tiles: by their places.
        facts: what else there is to know of it.
        problem: why there is nothing of the kind.
    """

    planes: tuple[str, ...] = ()
    tiles: Mapping[Place, PackedTile] = field(default_factory=dict)
    facts: bytes = b""
    problem: str = ""

    @property
    def size(self) -> int:
        """Bytes it takes."""
        # What Python needs for each of them counts as well: ignored labels make tiles that pack to nothing.
        return len(self.facts) + sum(len(tile) + 300 for _, tile in self.tiles.values())

    def tile(self, *place: int) -> dict[str, Plane]:
        """The planes by name of a tile that there is, by level, row and column."""
        level, ty, tx = place
        shape, packed = self.tiles[level, ty, tx]
        planes = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(len(self.planes), *shape)
        return dict(zip(self.planes, planes, strict=True))


def packed_tiles(
    level: int, height: int, width: int, planes: Callable[[tuple[slice, slice]], Sequence[Plane]]
) -> Iterator[tuple[Place, PackedTile]]:
    """All tiles of a level of that size in pixels of the level; `planes` gives those of a window of it."""
    for ty in range(-(-height // TILE)):
        for tx in range(-(-width // TILE)):
            parts = planes(np.s_[ty * TILE : (ty + 1) * TILE, tx * TILE : (tx + 1) * TILE])
            data = zlib.compress(b"".join(plane.tobytes() for plane in parts), 1)
            yield (level, ty, tx), ((parts[0].shape[0], parts[0].shape[1]), data)


class KeptSlices:
    """Packed slices by a key of text, those that were used last."""

    def __init__(self, making: Turns, most: int, working: Turns | None = None) -> None:
        """Keeps at most so many bytes.

        Args:
            making: whose turn it is to work out a slice.
            most: bytes, but always one slice.
            working: whose turn it is to work at all, taken while a slice is made, and given up to the more urgent at
                every pause; None for work whose steps are too long for that, which has to be of low priority.
        """
        self._making, self._most, self._working = making, most, working
        self._lock = threading.Lock()
        self._memory: OrderedDict[str, PackedSlice] = OrderedDict()
        self._bytes = 0
        self._waiting: Counter[str] = Counter()

    def get(
        self,
        key: str,
        make: Callable[[Pause], PackedSlice],
        wish: Wish,
        over: Callable[[], bool] = lambda: False,
    ) -> PackedSlice:
        """The slice of that key; worked out, when its turn has come, if it is not there.

        Args:
            key: what it depends on.
            make: works it out, and calls what it is given at every pause.
            wish: that of whoever waits.
            over: whether it was forgotten for good meanwhile, so that it must not be kept.

        Raises:
            Dropped: nobody waits for it any more.
        """
        found = self._remembered(key)
        if found is not None:
            return found
        with self._wait(key), self._making.turn(wish):
            # Its other tiles were wanted, too.
            found = self._remembered(key)
            if found is None:
                mine = Wish(wish.urgency)

                def pause() -> None:
                    # Somebody who moves on a slice drops some of its tiles and wants others.
                    if wish.dropped and self._waiting[key] == 1:
                        raise Dropped
                    if self._working is not None:
                        self._working.pause(mine)

                with self._working.turn(mine) if self._working is not None else nullcontext():
                    found = make(pause)
                self._remember(key, found, over)
        return found

    def forget(self, begins: str) -> None:
        """Keeps nothing whose key begins so."""
        with self._lock:
            for key in [key for key in self._memory if key.startswith(begins)]:
                self._bytes -= self._memory.pop(key).size

    @contextmanager
    def _wait(self, key: str) -> Iterator[None]:
        with self._lock:
            self._waiting[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[key] -= 1
                if not self._waiting[key]:
                    del self._waiting[key]

    def _remembered(self, key: str) -> PackedSlice | None:
        with self._lock:
            found = self._memory.get(key)
            if found is not None:
                self._memory.move_to_end(key)
            return found

    def _remember(self, key: str, packed: PackedSlice, over: Callable[[], bool]) -> None:
        # Asked while nobody can forget anything: what is not over yet is there to be forgotten afterwards.
        with self._lock:
            if over():
                return
            self._memory[key] = packed
            self._bytes += packed.size
            while self._bytes > self._most and len(self._memory) > 1:
                self._bytes -= self._memory.popitem(last=False)[1].size
