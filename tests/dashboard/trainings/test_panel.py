"""The sidebar's trainings, and what the pages offer for a run that did not get to its end."""

from __future__ import annotations

import dataclasses
import os
import re

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")
from reading import bugs, opened, text_of

from dashboard.trainings.panel import LATEST
from segcore.jobs import JobQueue
from segcore.locking import locked
from segcore.presets import preset
from segcore.runs import Previews, StatusWriter, append_history, open_run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks are those of POSIX systems")


@pytest.fixture
def queue(models_dir, cells):
    """A queue whose jobs stay where they are: this test says that it starts them, and does not."""
    queue = JobQueue()
    queue.folder.mkdir(parents=True)
    with locked(queue.lane_lock("cpu")):
        yield queue


def start(queue, run, **options):
    return queue.start(dataset="cells", config=preset("quick"), run=run, token=run, accelerator="cpu", **options)


def panel(test):
    """What stands in the sidebar about trainings, without its tags."""
    return re.sub(r"(?s)<style>.*?</style>|<[^>]+>", " ", " ".join(one.proto.body for one in test.get("html")))


def button(test, key):
    return test.button(key=key)


def keys(test):
    return {one.key for one in test.button}


@pytest.fixture
def learning(queue, mid_grey_run):
    """`mid-grey` as a job that is trained right now, in its third epoch of sixty: this test holds all its locks."""
    job = queue.resume(mid_grey_run.update(state="interrupted").name, token="t", accelerator="cpu")
    queue.update(job.number, state="training", pid=os.getpid())
    run = mid_grey_run.update(state="training", ended=None, epochs=2)
    append_history(run.history_csv, dataclasses.replace(run.history()[0], epoch=2, validation_dice=0.925, seconds=10))
    with locked(queue.lock_of(job.number)), locked(run.lock):
        StatusWriter(run).tell("training", 3, 16, 32, at_once=True)
        yield job


def test_an_empty_queue_shows_nothing(queue):
    test = opened("errors")
    assert not bugs(test)
    assert not {key for key in keys(test) if key and key.split()[0] in ("stop", "remove", "up")}


def test_jobs_that_wait_are_moved_up_and_removed(queue):
    for run in ("first", "second", "third"):
        start(queue, run)
    test = opened("errors")
    assert "1 · first" in panel(test)
    assert "3 · third" in panel(test)
    assert "Waiting: 3" in text_of(test)
    assert "up 1" not in keys(test)  # there is nothing before it
    button(test, "up 3").click().run()
    assert [job.run for job in queue.jobs()] == ["first", "third", "second"]
    assert "2 · third" in panel(test)
    button(test, "remove 1").click().run()
    assert "1 · third" in panel(test)
    assert "first" not in panel(test)
    assert not bugs(test)


def test_a_click_that_comes_too_late_says_so(queue):
    start(queue, "first")
    test = opened("errors")
    queue.update(1, state="training")
    with locked(queue.lock_of(1)):
        button(test, "remove 1").click().run()
        assert "job is running" in "".join(one.value for one in test.error)
    assert not bugs(test)
    assert queue.jobs()


def test_the_one_that_runs_says_how_far_it_is_and_can_be_stopped(queue, learning):
    test = opened("errors")
    shown = panel(test)
    assert "epoch 3 of 60" in shown
    assert "Dice 0.925" in shown
    assert "6 min left" in shown  # 57.5 epochs of (1.5 + 10) / 2 seconds
    button(test, "stop 1").click().run()
    assert queue.job(1).stop
    assert "stopping" in panel(test)
    assert button(test, "stop 1").disabled
    button(test, "watch 1").click().run()
    assert test.title[0].value.startswith("Training")
    assert test.query_params["run"] == "mid-grey"


def test_the_training_page_follows_it(queue, learning):
    run = open_run("mid-grey")
    stack = np.zeros((45, 52), np.uint8)
    Previews(run).write(1, 7, stack)
    Previews(run).write_slice(7, stack, stack)
    run.log.write_text("a line of the log\n")
    test = opened("training")
    assert not bugs(test)
    assert "training now" in text_of(test)
    (bar,) = test.get("progress")
    assert "Epoch 3 of 60, step 16 of 32" in bar.proto.text
    assert bar.proto.value == 4  # 2.5 of 60 epochs, percent
    assert "MB of memory" in text_of(test)
    assert "What the network sees" in text_of(test)
    assert any("a line of the log" in one.value for one in test.code)


def test_a_run_without_pictures_of_what_it_saw_says_why(mid_grey_run):
    assert "no pictures of what the network saw" in text_of(opened("training"))


def test_a_run_that_learned_in_no_epoch_has_nothing_to_say_of_pictures(mid_grey_run):
    mid_grey_run.update(state="failed", epochs=0)
    mid_grey_run.history_csv.unlink()
    test = opened("training")
    assert not bugs(test)
    assert "No epoch has ended yet" in text_of(test)
    assert "what the network saw" not in text_of(test)


