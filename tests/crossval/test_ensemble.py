"""The run of all predictions, from runs whose predictions were written by hand."""

import dataclasses
import json

import numpy as np
import pytest
import tifffile
from folds import CONFIG, members

from segcore.config import override
from segcore.crossval import ensemble_of, make_plan, read_results
from segcore.data import Correction, correct, install, runs_of
from segcore.errors import RunError
from segcore.evaluation import (
    evaluate,
    evaluation_json,
    evaluation_text,
    predict_to_files,
    read_evaluation,
)
from segcore.reviews import Place
from segcore.runs import OperatingPoints, PointOfSlices, SegmentPoint, open_run
from segcore.segments import segments_of


@pytest.fixture
def made(cells, models_dir, cell_stack):
    """Three folds with two seeds: the second one's pages are darker by 3."""
    plan = make_plan("net", "cells", CONFIG, folds=3, seeds=2)
    images, _ = cell_stack
    runs = members(
        plan, cells, lambda member, z: np.maximum(images[z], 3) - 3 * (member.seed > 0),
        [(0.4, 0.6, 0.3), (0.5, 0.7, 0.5), (0.6, 0.8, 0.7), (0.4, 0.6, 0.4), (0.5, 0.7, 0.5), (0.6, 0.8, 0.84)],
    )  # fmt: skip
    return plan, runs, ensemble_of(plan, runs, cells)


def test_every_slice_has_the_mean_of_those_that_never_saw_it(made, cells, cell_stack):
    plan, _, (run, found, results) = made
    assert run.name == "net-ensemble"
    assert run.split.test == found.evaluation.slices == results.slices == tuple(range(12))
    assert (run.split.train, run.split.validation) == ((), ())
    pages = tifffile.imread(found.folder / "probability.tif")
    # (p + p - 3) / 2, and a half is rounded up.
    np.testing.assert_array_equal(pages, np.maximum(cell_stack[0], 3).astype(int) - 1)
    assert run.info.members == tuple(one.run for one in plan.members)
    assert run.info.train_seconds == 360
    assert run.info.parameters == 107
    assert run.is_evaluated()
    assert [one.mean("wrong_percent") for one in results.members[:3]] == pytest.approx(
        [
            float(read_evaluation(open_run(one.run).evaluation("cells"))[0].evidence.confusion(t).wrong_percent.mean())
            for one, t in zip(plan.members[:3], (0.4, 0.5, 0.6), strict=True)
        ]
    )


def test_its_thresholds_are_between_those_of_the_networks(made):
    run = made[2][0]
    points = run.info.operating_points
    # 255 times a half is 127.5: between the values 127 and 128.
    assert points.pixel == 127.5 / 255
    assert points.topology == pytest.approx(178.5 / 255)


def test_segments_of_a_slice_have_the_settings_of_those_that_never_saw_it(made):
    run, found, _ = made[2]
    # The mean of the two seeds of each fold.
    folds = ((range(4), 0.35), (range(4, 8), 0.5), (range(8, 12), 0.77))
    bias_of = {z: bias for slices, bias in folds for z in slices}
    points = run.info.operating_points
    assert points.segments is None
    assert points.segments_of_slices == tuple(
        PointOfSlices(slices=tuple(slices), point=SegmentPoint(smoothing_px=1.0, bias=bias, smallest_px=5))
        for slices, bias in folds
    )
    pages = tifffile.imread(found.folder / "probability.tif")
    kept = tifffile.imread(found.folder / "segments.tif")
    for z, bias in bias_of.items():
        np.testing.assert_array_equal(kept[z], segments_of(pages[z], 1.0, bias, 5))
    again, _ = read_evaluation(found.folder)
    assert [one.bias for one in again.segment_points] == [*bias_of.values()]
    said = (
        "smoothing 1 px, bias 0.35 in slices 0-3; smoothing 1 px, bias 0.5 in slices 4-7; smoothing 1 px, bias 0.77 in "
        "slices 8-11"
    )
    assert f"Segments ({said}; each as the networks chose that predicted these slices" in run.card.read_text()
    assert f"mean over slices; {said})" in evaluation_text(found)
    printed = evaluation_json(found)["segments"]
    assert (printed["bias"], printed["smoothing_px"]) == (None, None)
    assert [(one["slices"], one["point"]["bias"]) for one in printed["of_slices"]] == [
        ([0, 1, 2, 3], 0.35), ([4, 5, 6, 7], 0.5), ([8, 9, 10, 11], 0.77),
    ]  # fmt: skip


