"""How the server's memory is handed out."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, threading
from dashboard.memory import share_arenas

if sys.argv[1] == "shared":
    share_arenas()
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(8)

def allocate():
    together.wait()
    for _ in range(100):
        libc.malloc(1000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_threads_share_two_pools() -> None:
    pools = {
        how: subprocess.run(
            [sys.executable, "-c", PROGRAM, how], check=True, capture_output=True, text=True
        ).stdout.count("<heap nr=")
        for how in ("shared", "as it comes")
    }
    assert pools["shared"] <= 2 < pools["as it comes"]
