"""What tells that files have changed: caches go by it, and never by contents."""

from __future__ import annotations

import os
from pathlib import Path

Stamp = tuple[tuple[str, int, int], ...]


def stamp(folder: Path) -> Stamp:
    """Name, size and time of change of every file in a folder; empty where there is none."""
    try:
        with os.scandir(folder) as entries:
            found = [(one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in entries if one.is_file()]
    except OSError:
        return ()
    return tuple(sorted(found))
