"""Every command as it is used."""

import csv
import json
import zipfile

import numpy as np
import pytest
import tifffile
from calling import SETTINGS, numbered, pair, stack, tree
from PIL import Image


def test_datasets(data, accepted):
    listed = accepted("datasets").out
    assert listed.splitlines()[0].split()[:3] == ["name", "state", "slices"]
    assert "tiny" in listed
    assert "45 x 52" in listed
    assert "no stated licence" in listed  # of what can be fetched
    values = accepted("datasets", "--json").json()
    assert {entry["name"] for entry in values["fetchable"]} == {"isbi2012", "sample"}
    assert [(info["slices"], info["labelled"]) for info in values["installed"]] == [(9, False), (9, True)]


def test_import_of_everything_that_is_a_source(tmp_path, data_dir, accepted):
    images, labels = pair(4)
    for name, pages in (("train", images), ("label", labels), ("test", images[::-1])):
        numbered(tmp_path / "notebook" / name, pages, ".tif")
    with zipfile.ZipFile(tmp_path / "notebook.zip", "w") as packed:
        for path in sorted((tmp_path / "notebook").rglob("*.tif")):
            packed.write(path, path.relative_to(tmp_path))
    numbered(tmp_path / "with spaces é" / "images", images)
    numbered(tmp_path / "with spaces é" / "masks", labels)
    stack(tmp_path / "deep.tif", images.astype(np.uint16) * 200)
    stack(tmp_path / "labels.tif", 255 - labels, compression="zlib")
    assert "folder-test: 4 slices" in accepted("import", tmp_path / "notebook", "--name", "folder").out
    assert "zip-test: 4 slices" in accepted("import", tmp_path / "notebook.zip", "--name", "zip").out
    accepted("import", tmp_path / "with spaces é", "--name", "spaces")
    accepted(
        "import", tmp_path / "deep.tif", "--labels", tmp_path / "labels.tif", "--name", "deep",
        "--polarity", "membrane-white", "--voxel-size-nm", "50", "4", "4",
    )  # fmt: skip
    for name in ("folder", "zip", "spaces", "deep"):
        np.testing.assert_array_equal(tifffile.imread(data_dir / name / "labels.tif"), labels)
    assert json.loads((data_dir / "deep/dataset.json").read_text())["voxel_size_nm"] == [50, 4, 4]


@pytest.mark.parametrize(("form", "suffix"), [("png", ".png"), ("tiff", ".tif")])
def test_export(form, suffix, data, tmp_path, accepted):
    accepted("export", "tiny", tmp_path / "out here", "--format", form)
    images, labels = pair()
    for folder, pages in (("train", images), ("label", labels)):
        files = sorted((tmp_path / "out here" / folder).iterdir())
        assert [path.name for path in files] == [f"{z:03d}{suffix}" for z in range(9)]
        for path, page in zip(files, pages, strict=True):
            np.testing.assert_array_equal(Image.open(path), page)


@pytest.mark.parametrize("protocol", [None, "blocks", "kfold", "notebook"])
def test_split(protocol, data, accepted):
    chosen = [] if protocol is None else ["--protocol", protocol]
    made = accepted("split", "tiny", *chosen, "--json").json()
    assert len(made) == (3 if protocol == "kfold" else 1)
    for one in made:
        assert one["leaks"] is (protocol == "notebook")
        covered = {index for part in ("train", "validation", "gap", "test") for index in one[part]}
        assert covered == set(range(9))
    text = accepted("split", "tiny", *chosen).out
    assert ("LEAK" in text) is (protocol == "notebook")


def test_augment(data, tmp_path, accepted):
    accepted("augment", "tiny", "--count", 11, "--seed", 3, "--out", tmp_path / "a", "--preset", "notebook")
    accepted("augment", "tiny", "--count", 11, "--seed", 3, "--out", tmp_path / "b", "--preset", "notebook")
    images, labels = (np.load(tmp_path / "a" / name, mmap_mode="r") for name in ("images.npy", "labels.npy"))
    assert images.shape == labels.shape == (11, 45, 52)
    assert images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1
    assert np.unique(labels).tolist() == [0, 1]
    rows = list(csv.DictReader((tmp_path / "a/copies.csv").open(encoding="utf-8")))
    assert [int(row["source_slice"]) for row in rows] == [*range(9), 0, 1]
    assert -25 <= float(rows[9]["angle_deg"]) <= 25
    assert Image.open(tmp_path / "a/preview.png").width > 100
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == {
        path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()
    }


