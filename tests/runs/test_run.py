"""Run folders: made whole, read with every file checked, and damaged ones refused with the file's path."""

import dataclasses
import json
import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.config import RunConfig, SplitConfig, TrainConfig
from segcore.errors import ConfigError, RunError, StorageError
from segcore.runs.run import (
    EpochRecord,
    OperatingPoints,
    RunInfo,
    append_history,
    create_run,
    models_root,
    open_run,
    read_history,
    run_names,
    threshold_value,
    versions,
    write_history,
)
from segcore.runs.splits import make_split

PRINTS = tuple(f"print {z}" for z in range(12))
INFO = RunInfo(dataset="cells", dataset_fingerprint="f" * 64, seed=3, started="2026-01-01T00:00:00+00:00")


def record(epoch, **changes):
    values = {
        "train_loss": 0.1 + 0.2, "train_dice": 0.8, "train_accuracy": 2 / 3, "validation_loss": 1e-17,
        "validation_dice": 0.9, "validation_accuracy": 0.85, "learning_rate": 1e-3, "seconds": 1.5,
    } | changes  # fmt: skip
    return EpochRecord(epoch=epoch, **values)


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
        ("run.json", {"operating_points": {"pixel": 0.5}}, "an entry is missing; .*'topology'"),
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
    with pytest.raises(RunError, match=f"an entry is missing; .*'{entry}'"):
        open_run("first")


records = st.lists(
    st.builds(
        EpochRecord,
        epoch=st.integers(1, 10**6),
        **{
            field.name: st.floats(allow_nan=False, allow_infinity=False)
            for field in dataclasses.fields(EpochRecord)
            if field.name != "epoch"
        },
    ),
    max_size=4,
)


@given(records)
def test_a_history_comes_back_to_the_last_bit(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("history")
    for row in rows:
        append_history(folder / "one.csv", row)
    write_history(folder / "other.csv", rows)
    assert read_history(folder / "one.csv") == read_history(folder / "other.csv") == rows


def test_a_last_line_cut_short_is_not_an_epoch_yet(tmp_path):
    path = tmp_path / "history.csv"
    rows = [record(1), record(2, train_loss=12345.678)]
    write_history(path, rows)
    whole = path.read_bytes()
    first = whole.index(b"\r", whole.index(b"\r") + 1) + 1
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        assert read_history(path) == ([] if length < first else rows[:1])
    path.write_bytes(whole)
    assert read_history(path) == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello\n", "not a history of epochs; found hello"),
        ("epoch,train_loss\n1,2\n", "not a history of epochs"),
        ("{header}\n1,2\n", "line 2 is not an epoch"),
        ("{header}\n1,a,0,0,0,0,0,0,0\n", "line 2 is not an epoch"),
        ("{header}\n1,0,0,0,0,0,0,0,0\n1.5,0,0,0,0,0,0,0,0\n", "line 3 is not an epoch"),
    ],
)
def test_a_damaged_history(run, content, message):
    header = ",".join(field.name for field in dataclasses.fields(EpochRecord))
    run.history_csv.write_text(content.format(header=header))
    with pytest.raises(RunError, match=message) as error:
        run.history()
    assert error.value.path == str(run.history_csv)


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
    assert run.evaluations() == (folders[0],)


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


def test_versions_name_what_matters():
    assert set(versions()) == {"python", "torch", "numpy", "scikit-image", "lightning-fabric"}
    assert "not installed by name" not in versions().values()
