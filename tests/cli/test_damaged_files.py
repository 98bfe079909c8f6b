"""Run folders and datasets whose files are missing, damaged or of another time."""

import json
import pickle
import shutil

import numpy as np
import pytest
from calling import call, edit
from safetensors.torch import load_file, save_file


def uses(source, out):
    return {
        "evaluate": ["evaluate", "first", "--threshold", "0.5"],
        "predict": ["predict", "first", source, out, "--threshold", "0.5"],
        "resume": ["train", "--resume", "first"],
        "runs": ["runs"],
    }


def damage(path, kind):
    content = path.read_bytes()
    if kind == "missing":
        path.unlink()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "no text":
        path.write_bytes(b"\xff\xfe" + content)
    elif kind == "a list":
        path.write_text("[]")
    elif kind == "a folder":
        path.unlink()
        path.mkdir()
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"weights": list(range(1000))}))
    else:
        assert kind == "deep"
        path.write_text("[" * 100_000)


DAMAGES = ("missing", "empty", "truncated", "no text", "a list", "a folder", "pickle", "deep")


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("file", ["run.json", "config.json", "split.json"])
def test_damaged_descriptions(file, kind, interrupted, world, tmp_path, refused):
    damage(interrupted / file, kind)
    for arguments in uses(world / "images.tif", tmp_path / "out").values():
        result = call(*arguments) if arguments == ["runs"] else refused(arguments, interrupted / file)
        assert (result.code, len(result.err.splitlines())) == (2, 1)
        assert str(interrupted / file) in result.err


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("run.json", {"format_version": 2}), ("run.json", {"format_version": "1"}), ("run.json", {"format_version": 0}),
        ("run.json", {"state": "perfect"}), ("run.json", {"wrong_percent": 0.1}), ("run.json", {"epochs": "two"}),
        ("run.json", {"operating_points": {"pixel": 2, "topology": 0.5}}), ("run.json", {"operating_points": {}}),
        ("run.json", {"dataset": None}), ("run.json", {"versions": {"torch": 2}}), ("run.json", {"seed": 10**400}),
        ("config.json", {"train": {"epochs": 0}}), ("config.json", {"model": {"width": "wide"}}),
        ("config.json", {"model": []}), ("config.json", {"newer": {}}), ("config.json", {"train": {"seed": 1e999}}),
        ("split.json", {"test": [6, 7, 99]}), ("split.json", {"test": [6, 7, -1]}), ("split.json", {"test": ["6"]}),
        ("split.json", {"test": 6}), ("split.json", {"train": []}), ("split.json", {"train": [0, 1, 6]}),
        ("split.json", {"validation": [6]}), ("split.json", {"train": [0, 0, 1]}), ("split.json", {"protocol": "mine"}),
        ("split.json", {"slices": 10}), ("split.json", {"slice_fingerprints": []}), ("split.json", {"pool": [[0, []]]}),
        ("split.json", {"pool": [[99, "train"]]}), ("split.json", {"pool": [[0, "train"]]}),
        ("split.json", {"pool": 1}),
    ],
)  # fmt: skip
def test_descriptions_edited_by_hand(file, changes, interrupted, world, tmp_path, refused):
    edit(interrupted / file, **changes)
    for arguments in uses(world / "images.tif", tmp_path / "out").values():
        result = call(*arguments) if arguments == ["runs"] else refused(arguments, interrupted / file)
        assert (result.code, len(result.err.splitlines())) == (2, 1)
        assert str(interrupted / file) in result.err
        assert "expected" in result.err


def test_a_split_of_other_slices_than_the_dataset_has(interrupted, refused):
    values = json.loads((interrupted / "split.json").read_text())
    edit(interrupted / "split.json", slice_fingerprints=values["slice_fingerprints"][::-1])
    refused(["evaluate", "first", "--threshold", "0.5"], interrupted / "split.json")
    refused(["train", "--resume", "first"], interrupted / "split.json")


def test_one_damaged_run_hides_no_other(run, models_dir):
    for name in ("second", "third"):
        shutil.copytree(run, models_dir / name)
        (models_dir / name / "split.json").write_text("{}")
    (models_dir / "notes").mkdir()
    result = call("runs", "--json")
    assert [line["name"] for line in json.loads(result.out)] == ["first"]
    assert (result.code, len(result.err.splitlines())) == (2, 1)  # the log, which is not shown here, has the other
    assert str(models_dir / "third/split.json") in result.err


def other_architecture(path):
    tensors = load_file(path)
    name = next(name for name in tensors if tensors[name].ndim == 4)
    tensors[name] = tensors[name][:, :, :1].contiguous()
    save_file(tensors, path)


def one_tensor_more(path):
    import torch

    save_file(load_file(path) | {"extra": torch.zeros(3)}, path)


def not_a_number(path):
    tensors = load_file(path)
    next(tensor for tensor in tensors.values() if tensor.is_floating_point()).view(-1)[0] = float("nan")
    save_file(tensors, path)


