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
from waiting import REPOSITORY, all_ended, epochs, wait_for

from segcore.config import LossConfig, ModelConfig, RunConfig, TrainConfig
from segcore.locking import is_locked, locked
from segcore.runs import Previews, open_run, read_status

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
    with all_ended() as queue:
        yield queue


def start(queue, run, config=TINY, **options):
    return queue.start(dataset="cells", config=config, run=run, token=run, accelerator="cpu", **options)


def state(queue, number):
    return queue.job(number).state


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
    assert read_status(run).stage == "evaluating"
    assert [one.epoch for one in Previews(run).all()] == [1, 2]
    assert {one.slice for one in Previews(run).all()} == {run.split.validation[0]}
    wait_for(lambda: not is_locked(queue.lane_lock("cpu")), "the starter's end")


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


def starters(queue):
    """Numbers of the processes that start jobs of this queue; one that is not needed ends by itself."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            environment = (path.parent / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"work" in words and f"SEGCORE_MODELS_DIR={queue.models}".encode() in environment:
            found.append(int(path.parent.name))
    return found


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


def command(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "segcore", "jobs", *map(str, arguments)],
        cwd=REPOSITORY, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_read_only_the_command_line_shows_and_starts_nothing(queue):
    with locked(queue.lane_lock("cpu")):
        start(queue, "a")
        start(queue, "b")
    before = {path: path.read_bytes() for path in queue.models.rglob("*") if path.is_file()}
    listed = command("list", "--json", SEGCORE_READ_ONLY="1")
    assert listed.returncode == 0, listed.stderr
    assert [(job["run"], job["state"]) for job in json.loads(listed.stdout)] == [("a", "waiting"), ("b", "waiting")]
    assert command("log", 1, SEGCORE_READ_ONLY="1").returncode == 0
    for arguments in (
        ("start", "cells", "--device", "cpu"), ("stop", 1), ("resume", "a"), ("up", 2), ("remove", 1),
        ("measure", "cells"), ("work", "cpu"), ("run", 1), ("conclude", 1),
    ):  # fmt: skip
        done = command(*arguments, SEGCORE_READ_ONLY="1")
        assert done.returncode == 2, arguments
        assert done.stdout == ""
        assert done.stderr == (
            "segcore: nothing is trained here; found SEGCORE_READ_ONLY is set; expected a place to write to\n"
        )
    assert {path: path.read_bytes() for path in queue.models.rglob("*") if path.is_file()} == before
    assert starters(queue) == []
    assert not is_locked(queue.lane_lock("cpu"))
    # Without it, looking is enough to let what waits go on.
    assert command("list").returncode == 0
    wait_for(lambda: state(queue, 2) == "finished", "both")
    assert state(queue, 1) == "finished"


def test_a_failure_says_why(queue, data_dir):
    with locked(queue.lane_lock("cpu")):
        start(queue, "doomed")
    shutil.rmtree(data_dir / "cells")
    queue.ensure_runners()
    wait_for(lambda: state(queue, 1) == "failed", "the failure")
    assert "there is no dataset cells" in queue.job(1).message


@pytest.mark.slow
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
    assert child.inherited == parent.seen
    # It did not learn anything, so the kernels are still its parent's.
    from safetensors.torch import load_file

    theirs, own = load_file(parent.weights), load_file(child.weights)
    assert all((own[name].float() - theirs[name].float()).abs().max() < 1e-3 for name in own if "weight" in name)


@pytest.mark.slow
def test_two_processes_are_one_job_with_the_curve_of_one_process(queue):
    """The same global batches, an uneven one among them; what each of them sees is another share."""
    # Batch normalisation depends on who sees what; without it processes agree.
    config = dataclasses.replace(
        TINY, model=ModelConfig(width=4, depth=3, normalisation="none"),
        train=dataclasses.replace(TINY.train, epochs=3, epoch_samples=11, learning_rate=3e-3, warmup_steps=2),
    )  # fmt: skip
    start(queue, "both", config, devices=2)
    start(queue, "alone", config)
    wait_for(lambda: not any(job.open for job in queue.jobs()), "the end", 600)
    assert [job.state for job in queue.jobs()] == ["finished", "finished"], queue.log(1)
    both, alone = open_run("both"), open_run("alone")
    assert both.info.device.startswith("2 x CPU")
    assert alone.info.device.startswith("CPU")
    rows = [dataclasses.astuple(dataclasses.replace(row, seconds=0)) for row in alone.history()]
    assert len(rows) == 3
    assert rows[2][1] < 0.98 * rows[0][1]  # it learns, so the curves are not alike for want of change
    for mine, row in zip(both.history(), rows, strict=True):
        assert dataclasses.astuple(dataclasses.replace(mine, seconds=0)) == pytest.approx(row, abs=1e-5)


# --- twenty at once -----------------------------------------------------------------------------


@pytest.mark.slow
def test_starts_from_many_threads_run_one_after_another(queue):
    many = 20
    config = dataclasses.replace(TINY, train=dataclasses.replace(TINY.train, epochs=1))
    threads = [threading.Thread(target=start, args=(queue, f"run-{number}", config)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.number for job in sorted(queue.jobs(), key=lambda job: job.number)] == list(range(1, many + 1))
    together = []

    def all_done():
        jobs = queue.jobs()
        alive = [job for job in jobs if is_locked(queue.lock_of(job.number))]
        # One may have ended, and the next begun, between two looks.
        together.append(sum(is_locked(queue.lock_of(job.number)) for job in alive))
        return not any(job.open for job in jobs)

    wait_for(all_done, "all jobs", 900)
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


@pytest.mark.slow
def test_a_disk_that_fills_up(small_disk, cells, monkeypatch):
    monkeypatch.setenv("SEGCORE_MODELS_DIR", str(small_disk))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with all_ended() as queue:
        start(queue, "full", ENDLESS)
        wait_for(lambda: epochs("full") >= 2, "two epochs")
        process = queue.job(1).pid
        os.kill(process, signal.SIGSTOP)  # or what it gives up to say so would be filled too
        with pytest.raises(OSError, match="No space left"):
            fill(small_disk / "filler")
        os.kill(process, signal.SIGCONT)
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
