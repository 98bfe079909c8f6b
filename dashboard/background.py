"""Work that takes longer than a page may wait: in a thread of its own, with its progress and a way to end it."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from dashboard import words
from segcore.errors import SegcoreError
from segcore.progress import Cancelled, Progress, duration

_END_S = 10.0


class Work:
    """A task in a thread. It goes on when the page is closed, until it is done or cancelled.

    Attributes:
        state: `running` until the thread is done.
        result: what the task returned.
        error: what it raised.
    """

    def __init__(self, task: Callable[[Progress], Any]) -> None:
        self.state: Literal["running", "finished", "failed", "cancelled"] = "running"
        self.result: Any = None
        self.error: Exception | None = None
        self._task = task
        self._at: tuple[str, int, int | None, str] = ("starting", 0, None, "")
        self._started = time.monotonic()
        self._cancelled = threading.Event()
        _ALL.add(self)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _told(self, step: str, done: int, total: int | None, unit: str) -> None:
        self._at = (step, done, total, unit)
        if self._cancelled.is_set():
            raise Cancelled

    def cancel(self) -> None:
        """Asks the task to end; it does at its next step."""
        self._cancelled.set()

    def join(self, seconds: float) -> None:
        """Waits for the task to end, at most so long."""
        self._thread.join(seconds)

    @property
    def cancelling(self) -> bool:
        return self._cancelled.is_set()

    @property
    def share(self) -> float:
        """How much of the step is done, 0 to 1; 0 if nobody knows."""
        _, done, total, _ = self._at
        return min(1.0, done / total) if total else 0.0

    @property
    def text(self) -> str:
        """What is being done and how far it is, such as `Downloading: 3.1 of 14.2 MB (22 %), 5 s`."""
        step, done, total, unit = self._at
        so_far = ""
        if unit == "B" and (done or total):
            so_far = f": {done / 1e6:.1f}" + (f" of {total / 1e6:.1f} MB ({self.share:.0%})" if total else " MB")
        elif total:
            so_far = f": {done} of {total}"
        since = duration(time.monotonic() - self._started)
        return f"{step[:1].upper()}{step[1:]}{so_far}, {since}"

    def _run(self) -> None:
        try:
            self.result = self._task(Progress(tell=self._told))
            self.state = "finished"
        except Cancelled:
            self.state = "cancelled"
        except Exception as error:  # kept for the page, which tells mistakes from faults of the program
            self.error = error
            self.state = "failed"


_ALL: weakref.WeakSet[Work] = weakref.WeakSet()


@atexit.register
def end_all() -> None:
    """Cancels all work, which cleans up then; a thread that just stops with the server does not."""
    running = [work for work in _ALL if work.state == "running"]
    for work in running:
        work.cancel()
    for work in running:
        work.join(_END_S)


@st.fragment(run_every=0.4)
def show(work: Work, key: str, also: Callable[[], object] | None = None) -> None:
    """A bar that moves, and a button that cancels; the page is drawn anew at the end.

    Args:
        key: of the button.
        also: draws what has come of it so far.
    """
    if work.state != "running":
        st.rerun()
    bar, button = st.columns([5, 1], vertical_alignment="bottom")
    bar.progress(work.share, words.plain("Ending …" if work.cancelling else work.text))
    button.button("Cancel", key=f"cancel {key}", disabled=work.cancelling, width="stretch", on_click=work.cancel)
    if also:
        also()


def mistake(work: Work) -> SegcoreError | None:
    """What a task that failed has to say to the reader; a fault of the program is raised."""
    if work.error is not None and not isinstance(work.error, SegcoreError):
        raise work.error
    return work.error
