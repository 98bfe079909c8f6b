"""Training: repeatable to the last bit, resumed where it stopped, and clear about what to change."""

import dataclasses
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tensorboardX.proto.event_pb2 import Event
from waiting import REPOSITORY

from segcore.config import ModelConfig, PredictionConfig, RunConfig, TrainConfig, override
from segcore.data import Correction, correct, install
from segcore.errors import ConfigError, DataError, RunError, StorageError, TrainingError
from segcore.network import load_network, predict
from segcore.presets import standard
from segcore.reviews import Place
from segcore.runs import open_run, run_names
from segcore.stacks import array_stack
from segcore.training.choosing_segments import choose_segments
from segcore.training.choosing_thresholds import choose_thresholds
from segcore.training.machine import Machine, trains_in_bfloat16
from segcore.training.starting import resume, train

CPU = Machine(accelerator="cpu")
# Weights that do not move: what they bring never changes.
STILL = ("model.normalisation=none", "train.learning_rate=1e-12", "train.warmup_steps=0")
SMALL = RunConfig(
    model=ModelConfig(width=4, depth=3),
    train=TrainConfig(
        epochs=3, epoch_samples=8, batch_size=4, patch_px=32, warmup_steps=2, learning_rate=3e-3, precision="32"
    ),
)


def trained(dataset, name, *assignments, **options):
    return train(dataset, override(SMALL, assignments), name, machine=CPU, **options)


def history(run):
    """Everything but the time it took."""
    return [dataclasses.replace(row, seconds=0) for row in run.history()]


def tensors(path):
    return {name: tensor.numpy().tobytes() for name, tensor in load_file(path).items()}


def assert_the_same(one, other):
    assert history(one) == history(other)
    assert one.weights.read_bytes() == other.weights.read_bytes()
    assert tensors(one.checkpoint) == tensors(other.checkpoint)
    assert one.info.operating_points == other.info.operating_points
    assert (one.info.epochs, one.info.best_epoch, one.info.best_dice) == (
        other.info.epochs, other.info.best_epoch, other.info.best_dice,
    )  # fmt: skip


def scalars(run):
    """Values in the TensorBoard files: {name: {epoch: value}}. Records are length, check, event, check."""
    found = {}
    files = [path for path in (run.folder / "tensorboard").rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + length])
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
            data = data[16 + length :]
    return found