def test_smoothing_is_off_until_it_is_asked_for_and_says_what_it_does(mid_grey_run):
    test = opened("training")
    control = test.segmented_control(key="training smoothing")
    assert control.value == 1
    assert "Faint" not in text_of(test)
    control.set_value(9).run()
    assert "Strong: means of 9 epochs. Faint, and in numbers at the pointer: the values themselves." in text_of(test)
    assert not bugs(test)


def test_a_failed_job_says_why_and_is_tried_again(queue):
    start(queue, "doomed")
    queue.output_of(1).write_text("what its process said\n")
    queue.update(1, state="failed", message="/somewhere/secret: the disk is full; expected free space on this disk")
    test = opened("errors")
    assert "failed" in panel(test)
    assert "The disk is full; expected free space on this disk" in panel(test)
    assert "/somewhere" not in panel(test)
    button(test, "again 1").click().run()
    assert next((job.number, job.run, job.state) for job in queue.jobs()) == (2, "doomed", "waiting")
    assert "again 1" not in keys(test)  # the queue has the last word on this run
    button(test, "remove 2").click().run()
    button(test, "remove 1").click().run()
    assert "doomed" not in panel(test)


def test_a_finished_job_is_opened_and_compared_with_what_it_began_with(queue, mid_grey_run, cells):
    import shutil

    from segcore.evaluation import evaluate

    shutil.copytree(mid_grey_run.folder, mid_grey_run.folder.with_name("child"))
    evaluate(open_run("child"), cells, device="cpu")
    start(queue, "other")
    queue.update(1, state="finished", run="child", started_from="mid-grey")
    test = opened("data", run="mid-grey")
    assert "finished" in panel(test)
    button(test, "open 1").click().run()
    assert test.query_params["run"] == "child"
    assert test.title[0].value.startswith("Errors")
    button(test, "compare 1").click().run()
    assert test.title[0].value.startswith("Training")
    assert test.multiselect[0].value == ["mid-grey"]
    assert not bugs(test)


def test_only_the_latest_are_shown(queue):
    for number in range(LATEST + 2):
        start(queue, f"run-{number}")
        queue.update(number + 1, state="interrupted", ended="2000-01-01T00:00:00+00:00" if number > LATEST else None)
    shown = panel(opened("errors"))
    assert [number for number in range(LATEST + 2) if f"run-{number}" in shown] == [1, 2, 3]


def test_read_only_shows_what_runs_and_offers_nothing(queue, learning, monkeypatch):
    start(queue, "next")
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    test = opened("overview")
    assert not bugs(test)
    assert "epoch 3 of 60" in panel(test)
    assert "1 · next" in panel(test)
    assert not {key for key in keys(test) if key and key.split()[0] in ("stop", "remove", "up", "again", "go")}


# --- what the pages offer -----------------------------------------------------------------------


@pytest.mark.parametrize(("page", "label"), [("overview", "Go on from its last epoch"), ("training", "Resume")])
def test_an_interrupted_run_is_gone_on_with(page, label, queue, mid_grey_run, monkeypatch):
    mid_grey_run.update(state="interrupted")
    test = opened(page)
    next(one for one in test.button if one.label == label).click().run()
    (job,) = queue.jobs()
    assert (job.task, job.run, job.state) == ("resume", "mid-grey", "waiting")
    assert "waits in the queue" in text_of(test)
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    assert not [one for one in opened(page).button if one.label == label]


def test_a_run_is_gone_on_with_after_each_kill_in_one_epoch(queue, mid_grey_run):
    mid_grey_run.update(state="interrupted")
    for number in (1, 2, 3):
        test = opened("training")
        next(one for one in test.button if one.label == "Resume").click().run()
        assert [job.number for job in queue.jobs() if job.open] == [number]
        queue.update(number, state="interrupted")  # as a kill leaves it, and the run as it was


def test_a_failed_run_shows_the_reason_and_its_log(queue, mid_grey_run):
    mid_grey_run.log.write_text("\n".join(f"line {number}" for number in range(100)) + "\n")
    mid_grey_run.update(state="failed", message="the device ran out of memory; expected a smaller train.batch_size")
    test = opened("training")
    assert "the device ran out of memory" in "".join(one.value for one in test.error)
    (log,) = (one.value for one in test.code if "line 99" in one.value)
    assert "line 10\n" not in log


def test_a_run_that_was_not_evaluated_is(queue, mid_grey_run):
    test = opened("errors")
    next(one for one in test.button if one.label == "Evaluate it").click().run()
    assert [(job.task, job.run) for job in queue.jobs()] == [("resume", "mid-grey")]


def test_the_first_page_points_at_the_form(queue):
    assert "Train a model" in text_of(opened("overview"))
