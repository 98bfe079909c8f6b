"""Whose turn it is to make tiles: what is looked at before what may be, and nothing that nobody waits for any more.

Making a tile of a large slice keeps a core busy for up to a quarter of a second. Somebody who goes through slices
quickly leaves many of these behind; without an order, and a way to give up, the slice on screen waits for all of
them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

LOOKED_AT, SOON, SOME_DAY = range(3)


@dataclass(eq=False)
class Wish:
    """That somebody wants a tile.

    Attributes:
        urgency: `LOOKED_AT`, `SOON` (beside what is looked at) or `SOME_DAY`.
        dropped: nobody waits for it any more.
    """

    urgency: int = LOOKED_AT
    dropped: bool = False


class Dropped(Exception):
    """The wish was dropped before it came true."""


def give_way(by: int = 19) -> None:
    """From now on the thread that calls this works when nothing else does, or, given less than 19, mostly then."""
    with suppress(AttributeError, OSError):
        # On Linux priorities are those of threads.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), by)


class Turns:
    """Lets a few threads work at a time, by urgency and then in the order they came."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._changed = threading.Condition()
        self._waiting: list[Wish] = []

    @contextmanager
    def turn(self, wish: Wish) -> Iterator[None]:
        """Waits for a free place.

        Raises:
            Dropped: the wish was dropped while it waited.
        """
        self._take(wish)
        try:
            yield
        finally:
            self._leave()

    def pause(self, wish: Wish) -> None:
        """For whoever has a place: lets the more urgent go first, and ends work that nobody wants.

        Raises:
            Dropped: the wish was dropped.
        """
        if wish.dropped:
            raise Dropped
        if any(other.urgency < wish.urgency for other in tuple(self._waiting)):
            self._leave()
            try:
                self._take(wish)
            except Dropped:
                # Whoever leaves the turn gives back a place.
                with self._changed:
                    self._free -= 1
                raise

    def drop(self, wish: Wish) -> None:
        """Nobody waits for it any more."""
        with self._changed:
            wish.dropped = True
            self._changed.notify_all()

    def _take(self, wish: Wish) -> None:
        with self._changed:
            self._waiting.append(wish)
            try:
                self._changed.wait_for(lambda: wish.dropped or (self._free > 0 and self._first() is wish))
            finally:
                self._waiting.remove(wish)
            if wish.dropped:
                self._changed.notify_all()
                raise Dropped
            self._free -= 1
            # There may be room for the next as well.
            self._changed.notify_all()

    def _leave(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    def _first(self) -> Wish:
        return min(self._waiting, key=lambda wish: wish.urgency)


# One core stays free for everything else the server does.
TURNS = Turns(max(1, (os.cpu_count() or 2) - 1))