def test_a_training_and_what_it_leaves(cells, models_dir):
    told = []
    run = trained(cells, "first", report=lambda record, epochs: told.append((record.epoch, epochs)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert run == open_run("first")
    info = run.info
    assert (info.state, info.dataset, info.synthetic, info.epochs) == ("finished", "cells", True, 3)
    assert info.dataset_fingerprint == cells.info.fingerprint
    assert info.ended is not None
    assert run.slice_fingerprints == cells.info.slice_fingerprints
    rows = run.history()
    dice = [row.validation_dice for row in rows]
    assert info.best_epoch == dice.index(max(dice)) + 1
    assert info.best_dice == max(dice)
    assert info.train_seconds == pytest.approx(sum(row.seconds for row in rows))
    assert all(0 <= row.train_accuracy <= 1 and row.seconds > 0 for row in rows)
    assert info.parameters == sum(p.numel() for p in load_network(run.config.model, run.weights, "cpu").parameters())
    assert run.log.exists()

    found = scalars(run)
    for row in rows:
        for name in ("train_loss", "validation_loss", "validation_dice", "validation_accuracy", "learning_rate"):
            assert found[name][row.epoch] == pytest.approx(getattr(row, name), rel=1e-6)
    assert not [path for path in models_dir.rglob("*") if path.name.endswith(".part")]


def test_a_new_run_is_never_seen_without_its_process(cells, models_dir):
    ended, seen = threading.Event(), set()

    def look():
        while not ended.is_set():
            with suppress(RunError):
                seen.add(open_run("new").state)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        trained(cells, "new", "train.epochs=1")
    finally:
        ended.set()
        looker.join()
    assert "training" in seen
    assert seen <= {"training", "finished"}


def test_thresholds_are_chosen_on_the_validation_slices(cells, models_dir):
    run = trained(cells, "first", "prediction.eightfold=true", "train.epochs=1")
    slices = list(run.split.validation)
    model = load_network(run.config.model, run.weights, "cpu")
    pages = np.stack(list(predict(model, cells.images[slices], run.config.prediction)))
    points, segments = choose_thresholds(pages, cells.labels[slices]), choose_segments(pages, cells.labels[slices])
    assert dataclasses.replace(points, segments=segments.point) == run.info.operating_points


def test_the_network_learns(cells, models_dir):
    rows = trained(cells, "longer", "train.epochs=12", "train.epoch_samples=16", "train.ema_decay=0.8").history()
    assert rows[-1].train_loss < 0.75 * rows[0].train_loss
    assert rows[-1].validation_dice > 0.85


def test_the_same_seed_gives_the_same_run_to_the_last_bit(cells, models_dir):
    one, again = (trained(cells, name, "model.dropout=0.3") for name in ("one", "again"))
    assert_the_same(one, again)
    other = trained(cells, "other", "model.dropout=0.3", "train.seed=1")
    assert history(one) != history(other)


@pytest.mark.parametrize("schedule", ["plateau", "cosine"])
def test_stopped_between_epochs_and_resumed(cells, models_dir, schedule):
    settings = (f"train.schedule={schedule}", "train.plateau_patience=0", "model.dropout=0.2", "train.epochs=4")

    def stop(record, epochs):
        if record.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        trained(cells, "stopped", *settings, report=stop)
    run = open_run("stopped")
    assert (run.info.state, run.info.epochs, run.info.operating_points) == ("interrupted", 2, None)
    assert len(run.history()) == 2
    resumed = resume(run, cells, machine=CPU)
    assert resumed.info.state == "finished"
    assert_the_same(resumed, trained(cells, "whole", *settings))
    assert set(scalars(resumed)["train_loss"]) == {1, 2, 3, 4}


def test_taken_in_parts_stopped_and_resumed(cells, models_dir, caplog):
    """Two parts that are not equal, with what else has a state: an average, a schedule, and statistics of each part."""
    caplog.set_level(logging.INFO)  # as the command line has it
    settings = ("train.samples_at_once=2", "train.batch_size=3", "train.epoch_samples=9", "train.epochs=4",
                "train.schedule=plateau", "train.plateau_patience=0", "model.dropout=0.2")  # fmt: skip

    def stop(record, epochs):
        if record.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        trained(cells, "stopped", *settings, report=stop)
    run = open_run("stopped")
    assert run.info.samples_at_once == 2
    assert_the_same(resume(run, cells, machine=CPU), trained(cells, "whole", *settings))
    assert "GB of memory, a batch in 2 parts" in run.log.read_text()
    assert "batch normalisation normalises each part of a batch by itself" in run.log.read_text()


def test_how_many_are_taken_at_once_is_found_out_once(cells, models_dir, caplog):
    """What the run says counts when it goes on, and in one of before there was such a number the whole batch."""
    caplog.set_level(logging.INFO)
    constant = "train.schedule=constant"
    whole = trained(cells, "whole", constant)
    assert whole.info.samples_at_once == 4
    text = whole.log.read_text()
    assert "about 0.4 GB of memory\n" in text
    assert "by itself" not in text
    for name, number in (("older", None), ("in-parts", 2)):
        run = trained(cells, name, constant, "train.epochs=1")
        described = {file: json.loads((run.folder / file).read_text()) for file in ("run.json", "config.json")}
        described["config.json"]["train"]["epochs"] = 3
        described["run.json"] |= {"state": "interrupted", "samples_at_once": number}
        if number is None:
            del described["run.json"]["samples_at_once"], described["config.json"]["train"]["samples_at_once"]
        for file, values in described.items():
            (run.folder / file).write_text(json.dumps(values))
        resumed = resume(open_run(name), cells, machine=CPU)
        if number is None:
            assert_the_same(resumed, whole)
        assert ("a batch in 2 parts" in resumed.log.read_text()) == (number == 2)


def command(*arguments, threads=None):
    threads = threads or torch.get_num_threads()
    return subprocess.Popen(
        [sys.executable, "-m", "segcore", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize(("stop", "state"), [(signal.SIGINT, "interrupted"), (signal.SIGKILL, "training")])
def test_a_process_stopped_anywhere_and_resumed(cells, models_dir, stop, state):
    """As by Ctrl-C, or by a machine that loses its power, in the middle of whatever it is doing."""
    settings = ("train.epochs=8", "train.epoch_samples=24", "model.width=8", "model.depth=3", "train.patch_px=32",
                "train.batch_size=4", "train.precision=32", "train.early_stopping=9")  # fmt: skip
    for attempt in range(3):  # on a busy machine a training may end before it is stopped
        process = command("train", "cells", "--name", f"stopped-{attempt}", "--device", "cpu", "--set", *settings)
        file = models_dir / f"stopped-{attempt}" / "history.csv"
        while process.poll() is None and not (file.exists() and file.read_bytes().count(b"\n") >= 3):
            time.sleep(0.01)
        process.send_signal(stop)
        _, errors = process.communicate(timeout=300)
        assert "Traceback" not in errors
        run = open_run(f"stopped-{attempt}")
        if run.info.state != "finished":
            break
    assert run.info.state == state
    assert process.returncode == (130 if stop == signal.SIGINT else -signal.SIGKILL)
    assert 1 <= run.info.epochs < 8
    resumed = resume(run, cells, machine=CPU)
    whole = train(cells, override(standard(), settings), "whole", machine=CPU)
    assert_the_same(resumed, whole)


@pytest.mark.slow
def test_two_processes_train_as_one(cells, models_dir):
    # Dropout depends on who sees what; without it, processes agree.
    settings = ("model.normalisation=batch", "model.dropout=0", "model.width=4", "model.depth=3", "train.epochs=2",
                "train.patch_px=32", "train.epoch_samples=11", "train.precision=32")  # fmt: skip
    process = command(
        "train", "cells", "--name", "two", "--devices", "2", "--device", "cpu", "--set", *settings, threads=1
    )
    _, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    two, one = open_run("two"), train(cells, override(standard(), settings), "one", machine=CPU)
    assert two.info.state == "finished"
    assert two.info.device.startswith("2 x CPU")
    assert len(two.history()) == 2
    for mine, theirs in zip(history(one), history(two), strict=True):
        assert dataclasses.astuple(theirs) == pytest.approx(dataclasses.astuple(mine), abs=1e-5)
    assert (two.evaluation("cells") / "summary.json").exists()


def test_a_finished_run_is_not_resumed_nor_one_of_another_stack(cells, models_dir, cell_stack):
    run = trained(cells, "first", "train.epochs=1")
    with pytest.raises(RunError, match="the run is finished; expected an interrupted or failed run"):
        resume(run, cells, machine=CPU)
    other = install("other", array_stack(cell_stack[0][::-1]), array_stack(cell_stack[1][::-1]))
    with pytest.raises(RunError, match="not the one the run was trained on"):
        resume(run.update(state="interrupted"), other, machine=CPU)
    # The same slices with another label are the run's own stack, and another training.
    place = Place(kind="merge", slice=3, y=0, x=0, top=0, left=0, bottom=1, right=1)
    copy = correct(cells, "copy", [Correction(place=place, become="ignore", runs=((0, 0, 1),), reviewer="Ada")])
    with pytest.raises(RunError, match="not the one the run was trained on"):
        resume(run.update(state="interrupted"), copy, machine=CPU)
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"last.safetensors: the checkpoint is damaged"):
        resume(run.update(state="interrupted"), cells, machine=CPU)


def test_a_loss_that_is_not_a_number(cells, models_dir):
    settings = ("train.learning_rate=10", "train.gradient_clip=0", "train.ema_decay=0", "train.schedule=constant",
                "model.normalisation=none", "model.depth=5", "train.warmup_steps=0")  # fmt: skip
    with pytest.raises(TrainingError, match=r"the loss became not a number in epoch .*expected a lower train.learning"):
        trained(cells, "wild", *settings)
    run = open_run("wild")
    assert run.info.state == "failed"
    assert "train.learning_rate=10" in run.info.message
    assert all(np.isfinite(dataclasses.astuple(row)).all() for row in run.history())


def test_nothing_is_written_for_what_cannot_start(cells, models_dir, cell_stack):
    tiny = install("tiny", *(array_stack(stack[:3]) for stack in cell_stack))
    with pytest.raises(ConfigError, match="a stack of 3 slices leaves none to train on"):
        trained(tiny, "first")
    with pytest.raises(DataError, match="no labels to learn from"):
        trained(install("plain", array_stack(cell_stack[0])), "first")
    with pytest.raises(StorageError, match="not a safe folder name"):
        trained(cells, "../first")
    few = override(SMALL, ["train.batch_size=1"])
    with pytest.raises(ConfigError, match=r"fewer patches than there are processes; found train.batch_size=1, 2"):
        train(cells, few, "first", machine=Machine(accelerator="cpu", devices=2))
    small = dataclasses.replace(SMALL, model=ModelConfig(depth=5), prediction=PredictionConfig(tile_px=64))
    with pytest.raises(ConfigError, match="tile_px is too small for the network; found 64"):
        train(cells, small, "first", machine=CPU)
    huge = dataclasses.replace(SMALL, model=ModelConfig(width=256, depth=7))
    with pytest.raises(
        TrainingError, match=r"not fit into memory.*; found .* GB available; expected .* GB, or a smaller"
    ):
        train(cells, huge, "first", machine=CPU)
    assert run_names() == []
    trained(cells, "first", "train.epochs=1")
    with pytest.raises(StorageError, match="already something of this name"):
        trained(cells, "first")


def test_early_stopping(cells, models_dir):
    run = trained(cells, "still", *STILL, "train.early_stopping=2", "train.epochs=9")
    assert (run.info.state, run.info.epochs, run.info.best_epoch) == ("finished", 3, 1)
    assert len({row.validation_dice for row in run.history()}) == 1


def test_plateau_schedule(cells, models_dir):
    run = trained(
        cells, "still", *STILL, "train.schedule=plateau", "train.plateau_patience=1", "train.plateau_factor=0.1",
        "train.epochs=6", "train.epoch_samples=4",
    )  # fmt: skip
    # The second epoch without improvement, the third, lowers the rate of the next; then waiting begins anew.
    rates = [row.learning_rate for row in run.history()]
    assert rates == pytest.approx([1e-12, 1e-12, 1e-12, 1e-13, 1e-13, 1e-14])


def test_cosine_schedule_and_warm_up(cells, models_dir):
    # Two steps an epoch; the rate of an epoch's last step is recorded.
    rows = trained(cells, "cosine", "train.epochs=4", "train.warmup_steps=4", "train.learning_rate=1e-3").history()
    steps = np.array([1, 3, 5, 7])
    expected = 1e-3 * np.minimum(1, (steps + 1) / 4) * (0.01 + 0.99 * (1 + np.cos(np.pi * steps / 7)) / 2)
    assert [row.learning_rate for row in rows] == pytest.approx(expected)
    assert rows[-1].learning_rate == pytest.approx(1e-5)
    constant = trained(cells, "constant", "train.schedule=constant", "train.epochs=2", "train.learning_rate=1e-3")
    assert [row.learning_rate for row in constant.history()] == [1e-3, 1e-3]


def kept(run):
    """The kept weights, and those of the network and of its average in the checkpoint, rounded alike."""

    def part(prefix):
        found = load_file(run.checkpoint)
        return {
            name.removeprefix(prefix): tensor.half() if tensor.ndim == 4 else tensor
            for name, tensor in found.items()
            if name.startswith(prefix)
        }

    return load_file(run.weights), part("network."), part("average.module.")


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_average_of_the_weights_is_kept(cells, models_dir):
    weights, network, average = kept(trained(cells, "averaged", "train.epochs=1", "train.ema_decay=0.9"))
    assert same(weights, average)
    assert not same(weights, network)
    # After a single step the average is the network.
    weights, network, average = kept(trained(cells, "step", "train.epochs=1", "train.epoch_samples=4"))
    assert same(weights, average)
    assert same(weights, network)


def test_without_an_average_the_weights_are_kept(cells, models_dir):
    weights, network, average = kept(trained(cells, "plain", "train.epochs=1", "train.ema_decay=0"))
    assert same(weights, network)
    assert average == {}


def test_the_notebooks_protocol_runs_and_is_known_to_leak(cells, models_dir):
    run = trained(
        cells, "notebook", "split.protocol=notebook", "split.copies=24", "split.validation_fraction=0.25",
        "augment.rotation_deg=25", "augment.flips=one-of-three", "augment.noise=gaussian", "augment.border=black",
        "loss.kind=dice", "train.optimizer=adam", "train.epoch_samples=0", "train.patch_px=0", "train.epochs=2",
        "model.normalisation=none", "model.intensity=unit",
    )  # fmt: skip
    assert run.info.state == "finished"
    assert run.audit_split().leaks
    assert len(run.split.pool) == 24
    assert run.split.test == (8, 9, 10, 11)


@pytest.mark.parametrize(
    "settings",
    [
        ("loss.kind=jaccard", "model.normalisation=group", "train.patch_px=0", "train.epoch_samples=0"),
        ("loss.kind=bce", "loss.boundary_weight=10", "model.dropout=0.2", "train.gradient_clip=0"),
        ("train.precision=bf16", "train.optimizer=adam", "split.protocol=kfold", "split.fold=1"),
        ("augment.rotation_deg=0", "augment.flips=none", "augment.noise=none", "train.patch_px=4096"),
    ],
)
def test_every_choice_trains(cells, models_dir, settings):
    run = trained(cells, "choice", *settings, "train.epochs=1")
    assert run.info.state == "finished"
    assert np.isfinite(dataclasses.astuple(run.history()[0])).all()


@pytest.mark.slow
@pytest.mark.skipif("SEGCORE_SLOW_TESTS" not in os.environ, reason="compiling takes a minute; set SEGCORE_SLOW_TESTS=1")
def test_compiled_training_is_the_same_training(cells, models_dir):
    plain, compiled = (trained(cells, f"run-{on}", f"train.compile={on}", "train.epochs=2") for on in ("false", "true"))
    assert compiled.info.state == "finished"
    for mine, theirs in zip(history(plain), history(compiled), strict=True):
        assert dataclasses.astuple(theirs) == pytest.approx(dataclasses.astuple(mine), abs=1e-3)


def test_precision():
    assert trains_in_bfloat16("cpu", "bf16")
    assert not trains_in_bfloat16("cpu", "32")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_cuda_trains_alike(cells, models_dir):
    settings = override(SMALL, ["model.normalisation=none"])
    there = train(cells, settings, "there", machine=Machine(accelerator="cuda"))
    here = train(cells, settings, "here", machine=CPU)
    assert there.info.state == "finished"
    for mine, theirs in zip(history(here), history(there), strict=True):
        assert theirs.train_loss == pytest.approx(mine.train_loss, abs=0.02)
