"""Saying how far something long is, to whoever shows it or may want to end it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Tell = Callable[[str, int, int | None, str], object]
"""Told the step, how much of it is done, of how much if that is known, and in which unit (`B` for bytes)."""


class Cancelled(BaseException):
    """Somebody ended it; like an interrupt from the keyboard, no handler of errors mistakes it for one."""


class Say(Protocol):
    """Told how much of a step is done, and of how much where that was not known when it began."""

    def __call__(self, done: int, total: int | None = None) -> None: ...


class Progress:
    """How far something long is. Silent by itself.

    Args:
        bars: show a bar for each step on stderr.
        tell: called now and then. It raises `Cancelled` to end the work, which then leaves nothing behind.
    """

    def __init__(self, *, bars: bool = False, tell: Tell | None = None) -> None:
        self._bars = bars
        self._tell = tell

    def at(self, name: str, done: int = 0, total: int | None = None, unit: str = "slice") -> None:
        """Tells of a step for which no bar is worth while."""
        if self._tell is not None:
            self._tell(name, done, total, unit)

    @contextmanager
    def step(self, name: str, total: int | None = None, unit: str = "slice") -> Iterator[Say]:
        """Gives a function to call with what is done; the bar ends with the block, however it ends."""
        from tqdm import tqdm

        in_bytes = unit == "B"
        self.at(name, 0, total, unit)
        with tqdm(
            total=total, desc=name, unit=unit, unit_scale=in_bytes, leave=not in_bytes, disable=not self._bars
        ) as bar:

            def say(done: int, total: int | None = total) -> None:
                bar.total = total
                bar.update(done - bar.n)
                self.at(name, done, total, unit)

            yield say

    def over(self, items: Iterable[Item], name: str, total: int | None = None, unit: str = "slice") -> Iterator[Item]:
        """The items, each of which is done when the next one is asked for."""
        with self.step(name, total, unit) as say:
            for done, item in enumerate(items, 1):
                yield item
                say(done)


SILENT = Progress()


def on_terminal() -> Progress:
    """Bars, where stderr is a terminal."""
    return Progress(bars=sys.stderr.isatty())


def duration(seconds: float) -> str:
    """Seconds as people say them: 75 s, 12 min, 1.6 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