def test_with_one_seed_its_segments_are_those_of_the_networks(cells, models_dir, cell_stack):
    plan = make_plan("net", "cells", CONFIG, folds=2)
    runs = members(plan, cells, lambda member, z: cell_stack[0][z], [(0.4, 0.6, 0.3), (0.5, 0.7, 0.6)])
    _, found, _ = ensemble_of(plan, runs, cells)
    own = [read_evaluation(run.evaluation("cells"))[0] for run in runs]
    assert found.evaluation.segments == own[0].segments + own[1].segments
    assert found.evaluation.over_biases == own[0].over_biases + own[1].over_biases


def test_settings_that_are_the_same_in_all_networks_are_one(cells, models_dir, cell_stack):
    plan = make_plan("net", "cells", CONFIG, folds=2)
    runs = members(plan, cells, lambda member, z: cell_stack[0][z], [(0.5, 0.5, 0.4)] * 2)
    run, found, _ = ensemble_of(plan, runs, cells)
    point = SegmentPoint(smoothing_px=1.0, bias=0.4, smallest_px=5)
    assert (run.info.operating_points.segments, run.info.operating_points.segments_of_slices) == (point, ())
    assert evaluation_json(found)["segments"]["bias"] == 0.4


def test_a_network_without_neurites_to_choose_on_has_the_settings_of_the_others(cells, models_dir, cell_stack):
    plan = make_plan("net", "cells", CONFIG, folds=3)
    runs = members(plan, cells, lambda member, z: cell_stack[0][z], [(0.5, 0.5, 0.3), (0.5, 0.5, 0.5), (0.5, 0.5, 0.7)])
    runs[1] = runs[1].update(operating_points=OperatingPoints(pixel=0.5, topology=0.5))
    run, _, _ = ensemble_of(plan, runs, cells)
    assert [one.bias for one in run.info.operating_points.segment_points(range(0, 12, 4))] == [0.3, 0.5, 0.7]


def test_networks_that_chose_no_segments_make_none(cells, models_dir, cell_stack):
    plan = make_plan("net", "cells", CONFIG, folds=3)
    runs = members(plan, cells, lambda member, z: cell_stack[0][z], [(0.4, 0.6, None)] * 3)
    run, found, results = ensemble_of(plan, runs, cells)
    points = run.info.operating_points
    assert (points.segments, points.segments_of_slices) == (None, ())
    assert (points.pixel, points.topology) == pytest.approx((102.5 / 255, 153.5 / 255), abs=1 / 255)
    assert found.evaluation.segments == ()
    assert found.evaluation.events_at == "topology"
    assert not (found.folder / "segments.tif").exists()
    assert evaluation_json(found)["segments"] is None
    assert "V_Rand" in evaluation_text(found)
    assert np.isnan(results.interval("v_rand").mean)
    assert not np.isnan(results.interval("v_rand_topology").mean)
    assert read_results(open_run(run.name)) == results


def test_one_from_before_slices_had_their_own_settings_is_measured_as_it_was(made, cells):
    run = made[2][0]
    values = json.loads((run.folder / "run.json").read_text())
    del values["operating_points"]["segments_of_slices"]
    values["operating_points"]["segments"] = {"smoothing_px": 1.0, "bias": 0.5, "smallest_px": 5}
    (run.folder / "run.json").write_text(json.dumps(values))
    found = evaluate(open_run(run.name), cells)
    assert evaluation_json(found)["segments"]["bias"] == 0.5
    kept = tifffile.imread(found.folder / "segments.tif")
    pages = tifffile.imread(found.folder / "probability.tif")
    np.testing.assert_array_equal(kept[0], segments_of(pages[0], 1.0, 0.5, 5))


