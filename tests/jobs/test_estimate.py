"""How long a training takes: sums done by hand, what is done with damaged files, and a real measurement."""

from __future__ import annotations

import dataclasses
import os

import pytest
from waiting import wait_for

from segcore.config import ModelConfig, PredictionConfig, RunConfig, SplitConfig, TrainConfig
from segcore.errors import ConfigError, JobError
from segcore.jobs.estimate import (
    _path,
    measure,
    measuring_lock,
    start_measuring,
    train_memory,
    train_seconds,
    why_not_measured,
)
from segcore.jobs.queue import JobQueue
from segcore.locking import is_locked, locked
from segcore.storage import write_json

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks are those of POSIX systems")

TINY = RunConfig(
    model=ModelConfig(width=2, depth=2), train=TrainConfig(epochs=2, epoch_samples=10, batch_size=4, patch_px=32)
)


@pytest.fixture
def info(cells):
    """Twelve slices of 45 x 52: 0 to 5 to train on, 7 to validate."""
    return cells.info


def keep(info, config=TINY, **speed):
    """A stored measurement, as if it had been made here."""
    write_json(
        _path(JobQueue(), config, info, "cpu"), {"step_s": 5, "look_s": 2, "memory_mb": 3140, "parts": 1} | speed
    )


def changed(config, **train):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **train))


def test_an_estimate_by_hand(info, models_dir):
    keep(info)
    # Two epochs of three steps (four, four and two patches) and a look at one slice.
    assert train_seconds(TINY, info, "cpu") == 2 * (3 * 5 + 2)
    assert train_seconds(changed(TINY, epochs=4), info, "cpu") == 4 * (3 * 5 + 2)
    assert train_seconds(changed(TINY, epoch_samples=0), info, "cpu") == 2 * (2 * 5 + 2)


def test_copies_of_a_pool(info, models_dir):
    split = SplitConfig(protocol="notebook", copies=40, validation_fraction=0.25)
    config = dataclasses.replace(changed(TINY, epoch_samples=0), split=split)
    keep(info, config)
    assert train_seconds(config, info, "cpu") == 2 * (8 * 5 + 10 * 2)


@pytest.mark.parametrize(
    "change", [{"learning_rate": 0.5}, {"seed": 3}, {"schedule": "constant"}, {"early_stopping": 4}, {"epochs": 9}]
)
def test_what_does_not_change_a_step_needs_no_new_measurement(info, models_dir, change):
    keep(info)
    assert train_seconds(changed(TINY, **change), info, "cpu") is not None


@pytest.mark.parametrize(
    "change", [{"batch_size": 5}, {"samples_at_once": 2}, {"patch_px": 16}, {"precision": "bf16"}, {"ema_decay": 0.0}]
)
def test_what_changes_a_step_is_measured_anew(info, models_dir, change):
    keep(info)
    assert train_seconds(changed(TINY, **change), info, "cpu") is None
    wider = dataclasses.replace(TINY, model=ModelConfig(width=3, depth=2))
    assert train_seconds(wider, info, "cpu") is None
    assert train_seconds(TINY, dataclasses.replace(info, height=46), "cpu") is None
    assert train_seconds(TINY, info, "cuda") is None


def test_tiles_of_another_size_take_another_time_to_validate(info, models_dir):
    """The network looks at a validation slice in tiles, and each has a halo that is seen twice."""
    keep(info)
    tiled = dataclasses.replace(TINY, prediction=PredictionConfig(tile_px=128))
    paths = {_path(JobQueue(), config, info, "cpu") for config in (TINY, tiled)}
    assert len(paths) == 2
    assert train_seconds(tiled, info, "cpu") is None
    # No look at validation turns a slice.
    assert train_seconds(dataclasses.replace(TINY, prediction=PredictionConfig(eightfold=True)), info, "cpu")


def test_another_amount_of_the_machine_is_measured_anew(info, models_dir, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    keep(info)
    assert train_seconds(TINY, info, "cpu") is not None
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert train_seconds(TINY, info, "cpu") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '{"step_s": 1, "look_s": 1}',
        "null",
        "\x00\xff",
        '{"step_s": -1, "look_s": NaN, "memory_mb": 1, "parts": 1}',
    ],
)
def test_a_damaged_measurement_is_none(info, models_dir, text):
    keep(info)
    _path(JobQueue(), TINY, info, "cpu").write_text(text)
    assert train_seconds(TINY, info, "cpu") is None
    assert train_memory(TINY, info, "cpu") == ""


