"""The process that computes for the dashboard: errors come back whole, and it ends when it should."""

import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from dashboard import worker
from segcore.errors import DataError, RunError
from segcore.progress import Cancelled


@pytest.fixture(autouse=True)
def at_rest():
    yield
    worker.rest()


def running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_tasks_run_in_one_other_process():
    first, second = worker.call(os.getpid), worker.call(os.getpid)
    assert first == second != os.getpid()


def test_a_mistake_comes_back_as_it_was(data_dir):
    with pytest.raises(DataError, match="there is no dataset nothing") as caught:
        worker.call(worker.vary, "nothing", {}, [0], 1, 0)
    assert caught.value.expected == "one made by `fetch` or `import` first"
    process = worker.call(os.getpid)
    with pytest.raises(RuntimeError, match="by zero"):
        worker.call(divmod, 1, 0)
    assert worker.call(os.getpid) == process


def test_a_killed_process_is_told_and_the_next_task_has_another_one():
    process = worker.call(os.getpid)
    with pytest.raises(RunError, match="ended by the system, perhaps for lack of memory; found signal 9"):
        worker.call(os.kill, process, signal.SIGKILL)
    assert worker.call(os.getpid) != process


def test_a_process_that_ends_by_itself_is_not_said_to_have_been_killed():
    process = worker.call(os.getpid)
    with pytest.raises(RunError, match="ended by itself; found exit code 3"):
        worker.call(os._exit, 3)
    assert worker.call(os.getpid) != process


@pytest.mark.parametrize("page", ["app.py", "views/try_it.py", "views/augmentation.py"])
def test_a_page_that_is_main_at_the_moment_is_not_read(page, monkeypatch):
    """Streamlit runs each session's page as `__main__`, from a search path of its own."""
    main = types.ModuleType("__main__")
    main.__file__ = str(Path(worker.__file__).with_name("views").parent / page)
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "path", [str(Path(worker.__file__).parent)])
    worker.rest()
    assert worker.call(os.getpid) != os.getpid()


def test_it_ends_with_the_server(tmp_path):
    code = "import os\nfrom dashboard import worker\nprint(worker.call(os.getpid), flush=True)\nos._exit(0)"
    home = Path(worker.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=home, capture_output=True, text=True, timeout=60
    )
    until = time.monotonic() + 20
    while running(int(done.stdout)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not running(int(done.stdout))


def test_a_process_that_was_killed_at_rest_is_not_missed():
    process = worker.call(os.getpid)
    os.kill(process, signal.SIGKILL)
    time.sleep(0.5)
    assert worker.call(os.getpid) != process


def test_who_cancels_ends_the_task_and_the_process():
    process = worker.call(os.getpid)

    def check():
        raise Cancelled

    started = time.monotonic()
    with pytest.raises(Cancelled):
        worker.call(time.sleep, 60, check=check)
    assert time.monotonic() - started < 30
    assert not running(process)


def test_who_waits_for_its_turn_can_leave_and_disturbs_nobody():
    process = worker.call(os.getpid)
    done = []
    other = threading.Thread(target=lambda: done.append(worker.call(time.sleep, 1.5)))
    other.start()
    time.sleep(0.5)

    def check():
        raise Cancelled

    with pytest.raises(Cancelled):
        worker.call(os.getpid, check=check)
    worker.rest()  # it is at work, so it stays
    other.join()
    assert done == [None]
    assert worker.call(os.getpid) == process


def test_it_ends_after_a_while_without_work(monkeypatch):
    monkeypatch.setattr(worker, "REST_S", 0.3)
    process = worker.call(os.getpid)
    until = time.monotonic() + 20
    while running(process) and time.monotonic() < until:
        time.sleep(0.05)
    assert not running(process)
