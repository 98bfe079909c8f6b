"""Names and settings that are none: one line, exit code 2."""

import json

import pytest
from calling import BAD_NAMES, SETTINGS, assert_refused, call, pair, stack


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_no_safe_folder_names(name, world, tmp_path, refused, run):
    said = "not a safe folder name"
    refused(["import", world / "images.tif", "--name", name], said)
    refused(["train", "tiny", "--name", name, "--set", *SETTINGS], said)
    refused(["train", "--resume", name], said)
    refused(["evaluate", name], said)
    refused(["evaluate", "first", "--dataset", name], said)
    refused(["predict", name, world / "images.tif", tmp_path / "out"], said)
    for arguments in (
        ["export", name, tmp_path / "out"],
        ["split", name],
        ["augment", name, "--out", tmp_path / "out"],
    ):
        refused(arguments, said)


def test_names_that_are_taken(run, tmp_path, world, refused):
    refused(["train", "tiny", "--name", "first", "--set", *SETTINGS], run)
    refused(["import", world / "images.tif", "--name", "tiny"], "already a dataset tiny")
    for folder in ("train", "out"):
        (tmp_path / "out" / folder).mkdir(parents=True, exist_ok=True)
    refused(["export", "tiny", tmp_path / "out"], tmp_path / "out/train")
    refused(["augment", "tiny", "--out", tmp_path / "out"], tmp_path / "out", "already")
    refused(["predict", "first", world / "images.tif", tmp_path / "out"], tmp_path / "out", "already")
    # A file where a folder would have to be.
    (tmp_path / "file").touch()
    refused(["predict", "first", world / "images.tif", tmp_path / "file/out"], tmp_path / "file/out")
    refused(["export", "tiny", tmp_path / "file"], tmp_path / "file")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.nonsense=1", "unknown setting train.nonsense"), ("nonsense.epochs=1", "unknown setting nonsense"),
        ("train=1", "unknown setting train"), ("=1", "unknown setting"), ("epochs", "key=value"), ("", "key=value"),
        ("train.epochs=0", "1 to 100000"), ("train.epochs=many", "a whole number"), ("train.epochs=1.5", "number"),
        ("train.epochs=NaN", "a whole number"), ("train.learning_rate=Infinity", "a finite number"),
        ("train.epochs=" + "9" * 5000, "a whole number"), ("model.width=-1", "1 to 256"),
        ("loss.kind=nonsense", "bce+dice"),
        ("split.protocol=nonsense", "blocks or kfold or bands or notebook"),
        ("split.copies=1000000000000", "split.copies"),
        ("train.epoch_samples=1000000000000000", "train.epoch_samples"), ("augment.noise=salt", "augment.noise"),
        ("train.compile=perhaps", "true or false"), ("preset=nonsense", "--preset"),
    ],
)  # fmt: skip
def test_unknown_settings(setting, words, data, tmp_path, refused):
    for command in (["train", "tiny"], ["split", "tiny"], ["augment", "tiny", "--out", tmp_path / "out"]):
        refused([*command, "--set", setting], words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "tiny", "--preset", "nonsense"], "quick or standard or notebook"),
        (["augment", "tiny", "--preset", "nonsense", "--out", "out"], "quick or standard or notebook"),
        (["split", "tiny", "--protocol", "nonsense"], "blocks or kfold or bands or notebook"),
        (["split", "tiny", "--protocol", "kfold", "--set", "split.folds=99"], "99 folds"),
        (["split", "tiny", "--set", "split.gap=99"], "none to train on"),
        (["export", "tiny", "out", "--format", "jpeg"], "png or tiff or ome-zarr"),
        (["fetch", "nonsense"], "isbi2012 or sample"),
        (["fetch", "sample", "--from", "somewhere"], "fetch sample"),
        (["augment", "tiny", "--out", "out", "--count", "0"], "1 or more"),
        (["augment", "tiny", "--out", "out", "--count", "-1"], "1 or more"),
        (["augment", "tiny", "--out", "out", "--count", "1000000000000"], "smaller --count"),
        (["augment", "tiny", "--out", "out", "--count", "1" + "0" * 40], "smaller --count"),
        (["augment", "tiny", "--out", "out", "--count", "many"], "invalid int"),
        (["augment", "tiny", "--out", "out", "--seed", "-1"], "0 or more"),
        (["augment", "bare", "--out", "out"], "no labels"),
        (["train", "bare", "--name", "new"], "no labels"),
        (["train"], "train DATASET"),
        (["train", "nowhere"], "bare, tiny"),
        (["train", "tiny", "--devices", "0"], "1 or more"),
        (["train", "tiny", "--devices", "-1"], "1 or more"),
        (["train", "tiny", "--nodes", "0"], "1 or more"),
        (["train", "tiny", "--devices", "100000", "--device", "cpu", "--set", "train.batch_size=4"], "fewer devices"),
        (["train", "tiny", "--devices", "4000", "--device", "cpu", "--set", "train.batch_size=4096"], "at most"),
        (["train", "tiny", "--device", "nonsense"], "auto, cpu or cuda"),
        (["train", "--resume", "nowhere"], "one of: first"),
        (["train", "--resume", "first"], "the run is finished"),
        (["train", "--resume", "first", "--set", "train.epochs=9"], "no --set"),
        (["evaluate", "nowhere"], "one of: first"),
        (["evaluate", "first", "--dataset", "nowhere"], "bare, tiny"),
        (["evaluate", "first", "--dataset", "bare"], "no labels"),
        (["evaluate", "first", "--slices", "nonsense"], "train, validation, test, all"),
        (["evaluate", "first", "--threshold", "1.5"], "0 to 1"),
        (["evaluate", "first", "--threshold", "nan"], "0 to 1"),
        (["evaluate", "first", "--threshold", "nonsense"], "0 to 1"),
        (["predict", "first", "x.tif", "out", "--threshold", "-0.1"], "0 to 1"),
        (["predict", "nowhere", "x.tif", "out"], "one of: first"),
    ],
)  # fmt: skip
def test_unknown_and_impossible_options(arguments, words, run, tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    refused(arguments, words)


def test_cuda_where_there_is_none(run, tmp_path, world, refused):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    refused(["train", "tiny", "--device", "cuda"], "no CUDA device")
    refused(["evaluate", "first", "--device", "cuda"], "no CUDA device")
    refused(["predict", "first", world / "images.tif", tmp_path / "out", "--device", "cuda"], "no CUDA device")


def test_stacks_too_short_to_be_split(tmp_path, data_dir, accepted, refused):
    images, labels = pair(2)
    stack(tmp_path / "i.tif", images)
    stack(tmp_path / "l.tif", labels)
    accepted("import", tmp_path / "i.tif", "--labels", tmp_path / "l.tif", "--name", "short")
    for command in ("split", "train"):
        refused([command, "short"], "a stack of 2 slices leaves none to train on")


def test_a_training_that_cannot_be_says_what_to_change(data, models_dir):
    small = ["train.patch_px=16", "train.batch_size=1", "model.depth=5", "model.width=2", "augment.elastic_px=0"]
    assert_refused(call("train", "tiny", "--name", "dot", "--set", *small), "model.normalisation=group")
    wild = [*SETTINGS, "train.learning_rate=10", "train.gradient_clip=0", "model.normalisation=none", "train.epochs=40",
            "train.optimizer=adam", "loss.smooth=1e308"]  # fmt: skip
    assert_refused(call("train", "tiny", "--name", "wild", "--set", *wild), "not a number", "train.learning_rate")
    states = {path.parent.name: json.loads(path.read_text()) for path in models_dir.glob("*/run.json")}
    assert {name: values["state"] for name, values in states.items()} == {"dot": "failed", "wild": "failed"}
    assert "normalisation" in states["dot"]["message"]