@pytest.mark.parametrize(
    "change",
    ["missing", "empty", "truncated", "a folder", "pickle", other_architecture, one_tensor_more, not_a_number],
)
def test_damaged_weights(change, interrupted, world, tmp_path, refused, accepted):
    path = interrupted / "model.safetensors"
    damage(path, change) if isinstance(change, str) else change(path)
    given = uses(world / "images.tif", tmp_path / "out")
    for use in ("evaluate", "predict", "resume"):
        refused(given[use], path)
    assert "first" in accepted("runs").out  # needs no weights


def test_settings_that_do_not_belong_to_the_weights(interrupted, world, tmp_path, refused):
    for model in ({"width": 256, "depth": 7}, {"width": 2, "depth": 3, "normalisation": "none"}):
        edit(interrupted / "config.json", model=model)
        for use in ("evaluate", "predict", "resume"):
            arguments = uses(world / "images.tif", tmp_path / "out")[use]
            refused(arguments, interrupted / "model.safetensors", "another architecture")


def edited_progress(**changes):
    from safetensors import safe_open

    def change(path):
        with safe_open(path, framework="pt") as file:
            values = json.loads(file.metadata()["progress"])
        save_file(load_file(path), path, {"progress": json.dumps(values | changes)})

    return change


def without_moments(path):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file({k: v for k, v in load_file(path).items() if not k.startswith("optimizer.3.")}, path, metadata)


@pytest.mark.parametrize(
    "change",
    ["missing", "empty", "truncated", "a folder", "pickle", other_architecture, without_moments,
     edited_progress(epoch="two"), edited_progress(epoch=1), edited_progress(history=[{"epoch": 1}]),
     edited_progress(plateau=None), edited_progress(history=7)],
)  # fmt: skip
def test_damaged_checkpoints(change, interrupted, refused):
    path = interrupted / "checkpoint/last.safetensors"
    damage(path, change) if isinstance(change, str) else change(path)
    refused(["train", "--resume", "first"], path, "checkpoint")


@pytest.mark.parametrize("kind", ["missing", "empty", "truncated", "no text"])
def test_resuming_mends_a_damaged_history(kind, interrupted, accepted):
    whole = (interrupted / "history.csv").read_bytes()
    damage(interrupted / "history.csv", kind)
    accepted("train", "--resume", "first")
    assert (interrupted / "history.csv").read_bytes() == whole
    assert json.loads((interrupted / "run.json").read_text())["state"] == "finished"


def edited(text, other):
    def change(path):
        content = path.read_text()
        assert text in content
        path.write_text(content.replace(text, other, 1))

    return change


@pytest.mark.parametrize("kind", ["missing", "empty", "truncated", "a folder", "pickle", "edited", "newer"])
@pytest.mark.parametrize("file", ["summary.json", "slices.csv", "events.csv", "evidence.npz"])
def test_damaged_evaluations(file, kind, run, accepted):
    folder = run / "evaluation/tiny"
    path = folder / file
    values = json.loads((folder / "summary.json").read_text())
    if kind == "edited":
        if file == "evidence.npz":
            with np.load(path) as archive:
                found = dict(archive)
            found["counts"][0, 0, 0, 0] += 1
            np.savez(path, **found)
        elif file == "summary.json":
            values["operating_points"]["pixel"]["pooled"]["wrong_pixels"] += 1
            path.write_text(json.dumps(values))
        else:
            content = path.read_text().splitlines(keepends=True)
            path.write_text("".join(content[:1] + [line.replace("6", "5") for line in content[1:]]) + "7,\n")
    elif kind == "newer":
        if file == "summary.json":
            edit(path, format_version=99)
        elif file == "evidence.npz":
            with np.load(path) as archive:
                np.savez(path, **dict(archive) | {"format_version": np.array(99)})
        else:
            content = path.read_text()
            path.write_text("newer," + content)
    else:
        damage(path, kind)
    result = call("runs")
    assert (result.code, len(result.err.splitlines())) == (2, 1), result
    assert str(folder) in result.err
    assert "expected" in result.err
    # Evaluating again mends it.
    accepted("evaluate", "first")
    assert accepted("runs").out.count("first") == 1


def test_damaged_datasets(data, run, tmp_path, refused):
    for file, kind in (
        ("dataset.json", "missing"), ("dataset.json", "truncated"), ("dataset.json", "a list"),
        ("images.tif", "missing"), ("images.tif", "truncated"), ("labels.tif", "truncated"), ("labels.tif", "pickle"),
    ):  # fmt: skip
        whole = (data / "tiny" / file).read_bytes()
        damage(data / "tiny" / file, kind)
        for arguments in (
            ["split", "tiny"],
            ["evaluate", "first"],
            ["train", "tiny"],
            ["export", "tiny", tmp_path / "o"],
        ):
            refused(arguments, data / "tiny" / file)
        (data / "tiny" / file).write_bytes(whole)
