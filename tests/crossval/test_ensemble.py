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
from segcore.evaluation import evaluate, predict_to_files, read_evaluation
from segcore.reviews import Place
from segcore.runs import SegmentPoint, open_run


@pytest.fixture
def made(cells, models_dir, cell_stack):
    """Three folds with two seeds: the second one's pages are darker by 3."""
    plan = make_plan("net", "cells", CONFIG, folds=3, seeds=2)
    images, _ = cell_stack
    runs = members(
        plan, cells, lambda member, z: np.maximum(images[z], 3) - 3 * (member.seed > 0),
        [(0.4, 0.6, 0.3), (0.5, 0.7, 0.5), (0.6, 0.8, 0.7)] * 2,
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


def test_its_settings_are_between_those_of_the_networks(made):
    run = made[2][0]
    points = run.info.operating_points
    # 255 times a half is 127.5: between the values 127 and 128.
    assert points.pixel == 127.5 / 255
    assert points.topology == pytest.approx(178.5 / 255)
    assert points.segments == SegmentPoint(smoothing_px=1.0, bias=0.5, smallest_px=5)


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
