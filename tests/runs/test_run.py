"""Run folders: made whole, read with every file checked, and damaged ones refused with the file's path."""

import dataclasses
import json
import os
import shutil

import pytest

from segcore.config import RunConfig, SplitConfig, TrainConfig
from segcore.errors import ConfigError, RunError, StorageError
from segcore.locking import locked
from segcore.runs.leaks import Seen
from segcore.runs.points import OperatingPoints
from segcore.runs.run import (
    RunInfo,
    create_run,
    models_root,
    open_run,
    run_names,
    threshold_value,
)
from segcore.runs.splits import make_split

PRINTS = tuple(f"print {z}" for z in range(12))
INFO = RunInfo(dataset="cells", dataset_fingerprint="f" * 64, seed=3, started="2026-01-01T00:00:00+00:00")


def created(name="first", config=None):
    config = config or RunConfig(train=TrainConfig(epochs=7, learning_rate=1 / 3))
    return create_run(name, config=config, split=make_split(12, config.split), info=INFO, slice_fingerprints=PRINTS)


@pytest.fixture
def run(models_dir):
    return created()


def test_what_was_made_comes_back(run, models_dir):
    opened = open_run("first")
    assert opened == run
    assert opened.folder == models_dir / "first"
    assert opened.name == "first"
    assert opened.info == INFO
    assert opened.config.train.learning_rate == 1 / 3
    assert opened.slice_fingerprints == PRINTS
    assert opened.history() == []
    assert opened.evaluations() == ()
    assert sorted(path.name for path in opened.folder.iterdir()) == [
        "config.json", "log.txt", "run.json", "split.json",
    ]  # fmt: skip


def test_updates_are_on_disk(run):
    points = OperatingPoints(pixel=0.5, topology=0.7)
    updated = run.update(state="finished", operating_points=points, best_epoch=3)
    assert open_run("first") == updated
    assert updated.info == dataclasses.replace(INFO, state="finished", operating_points=points, best_epoch=3)


def test_a_training_that_ended_since_it_was_opened_is_not_said_to_be_interrupted(run):
    with locked(run.lock):
        run.update(state="training")
        opened = open_run("first")
        assert opened.state == "training"
        opened.update(state="finished")
    assert opened.info.state == "training"
    assert opened.state == "finished"


def test_a_training_whose_process_is_gone_is_interrupted(run):
    assert run.update(state="training").state == "interrupted"


def test_a_run_is_made_whole_or_not_at_all(models_dir, listing):
    with pytest.raises(ValueError, match="JSON"):
        create_run(
            "broken", config=RunConfig(), split=make_split(12, SplitConfig()),
            info=dataclasses.replace(INFO, best_dice=float("nan")), slice_fingerprints=PRINTS,
        )  # fmt: skip
    assert not models_dir.exists()
    created()
    before = listing(models_dir)
    with pytest.raises(StorageError, match="already something of this name; expected a name that is not taken"):
        created()
    for name in ("../first", "a/b", "", ".hidden", "con", "a b"):
        with pytest.raises(StorageError, match="not a safe folder name"):
            created(name)
    assert listing(models_dir) == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_without_write_permission(models_dir):
    models_dir.mkdir()
    models_dir.chmod(0o500)
    with pytest.raises(StorageError, match="no permission"):
        created()


def test_names(models_dir):
    assert run_names() == []
    created("b")
    created("a")
    (models_dir / "README.md").write_text("no run")
    (models_dir / "empty").mkdir()
    shutil.copytree(models_dir / "a", models_dir / ".a.123.part")
    assert run_names() == ["a", "b"]
    with pytest.raises(RunError, match=r"models-root/c: there is no such run; expected one of: a, b"):
        open_run("c")


def test_the_models_folder(monkeypatch):
    monkeypatch.delenv("SEGCORE_MODELS_DIR", raising=False)
    assert str(models_root()) == "models"
    with pytest.raises(StorageError, match="not a safe folder name"):
        open_run("../models")


FILES = ("run.json", "config.json", "split.json")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b"null", b"hello", b"\xff\xfe", b'{"a": 1}'])
def test_damaged_files(run, file, content):
    (run.folder / file).write_bytes(content)
    with pytest.raises(RunError) as error:
        open_run("first")
    assert str(run.folder / file) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", FILES)
def test_truncated_anywhere(run, file):
    whole = (run.folder / file).read_bytes().rstrip()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        (run.folder / file).write_bytes(whole[:length])
        with pytest.raises(RunError, match=file):
            open_run("first")


@pytest.mark.parametrize("file", FILES)
def test_missing_files(run, file):
    (run.folder / file).unlink()
    with pytest.raises(RunError, match="there is no such"):
        open_run("first")


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("run.json", {"format_version": 2}, "written by a newer segcore; found format 2; expected format 1 or older"),
        ("run.json", {"format_version": "1"}, "format.version.*found '?1"),
        ("run.json", {"format_version": 2.0}, "format.version.*found 2.0"),
        ("run.json", {"state": "done"}, "unknown value of state; found done"),
        ("run.json", {"epochs": "many"}, "wrong type for epochs"),
        ("run.json", {"epoch": 1}, "unknown setting epoch"),
        ("run.json", {"operating_points": {"pixel": 2, "topology": 0.5}}, "threshold pixel is out of range"),
        ("run.json", {"operating_points": {"pixel": 0.5}}, "an entry is missing; .*operating_points.topology"),
        ("run.json", {"operating_points": 0.5}, "operating_points is not an object"),
        ("run.json", {"versions": {"torch": 2}}, "wrong type for versions"),
        ("config.json", {"train": {"epochs": 0}}, "train.epochs is out of range; found 0"),
        ("config.json", {"model": {"depth": "five"}}, "wrong type for model.depth"),
        ("config.json", {"more": {}}, "unknown setting more"),
        ("split.json", {"slice_fingerprints": ["one"]}, "slice fingerprints are missing; expected 12 of them"),
        ("split.json", {"slice_fingerprints": None}, "slice fingerprints are missing"),
        ("split.json", {"slices": 13}, "slice fingerprints are missing; expected 13"),
        ("split.json", {"train": [99]}, "slice numbers outside the stack"),
    ],
)
def test_edited_files(run, file, change, message):
    path = run.folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunError, match=message) as error:
        open_run("first")
    assert error.value.path == str(path)