def test_settings_of_a_slice_that_is_missing_are_said(made):
    folder = made[2][1].folder
    values = json.loads((folder / "summary.json").read_text())
    values["segments"]["of_slices"][1]["slices"].remove(5)
    (folder / "summary.json").write_text(json.dumps(values))
    with pytest.raises(RunError, match="do not fit together"):
        read_evaluation(folder)


def test_its_audit_says_which_slices_helped_to_choose(made):
    _, runs, (run, found, _) = made
    assert not found.audit.leaks
    chose = sorted({z for one in runs for z in one.split.validation})
    assert list(found.audit.chosen_on) == chose
    card = run.card.read_text()
    assert "no slice was predicted by a network that was trained on it" in card
    assert "which flatters" in card
    assert "6 U-Nets" in card
    assert "best epoch" not in card


def test_other_labels_are_measured_by_the_mean_that_is_there(made, cells):
    run, found, _ = made[2]
    place = Place(kind="wrong pixels", slice=3, y=0, x=0, top=0, left=0, bottom=45, right=52)
    every = runs_of(np.ones((45, 52), bool))
    copy = correct(cells, "copy", [Correction(place=place, become="membrane", runs=every, reviewer="Ada")])
    again = evaluate(run, copy)
    assert (again.part, again.evaluation.slices) == ("test", tuple(range(12)))
    wrong = [one.evaluation.evidence.confusion(0.5).wrong_percent for one in (found, again)]
    assert [z for z in range(12) if wrong[0][z] != wrong[1][z]] == [3]


def test_it_opens_again_and_can_be_made_anew(made, cells):
    plan, runs, (run, _, results) = made
    assert open_run(run.name) == run
    assert read_results(open_run(run.name)) == results
    assert read_results(runs[0]) is None
    (run.folder / "reviews.sqlite").write_bytes(b"")  # what people added stays
    again, found, _ = ensemble_of(plan, runs, cells)
    assert again.folder == run.folder
    assert (run.folder / "reviews.sqlite").exists()
    assert found.evaluation.slices == tuple(range(12))


def test_it_has_no_network(made, cells, tmp_path):
    run = made[2][0]
    with pytest.raises(RunError, match="averages the predictions of others"):
        predict_to_files(run, cells.folder / "images.tif", tmp_path / "out")


def test_a_run_of_its_name_that_is_something_else(cells, models_dir, cell_stack):
    plan = make_plan("net", "cells", CONFIG, folds=2)
    runs = members(plan, cells, lambda member, z: cell_stack[0][z], [(0.5, 0.5, 0.5)] * 2)
    runs[0].folder.rename(models_dir / "net-ensemble")
    other = open_run("net-ensemble")
    with pytest.raises(RunError, match="no ensemble of these"):
        ensemble_of(plan, [other, runs[1]], cells)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.pop("members"),
        lambda values: values.update(format_version=2),
        lambda values: values["members"][0]["slices"].pop(),
        lambda values: values["members"][0]["scores"].pop("v_rand"),
    ],
)
def test_damaged_results_are_said(made, change):
    run = made[2][0]
    values = json.loads((run.folder / "crossval.json").read_text())
    change(values)
    (run.folder / "crossval.json").write_text(json.dumps(values))
    with pytest.raises(RunError):
        read_results(run)


def test_a_stack_with_slices_that_nobody_labelled(data_dir, models_dir, cell_stack):
    from segcore.stacks import IGNORE, array_stack

    images, labels = cell_stack
    labels = labels.copy()
    labels[5] = IGNORE
    dataset = install("cells", array_stack(images), array_stack(labels), synthetic=True)
    plan = make_plan("net", "cells", override(CONFIG, ["train.seed=1"]), folds=2)
    runs = members(plan, dataset, lambda member, z: images[z], [(0.5, 0.5, 0.5)] * 2)
    run, found, _ = ensemble_of(plan, runs, dataset)
    assert run.split.gap == (5,)
    assert found.evaluation.slices == tuple(z for z in range(12) if z != 5)
    assert dataclasses.asdict(run.split)["protocol"] == "crossval"
