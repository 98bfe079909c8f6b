"""Jobs as real processes: started, stopped, killed anywhere, gone on with, and true about all of it."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import REPOSITORY

from segcore.config import LossConfig, ModelConfig, RunConfig, TrainConfig, to_dict
from segcore.errors import RunError
from segcore.jobs import JobQueue
from segcore.live import previews, read_progress
from segcore.locking import is_locked, locked
from segcore.runs import open_run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and locks are those of POSIX systems")

TINY = RunConfig(
    model=ModelConfig(width=2, depth=2),
    loss=LossConfig(),
    train=TrainConfig(epochs=2, epoch_samples=4, batch_size=4, patch_px=32, precision="32"),
)
ENDLESS = dataclasses.replace(TINY, train=dataclasses.replace(TINY.train, epochs=100_000))


@pytest.fixture
def queue(models_dir, cells, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    queue = JobQueue()
    yield queue
    for job in queue.jobs():
        if job.open:
            queue.stop(job.number)
    wait_for(lambda: not any(map(is_locked, queue.folder.rglob("*lock"))), "an end of everything")


def wait_for(condition, what, seconds=120):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


def start(queue, run, config=TINY, **options):
    return queue.start(dataset="cells", config=config, run=run, token=run, accelerator="cpu", **options)


def state(queue, number):
    return queue.job(number).state


def epochs(name):
    try:
        return len(open_run(name).history())
    except RunError:
        return 0


def test_from_start_to_figures(queue):
    job = start(queue, "first")
    assert job.number == 1
    seen = []

    def over():
        seen.append(state(queue, 1))
        return seen[-1] == "finished"

    wait_for(over, "the end")
    order = ["waiting", "starting", "training", "evaluating", "finished"]
    assert [name for at, name in enumerate(seen) if at == 0 or seen[at - 1] != name] == [
        name for name in order if name in seen
    ]
    run = open_run("first")
    assert run.state == "finished"
    assert (run.evaluation("cells") / "summary.json").exists()
    assert run.card.exists()
    assert "epoch 2/2" in queue.log(1)
    assert read_progress(run).stage == "evaluating"
    assert [one.epoch for one in previews(run)] == [1, 2]
    assert {one.slice for one in previews(run)} == {run.split.validation[0]}
    wait_for(lambda: not is_locked(queue.lane_lock("cpu")), "the starter's end")


def test_stopped_within_two_seconds_evaluated_and_gone_on_with(queue):
    start(queue, "long", ENDLESS)
    wait_for(lambda: epochs("long") >= 2, "two epochs")
    asked = time.monotonic()
    queue.stop(1)
    wait_for(lambda: open_run("long").state != "training", "the end of the training")
    assert time.monotonic() - asked < 2
    wait_for(lambda: state(queue, 1) == "stopped", "the figures")
    run = open_run("long")
    assert run.info.operating_points is not None
    assert (run.evaluation("cells") / "summary.json").exists()
    done = len(run.history())
    queue.resume("long", token="again", accelerator="cpu")
    wait_for(lambda: epochs("long") > done, "another epoch")
    assert [row.epoch for row in open_run("long").history()] == list(range(1, epochs("long") + 1))


def test_stopped_in_the_middle_of_a_long_step(queue):
    """One step takes longer than anybody waits; the process is killed, and the folder is whole."""
    slow = dataclasses.replace(ENDLESS.train, epoch_samples=64, batch_size=64, patch_px=256)
    start(queue, "slow", dataclasses.replace(ENDLESS, model=ModelConfig(width=24, depth=4), train=slow))
    wait_for((queue.models / "slow" / "progress.json").exists, "the training's start")
    time.sleep(1.5)
    asked = time.monotonic()
    queue.stop(1)
    wait_for(lambda: open_run("slow").state != "training", "the end of the training")
    assert time.monotonic() - asked < 2
    wait_for(lambda: state(queue, 1) == "stopped", "the end")
    assert not open_run("slow").weights.exists()


def test_killed_and_told_so(queue):
    start(queue, "victim", ENDLESS)
    start(queue, "next")
    wait_for(lambda: epochs("victim") >= 1, "an epoch")
    os.kill(queue.job(1).pid, signal.SIGKILL)
    wait_for(lambda: state(queue, 1) == "interrupted", "the truth")
    assert open_run("victim").state == "interrupted"
    wait_for(lambda: "SIGKILL" in queue.job(1).message, "the reason")
    wait_for(lambda: state(queue, 2) == "finished", "the next job")


def test_the_starter_is_killed_and_the_job_goes_on(queue):
    start(queue, "a", ENDLESS)
    start(queue, "b")
    wait_for(lambda: epochs("a") >= 1, "an epoch")
    starter = starter_of(queue)
    os.kill(starter, signal.SIGKILL)
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


def starter_of(queue):
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            environment = (path.parent / "environ").read_bytes()
        except OSError:
            continue
        if b"work" in words and f"SEGCORE_MODELS_DIR={queue.models}".encode() in environment:
            return int(path.parent.name)
    raise AssertionError("no process starts jobs")


def test_a_failure_says_why(queue, data_dir):
    with locked(queue.lane_lock("cpu")):
        start(queue, "doomed")
    shutil.rmtree(data_dir / "cells")
    queue.ensure_runners()
    wait_for(lambda: state(queue, 1) == "failed", "the failure")
    assert "there is no dataset cells" in queue.job(1).message


def test_begun_with_another_runs_weights(queue):
    start(queue, "parent")
    wait_for(lambda: state(queue, 1) == "finished", "the parent")
    config = dataclasses.replace(
        TINY, train=dataclasses.replace(TINY.train, learning_rate=1e-12, warmup_steps=0, epochs=1, ema_decay=0)
    )
    start(queue, "child", config, started_from="parent")
    wait_for(lambda: state(queue, 2) == "finished", "the child")
    parent, child = open_run("parent"), open_run("child")
    assert child.info.started_from == "parent"
    assert child.inherited == parent.trained_prints
    # It did not learn anything, so the kernels are still its parent's.
    from safetensors.torch import load_file

    theirs, own = load_file(parent.weights), load_file(child.weights)
    assert all((own[name].float() - theirs[name].float()).abs().max() < 1e-3 for name in own if "weight" in name)


def test_two_processes_at_once_are_one_job(queue):
    config = dataclasses.replace(TINY, model=ModelConfig(width=2, depth=2, normalisation="none"))
    job = start(queue, "both", config, devices=2)
    wait_for(lambda: not queue.job(job.number).open, "the end", 240)
    assert queue.job(job.number).state == "finished", queue.log(job.number)
    assert open_run("both").info.device.startswith("2 x CPU")


# --- twenty at once -----------------------------------------------------------------------------


def test_twenty_starts_from_twenty_threads(queue):
    config = dataclasses.replace(TINY, train=dataclasses.replace(TINY.train, epochs=1))
    threads = [threading.Thread(target=start, args=(queue, f"run-{number}", config)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.number for job in sorted(queue.jobs(), key=lambda job: job.number)] == list(range(1, 21))
    together = []

    def all_done():
        jobs = queue.jobs()
        together.append(sum(is_locked(queue.lock_of(job.number)) for job in jobs))
        return not any(job.open for job in jobs)

    wait_for(all_done, "twenty jobs", 400)
    jobs = sorted(queue.jobs(), key=lambda job: job.number)
    assert {job.state for job in jobs} == {"finished"}
    assert max(together) == 1
    for before, after in pairwise(jobs):
        assert before.ended <= after.started


# --- a disk that fills up -----------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("only the superuser may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path):
    with path.open("wb", buffering=0) as filler:
        while filler.write(b"\0" * 4096):
            pass


def test_a_disk_that_fills_up(small_disk, cells, monkeypatch):
    monkeypatch.setenv("SEGCORE_MODELS_DIR", str(small_disk))
    queue = JobQueue()
    start(queue, "full", ENDLESS)
    wait_for(lambda: epochs("full") >= 2, "two epochs")
    with pytest.raises(OSError, match="No space left"):
        fill(small_disk / "filler")
    wait_for(lambda: not queue.job(1).open, "the failure")
    job = queue.job(1)
    assert job.state == "failed"
    assert "the disk is full" in job.message
    run = open_run("full")
    assert run.state in ("failed", "interrupted")
    (small_disk / "filler").unlink()
    done = len(run.history())
    queue.resume("full", token="again", accelerator="cpu")
    wait_for(lambda: epochs("full") > done, "another epoch")
    queue.stop(2)
    wait_for(lambda: not queue.job(2).open, "the end")
    wait_for(lambda: not is_locked(queue.lane_lock("cpu")), "the starter's end")


# --- fifty kills --------------------------------------------------------------------------------

JOBS, EPOCHS = 50, 6

# PyTorch is loaded once; every job is a process of its own, forked before any thread is.
KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
from segcore.config import RunConfig, from_dict
from segcore.jobs import JobQueue
from segcore.locking import locked
from segcore.job_process import run_job

config = from_dict(RunConfig, json.loads(sys.argv[1]))
jobs = int(sys.argv[2])
queue, chance = JobQueue(), random.Random(0)

def fork():
    job = queue.next_job("cpu")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            sys.stderr = open(os.devnull, "w")
            run_job(queue, job.number)
            code = 0
        finally:
            os._exit(code)
    return job, child

def complete(name):
    job, child = fork()
    assert job.run == name, (job, name)
    os.waitpid(child, 0)
    assert queue.job(job.number).state == "finished", queue.job(job.number)

def ask(name):
    queue.start(dataset="cells", config=config, run=name, token=name, accelerator="cpu")

def half_written(folder):
    try:
        return any(name.endswith(".part") for place in (folder, folder / "checkpoint") for name in os.listdir(place))
    except OSError:
        return False

told = []
with locked(queue.lane_lock("cpu")):
    for name in ("first", "whole"):  # the first one loads what is loaded late
        ask(name)
        began = time.monotonic()
        complete(name)
    lasts = 0.8 * (time.monotonic() - began)
    for number in range(jobs):
        name = f"killed-{number}"
        folder = queue.models / name
        ask(name)
        job, child = fork()
        at = time.monotonic() + chance.uniform(0, lasts)
        writing = False
        while time.monotonic() < at and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.001)
        if number % 2:  # in the middle of writing
            until = time.monotonic() + lasts
            while time.monotonic() < until and not (writing := half_written(folder)):
                pass
        try:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        over = queue.settle(job.number)
        told.append([over.state, writing, half_written(folder)])
        if over.state == "interrupted" and folder.exists():
            queue.resume(name, token=name + " again", accelerator="cpu")
            complete(name)
        elif over.state == "interrupted":
            ask(name + "-anew")  # killed before there was anything of it
            complete(name + "-anew")
print(json.dumps(told))
"""


def test_fifty_jobs_killed_anywhere_end_as_if_they_had_not_been(models_dir, cells):
    config = dataclasses.replace(TINY, train=dataclasses.replace(TINY.train, epochs=EPOCHS, epoch_samples=12))
    done = subprocess.run(
        [sys.executable, "-c", KILLER, json.dumps(to_dict(config)), str(JOBS)],
        cwd=REPOSITORY, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert len(told) == JOBS
    assert {state for state, *_ in told} <= {"interrupted", "finished"}
    assert sum(state == "interrupted" for state, *_ in told) > JOBS / 2
    assert sum(writing for _, writing, _ in told) > JOBS / 10
    whole = open_run("whole")
    for number in range(JOBS):
        name = f"killed-{number}"
        run = open_run(name if (models_dir / name).exists() else f"{name}-anew")
        assert run.state == "finished"
        assert [dataclasses.replace(row, seconds=0) for row in run.history()] == [
            dataclasses.replace(row, seconds=0) for row in whole.history()
        ]
        assert run.weights.read_bytes() == whole.weights.read_bytes()
        assert run.info.operating_points == whole.info.operating_points
        assert (run.evaluation("cells") / "summary.json").exists()
        with locked(run.lock, wait=False) as free:
            assert free
