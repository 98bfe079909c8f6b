"""How the server's memory is handed out."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8


def share_arenas() -> None:
    """Asks the C library to serve all threads from two pools.

    Otherwise glibc gives eight to each core, and each script's thread leaves holes in another one: twenty visits
    of a run of 2000 slices left the server 100 MB larger (benchmarks/README.md).
    """
    try:
        ctypes.CDLL("libc.so.6").mallopt(_M_ARENA_MAX, 2)
    except (OSError, AttributeError):
        return  # Another C library, with habits of its own.
