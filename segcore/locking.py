"""Locks that end with the process that holds them, so that what is locked is surely alive.

They are the kernel's own, of an open file (`F_OFD_SETLK`), on files that stay. A process that is killed, or a machine
that is switched off, leaves no lock behind, no number of a process is ever mistaken for another's, and two threads are
two holders. Whether a lock is held is asked of the kernel (`F_OFD_GETLK`), which takes nothing: a look never makes
somebody fail who takes the lock at the same moment.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from segcore.errors import StorageError
from segcore.storage import storage_errors


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds the lock on `path` in the block, and says whether it got it.

    Args:
        path: of a file that is made if it is missing, and left there.
        wait: until the lock is free; otherwise a lock held by somebody else gives False at once.

    Raises:
        StorageError: the file cannot be made, or the system has no such locks.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield _ask(held, path, "take, waiting" if wait else "take")
    finally:
        os.close(held)


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock on `path`. Asking never keeps anybody from taking it."""
    try:
        looked_at = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"cannot be read ({error.strerror})", path=path) from error
    try:
        return not _ask(looked_at, path, "look")
    finally:
        os.close(looked_at)


def _ask(opened: int, path: Path, what: Literal["look", "take", "take, waiting"]) -> bool:
    """Whether the lock is free, or was taken."""
    try:
        import fcntl
    except ImportError as error:
        raise StorageError("this system has no locks on files", path=path, expected="Linux or macOS") from error
    # All of the file: a type, from its beginning, 0 bytes on, to its end; no process is named. macOS has other numbers,
    # which Python does not name, and the fields in another order.
    if sys.platform == "darwin":
        commands = {"look": 92, "take": 90, "take, waiting": 91}
        lock, kind_at = struct.pack("qqihh", 0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET), 3
    else:
        commands = {"look": fcntl.F_OFD_GETLK, "take": fcntl.F_OFD_SETLK, "take, waiting": fcntl.F_OFD_SETLKW}
        lock, kind_at = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0), 0
    try:
        answer = fcntl.fcntl(opened, commands[what], lock)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        raise StorageError(f"cannot be locked ({error.strerror})", path=path, expected="a disk with locks") from error
    fields = struct.unpack("qqihh" if kind_at else "hhqqi0q", answer)
    return what != "look" or fields[kind_at] == fcntl.F_UNLCK
