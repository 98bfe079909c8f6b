"""What is asked of a POSIX system, and in no other file: on another system this one is written once more.

Locks are the kernel's own, so they end with the process that holds them, however it ends.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

try:
    import fcntl
    import resource
except ImportError as error:
    raise SystemExit("segcore: this system has no POSIX locks; expected Linux or macOS") from error

NICE = 10
"""How much a training gives way to other programs."""


def ask_lock(opened: int, what: Literal["look", "take", "take, waiting"]) -> bool:
    """Whether the lock of an open file (`F_OFD_SETLK`) is free, or was taken.

    Two threads are two holders, and a look (`F_OFD_GETLK`) takes nothing, so it never makes somebody fail who takes the
    lock at the same moment. (filelock and portalocker learn whether a lock is held by taking it.)
    """
    # All of the file: a type, from its beginning, 0 bytes on, to its end; no process is named. macOS has other numbers,
    # which Python does not name, and the fields in another order.
    if sys.platform == "darwin":
        commands = {"look": 92, "take": 90, "take, waiting": 91}
        form, kind_at = "qqihh", 3
        lock = struct.pack(form, 0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET)
    else:
        commands = {"look": fcntl.F_OFD_GETLK, "take": fcntl.F_OFD_SETLK, "take, waiting": fcntl.F_OFD_SETLKW}
        form, kind_at = "hhqqi0q", 0
        lock = struct.pack(form, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        answer = fcntl.fcntl(opened, commands[what], lock)
    except (BlockingIOError, PermissionError):
        return False
    return what != "look" or struct.unpack(form, answer)[kind_at] == fcntl.F_UNLCK


def lock_folder(path: Path, *, wait: bool) -> int | None:
    """Locks a folder until what is returned is closed, or its process ends.

    None where it is gone, where somebody else holds it and `wait` is off, and on disks that have no such locks.
    """
    with suppress(OSError):
        held = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(held)
            raise
        return held
    return None


OWN_SESSION: dict[str, Any] = {"start_new_session": True}
"""For `subprocess.Popen`: the process outlives this one, and its own processes can be told all at once."""


def signal_session(pid: int, number: signal.Signals) -> None:
    """Sends a signal to a process that began a session of its own, and to the processes it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def give_way() -> None:
    """Lets other programs go first, so that the app answers while this process is busy for long."""
    with suppress(OSError):
        os.nice(NICE)


def when_time_is_short(told: Callable[[], object] | None) -> None:
    """Has a function called when a cluster says that this process' time is nearly over; None ignores that."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN if told is None else lambda _number, _frame: told())


def peak_memory_mb() -> float:
    """The most memory that this process has taken so far, megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
