"""Several processes write verdicts at once, and some are killed: what was said to be saved is there."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from judging import PRINT
from waiting import REPOSITORY

from segcore.reviews import Reviews
from segcore.reviews.database import FILE

WRITE = """
import itertools, sys
from pathlib import Path
sys.path.insert(0, "tests/reviews")
from judging import PRINT, verdict
from segcore.reviews import Reviews
folder, reviewer, count = sys.argv[1:]
reviews = Reviews(Path(folder), PRINT)
print("ready", flush=True)
sys.stdin.readline()
for z in range(int(count)) if int(count) else itertools.count():
    reviews.put(verdict(reviewer=reviewer, slice=z))
    print(z, flush=True)
    if z % 10 == 7:
        print("undone", reviews.undo(reviewer).place.slice, flush=True)
"""


def writer(folder, reviewer, count):
    """A process that waits for a line, and writes then; 0 is without an end."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(folder), reviewer, str(count)],
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def begin(*processes):
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()


def in_force(folder):
    found = {}
    for one in Reviews(folder, PRINT).latest():
        found.setdefault(one.reviewer, []).append(one.place.slice)
    return found


def sound(folder):
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_two_that_write_hundreds_at_once_lose_none(tmp_path):
    """From the first one on: they also make the file at once."""
    with writer(tmp_path, "Ana", 250) as ana, writer(tmp_path, "Bo", 250) as bo:
        begin(ana, bo)
        assert ana.communicate()[0].count("\n") == bo.communicate()[0].count("\n") == 275
    assert (ana.returncode, bo.returncode) == (0, 0)
    expected = [z for z in range(250) if z % 10 != 7]
    assert in_force(tmp_path) == {"Ana": expected, "Bo": expected}
    assert sound(tmp_path)


@pytest.mark.parametrize("lines", [1, 2, 9, 30])
def test_what_a_killed_one_said_to_be_saved_is_there(tmp_path, lines):
    with writer(tmp_path, "Ana", 0) as killed, writer(tmp_path, "Bo", 40) as other:
        begin(killed, other)
        said = [killed.stdout.readline() for _ in range(lines)]
        killed.send_signal(signal.SIGKILL)
        said += killed.stdout.readlines()
        other.communicate()
    assert other.returncode == 0
    saved = []
    for line in said:
        if line.startswith("undone"):
            assert saved.pop() == int(line.split()[1])
        elif line.endswith("\n"):
            saved.append(int(line))
    found = in_force(tmp_path)
    # The change that it was at may be done and not said: a verdict more, or the last one taken back.
    last = int(said[-1].split()[-1])
    unsaid = [[*saved, last + 1]]
    if last % 10 == 7 and not said[-1].startswith("undone"):
        unsaid = [saved[:-1]]
    assert found["Ana"] in (saved, *unsaid)
    assert found["Bo"] == [z for z in range(40) if z % 10 != 7]
    assert sound(tmp_path)
    assert Reviews(tmp_path, PRINT).undo("Ana").place.slice == found["Ana"][-1]
