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
from dataclasses import dataclass
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
    with suppress(OSError, StopIteration):
        # Linux lets a process begin with the peak of the one that started it, but not in this file.
        lines = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The machine's memory, or what of it the process is allowed to take.

    Attributes:
        total: bytes there are.
        free: bytes that could be taken now; what the system only keeps for later counts as free.
    """

    total: int
    free: int


def memory(root: Path = Path("/")) -> Memory:
    """The memory for this process: the machine's, or its control group's where that allows less.

    Args:
        root: where `proc` and `sys` lie.
    """
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        said = {name: 1024 * int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        total, free = said["MemTotal"], said["MemAvailable"]
    except (OSError, KeyError, ValueError):
        # macOS does not say in a file what is free: half of what there is, as others have most of the rest.
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        free = total // 2
    for folder in _control_groups(root):
        # The two versions of control groups have other names for the same.
        for limit, used, cached in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            with suppress(OSError, ValueError):  # no such file, or `max`
                allowed = int((folder / limit).read_text())
                taken = int((folder / used).read_text())
                stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                total, free = min(total, allowed), min(free, allowed - taken + int(stat.get(cached, 0)))
    return Memory(total=total, free=max(0, free))


def _control_groups(root: Path) -> list[Path]:
    """Folders of the control groups that limit this process' memory: its own, and those that this one is in."""
    found = []
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, kinds, name = line.split(":", 2)
            if not kinds or "memory" in kinds.split(","):
                top = root / "sys/fs/cgroup" / ("memory" if kinds else "")
                own = top / name.strip("/")
                found += [own, *(folder for folder in own.parents if folder.is_relative_to(top))]
    return found