def test_memory_in_words(info, models_dir):
    keep(info)
    assert train_memory(TINY, info, "cpu") == "about 3.1 GB of memory"
    keep(info, parts=5)
    assert train_memory(TINY, info, "cpu") == "about 3.1 GB of memory, a batch in 5 parts"


def test_why_nothing_was_measured(info, models_dir):
    told = _path(JobQueue(), TINY, info, "cpu").with_suffix(".txt")
    assert why_not_measured(TINY, info, "cpu") == ""
    told.parent.mkdir(parents=True)
    for text, said in (("", ""), ("the log\n", ""), ("the log\nsegcore: it does not fit\n", "it does not fit")):
        told.write_text(text)
        assert why_not_measured(TINY, info, "cpu") == said


def test_a_lack_of_memory_is_what_is_said(info, models_dir):
    """A network of half a terabyte of weights, in a real process that refuses it."""
    huge = dataclasses.replace(TINY, model=ModelConfig(width=256, depth=7))
    start_measuring(huge, info, "cpu")
    refused = wait_for(lambda: why_not_measured(huge, info, "cpu"), "the refusal", 300)
    assert refused.startswith("the training does not fit into memory, not even with one patch at once; found")
    assert train_seconds(huge, info, "cpu") is None


def test_settings_that_cannot_be_trained(info, models_dir):
    impossible = dataclasses.replace(TINY, split=SplitConfig(test_fraction=0.9, gap=50))
    keep(info, impossible)
    assert train_seconds(impossible, info, "cpu") is None


def test_asking_loads_no_torch(info, models_dir, run_python):
    done = run_python("""
    import sys
    from segcore.data import open_dataset
    from segcore.jobs import train_seconds
    from segcore.presets import quick
    assert train_seconds(quick(), open_dataset("cells").info, "cpu") is None
    assert "torch" not in sys.modules
    """)
    assert done.returncode == 0, done.stderr


def test_measured_by_a_process_of_its_own(info, models_dir):
    start_measuring(TINY, info, "cpu")
    found = wait_for(lambda: train_seconds(TINY, info, "cpu"), "the measurement", 300)
    # Six steps and two looks of a network of a hundred numbers, on anything.
    assert 1e-4 < found < 60
    wait_for(lambda: not is_locked(measuring_lock(JobQueue(), "cpu")), "its end")
    path = _path(JobQueue(), TINY, info, "cpu")
    written = path.stat().st_mtime_ns
    start_measuring(TINY, info, "cpu")
    assert not is_locked(measuring_lock(JobQueue(), "cpu"))
    assert path.stat().st_mtime_ns == written
    assert sorted(one.suffix for one in path.parent.iterdir()) == [".json", ".txt"]
    assert path.with_suffix(".txt").read_text().startswith("about "), "all its settings were understood"


def test_not_beside_a_job_nor_twice_nor_read_only(info, models_dir, monkeypatch):
    queue = JobQueue()
    queue.folder.mkdir(parents=True)
    told = _path(queue, TINY, info, "cpu").with_suffix(".txt")
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    start_measuring(TINY, info, "cpu")
    with pytest.raises(JobError, match="SEGCORE_READ_ONLY"):
        measure(TINY, info, "cpu")
    monkeypatch.delenv("SEGCORE_READ_ONLY")
    with locked(measuring_lock(queue, "cpu")):
        start_measuring(TINY, info, "cpu")
    with locked(queue.lane_lock("cpu")):
        queue.start(dataset="cells", config=TINY, run="a", token="a", accelerator="cpu")
        queue.next_job("cpu")
        start_measuring(TINY, info, "cpu")
    start_measuring(TINY, info, "slurm")
    assert not told.parent.exists()
    told.parent.mkdir()
    told.touch()  # an attempt that came to nothing
    start_measuring(TINY, info, "cpu")
    assert told.read_bytes() == b""
    with pytest.raises(ConfigError, match="a cluster is not measured from here"):
        measure(TINY, info, "slurm")
