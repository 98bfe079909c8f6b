"""The memory that the system says there is, told from files as Linux writes them; and this process' own peak."""

from __future__ import annotations

import subprocess
import sys

import pytest

from segcore.posix import memory, peak_memory_mb

KIB = 1024


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


MACHINE = {
    "proc/meminfo": "MemTotal:       16000 kB\nMemFree:   100 kB\nMemAvailable:    9000 kB\nHugePages_Total:  0\n"
}


@pytest.mark.parametrize(
    ("files", "total", "free"),
    [
        ({}, 16_000, 9_000),
        (
            {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "1\n",
             "sys/fs/cgroup/memory.stat": "inactive_file 0\n"},
            16_000, 9_000,
        ),
        (
            # What the group only keeps for later is free; a group inside of it allows more than there is.
            {"proc/self/cgroup": "0::/job/step\n", "sys/fs/cgroup/job/memory.max": f"{8000 * KIB}\n",
             "sys/fs/cgroup/job/memory.current": f"{5000 * KIB}\n",
             "sys/fs/cgroup/job/memory.stat": f"anon 3\ninactive_file {2000 * KIB}\n",
             "sys/fs/cgroup/job/step/memory.max": f"{90_000 * KIB}\n",
             "sys/fs/cgroup/job/step/memory.current": "0\n", "sys/fs/cgroup/job/step/memory.stat": "inactive_file 0\n"},
            8_000, 5_000,
        ),
        (
            {"proc/self/cgroup": "5:cpu:/x\n4:memory:/there/is/no/such\n0::/\n",
             "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{4000 * KIB}\n",
             "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{3000 * KIB}\n",
             "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 1024\n"},
            4_000, 1_001,
        ),
    ],
    ids=["machine", "no limit", "version 2", "version 1"],
)  # fmt: skip
def test_memory_of_the_machine_or_of_the_control_group(tmp_path, files, total, free):
    write(tmp_path, MACHINE | files)
    found = memory(tmp_path)
    assert (found.total, found.free) == (total * KIB, free * KIB)


def test_this_machine_has_memory(tmp_path):
    found = memory()
    assert found.total > 1e8
    assert 0 < found.free <= found.total
    # Where the system does not say what is free.
    assert 0 < memory(tmp_path).free < memory(tmp_path).total


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process begins with its parent's peak")
def test_the_peak_is_the_process_own():
    mine = bytearray(300_000_000)
    code = "from segcore.posix import peak_memory_mb; print(peak_memory_mb())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1 < float(done.stdout) < 150
    assert peak_memory_mb() > len(mine) / 1e6
