"""Waiting for processes, and what tests of jobs ask about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segcore.errors import RunError
from segcore.jobs import JobQueue
from segcore.locking import is_locked
from segcore.runs import open_run

REPOSITORY = Path(__file__).parents[1]


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """Waits until `condition` gives something true, and returns that."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


@contextmanager
def all_ended() -> Iterator[JobQueue]:
    """The queue, whose jobs are stopped in the end."""
    queue = JobQueue()
    try:
        yield queue
    finally:
        for job in queue.jobs():
            if job.open:
                queue.stop(job.number)
        wait_for(lambda: not any(map(is_locked, queue.folder.rglob("*lock"))), "an end of everything", 300)


def epochs(name: str) -> int:
    """Epochs that a run has done; 0 before there is one."""
    try:
        return len(open_run(name).history())
    except RunError:
        return 0


def starters(queue: JobQueue, lane: str = "cpu") -> list[int]:
    """Numbers of the processes that start the jobs of a lane; one that is not needed ends by itself."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            environment = (path.parent / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[-3:-1] == [b"work", lane.encode()] and f"SEGCORE_MODELS_DIR={queue.models}".encode() in environment:
            found.append(int(path.parent.name))
    return found