def test_train_leaves_a_whole_run_and_evaluates_it(world):
    run = world / "models/first"
    assert {path.name for path in run.iterdir()} == {
        "run.json", "config.json", "split.json", "history.csv", "model.safetensors", "checkpoint", "log.txt",
        "network.json", "tensorboard", "evaluation", "README.md", "progress.json", "previews", ".lock",
    }  # fmt: skip
    assert len((run / "history.csv").read_text().splitlines()) == 3
    assert next((run / "tensorboard").iterdir()).stat().st_size > 400
    assert {path.name for path in (run / "evaluation/tiny").iterdir()} == {
        "evidence.npz", "error_parts.npz", "slices.csv", "events.csv", "neurites.csv", "summary.json",
        "probability.tif", "segments.tif",
    }  # fmt: skip
    assert [path.name for path in (run / "evaluation").iterdir()] == ["tiny"]
    assert "test slices (3), pixel threshold" in (world / "trained.txt").read_text()


def test_runs(run, accepted):
    assert accepted("runs").out.splitlines()[1].split()[:5] == ["first", "tiny", "blocks", "finished", "2"]
    (line,) = accepted("runs", "--json").json()
    evaluated = accepted("evaluate", "first", "--json").json()
    assert line["wrong_percent"] == evaluated["wrong_percent"]
    assert (line["leaks"], line["name"], line["epochs"]) == (False, "first", 2)


def test_runs_where_there_are_none(data_dir, models_dir, accepted):
    assert "train sample" in accepted("runs").out
    assert accepted("runs", "--json").json() == []


MEASURES = (
    "pixels", "wrong_pixels", "wrong_percent", "dice_interior", "iou_interior", "dice_membrane", "iou_membrane",
    "binary_accuracy",
)  # fmt: skip


def independent(q, label, threshold):
    """The measures of a prediction, counted anew."""
    interior, truth = q.astype(float) > 255 * threshold, label > 0
    counts = {
        f"{'interior' if true else 'membrane'}_as_{'interior' if said else 'membrane'}": int(
            ((truth == true) & (interior == said)).sum()
        )
        for true in (True, False)
        for said in (True, False)
    }
    both, neither = counts["interior_as_interior"], counts["membrane_as_membrane"]
    wrong = counts["interior_as_membrane"] + counts["membrane_as_interior"]
    return {
        "pixels": q.size, "wrong_pixels": wrong, "wrong_percent": 100 * wrong / q.size, "confusion": counts,
        "dice_interior": 2 * both / (2 * both + wrong), "iou_interior": both / (both + wrong),
        "dice_membrane": 2 * neither / (2 * neither + wrong), "iou_membrane": neither / (neither + wrong),
        "binary_accuracy": (both + neither) / q.size,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "folder", "slices", "leaks"),
    [
        ([], "tiny", [6, 7, 8], False),
        (["--slices", "all", "--threshold", "0.4"], "tiny@all", list(range(9)), True),
        (["--slices", "train", "--threshold", "topology"], "tiny@train", [0, 1, 2, 3], True),
        (["--slices", "validation", "--device", "cpu"], "tiny@validation", [5], False),
    ],
)
def test_evaluate_json_agrees_with_the_pixels_on_the_disk(options, folder, slices, leaks, run, accepted):
    found = accepted("evaluate", "first", *options, "--json").json()
    assert {
        *MEASURES,
        "dataset",
        "slices_used",
        "threshold",
        "confusion",
        "v_rand",
        "v_info",
        "leaks",
        "per_slice",
    } <= {*found}
    assert (found["dataset"], found["slices_used"], found["leaks"]) == ("tiny", slices, leaks)
    q = tifffile.imread(run / "evaluation" / folder / "probability.tif").reshape(-1, 45, 52)
    labels = pair()[1][slices]
    expected = independent(q, labels, found["threshold"])
    assert found["confusion"] == expected["confusion"]
    assert sum(found["confusion"].values()) == found["pixels"] == len(slices) * 45 * 52
    assert {key: found[key] for key in MEASURES} == pytest.approx({key: expected[key] for key in MEASURES})
    assert [one["slice"] for one in found["per_slice"]] == slices
    for z, one in enumerate(found["per_slice"]):
        each = independent(q[z], labels[z], found["threshold"])
        assert one["confusion"] == each["confusion"]
        assert {key: one[key] for key in MEASURES} == pytest.approx({key: each[key] for key in MEASURES})
        assert 0 <= one["v_rand"] <= 1
    assert sum(one["wrong_pixels"] for one in found["per_slice"]) == found["wrong_pixels"]
    assert found["v_rand"] == pytest.approx(np.mean([one["v_rand"] for one in found["per_slice"]]))
    if "0.4" in options:
        assert found["threshold"] == 0.4
    text = accepted("evaluate", "first", *options).out
    assert f"{found['wrong_pixels']:,} of {found['pixels']:,}" in text
    assert ("LEAK" in text) is leaks


