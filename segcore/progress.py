"""Saying how far something long is, to whoever shows it or may want to end it."""

from __future__ import annotations

from collections.abc import Callable

Watch = Callable[[str, int, int | None], object]
"""Told now and then what is being done, how much of it is done, and of how much, if that is known.

Amounts are bytes while files arrive or are unpacked, and slices otherwise. It raises `Cancelled` to end the work,
which then leaves nothing behind.
"""


class Cancelled(BaseException):
    """Somebody ended it; like an interrupt from the keyboard, no handler of errors mistakes it for one."""


def unwatched(step: str, done: int, total: int | None) -> None:
    """A `Watch` that shows nothing."""


def duration(seconds: float) -> str:
    """Seconds as people say them: 75 s, 12 min, 1.6 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