@pytest.mark.parametrize("entry", ["dataset", "dataset_fingerprint", "seed", "started"])
def test_a_missing_entry_is_named(run, entry):
    values = json.loads((run.folder / "run.json").read_text())
    del values[entry]
    (run.folder / "run.json").write_text(json.dumps(values))
    with pytest.raises(RunError, match=f"an entry is missing; .*expected {entry}"):
        open_run("first")


def test_thresholds(run):
    assert threshold_value(run, 0.25) == 0.25
    with pytest.raises(RunError, match="no thresholds yet; found state training; expected a finished run"):
        threshold_value(run, "pixel")
    run = run.update(operating_points=OperatingPoints(pixel=0.4, topology=0.8))
    assert (threshold_value(run, "pixel"), threshold_value(run, "topology")) == (0.4, 0.8)
    with pytest.raises(ConfigError, match="unknown threshold; found best"):
        threshold_value(run, "best")
    with pytest.raises(ConfigError, match="threshold topology is out of range"):
        OperatingPoints(pixel=0.5, topology=1.5)


def test_evaluations_of_parts_do_not_meet(run):
    folders = [run.evaluation("cells", part) for part in ("test", "validation", "train", "all")]
    assert [path.name for path in folders] == ["cells", "cells@validation", "cells@train", "cells@all"]
    with pytest.raises(StorageError):
        run.evaluation("cells@train")
    folders[0].mkdir(parents=True)
    assert run.evaluations() == ()
    (folders[0] / "summary.json").touch()
    hidden = folders[0].with_name(".cells.new")  # of an evaluation that is being written, or was killed
    hidden.mkdir()
    (hidden / "summary.json").touch()
    assert run.evaluations() == (folders[0],)


def test_a_run_knows_what_the_weights_it_began_with_had_seen(run, models_dir):
    run.weights.touch()
    split = make_split(12, SplitConfig(protocol="kfold", fold=0))  # tests on 0-3, validates on 5
    child = create_run(
        "child", config=RunConfig(), split=split, info=INFO, slice_fingerprints=PRINTS, initial=open_run("first")
    )
    assert child.inherited == run.seen == Seen(trained=PRINTS[:6], validated=(PRINTS[7],))
    assert child.seen.trained == (*(PRINTS[z] for z in split.train), *(PRINTS[z] for z in range(6)))
    assert child.audit_split().trained_before == (0, 1, 2, 3, 5)
    # Slice 7 chose the epoch and the thresholds of the run before it, also where the child learned from none like it.
    elsewhere = dataclasses.replace(child, slice_fingerprints=tuple(f"other {z}" for z in range(12)))
    found = elsewhere.audit_slices([6, 7], PRINTS)
    assert (found.chosen_on, found.trained_on, found.neighbours) == ((7,), (), (6,))
    # Runs from before this was written down.
    values = json.loads((child.folder / "split.json").read_text())
    del values["inherited_validation"]
    (child.folder / "split.json").write_text(json.dumps(values))
    assert open_run("child").inherited == Seen(trained=PRINTS[:6])
    (child.folder / "split.json").write_text(json.dumps(values | {"inherited_validation": [1]}))
    with pytest.raises(RunError, match="not a list of fingerprints; found inherited_validation"):
        open_run("child")


def test_audits(run, models_dir):
    assert not run.audit_split().leaks
    assert run.audit_slices(range(12), PRINTS).trained_on == run.split.train
    assert run.audit_slices([0, 1], ["other", PRINTS[2]]).trained_on == (1,)
    leaking = created("leaking", RunConfig(split=SplitConfig(protocol="notebook", copies=80)))
    audit = leaking.audit_split()
    assert audit.leaks
    # That validation slices choose the epoch is no leak of its own, here or with blocks.
    assert {overlap.seen_in for overlap in audit.overlaps} == {"train"}
    assert run.audit_split().chosen_on == ()


def test_a_stack_is_the_runs_own_by_its_slices_whatever_its_labels(run):
    other = "e" * 64
    assert run.learned_from(INFO.dataset_fingerprint, PRINTS)
    assert run.is_own(INFO.dataset_fingerprint, PRINTS)
    # The same slices with other labels: what was held out of training still is, and nothing more is learned from.
    assert run.is_own(other, PRINTS)
    assert not run.learned_from(other, PRINTS)
    for prints in (PRINTS[:-1], (*PRINTS, "print 12"), PRINTS[::-1], (*PRINTS[:-1], "another"), ()):
        assert not run.is_own(other, prints)
        # The name says that it is this stack, and the slices that it is not.
        for asked in (run.is_own, run.learned_from):
            with pytest.raises(RunError, match="the slices are not those of the dataset the run names"):
                asked(INFO.dataset_fingerprint, prints)


def test_stacks_of_blank_slices_are_not_taken_for_each_other(models_dir):
    config, blank = RunConfig(), ("",) * 12
    split = make_split(12, config.split)
    blank_run = create_run("blank", config=config, split=split, info=INFO, slice_fingerprints=blank)
    assert not blank_run.is_own("e" * 64, blank)
    assert blank_run.is_own(INFO.dataset_fingerprint, blank)
