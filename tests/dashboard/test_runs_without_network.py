"""Pages of a run that another program predicted, of one that is compared, and of datasets nothing was measured on."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

pytest.importorskip("streamlit", reason="streamlit is not installed")
from reading import PAGES, bugs, opened, text_of

from segcore.data import Correction, correct, install, open_dataset, runs_of
from segcore.evaluation import evaluate, score_outside
from segcore.jobs import JobQueue
from segcore.locking import locked
from segcore.reviews import Place
from segcore.runs import open_run
from segcore.stacks import array_stack


@pytest.fixture
def outside(cells, models_dir, tmp_path):
    """Gives a function that makes a run of a kind of prediction, said to be trained on some slices or not."""

    def make(kind, name="", **options):
        labels = np.stack([cells.label(z) for z in range(12)])
        numbered = np.cumsum(labels == 0, axis=2, dtype=np.uint32) // 8 + 1
        file = tmp_path / f"{kind}.tif"
        values = {"probability": np.where(labels > 0, 0.9, 0.2).astype(np.float32), "mask": labels}
        values["probability"] += np.random.default_rng(0).random(labels.shape).astype(np.float32) * 0.1
        found = values.get(kind, numbered)
        tifffile.imwrite(file, found[list(options.get("slices", range(12)))], photometric="minisblack")
        return score_outside(name or kind, file, cells, kind=kind, **options).run

    return make


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", ["probability", "mask", "segments"])
def test_every_page_of_what_another_program_predicted(page, kind, outside):
    outside(kind)
    test = opened(page)
    assert not bugs(test)
    assert not test.error
    if page in ("overview", "errors", "confusion"):
        assert "Nobody said which slices its method was trained on" in text_of(test)
        assert "training unknown" in text_of(test)
    assert "validation slices" not in text_of(test) or page in ("data", "augmentation")
    if page in ("training", "try_it"):
        assert "another program predicted" in text_of(test)


def test_what_was_said_to_be_trained_on_is_shown(outside):
    outside("mask", trained_on=range(8))
    said = text_of(opened("overview"))
    assert "Nobody said" not in said
    assert "Training** slices 0-7" in said


def test_two_runs_side_by_side(outside, mid_grey_run, cells):
    evaluate(mid_grey_run, cells, device="cpu")
    outside("mask", trained_on=[0])
    test = opened("compare", run="mid-grey")
    said = text_of(test)
    assert not bugs(test)
    assert "Wrong pixels" in said
    assert "4 slices of cells that both were measured on (8-11)" in said.replace("\\", "")
    assert "4 slices do not say how uncertain a difference of" in said.replace("\\", "")
    assert test.selectbox(key="compare with").value == "mask"


def test_another_comparison_shows_a_slice_that_both_have(outside, mid_grey_run, cells):
    evaluate(mid_grey_run, cells, device="cpu")
    outside("mask", trained_on=[0])
    outside("segments", trained_on=[8, 9])
    test = opened("compare", run="mid-grey", slice="8", **{"with": "mask"})
    assert "Slice 8: " in text_of(test)
    test.selectbox(key="compare with").set_value("segments").run()
    assert not bugs(test)
    said = text_of(test).replace("\\", "")
    assert "measured on (10-11)" in said
    assert "Slice 10: " in said or "Slice 11: " in said


def test_that_it_is_not_fair_is_a_warning_of_its_own(outside, mid_grey_run, cells):
    evaluate(mid_grey_run, cells, device="cpu")
    file = outside("mask", trained_on=[0]).evaluation("cells") / "summary.json"
    found = json.loads(file.read_text())
    found["facts"] |= {"trained_on": [8, 9], "leaks": True}
    file.write_text(json.dumps(found))
    test = opened("compare", run="mid-grey")
    assert not bugs(test)
    (unfair,) = (one.value.replace("\\", "") for one in test.warning if "fair" in one.value)
    assert unfair.startswith("No fair comparison: mask was trained on 2 of the 4 slices that are compared (8-9), so")
    said = text_of(test).replace("\\", "")
    assert said.count("No fair comparison") == 1
    assert "mask was trained on slices 8-9" not in said
    assert "mask is better" not in said


def test_differences_of_percentages_have_no_percent_sign(outside, mid_grey_run, cells):
    evaluate(mid_grey_run, cells, device="cpu")
    outside("mask", trained_on=[0])
    tables = (one.proto.body for one in opened("compare", run="mid-grey").get("html"))
    (table,) = (one for one in tables if "Measures of both runs" in one)
    (row,) = (line for line in table.split("<tr>") if "wrong pixels</th>" in line)
    assert row.count("%") == 2


# --- which other run ---------------------------------------------------------------------------


@pytest.fixture
def three(outside):
    """Runs of which the last one has slices in common with each of the other two, and these have none."""
    return [
        outside("mask", name=name, slices=slices)
        for name, slices in (("a-run", range(4)), ("b-run", range(6, 12)), ("c-run", range(2, 8)))
    ]


def test_a_run_with_the_same_slices_is_offered_before_one_without(three):
    test = opened("compare", run="a-run")
    assert test.selectbox(key="compare with").options == ["c-run", "b-run"]
    assert test.selectbox(key="compare with").value == "c-run"
    assert "2 slices of cells that both were measured on (2-3)" in text_of(test).replace("\\", "")
    assert not bugs(test)


def test_two_runs_change_places_where_the_second_one_becomes_the_first(three):
    test = opened("compare", run="b-run", **{"with": "c-run"})
    assert test.selectbox(key="compare with").value == "c-run"
    test.selectbox(key="sidebar run").set_value("c-run").run()
    assert not bugs(test)
    # Both other runs can be compared with it, and a-run would be the first of them.
    assert test.selectbox(key="compare with").value == "b-run"
    assert (test.query_params["run"], test.query_params["with"]) == ("c-run", "b-run")
    assert "2 slices of cells that both were measured on (6-7)" in text_of(test).replace("\\", "")


def test_a_second_run_that_cannot_be_compared_with_another_first_one_is_not_kept(three):
    test = opened("compare", run="c-run", **{"with": "b-run"})
    assert test.selectbox(key="compare with").value == "b-run"
    test.selectbox(key="sidebar run").set_value("a-run").run()
    assert not bugs(test)
    assert test.selectbox(key="compare with").value == "c-run"
    # Whoever wants that one all the same is told why not.
    test.selectbox(key="compare with").set_value("b-run").run()
    assert test.selectbox(key="compare with").value == "b-run"
    said = text_of(test).replace("\\", "")
    assert "They cannot be compared: the two runs were measured on different slices." in said
    assert "a-run: slices 0-3 of cells; b-run: slices 6-11 of cells" in said


def test_a_second_run_that_was_chosen_stays_where_it_can(three):
    test = opened("compare", run="a-run", **{"with": "c-run"})
    test.selectbox(key="sidebar run").set_value("b-run").run()
    assert test.selectbox(key="compare with").value == "c-run"
    assert not bugs(test)


def test_another_run_shows_the_slice_that_was_looked_at_if_it_was_measured_there(outside, mid_grey_run, cells, others):
    evaluate(mid_grey_run, cells, device="cpu")
    evaluate(mid_grey_run, open_dataset("others"), device="cpu")
    outside("mask", trained_on=[0])
    test = opened("errors", run="mask", dataset="cells", part="test", slice="9")
    test.selectbox(key="sidebar run").set_value("mid-grey").run()
    assert not bugs(test)
    assert (test.query_params["run"], test.query_params["slice"]) == ("mid-grey", "9")
    test = opened("errors", run="mid-grey", dataset="others", part="all", slice="2")
    test.selectbox(key="sidebar run").set_value("mask").run()
    assert not bugs(test)
    assert (test.query_params["run"], test.query_params["dataset"]) == ("mask", "cells")
    assert test.query_params["slice"] != "2"


def test_another_run_is_shown_at_its_own_threshold_or_at_the_one_that_is_kept(outside, mid_grey_run, cells):
    evaluate(mid_grey_run, cells, device="cpu")
    outside("mask", trained_on=[0])
    test = opened("errors", run="mask", dataset="cells", part="test", slice="9", threshold="0.321")
    test.selectbox(key="sidebar run").set_value("mid-grey").run()
    own = test.query_params["threshold"]
    assert own != "0.321"
    test = opened("errors", run="mask", dataset="cells", part="test", slice="9", threshold="0.321")
    test.toggle(key="sidebar keep threshold").set_value(True).run()
    test.selectbox(key="sidebar run").set_value("mid-grey").run()
    assert not bugs(test)
    assert (test.query_params["threshold"], test.query_params["slice"]) == ("0.321", "9")


def test_one_run_is_compared_with_nothing(mid_grey_run, cells):
    evaluate(mid_grey_run, cells, device="cpu")
    assert "There is no other run that was evaluated" in text_of(opened("compare"))


# --- what was not measured yet ---------------------------------------------------------------


@pytest.fixture
def others(data_dir, cell_stack):
    images, labels = cell_stack
    install("others", array_stack(images[:3, ::-1].copy()), array_stack(labels[:3, ::-1].copy()), title="Others")
    install("bare", array_stack(images[:3]), None, title="Bare")


@pytest.mark.parametrize("page", ["overview", "errors", "confusion"])
def test_a_run_that_was_measured_elsewhere_is_not_called_unmeasured(page, mid_grey_run, cells, others):
    evaluate(mid_grey_run, cells, device="cpu")
    said = text_of(opened(page, run="mid-grey", dataset="others")).replace("\\", "")
    assert "was not evaluated on others. It was on cells" in said
    assert "any dataset" not in said


def test_a_click_measures_a_run_on_a_dataset(mid_grey_run, cells, others):
    queue = JobQueue()
    queue.folder.mkdir(parents=True)
    with locked(queue.lane_lock("cpu")):  # as if somebody else started the jobs
        test = opened("errors", run="mid-grey", dataset="others")
        test.button(key="evaluate mid-grey others").click().run()
        assert not bugs(test)
        (job,) = queue.jobs()
        assert (job.task, job.run, job.dataset, job.state) == ("evaluate", "mid-grey", "others", "waiting")
        assert "waits in the queue" in text_of(test)


def test_nothing_that_cannot_work_is_prescribed_for_a_dataset_without_labels(mid_grey_run, cells, others):
    test = opened("errors", run="mid-grey", dataset="bare")
    assert "bare has no labels to measure against" in text_of(test).replace("\\", "")
    assert not test.code
    assert not [one for one in test.button if (one.key or "").startswith("evaluate")]


def test_a_dataset_leads_to_what_can_be_done_with_it(mid_grey_run, cells, others):
    test = opened("data", run="mid-grey", dataset="others")
    keys = {one.key for one in test.button}
    assert {"train on others", "evaluate mid-grey others"} <= keys
    evaluate(mid_grey_run, cells, device="cpu")
    assert "errors on cells" in {one.key for one in opened("data", run="mid-grey", dataset="cells").button}
    assert not {"train on bare"} & {one.key for one in opened("data", run="mid-grey", dataset="bare").button}


def test_corrected_labels_of_what_was_predicted_are_measured_with_a_click(outside, cells):
    run = outside("mask", trained_on=[0])
    place = Place(kind="wrong pixels", slice=3, y=0, x=0, top=0, left=0, bottom=9, right=9)
    block = np.zeros((45, 52), bool)
    block[:9, :9] = True
    copy = correct(cells, "better", [Correction(place=place, become="ignore", runs=runs_of(block), reviewer="Ada")])
    queue = JobQueue()
    queue.folder.mkdir(parents=True)
    with locked(queue.lane_lock("cpu")):  # as if somebody else started the jobs
        test = opened("errors", run="mask", dataset="better")
        test.button(key="evaluate mask better").click().run()
        assert not bugs(test)
        assert [(job.task, job.run, job.dataset) for job in queue.jobs()] == [("evaluate", "mask", "better")]
    evaluate(run, copy)
    assert not bugs(opened("errors", run="mask", dataset="better"))


def test_it_is_not_prescribed_to_measure_other_images(outside, others):
    outside("mask", trained_on=[0])
    test = opened("errors", run="mask", dataset="others")
    assert "no network of its own that could predict other slices" in text_of(test)
    assert not test.code
    run = open_run("mask")
    run.evaluation("cells").rename(run.evaluation("others"))  # measured before these images came under the name
    test = opened("overview", run="mask", dataset="others")
    assert "It cannot be measured again" in text_of(test)


# --- the report ------------------------------------------------------------------------------


def test_the_conclusion_of_a_report_is_drafted_and_can_be_edited(mid_grey_run, cells):
    evaluate(mid_grey_run, cells, device="cpu")
    test = opened("overview")
    assert not test.text_area
    test.session_state["report"] = True  # as a click on the section does
    test.run()
    assert not bugs(test)
    (area,) = test.text_area
    assert area.value.startswith("What mid-grey is good for. ")
    area.set_value("Not usable.").run()
    assert test.text_area[0].value == "Not usable."
    evaluate(mid_grey_run, cells, threshold=0.9, device="cpu")  # measured again, a draft is made again
    test.run()
    assert test.text_area[0].value.startswith("What mid-grey is good for. ")
