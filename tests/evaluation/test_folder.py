"""Evaluation folders and summaries: written, read again, and refused when anything in them was changed."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from test_scoring import evaluate, rooms, same

from segcore.errors import ConfigError, RunError, StorageError
from segcore.evaluation import folder as evaluation_folder
from segcore.evaluation.folder import read_evaluation, write_evaluation
from segcore.evaluation.scoring import add_point
from segcore.evaluation.summing import evaluation_object, summary

pytestmark = pytest.mark.filterwarnings("error")

FACTS = {"run": "a run", "dataset": "rooms", "leaks": False}


@pytest.fixture(scope="module")
def evaluation():
    return evaluate(*rooms(), notebook_confusion=True)


@pytest.fixture
def folder(evaluation, tmp_path):
    path = tmp_path / "evaluation" / "rooms"
    write_evaluation(path, evaluation, FACTS)
    return path


def strict_json(value):
    return json.loads(json.dumps(value, allow_nan=False))


def test_written_and_read(evaluation, folder):
    assert sorted(file.name for file in folder.iterdir()) == [
        "events.csv",
        "evidence.npz",
        "slices.csv",
        "summary.json",
    ]
    found, facts = read_evaluation(folder)
    assert same(found, evaluation)
    assert facts == FACTS
    assert [path.name for path in folder.parent.iterdir()] == ["rooms"]


def test_slices_without_neurites_events_or_errors(tmp_path):
    labels = np.zeros((2, 8, 9), np.uint8)
    evaluation = evaluate(labels, labels)
    write_evaluation(tmp_path / "blank", evaluation, {"seconds": math.nan})
    found, facts = read_evaluation(tmp_path / "blank")
    assert same(found, evaluation)
    assert facts == {"seconds": None}
    points = summary(evaluation)["operating_points"]
    assert points["pixel"]["mean_over_slices"]["v_rand"] is None
    assert points["pixel"]["pooled"]["psnr_db"] is None
    assert points["pixel"]["pooled"]["wrong_pixels"] == 0
    assert summary(evaluation)["best_over_thresholds_optimistic"]["v_rand"] is None
    strict_json(evaluation_object(evaluation, "pixel", dataset="blank", leaks=False))


def test_names_may_hold_anything(tmp_path):
    evaluation = evaluate(*rooms(2), names=['a,"b"\u2028.tif', "line\nbreak.png"])
    write_evaluation(tmp_path / "names", evaluation, FACTS)
    assert read_evaluation(tmp_path / "names")[0].names == evaluation.names


def test_the_summary_names_pooled_and_mean(evaluation):
    probability, labels = rooms()
    found = strict_json(summary(evaluation))
    point = found["operating_points"]["topology"]
    wrong = (probability > 178) != (labels > 0)
    assert point["threshold"] == 0.7
    assert point["pooled"]["wrong_pixels"] == wrong.sum()
    assert point["pooled"]["psnr_db"] == pytest.approx(-10 * math.log10(wrong.mean()))
    assert point["mean_over_slices"]["wrong_percent"] == pytest.approx(100 * wrong.mean())
    scores = evaluation.points["topology"]
    assert point["mean_over_slices"]["v_rand"] == pytest.approx(np.mean([one.v_rand for one in scores]))
    by_tolerance = point["wrong_pixels_by_tolerance_px"]
    assert by_tolerance[0] == wrong.sum()
    assert by_tolerance == sorted(by_tolerance, reverse=True)
    best = found["best_over_thresholds_optimistic"]["v_rand"]
    curve = np.mean([[one.v_rand for one in slices] for slices in evaluation.over_thresholds], axis=0)
    assert best["value"] == pytest.approx(curve.max())
    assert best["threshold"] == pytest.approx(curve.argmax() / 10)
    assert found["events"]["splits"] + found["events"]["merges"] == len(evaluation.events)
    assert sum(found["notebook_confusion"]["percent"].values()) == pytest.approx(100)


def test_the_object_for_programs(evaluation):
    probability, labels = rooms()
    evaluation = add_point(evaluation, "given", 0.62, probability, labels)
    found = strict_json(evaluation_object(evaluation, "given", dataset="rooms", leaks=True))
    assert found["dataset"] == "rooms"
    assert found["slices_used"] == [0, 1, 2, 3]
    assert found["threshold"] == 0.62
    assert found["leaks"] is True
    prediction, true = probability > 158, labels > 0
    assert found["pixels"] == true.size
    assert found["wrong_pixels"] == (prediction != true).sum()
    assert found["confusion"] == {
        "interior_as_interior": (true & prediction).sum(),
        "interior_as_membrane": (true & ~prediction).sum(),
        "membrane_as_interior": (~true & prediction).sum(),
        "membrane_as_membrane": (~true & ~prediction).sum(),
    }
    assert found["binary_accuracy"] == pytest.approx(1 - found["wrong_percent"] / 100)
    assert found["v_rand"] == pytest.approx(np.mean([one["v_rand"] for one in found["per_slice"]]))
    assert [one["slice"] for one in found["per_slice"]] == [0, 1, 2, 3]
    measures = {"pixels", "wrong_pixels", "wrong_percent", "confusion", "binary_accuracy", "v_rand", "v_info"}
    measures |= {f"{measure}_{name}" for measure in ("dice", "iou") for name in ("interior", "membrane")}
    assert measures <= found.keys()
    assert all(measures <= one.keys() for one in found["per_slice"])
    with pytest.raises(ConfigError, match="pixel or topology"):
        evaluation_object(evaluation, "best", dataset="rooms", leaks=False)


# Replacing


def test_the_old_folder_is_replaced_as_a_whole(evaluation, folder):
    (folder / "stale.txt").write_text("old")
    (folder / "probability.tif").write_bytes(b"pixels")
    write_evaluation(folder, evaluation, FACTS | {"run": "another"}, probability=folder / "probability.tif")
    assert not (folder / "stale.txt").exists()
    assert (folder / "probability.tif").read_bytes() == b"pixels"
    assert read_evaluation(folder)[1]["run"] == "another"
    assert [path.name for path in folder.parent.iterdir()] == ["rooms"]


def test_a_failure_leaves_the_old_folder(evaluation, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(StorageError):
        write_evaluation(folder, evaluation, FACTS, probability=folder / "not-there.tif")
    with pytest.raises(TypeError):
        write_evaluation(folder, evaluation, {"value": object()})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["rooms"]


def test_an_exchange_that_was_cut_off_is_undone(evaluation, tmp_path):
    probability = tmp_path / "probability.tif"
    probability.write_bytes(b"pixels")
    write_evaluation(tmp_path / "rooms", evaluation, FACTS)
    # The process was killed between the two renamings: the folder is moved aside, a new one half-way.
    (tmp_path / "rooms").rename(tmp_path / ".rooms.old")
    (tmp_path / ".rooms.new").mkdir()
    write_evaluation(tmp_path / "rooms", evaluation, FACTS, probability=probability)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rooms"]
    assert same(read_evaluation(tmp_path / "rooms")[0], evaluation)


def test_a_folder_without_permission(evaluation, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_evaluation(tmp_path / "file" / "rooms", evaluation, FACTS)


# Damage


def change_cell(path, column, change):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[1][column] = change(rows[1][column])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def change_json(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize("name", ["evidence.npz", "slices.csv", "events.csv", "summary.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "text"])
def test_missing_and_truncated_files(folder, name, damage):
    path = folder / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": content[: len(content) * 2 // 3], "text": b"\xff\xfe no table"}[damage])
    with pytest.raises(RunError) as caught:
        read_evaluation(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("pixel_wrong_pixels", "1"),
        ("pixel_dice_interior", "0.99"),
        ("topology_v_rand", "0.99"),
        ("topology_v_rand", "high"),
        ("topology_v_rand", ""),
        ("at_0.3_v_info", "nan nan"),
        ("slice", "7"),
        ("neurites", "1.5"),
        ("splits", "99"),
    ],
)
def test_slice_tables_edited_by_hand(folder, column, value):
    change_cell(folder / "slices.csv", column, lambda _: value)
    with pytest.raises(RunError):
        read_evaluation(folder)


@pytest.mark.parametrize(("column", "value"), [("kind", "loop"), ("y", "far"), ("neurites", "1 x"), ("slice", "")])
def test_event_tables_edited_by_hand(folder, column, value):
    change_cell(folder / "events.csv", column, lambda _: value)
    with pytest.raises(RunError, match=r"events\.csv: line 3"):
        read_evaluation(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value["operating_points"]["topology"]["mean_over_slices"].update(v_rand=0.99),
        lambda value: value["operating_points"]["pixel"]["pooled"].update(wrong_pixels=1),
        lambda value: value["operating_points"]["pixel"].update(threshold=0.4),
        lambda value: value["operating_points"]["pixel"].update(threshold="half"),
        lambda value: value["operating_points"].pop("pixel"),
        lambda value: value.pop("operating_points"),
        lambda value: value.pop("facts"),
        lambda value: value.pop("events"),
        lambda value: value.update(extra=1),
        lambda value: value.update(format_version=0),
        lambda value: value.update(notebook_confusion={"index_sums": "none"}),
    ],
)
def test_summaries_edited_by_hand(folder, change):
    change_json(folder / "summary.json", change)
    with pytest.raises(RunError):
        read_evaluation(folder)


def test_newer_formats_say_so(folder):
    change_json(folder / "summary.json", lambda value: value.update(format_version=2))
    with pytest.raises(RunError, match="newer format"):
        read_evaluation(folder)


def test_a_summary_that_is_no_object(folder):
    (folder / "summary.json").write_text("[1, 2]")
    with pytest.raises(RunError, match="not the summary"):
        read_evaluation(folder)


def test_the_last_digit_of_another_machine_is_no_damage(folder):
    def nudge(value):
        means = value["operating_points"]["topology"]["mean_over_slices"]
        means["v_rand"] = float(np.nextafter(means["v_rand"], 1))

    change_json(folder / "summary.json", nudge)
    assert evaluation_folder.read_evaluation(folder)[1] == FACTS
