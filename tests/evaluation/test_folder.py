"""Evaluation folders and summaries: written, read again, and refused when anything in them was changed."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from test_scoring import evaluate, rooms, same

from segcore.errors import ConfigError, RunError, StorageError
from segcore.evaluation import folder as evaluation_folder
from segcore.evaluation.folder import read_evaluation, write_evaluation
from segcore.evaluation.measured import evaluation_object, events_by_harm, harm_of_first, slice_rows, summary
from segcore.evaluation.scoring import add_point
from segcore.measures import Events

pytestmark = pytest.mark.filterwarnings("error")

MODELS = Path(__file__).parents[2] / "models"
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
        "error_parts.npz",
        "events.csv",
        "evidence.npz",
        "neurites.csv",
        "slices.csv",
        "summary.json",
    ]
    found, facts = read_evaluation(folder)
    assert same(found, evaluation)
    assert facts == FACTS
    assert [path.name for path in folder.parent.iterdir()] == ["rooms"]


def test_the_parts_of_errors_are_all_errors(evaluation, folder):
    point = json.loads((folder / "summary.json").read_text())["operating_points"]["topology"]
    for by_part, wrong in zip(
        point["wrong_pixels_by_part_and_tolerance_px"], point["wrong_pixels_by_tolerance_px"], strict=True
    ):
        assert sum(by_part.values()) == point["pooled"]["wrong_pixels"]
        # What joins or cuts neurites is never forgiven, however near to a boundary it is.
        assert sum(by_part.values()) - by_part["near"] >= wrong


def test_an_evaluation_from_before_errors_were_taken_apart(evaluation, folder):
    (folder / "error_parts.npz").unlink()
    (folder / "neurites.csv").unlink()
    lines = (folder / "events.csv").read_text().splitlines()
    names = lines[0].split(",")
    kept = [at for at, name in enumerate(names) if name not in ("loop", "harm", "openings")]
    older = [",".join(line.split(",")[at] for at in kept) for line in lines]
    (folder / "events.csv").write_text("\n".join(older) + "\n")
    rows = [line.split(",") for line in (folder / "slices.csv").read_text().splitlines()]
    kept = [at for at, name in enumerate(rows[0]) if name != "harm"]
    (folder / "slices.csv").write_text("".join(",".join(row[at] for at in kept) + "\n" for row in rows))
    stored = json.loads((folder / "summary.json").read_text())
    del stored["events"]["harm"], stored["events"]["loops"]
    (folder / "summary.json").write_text(json.dumps(stored))
    found, _ = read_evaluation(folder)
    assert found.error_parts == {}
    assert found.neurite_sizes is None
    assert all(math.isnan(event.harm) for event in found.events)
    assert [event.openings for event in found.events] == [((event.y, event.x),) for event in evaluation.events]
    assert math.isnan(harm_of_first(found, 3))
    assert [event.stray_px for event in events_by_harm(found)] == sorted(
        (event.stray_px for event in evaluation.events), reverse=True
    )
    assert "wrong_pixels_by_part_and_tolerance_px" not in summary(found)["operating_points"]["pixel"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "cannot be read"),
        (lambda path: np.savez(path, counts=np.zeros((2, 4, 6, 6), int)), "cannot be read"),
        (lambda path: np.savez(path, points=["pixel"], counts=np.zeros((1, 3, 6, 6), int)), "number of slices"),
        (lambda path: np.savez(path, points=["pixel"], counts=np.zeros((1, 4, 6, 6), int)), "do not fit together"),
        (lambda path: np.savez(path, points=["mine"], counts=np.zeros((1, 4, 6, 6), int)), "do not fit together"),
    ],
)
def test_damaged_parts_of_errors(folder, damage, message):
    damage(folder / "error_parts.npz")
    with pytest.raises(RunError, match=message) as error:
        read_evaluation(folder)
    assert "evaluate again" in str(error.value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "cut short"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "cut short"),
        (lambda path: change_cell(path, "area_px", lambda _: "large"), "line 3 is not a neurite"),
        (lambda path: change_cell(path, "area_px", lambda _: "1.5"), "line 3 is not a neurite"),
        (lambda path: change_cell(path, "area_px", lambda _: str(2**70)), "cannot be"),
        (lambda path: change_cell(path, "merged", lambda _: "2"), "other than 0 and 1"),
        (lambda path: change_cell(path, "pieces", lambda _: "-1"), "cannot be"),
        (lambda path: change_cell(path, "neurite", lambda _: "3"), "other neurites than slices.csv"),
        (lambda path: change_cell(path, "slice", lambda _: "1"), "other neurites than slices.csv"),
        (lambda path: change_cell(path, "pixel_wrong_px", lambda cell: str(int(cell) + 1)), "other pixels at pixel"),
        (lambda path: change_cell(path, "territory_px", lambda cell: str(int(cell) + 1)), "other pixels at pixel"),
        (lambda path: drop_columns(path, lambda name: name == "pieces"), "no column pieces"),
        (lambda path: drop_columns(path, lambda name: name == "pixel_wrong_px"), "wrong pixels at topology"),
        (lambda path: path.write_text("".join(path.read_text().splitlines(True)[:-1])), "other neurites"),
        (lambda path: path.write_text(path.read_text().splitlines(True)[0]), "other neurites"),
    ],
)
def test_damaged_tables_of_neurites(folder, damage, message):
    damage(folder / "neurites.csv")
    with pytest.raises(RunError, match=message) as error:
        read_evaluation(folder)
    assert "evaluate again" in str(error.value)


def test_how_much_of_the_harm_the_first_events_hold(evaluation):
    events = Events.of(
        dataclasses.replace(evaluation.events[0], slice=z, harm=harm) for z, harm in enumerate((0.1, 0.5, 0.3, 0.1))
    )
    evaluation = dataclasses.replace(evaluation, events=events)
    assert [event.harm for event in events_by_harm(evaluation)] == [0.5, 0.3, 0.1, 0.1]
    assert [harm_of_first(evaluation, number) for number in (1, 2, 4, 9)] == pytest.approx([0.5, 0.8, 1, 1])
    assert math.isnan(harm_of_first(dataclasses.replace(evaluation, events=Events.of([])), 1))
    assert [row["harm"] for row in slice_rows(evaluation)] == [0.1, 0.5, 0.3, 0.1]


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


# Older and newer versions


def drop_columns(path, unwanted):
    with path.open(newline="") as file:
        rows = [{key: cell for key, cell in row.items() if not unwanted(key)} for row in csv.DictReader(file)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_what_follows_from_other_numbers_need_not_have_been_written(evaluation, folder):
    """As if each of these measures had been invented after the folder was written."""
    derived = ("_wrong_pixels", "_wrong_percent", "_iou_membrane", "_binary_accuracy", "_psnr_db", "splits", "pixels")
    drop_columns(folder / "slices.csv", lambda key: key.endswith(derived))

    def older(value):
        for name in ("slices", "neurites", "challenge_pixel_error", "best_over_thresholds_optimistic"):
            del value[name]
        for point in value["operating_points"].values():
            del point["wrong_pixels_by_tolerance_px"]
            del point["pooled"]["dice_interior"], point["mean_over_slices"]["v_rand"]

    change_json(folder / "summary.json", older)
    found, facts = read_evaluation(folder)
    assert same(found, evaluation)
    assert facts == FACTS
    assert summary(found) == summary(evaluation)
    assert slice_rows(found) == slice_rows(evaluation)


def test_a_score_that_an_older_version_did_not_measure_is_missing(evaluation, folder):
    drop_columns(folder / "slices.csv", lambda key: key.endswith("_ssim") or key.startswith("at_0.3_"))

    def older(value):
        del value["best_over_thresholds_optimistic"]
        for point in value["operating_points"].values():
            del point["mean_over_slices"]["ssim"]

    change_json(folder / "summary.json", older)
    found, _ = read_evaluation(folder)
    values, expected = (summary(one)["operating_points"]["topology"] for one in (found, evaluation))
    assert values["mean_over_slices"].pop("ssim") is None
    assert expected["mean_over_slices"].pop("ssim") > 0
    assert values == expected
    assert all(math.isnan(scores[3].v_rand) for scores in found.over_thresholds)
    write_evaluation(folder, found, FACTS)
    assert same(read_evaluation(folder)[0], found)


def test_entries_of_a_newer_version_are_left_alone(evaluation, folder):
    with (folder / "slices.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "slices.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "pixel_sharpness"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"pixel_sharpness": "sharp"} for row in rows)
    change_json(folder / "summary.json", lambda value: value.update(sharpness=1))
    assert same(read_evaluation(folder)[0], evaluation)


SHIPPED = sorted(path.parent.relative_to(MODELS) for path in MODELS.glob("*-*/evaluation/*/summary.json"))


@pytest.mark.parametrize("where", SHIPPED, ids=str)
def test_shipped_evaluations_open_with_the_figures_they_were_shipped_with(where):
    folder = MODELS / where
    evaluation, facts = read_evaluation(folder)
    stored = json.loads((folder / "summary.json").read_text())
    assert facts == stored.pop("facts")
    expected = {key: pytest.approx(one) if isinstance(one, float) else one for key, one in flat(stored).items()}
    assert flat(summary(evaluation)) == expected
    with (folder / "slices.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [list(row) for row in slice_rows(evaluation)] == [list(row) for row in table]


def flat(value, path=""):
    if isinstance(value, dict):
        return {key: one for name in value for key, one in flat(value[name], f"{path}.{name}").items()}
    if isinstance(value, list):
        return {key: one for place, part in enumerate(value) for key, one in flat(part, f"{path}.{place}").items()}
    return {path: value}


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


def test_a_table_of_events_that_is_cut_says_where(folder):
    path = folder / "events.csv"
    lines = path.read_text().splitlines(keepends=True)
    for damage, message in (
        ([*lines[:3], lines[3].replace(",", ";"), *lines[4:]], "line 4 is cut short or too long"),
        (
            [*lines[:2], lines[2].replace("merge", "loop").replace("split", "loop"), *lines[3:]],
            "line 3 is not an event",
        ),
        ([*lines[:2], '"merge\n', *lines[3:]], "is damaged"),
        ([lines[0].replace("kind", "sort"), *lines[1:]], "line 2 is not an event"),
        ([*lines[:-1], lines[-1].rstrip("\n")], "the last line is cut short"),
    ):
        path.write_text("".join(damage))
        with pytest.raises(RunError, match=message):
            read_evaluation(folder)


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


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "loop"), ("y", "far"), ("neurites", "1 x"), ("slice", ""), ("overlaps_px", "1  2"), ("harm", "much"),
        ("openings", "5:"), ("openings", "5:6 7"),
    ],
)  # fmt: skip
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
        lambda value: value.update(format_version=0),
        lambda value: value.pop("format_version"),
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
