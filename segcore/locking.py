"""Locks on files that stay: they end with the process that holds them, so that what is locked is surely alive.

A process that is killed, or a machine that is switched off, leaves no lock behind, and no number of a process is ever
mistaken for another's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from segcore.errors import StorageError
from segcore.posix import ask_lock
from segcore.storage import storage_errors


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds the lock on `path` in the block, and says whether it got it.

    Args:
        path: of a file that is made if it is missing, and left there.
        wait: until the lock is free; otherwise a lock held by somebody else gives False at once.

    Raises:
        StorageError: the file cannot be made, or the disk has no such locks.
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
    try:
        return ask_lock(opened, what)
    except OSError as error:
        raise StorageError(f"cannot be locked ({error.strerror})", path=path, expected="a disk with locks") from error
