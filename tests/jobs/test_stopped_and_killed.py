"""Jobs that are stopped or killed, with those who start them: true about it, and gone on with."""

import dataclasses
import json
import os
import signal
import time

import pytest
from tiny import ENDLESS, TINY, state
from waiting import epochs, starters, wait_for

from segcore.config import ModelConfig
from segcore.locking import is_locked
from segcore.runs import open_run, read_status

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and locks are those of POSIX systems")


def start(queue, run, config=TINY, **options):
    return queue.start(dataset="cells", config=config, run=run, token=run, accelerator="cpu", **options)


def stopped(queue, run, config, until_under_way):
    """A job that was stopped while it trained, which had ended two seconds later.

    Three are tried: other programs can keep all of this from running for a while, but a training that does not end
    does so every time.
    """
    took = []
    for attempt in range(3):
        job = start(queue, f"{run}-{attempt}", config)
        until_under_way(job)
        asked = time.monotonic()
        queue.stop(job.number)
        wait_for(lambda job=job: open_run(job.run).state != "training", "the end of the training")
        took.append(time.monotonic() - asked)
        wait_for(lambda job=job: not queue.job(job.number).open, "the figures", 300)
        assert state(queue, job.number) == "stopped"
        if took[-1] < 2:
            return queue.job(job.number)
    raise AssertionError(f"stopping took {took} seconds")


@pytest.mark.slow
def test_stopped_within_two_seconds_evaluated_and_gone_on_with(queue):
    job = stopped(queue, "long", ENDLESS, lambda job: wait_for(lambda: epochs(job.run) >= 2, "two epochs"))
    run = open_run(job.run)
    assert run.info.operating_points is not None
    assert (run.evaluation("cells") / "summary.json").exists()
    done = len(run.history())
    queue.resume(job.run, token="again", accelerator="cpu")
    wait_for(lambda: epochs(job.run) > done, "another epoch")
    rows = open_run(job.run).history()
    assert [row.epoch for row in rows] == list(range(1, len(rows) + 1))


@pytest.mark.slow
def test_stopped_in_the_middle_of_a_long_step(queue):
    """An epoch of very many steps, each of which takes seconds even on the fastest core, most of them in one call."""
    model = ModelConfig(width=128, depth=2)
    slow = dataclasses.replace(ENDLESS.train, epoch_samples=32_000, batch_size=32, patch_px=64)

    def under_way(job):
        def step():
            progress = read_status(open_run(job.run))
            return progress is not None and progress.stage == "training" and progress.step

        wait_for((queue.models / job.run / "progress.json").exists, "the training's start")
        began = time.monotonic()
        wait_for(step, "a step", 300)
        time.sleep(0.6 * (time.monotonic() - began))  # forwards a third of the time, then backwards

    job = stopped(queue, "slow", dataclasses.replace(ENDLESS, model=model, train=slow), under_way)
    assert not open_run(job.run).weights.exists()


@pytest.mark.slow
def test_stopped_although_its_process_does_not_answer(queue):
    """It is killed then; what lies on the disk is whole, evaluated, and can be gone on with."""

    def under_way(job):
        wait_for(lambda: epochs(job.run) >= 2, "two epochs")  # then the first one is noted everywhere
        os.kill(queue.job(job.number).pid, signal.SIGSTOP)

    job = stopped(queue, "deaf", ENDLESS, under_way)
    run = open_run(job.run)
    assert (run.evaluation("cells") / "summary.json").exists()
    assert run.state == "interrupted"
    done = len(run.history())
    queue.resume(job.run, token="again", accelerator="cpu")
    wait_for(lambda: epochs(job.run) > done, "another epoch")


@pytest.mark.slow
def test_killed_and_told_so(queue):
    start(queue, "victim", ENDLESS)
    start(queue, "next")
    wait_for(lambda: epochs("victim") >= 1, "an epoch")
    os.kill(queue.job(1).pid, signal.SIGKILL)
    wait_for(lambda: state(queue, 1) == "interrupted", "the truth")
    assert open_run("victim").state == "interrupted"
    wait_for(lambda: "SIGKILL" in queue.job(1).message, "the reason")
    wait_for(lambda: state(queue, 2) == "finished", "the next job")


@pytest.mark.slow
def test_the_starter_is_killed_and_the_job_goes_on(queue):
    start(queue, "a", ENDLESS)
    start(queue, "b")
    wait_for(lambda: epochs("a") >= 1, "an epoch")
    kill_starter(queue)
    wait_for(lambda: not is_locked(queue.lane_lock("cpu")), "the starter's end")
    done = epochs("a")
    assert state(queue, 1) == "training"
    wait_for(lambda: epochs("a") > done, "another epoch without a starter")
    queue.ensure_runners()
    wait_for(lambda: is_locked(queue.lane_lock("cpu")), "another starter")
    time.sleep(0.3)
    assert (state(queue, 1), state(queue, 2)) == ("training", "waiting")
    queue.stop(1)
    wait_for(lambda: state(queue, 2) == "finished", "the next job")
    assert state(queue, 1) == "stopped"


def kill_starter(queue):
    wait_for(lambda: len(starters(queue)) == 1, "the one process that starts jobs")
    for number in starters(queue):
        os.kill(number, signal.SIGKILL)


@pytest.mark.slow
def test_everything_is_killed_as_when_the_machine_is_switched_off(queue):
    start(queue, "a", ENDLESS)
    start(queue, "b")
    wait_for(lambda: epochs("a") >= 1, "an epoch")
    kill_starter(queue)
    os.kill(queue.job(1).pid, signal.SIGKILL)
    wait_for(lambda: not is_locked(queue.lock_of(1)), "the end of the job's process")
    wait_for(lambda: not is_locked(queue.lane_lock("cpu")), "the end of the starter")
    assert [(job.run, job.state) for job in queue.jobs()] == [("b", "waiting"), ("a", "interrupted")]
    assert open_run("a").state == "interrupted"
    # The machine is switched on again, and its number is that of another program: this one.
    record = queue.folder / "0001/job.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": os.getpid()}))
    assert state(queue, 1) == "interrupted"
    assert not queue.stop(1).active
    assert starters(queue) == []
    queue.ensure_runners()
    wait_for(lambda: state(queue, 2) == "finished", "what waited")
    assert (state(queue, 1), json.loads(record.read_text())["state"]) == ("interrupted", "interrupted")
    done = epochs("a")
    queue.resume("a", token="again", accelerator="cpu")
    wait_for(lambda: epochs("a") > done, "another epoch")
