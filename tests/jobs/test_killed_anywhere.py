"""Fifty jobs, each killed at a moment of its own, end as if they had not been."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest
from waiting import REPOSITORY

from segcore.config import LossConfig, ModelConfig, RunConfig, TrainConfig, to_dict
from segcore.locking import locked
from segcore.runs import open_run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and locks are those of POSIX systems")

JOBS, EPOCHS = 50, 6
CONFIG = RunConfig(
    model=ModelConfig(width=2, depth=2),
    loss=LossConfig(),
    train=TrainConfig(epochs=EPOCHS, epoch_samples=12, batch_size=4, patch_px=32, precision="32"),
)

# PyTorch is loaded once; every job is a process of its own, forked before any thread is.
KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
from segcore.checked import from_dict
from segcore.config import RunConfig
from segcore.jobs.queue import JobQueue
from segcore.locking import locked
from segcore.jobs.task import run_job

# What a job loads when it needs it is here before, or every one of them would load it anew.
import cv2, lightning_fabric, scipy.ndimage, skimage.metrics, skimage.segmentation, tensorboardX
import segcore.evaluation, segcore.network, segcore.training

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
        began, over_already = time.monotonic(), False
        while time.monotonic() < at and not over_already:
            time.sleep(0.001)
            over_already = os.waitpid(child, os.WNOHANG) != (0, 0)
        if over_already:  # the machine has become faster
            lasts = min(lasts, 0.8 * (time.monotonic() - began))
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


@pytest.mark.slow
def test_fifty_jobs_killed_anywhere_end_as_if_they_had_not_been(models_dir, cells):
    done = subprocess.run(
        [sys.executable, "-c", KILLER, json.dumps(to_dict(CONFIG)), str(JOBS)],
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