def test_evaluate_on_the_same_pixels_under_another_name(world, run, accepted):
    accepted("import", world / "images.tif", "--name", "again", "--labels", world / "labels.tif")
    assert accepted("evaluate", "first", "--dataset", "again", "--slices", "all", "--json").json()["leaks"] is True


def inputs(folder):
    """One slice as a grey picture, with more bits, in colour, in a folder, and of odd sizes."""
    page = pair(1)[0][0]
    deep = page.astype(np.uint16) * 257
    Image.fromarray(page).save(folder / "grey.png")
    Image.fromarray(np.stack([page] * 3, axis=-1)).save(folder / "colour.png")
    stack(folder / "deep.tif", deep)
    numbered(folder / "folder ü", [page, page[::-1]])
    stack(folder / "odd.tif", page[:17, :33])
    stack(folder / "dot.tif", page[:1, :1])
    return {"grey.png": (1, 45, 52), "colour.png": (1, 45, 52), "deep.tif": (1, 45, 52), "folder ü": (2, 45, 52),
            "odd.tif": (1, 17, 33), "dot.tif": (1, 1, 1)}  # fmt: skip


def test_predict_takes_any_picture_stack_or_folder(run, tmp_path, accepted):
    pages = {}
    for name, shape in inputs(tmp_path).items():
        out = tmp_path / "out" / name
        assert str(out) in accepted("predict", "first", tmp_path / name, out, "--threshold", "0.3").out
        assert {path.name for path in out.iterdir()} == {"probability.tif", "mask.tif", "segments.tif", "segments.csv"}
        q, mask = (tifffile.imread(out / file).reshape(shape) for file in ("probability.tif", "mask.tif"))
        np.testing.assert_array_equal(mask, np.where(q > 255 * 0.3, 255, 0))
        pages[name] = q
    np.testing.assert_array_equal(pages["grey.png"], pages["colour.png"])
    np.testing.assert_array_equal(pages["grey.png"][0], pages["folder ü"][0])


def test_fetch_of_the_sample_twice(data_dir, accepted):
    first = accepted("fetch", "sample").out
    assert first.startswith("sample: 30 slices of 256 x 256, labelled")
    before = tree(data_dir)
    assert accepted("fetch", "sample").out == first
    assert tree(data_dir) == before


def test_training_without_test_slices_says_how_well_it_did_all_the_same(data, models_dir, accepted):
    settings = [*SETTINGS, "split.test_fraction=0", "train.epochs=1"]
    found = accepted("train", "tiny", "--json", "--set", *settings).json()
    assert found["slices_used"] == [8]
    assert [path.name for path in models_dir.iterdir()] == ["tiny-standard-1"]


def test_the_notebook_leaks_and_says_so(data, models_dir, accepted):
    settings = [
        "split.copies=12", "train.epochs=1", "model.width=2", "model.depth=2", "train.batch_size=4",
    ]  # fmt: skip
    text = accepted("train", "tiny", "--preset", "notebook", "--name", "leaky", "--set", *settings).out
    assert "LEAK" in text
    assert "tiny, test slices (3)" in text
    assert accepted("runs").out.splitlines()[1].split()[-1] == "LEAKS"
