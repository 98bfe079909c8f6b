"""Jobs as real processes: from their start to figures, one after another, and true about all of it."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from itertools import pairwise

import pytest
from tiny import ENDLESS, TINY, state
from waiting import REPOSITORY, all_ended, epochs, starters, wait_for

from segcore.config import ModelConfig
from segcore.data import install
from segcore.evaluation import read_evaluation
from segcore.locking import is_locked, locked
from segcore.runs import Previews, open_run, read_status
from segcore.stacks import array_stack

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and locks are those of POSIX systems")


def start(queue, run, config=TINY, **options):
    return queue.start(dataset="cells", config=config, run=run, token=run, accelerator="cpu", **options)


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


def test_a_run_is_measured_on_another_dataset(queue, mid_grey_run, cell_stack):
    images, labels = cell_stack
    install("others", array_stack(images[:3, ::-1].copy()), array_stack(labels[:3, ::-1].copy()), title="Others")
    queue.evaluate("mid-grey", "others", token="t", accelerator="cpu")
    wait_for(lambda: state(queue, 1) == "finished", "the end")
    evaluation, facts = read_evaluation(mid_grey_run.evaluation("others", "all"))
    assert evaluation.slices == (0, 1, 2)
    assert facts["dataset"] == "others"
    assert not mid_grey_run.card.exists()  # which tells of the run's own test slices
    queue.evaluate("mid-grey", "cells", token="u", accelerator="cpu")
    wait_for(lambda: state(queue, 2) == "finished", "the end")
    assert read_evaluation(mid_grey_run.evaluation("cells"))[0].slices == (8, 9, 10, 11)
    assert mid_grey_run.card.exists()
    wait_for(lambda: not is_locked(queue.lane_lock("cpu")), "the starter's end")


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
def test_starts_from_many_threads_run_one_after_another(queue, data_dir):
    """Every fourth trains; the dataset of the others is gone, which they find out in a moment."""
    many = 20
    config = dataclasses.replace(TINY, train=dataclasses.replace(TINY.train, epochs=1))
    shutil.copytree(data_dir / "cells", data_dir / "gone")
    facts = data_dir / "gone/dataset.json"
    facts.write_text(facts.read_text().replace('"name": "cells"', '"name": "gone"'))

    def start_one(number):
        queue.start(
            dataset="gone" if number % 4 else "cells", config=config, run=f"run-{number}", token=f"run-{number}",
            accelerator="cpu",
        )  # fmt: skip

    threads = [threading.Thread(target=start_one, args=(number,)) for number in range(many)]
    with locked(queue.lane_lock("cpu")):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shutil.rmtree(data_dir / "gone")
    queue.ensure_runners()
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
    assert all(job.state == ("finished" if job.dataset == "cells" else "failed") for job in jobs)
    assert [job.dataset for job in jobs].count("cells") == many / 4
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
