"""Work in the background and its temporary files: progress in words, an end, and nothing left behind."""

import os
import subprocess
import sys
import threading
import time

import pytest
from waiting import REPOSITORY

pytest.importorskip("streamlit", reason="streamlit is not installed")

from dashboard.background import Work, mistake
from dashboard.scratch import Visit
from segcore.errors import DataError


def ended(work, seconds=20):
    work.join(seconds)
    assert work.state != "running"
    return work


@pytest.mark.parametrize(
    ("at", "text", "share"),
    [
        (("downloading", 3_120_000, 14_200_000, "B"), "Downloading: 3.1 of 14.2 MB (22%), 0 s", 0.2197),
        (("downloading", 3_120_000, None, "B"), "Downloading: 3.1 MB, 0 s", 0),
        (("checking the pixels of a.tif", 5, 30), "Checking the pixels of a.tif: 5 of 30, 0 s", 1 / 6),
        (("writing", 0, None), "Writing, 0 s", 0),
    ],
)
def test_progress_in_words(at, text, share):
    go_on = threading.Event()

    def task(progress):
        progress.at(*at)
        go_on.wait(20)

    work = Work(task)
    until = time.monotonic() + 20
    while work.text.startswith("Starting") and time.monotonic() < until:
        time.sleep(0.01)
    assert work.text == text
    assert work.share == pytest.approx(share, abs=1e-3)
    go_on.set()
    assert ended(work).state == "finished"


def test_a_task_ends_at_its_next_step_when_it_is_cancelled():
    def task(progress):
        while True:
            progress.at("turning")
            time.sleep(0.01)

    work = Work(task)
    work.cancel()
    assert ended(work).state == "cancelled"


def test_mistakes_are_kept_and_faults_are_raised():
    def wrong(progress):
        raise DataError("no image")

    assert str(mistake(ended(Work(wrong)))) == "no image"
    with pytest.raises(ZeroDivisionError):
        mistake(ended(Work(lambda progress: 1 / 0)))


def test_a_visit_that_ends_takes_its_folders_and_its_work_along():
    visit = Visit("nobody")
    folder = visit.folder()
    (folder / "picture.tif").write_bytes(b"pixels")

    def task(progress):
        while True:
            progress.at("turning")
            time.sleep(0.01)

    work = visit.ends(Work(task))
    visit.end()
    assert ended(work).state == "cancelled"
    until = time.monotonic() + 20
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not folder.exists()
    # A script that is still running when the tab is closed leaves nothing either.
    assert not visit.folder().exists()
    assert ended(visit.ends(Work(task))).state == "cancelled"


def test_nobody_else_makes_temporary_files():
    # What lies elsewhere than in a scratch folder stays there when the server is killed.
    using = {path.name for path in (REPOSITORY / "dashboard").rglob("*.py") if "import tempfile" in path.read_text()}
    assert using == {"scratch.py"}


def test_what_a_killed_server_left_is_removed_by_the_next(tmp_path):
    code = "import sys, os, signal; from dashboard.scratch import new_folder; print(new_folder(), flush=True); {}"

    def serve(end):
        environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": os.getcwd()}
        done = subprocess.run(
            [sys.executable, "-c", code.format(end)], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    lost = serve("os.kill(os.getpid(), signal.SIGKILL)")
    assert os.path.isdir(lost)
    (tmp_path / f"segcore-{os.getpid()}-alive").mkdir()
    serve("")
    assert [path.name for path in tmp_path.iterdir()] == [f"segcore-{os.getpid()}-alive"]
