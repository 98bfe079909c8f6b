"""Trainings from the sidebar in a real Chromium, with real processes: they survive reloads, servers and clicks."""

from __future__ import annotations

import os
import re
import signal
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from browsing import APP, DONE, MAIN, barriers, settled, wait_until

from segcore.jobs import JobQueue
from segcore.locking import is_locked, locked
from segcore.presets import preset
from segcore.runs import open_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(os.name != "posix", reason="signals and locks are those of POSIX systems"),
]

SIDEBAR = '[data-testid="stSidebar"]'


@pytest.fixture
def place(data_dir, models_dir, cells, monkeypatch):
    """Folders with a small dataset and no run; at the end nothing runs in them any more."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    queue = JobQueue()
    queue.folder.mkdir(parents=True)
    yield SimpleNamespace(queue=queue, folder=data_dir.parent)
    for job in queue.jobs():
        if job.state == "waiting":
            queue.stop(job.number)
        elif job.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_locked, queue.folder.rglob("*lock"))))


@contextmanager
def app(place, serve):
    with serve(APP, place.folder) as address:
        yield address


def text_of(page) -> str:
    return page.locator(SIDEBAR).inner_text()


def form(page):
    return page.get_by_role("dialog")


def box(page, name: str):
    return form(page).get_by_role("textbox", name=name, exact=True)


def click(page, name: str) -> None:
    page.locator(SIDEBAR).get_by_role("button", name=name).click()


def open_form(page) -> None:
    click(page, "Train a model")
    box(page, "Name of the run").wait_for()
    settled(page)


def close_form(page) -> None:
    page.keyboard.press("Escape")
    form(page).wait_for(state="detached")
    settled(page)


def start(page):
    return form(page).get_by_role("button", name="Start training")


def fill_in(page, name: str, epochs: int) -> None:
    """Asks in the form for a network so small that an epoch takes a fraction of a second."""
    open_form(page)
    box(page, "Width (features)").fill("2")
    box(page, "Epochs").fill(str(epochs))
    box(page, "Name of the run").fill(name)


def epoch(page) -> int:
    """The epoch that the sidebar says the training is in; 0 if it says none."""
    found = re.search(r"epoch (\d+) of", text_of(page))
    return int(found[1]) if found else 0


@pytest.mark.slow
def test_a_training_from_the_sidebar_from_start_to_result(place, serve, browse):
    queue = place.queue
    with app(place, serve) as address:
        page = browse(f"{address}/training")
        fill_in(page, "mine", 5000)
        start(page).dblclick()
        wait_until(lambda: epoch(page) > 1)
        assert [job.run for job in queue.jobs()] == ["mine"]

        # It is in sight from the first to the last of what stands in the sidebar.
        page.set_viewport_size({"width": 1400, "height": 560})
        for end in ("0", "one.scrollHeight"):
            page.get_by_test_id("stSidebarContent").evaluate(f"one => one.scrollTo(0, {end})")
            shown = page.locator(".st-key-running").bounding_box()
            assert shown["y"] >= 0
            assert shown["y"] + shown["height"] <= 560
        page.set_viewport_size({"width": 1400, "height": 1000})

        # What is typed stays, with the cursor in it, while the figures beside it change.
        open_form(page)
        name = box(page, "Name of the run")
        name.fill("half a na")
        before = epoch(page)
        wait_until(lambda: epoch(page) > before)
        name.press_sequentially("me", delay=30)
        assert name.input_value() == "half a name"
        form(page).get_by_text("is not a safe folder name").wait_for()
        before = epoch(page)
        wait_until(lambda: epoch(page) > before)
        assert name.input_value() == "half a name"
        assert name.evaluate("one => one === document.activeElement")

        # The queue changes meanwhile. What is typed right before the form is closed is there when it is opened again.
        queue.start(dataset="cells", config=preset("quick"), run="next", token="next", accelerator="cpu")
        before = epoch(page)
        wait_until(lambda: epoch(page) > before)
        assert name.evaluate("one => one === document.activeElement")
        name.press_sequentially("less")
        close_form(page)
        page.locator(SIDEBAR).get_by_text("1 · next").wait_for()
        open_form(page)
        assert name.input_value() == "half a nameless"
        assert box(page, "Epochs").input_value() == "5000"
        close_form(page)
        page.locator(".st-key-remove-2 button:visible").click()
        page.locator(SIDEBAR).get_by_text("1 · next").wait_for(state="detached")

        click(page, "Watch")
        page.locator(f"{MAIN} [data-testid='stProgress']").wait_for()
        seen = page.locator(f"{MAIN} img.seen")
        wait_until(lambda: seen.evaluate("one => one.naturalWidth") == 52)
        assert page.locator(f"{MAIN} img.label").evaluate("one => one.naturalHeight") == 45

        page.reload()
        settled(page)
        wait_until(lambda: epoch(page) > before)
        kill_server(address)
    done = len(open_run("mine").history())
    with app(place, serve) as address:
        page = browse(f"{address}/training?run=mine")
        wait_until(lambda: epoch(page) > done)
        click(page, "Stop")
        page.locator(SIDEBAR).get_by_text("stopped · epoch").wait_for()
        wait_until(lambda: queue.job(1).state == "stopped")
        done = len(open_run("mine").history())
        page.locator(MAIN).get_by_text("It was interrupted after epoch").wait_for()  # this page knows, too
        page.locator(".st-key-open-1 button:visible").click()
        page.locator(f"{MAIN} h1").get_by_text("Errors").wait_for()
        page.locator(MAIN).get_by_text("wrong").first.wait_for()
        page.wait_for_function("() => location.search.includes('run=mine')")
        click(page, "Resume")
        wait_until(lambda: epoch(page) > done)
        assert [(job.number, job.task, job.run, job.state) for job in queue.jobs()] == [
            (3, "resume", "mine", "training"), (1, "train", "mine", "stopped"),
        ]  # fmt: skip


def kill_server(address: str) -> None:
    """Ends a server as a crash does: it cannot say goodbye to anybody."""
    port = f"--server.port={address.rpartition(':')[2]}".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found = port in path.read_bytes().split(b"\0")
        except OSError:
            continue
        if found:
            os.kill(int(path.parent.name), signal.SIGKILL)
            return
    raise AssertionError("no server has this port")


@pytest.mark.parametrize(("width", "theme"), [(1400, "light"), (420, "dark")])
def test_the_button_of_the_form_is_always_in_sight(width, theme, place, serve, browse):
    with app(place, serve) as address:
        page = browse(f"{address}/data", theme=theme)
        fill_in(page, "mine", 5)
        page.set_viewport_size({"width": width, "height": 700})
        form(page).get_by_role("button", name="Choose notebook").click()
        warning = form(page).get_by_text("This would leak")
        warning.wait_for()
        scrolled = page.get_by_test_id("stDialog")
        for end in ("0", "one.scrollHeight"):
            scrolled.evaluate(f"one => one.scrollTo(0, {end})")
            for shown in (start(page), warning):
                box_of = shown.bounding_box()
                assert box_of["y"] >= 0
                assert box_of["y"] + box_of["height"] <= 700
        assert box(page, "Name of the run").input_value() == "mine"
        assert box(page, "Epochs").input_value() == "50"
        assert barriers(page) == []


def test_a_short_training_is_announced_when_it_is_done(place, serve, browse):
    with app(place, serve) as address:
        page = browse(f"{address}/")
        page.get_by_text("No run yet").first.wait_for()
        fill_in(page, "short", 2)
        start(page).click()
        page.locator(SIDEBAR).get_by_text("finished · 2 epochs").wait_for()
        # The page itself came to know, without a click.
        page.locator(f"{MAIN} h1").get_by_text("short").wait_for()
        page.locator(MAIN).get_by_text("Wrong pixels").first.wait_for()
        page.wait_for_selector(DONE)
        wait_until(lambda: page.evaluate(RUNS_OF_THE_SCRIPT) == 0)  # it comes to rest


RUNS_OF_THE_SCRIPT = """async () => {
  const app = document.querySelector('[data-testid="stApp"]');
  let runs = 0;
  const watch = new MutationObserver(() => { if (app.dataset.testScriptState === "running") runs += 1; });
  watch.observe(app, { attributes: true, attributeFilter: ["data-test-script-state"] });
  await new Promise((done) => setTimeout(done, 4000));
  watch.disconnect();
  return runs;
}"""


@pytest.mark.slow
def test_two_tabs_see_one_queue(place, serve, browse):
    """Nothing runs here: this test says that it starts the jobs, and does not."""
    queue = place.queue
    with locked(queue.lane_lock("cpu")), app(place, serve) as address:
        one = browse(f"{address}/data")
        fill_in(one, "first", 9)
        start(one).dblclick()
        one.locator(SIDEBAR).get_by_text("1 · first").wait_for()
        other = browse(f"{address}/augmentation")
        other.locator(SIDEBAR).get_by_text("1 · first").wait_for()
        fill_in(one, "second", 9)
        start(one).click()
        other.locator(SIDEBAR).get_by_text("2 · second").wait_for()  # by itself
        assert [job.run for job in queue.jobs()] == ["first", "second"]
        other.locator(".st-key-up-2 button:visible").click()
        one.locator(SIDEBAR).get_by_text("1 · second").wait_for()
        one.locator(".st-key-remove-2 button:visible").click()
        other.locator(SIDEBAR).get_by_text("1 · first").wait_for()
        assert [(job.run, job.state) for job in queue.jobs()] == [("first", "waiting")]
        other.locator(".st-key-remove-1 button:visible").click()
        one.locator(SIDEBAR).get_by_text("Waiting").wait_for(state="detached")
