"""Coarse tiles that were made once: the latest in memory, those that take long on disk as well.

Both are bounded. A file is known by everything its pixels depend on, so that none is ever out of date; what
nobody asked for in a long time is removed when there is too much. Where nothing can be written, nothing is.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dashboard.viewer.turns import TURNS, Wish
from segcore.data import data_root
from segcore.errors import StorageError
from segcore.storage import atomic_file, read_only

Planes = Mapping[str, NDArray[np.uint8]]

MOST_IN_MEMORY = 32 * 2**20
MOST_ON_DISK = 8 * 2**30
_LOOK_AFTER = 256
"""Files written between two looks at how much there is."""


class KeptTiles:
    """Tiles by a key of text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._memory: OrderedDict[str, Planes] = OrderedDict()
        self._bytes = 0
        self._written = 0

    def get(
        self,
        key: str,
        make: Callable[[], Planes],
        *,
        on_disk: bool,
        wish: Wish | None = None,
        over: Callable[[], bool] = lambda: False,
    ) -> Planes:
        """The tile of that key; made, when its turn has come, if it is not there.

        Args:
            key: what its pixels depend on.
            make: makes it.
            on_disk: whether it is kept on disk as well.
            wish: that of whoever waits.
            over: whether it was forgotten for good while it was made, so that it must not be kept.

        Raises:
            Dropped: nobody waits for it any more.
        """
        found = self._there(key, on_disk)
        if found is None:
            with TURNS.turn(wish or Wish()):
                # Somebody else may have wanted it, too.
                found = self._remembered(key)
                if found is None:
                    found = make()
                    if on_disk and not read_only():
                        self._write(_path(key), found)
                    self._remember(key, found, over)
        return found

    def forget(self, begins: str) -> None:
        """Keeps nothing in memory whose key begins so."""
        with self._lock:
            for key in [key for key in self._memory if key.startswith(begins)]:
                self._bytes -= _size(self._memory.pop(key))

    def has(self, key: str) -> bool:
        """Whether a tile that is kept on disk, or was of late, need not be made."""
        return self._remembered(key) is not None or _path(key).exists()

    def _there(self, key: str, on_disk: bool) -> Planes | None:
        found = self._remembered(key)
        if found is None and on_disk:
            found = _read(_path(key))
            if found is not None:
                self._remember(key, found)
        return found

    def _remembered(self, key: str) -> Planes | None:
        with self._lock:
            found = self._memory.get(key)
            if found is not None:
                self._memory.move_to_end(key)
            return found

    def _remember(self, key: str, planes: Planes, over: Callable[[], bool] = lambda: False) -> None:
        # Asked while nobody can forget anything: what is not over yet is there to be forgotten afterwards.
        with self._lock:
            if key in self._memory or over():
                return
            self._memory[key] = planes
            self._bytes += _size(planes)
            while self._bytes > MOST_IN_MEMORY and len(self._memory) > 1:
                self._bytes -= _size(self._memory.popitem(last=False)[1])

    def _write(self, path: Path, planes: Planes) -> None:
        with suppress(StorageError), atomic_file(path, lasting=False) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **planes)
        self._written += 1
        if self._written % _LOOK_AFTER == 1:
            # Looking through thousands of files takes longer than anybody wants to wait for a tile.
            threading.Thread(target=_remove_oldest, args=(folder(),), daemon=True).start()


def folder() -> Path:
    """Where tiles are kept: SEGCORE_CACHE_DIR, or a hidden folder beside the datasets."""
    named = os.environ.get("SEGCORE_CACHE_DIR")
    return Path(named) if named else data_root() / ".tiles"


def _path(key: str) -> Path:
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    return folder() / name[:2] / f"{name}.npz"


def _read(path: Path) -> Planes | None:
    try:
        with np.load(path, allow_pickle=False) as archive:
            planes = {name: archive[name] for name in archive.files}
        if not read_only():
            os.utime(path)  # what was used last goes last
    except Exception:  # whatever is wrong with it, it can be made again
        return None
    return planes


def _size(planes: Planes) -> int:
    return sum(plane.nbytes for plane in planes.values())


def _remove_oldest(root: Path) -> None:
    files = []
    for path in root.glob("*/*.npz"):
        with suppress(OSError):
            found = path.stat()
            files.append((found.st_mtime, found.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= MOST_ON_DISK:
            break
        with suppress(OSError):
            path.unlink()
            total -= size
