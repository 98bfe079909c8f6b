"""Locks that end with the process that holds them, so that what is locked is surely alive.

They are the kernel's own (`flock`), on files that stay. A process that is killed, or a machine that is switched off,
leaves no lock behind, and no number of a process is ever mistaken for another's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    held = _opened(path)
    try:
        yield _take(held, path, exclusive=True, wait=wait)
    finally:
        os.close(held)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock on `path`. Asking never keeps anybody from taking it for long."""
    try:
        held = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"cannot be read ({error.strerror})", path=path) from error
    try:
        # Shared, so that two who ask at once do not take each other for the holder.
        return not _take(held, path, exclusive=False, wait=False)
    finally:
        os.close(held)


def _opened(path: Path) -> int:
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def _take(held: int, path: Path, *, exclusive: bool, wait: bool) -> bool:
    try:
        import fcntl
    except ImportError as error:
        raise StorageError("this system has no locks on files", path=path, expected="Linux or macOS") from error
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(held, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StorageError(f"cannot be locked ({error.strerror})", path=path, expected="a disk with locks") from error
    return True
