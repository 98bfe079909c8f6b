"""Locks: held as long as their holder lives, and not a moment longer."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from waiting import REPOSITORY

from segcore.errors import StorageError
from segcore.locking import is_locked, locked

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks are those of POSIX systems")

HOLD = """
import sys, time
from pathlib import Path
from segcore.locking import locked
with locked(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(100)
"""

LOOK = """
import sys
from pathlib import Path
from segcore.locking import is_locked
path = Path(sys.argv[1])
print("looking", flush=True)
while True:
    is_locked(path)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds a lock."""
    path = tmp_path / "folder" / "lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "True\n"
    yield path, process
    process.kill()
    process.communicate()


def test_nobody_holds_what_is_not_there(tmp_path):
    assert not is_locked(tmp_path / "nothing" / "lock")
    assert not (tmp_path / "nothing").exists()


def test_held_in_the_block_only(tmp_path):
    path = tmp_path / "lock"
    with locked(path) as mine:
        assert mine
        assert is_locked(path)
    assert not is_locked(path)


def test_of_two_threads_one_waits(tmp_path):
    path, order = tmp_path / "lock", []

    def other():
        with locked(path) as mine:
            order.append(("other", mine))

    with locked(path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        order.append(("this", True))
    thread.join(10)
    assert order == [("this", True), ("other", True)]


def test_another_process_is_seen_and_not_waited_for(holder):
    path, _ = holder
    assert is_locked(path)
    with locked(path, wait=False) as mine:
        assert not mine
    assert is_locked(path)


def test_a_killed_process_holds_nothing(holder):
    path, process = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not is_locked(path)
    with locked(path, wait=False) as mine:
        assert mine


def test_many_who_ask_are_not_taken_for_holders(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    seen = []

    def ask():
        seen.extend(is_locked(path) for _ in range(500))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4000
    assert not any(seen)


def test_a_busy_look_never_makes_the_one_who_takes_it_fail(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    looker = subprocess.Popen(
        [sys.executable, "-c", LOOK, str(path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    try:
        assert looker.stdout.readline() == "looking\n"
        taken = []
        until = time.monotonic() + 1  # the looker has its turns on a busy machine, too
        while time.monotonic() < until:
            with locked(path, wait=False) as mine:
                taken.append(mine)
        assert all(taken)
    finally:
        looker.kill()
        looker.communicate()


def test_a_lock_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"), locked(tmp_path / "file" / "lock"):
        pass
