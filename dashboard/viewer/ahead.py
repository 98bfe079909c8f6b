"""Makes the coarsest tiles of the slices beside the one that is looked at, while the server has nothing else to do.

Large slices are kept at an eighth of their size, but what is wrong beyond a tolerance is not. Going to a slice of
8192 x 8192 whose tile was made takes a few milliseconds, and a quarter of a second otherwise.
One thread, of the lowest priority, works outwards from the slice that was asked for last. It gives way to every
request, knows one stack at a time, goes no farther than is likely to be looked at soon, and waits for the next
request when it is done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from dashboard.viewer.layers import Layers, NotThere
from dashboard.viewer.tiles import coarsest_is_kept, tile
from dashboard.viewer.turns import SOME_DAY, Wish, give_way
from segcore.errors import SegcoreError
from segcore.storage import read_only

REACH = 32
"""Slices each way."""

REACH_IN_MEMORY = 4
"""Slices each way where nothing may be written."""

_SETTLE_S = 0.25


@dataclass(frozen=True)
class Look:
    """What somebody looks at."""

    layers: Layers
    z: int
    tolerance: int

    def beside(self, reach: int) -> Iterator[int]:
        """The slices next to it, nearest first."""
        for step in range(1, reach + 1):
            for z in (self.z + step, self.z - step):
                if 0 <= z < self.layers.slices:
                    yield z


class Ahead:
    """The thread, started by the first look at a stack of large slices."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._look: Look | None = None
        self._done: Look | None = None
        self._thread: threading.Thread | None = None

    def looked(self, look: Look) -> None:
        """Somebody looks at this now."""
        if look.layers.coarsest < 2 or look.layers.temporary:
            return  # its tiles are made as fast as they are read, or nothing is to be kept of it
        with self._changed:
            self._look = look
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="tiles ahead", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _work(self) -> None:
        give_way()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._look is not self._done)
                look = self._look
            # Whoever goes through slices quickly asks for others at once.
            time.sleep(_SETTLE_S)
            if look is self._look and look is not None:
                with suppress(SegcoreError, NotThere, OSError):  # gone in the meantime; a request will say so
                    self._make(look)
                self._done = look

    def _make(self, look: Look) -> None:
        for z in look.beside(REACH_IN_MEMORY if read_only() else REACH):
            if self._look is not look:
                return
            if not coarsest_is_kept(look.layers, z, look.tolerance):
                tile(look.layers, "bundle", z, look.layers.coarsest, 0, 0, look.tolerance, Wish(SOME_DAY))
