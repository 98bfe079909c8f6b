"""A run of a cross-validation on every page: what is said of it is true, and nothing asks for its network."""

import shutil

import pytest
from folds import CONFIG, members
from reading import PAGES, bugs, opened, text_of

from dashboard.views.reviewing.settings import _chosen
from segcore.crossval import ensemble_of, make_plan
from segcore.evaluation import read_evaluation


@pytest.fixture
def ensemble(cells, models_dir, cell_stack):
    plan = make_plan("net", "cells", CONFIG, folds=3)
    runs = members(plan, cells, lambda member, z: cell_stack[0][z], [(0.5, 0.6, 0.5)] * 3)
    return ensemble_of(plan, runs, cells)[0]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(page, ensemble):
    test = opened(page, run=ensemble.name)
    assert not bugs(test)
    assert not test.error
    assert "0 epochs" not in text_of(test)
    assert "flatter." not in text_of(test)


def test_the_overview_says_how_sure_its_means_are(ensemble):
    text = text_of(opened("overview", run=ensemble.name))
    assert "Cross-validation" in text
    assert "12 slices in 3 folds." in text
    assert "predictions of **3** U-Nets" in text
    assert "not trained on it**, of 3 runs of a cross-validation." in text


def test_pages_name_the_settings_that_slices_have(cells, models_dir, cell_stack):
    plan = make_plan("own", "cells", CONFIG, folds=3)
    runs = members(
        plan, cells, lambda member, z: cell_stack[0][z], [(0.5, 0.6, 0.35), (0.5, 0.6, 0.5), (0.5, 0.6, 0.35)]
    )
    run = ensemble_of(plan, runs, cells)[0]
    text = text_of(opened("overview", run=run.name))
    assert "bias 0.35 in slices 0-3, 8-11; smoothing 1 px, bias 0.5 in slices 4-7" in text
    assert "also helped to choose the thresholds, which lie between" in text
    assert "at the same thresholds for all slices." in text
    assert _chosen(read_evaluation(run.evaluation("cells"))[0])[2:] == [
        ("bias of 8 slices", "bias", 0.35), ("bias of 4 slices", "bias", 0.5),
    ]  # fmt: skip


def test_one_setting_for_all_slices_is_said_too(ensemble):
    text = text_of(opened("overview", run=ensemble.name))
    assert "also helped to choose the thresholds and the bias of segments, which lie between" in text
    assert "and with the same settings of segments." in text


def test_training_shows_the_curves_of_its_networks_as_far_as_they_are_here(ensemble, models_dir):
    text = text_of(opened("training", run=ensemble.name))
    assert "averages the predictions of 3 networks" in text
    assert "net\\-fold\\-2" in text
    shutil.rmtree(models_dir / "net-fold-1")
    assert "the curves of 2 of them" in text_of(opened("training", run=ensemble.name))
    for fold in (0, 2):
        shutil.rmtree(models_dir / f"net-fold-{fold}")
    assert "None of them is on this machine" in text_of(opened("training", run=ensemble.name))


def test_try_it_offers_its_networks(ensemble, models_dir):
    shutil.rmtree(models_dir / "net-fold-1")
    test = opened("try_it", run=ensemble.name)
    assert [button.key for button in test.main.button] == ["try net-fold-0", "try net-fold-2"]
    test.button(key="try net-fold-2").click().run()
    assert "none of its own" not in text_of(test)


def test_folds_cannot_be_compared_and_that_is_not_mended_by_an_evaluation(ensemble):
    test = opened("compare", run="net-fold-0", **{"with": "net-fold-1"})
    assert not bugs(test)
    said = text_of(test).replace("\\", "")
    assert "They cannot be compared: the two runs were measured on different slices." in said
    assert "net-fold-0: slices 0-3 of cells; net-fold-1: slices 4-7 of cells" in said
    assert "was not evaluated" not in said
    assert not [one for one in test.button if "evaluate" in (one.key or "")]
    assert not test.code


def test_the_run_of_all_predictions_is_offered_first_to_a_fold(ensemble):
    test = opened("compare", run="net-fold-1")
    assert test.selectbox(key="compare with").options[0] == "net-ensemble"
    assert "4 slices of cells that both were measured on (4-7)" in text_of(test).replace("\\", "")


@pytest.fixture
def without_segments(cells, models_dir, cell_stack):
    """The run of all predictions of networks that chose no settings of segments."""
    plan = make_plan("net", "cells", CONFIG, folds=3)
    runs = members(plan, cells, lambda member, z: cell_stack[0][z], [(0.5, 0.6, None)] * 3)
    return ensemble_of(plan, runs, cells)[0]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_where_no_network_chose_how_segments_are_made(page, without_segments):
    test = opened(page, run=without_segments.name)
    assert not bugs(test)
    assert not test.error


def test_nothing_is_said_of_segments_that_there_are_not(without_segments):
    text = text_of(opened("overview", run=without_segments.name))
    assert "so these means differ from those above, which are at the same thresholds for all slices." in text
    assert "same settings of segments" not in text
    assert "the bias of segments, which" not in text
