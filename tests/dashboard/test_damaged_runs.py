"""Pages of runs that are damaged, or whose files go away or change while somebody looks."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")
from reading import PAGES, bugs, opened, text_of

from segcore.measures import Events


def cut(path: Path) -> None:
    """Leaves the first half of a file, as a full disk does."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def newer(path: Path) -> None:
    """Makes a description one of a format that is not known yet."""
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))


RUN_PAGES = ("overview", "training", "errors", "confusion", "compare", "try_it")
RESULT_PAGES = ("overview", "errors", "confusion")
DAMAGES = {
    "run.json cut short": (lambda run: cut(run.folder / "run.json"), PAGES),
    "run.json of a newer format": (lambda run: newer(run.folder / "run.json"), PAGES),
    "config.json missing": (lambda run: (run.folder / "config.json").unlink(), PAGES),
    "split.json no JSON": (lambda run: (run.folder / "split.json").write_text("{ this is <b>no</b> JSON\n"), PAGES),
    "history.csv no table": (lambda run: run.history_csv.write_text("{ this is <b>no</b> table\n"), ("training",)),
    "history.csv missing": (lambda run: run.history_csv.unlink(), ()),
    "network.json cut short": (lambda run: (run.folder / "network.json").write_text('[{"part":'), ()),
    "evidence.npz cut short": (lambda run: cut(run.evaluation("cells") / "evidence.npz"), RESULT_PAGES),
    "evidence.npz missing": (lambda run: (run.evaluation("cells") / "evidence.npz").unlink(), RESULT_PAGES),
    "slices.csv no table": (lambda run: (run.evaluation("cells") / "slices.csv").write_text("?"), RESULT_PAGES),
    "summary.json of a newer format": (lambda run: newer(run.evaluation("cells") / "summary.json"), RESULT_PAGES),
    "probability.tif cut short": (lambda run: cut(run.evaluation("cells") / "probability.tif"), ()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_told_in_one_line_on_every_page(damage, evaluated_run):
    spoil, telling = DAMAGES[damage]
    spoil(evaluated_run)
    for page in PAGES:
        test = opened(page)
        assert not bugs(test), page
        for one in test.error:
            assert "\n" not in one.value, page
            assert "Traceback" not in one.value, page
            assert not re.search(r"(?<!\\)<b>", one.value), page
        if page in telling:
            assert test.error, page


def test_what_a_damaged_run_leaves_is_still_shown(evaluated_run):
    cut(evaluated_run.evaluation("cells") / "probability.tif")
    assert "of 9,360" in text_of(opened("confusion"))  # four slices of 45 x 52
    evaluated_run.history_csv.unlink()
    test = opened("training")
    assert "No epoch has ended yet" in text_of(test)
    assert "The network" in [one.label for one in test.expander]


def test_images_that_went_away_leave_the_numbers(evaluated_run, cells):
    shutil.rmtree(cells.folder)
    for page in PAGES:
        test = opened(page, dataset="cells")
        assert not bugs(test), page
    assert "not installed here" in text_of(opened("errors"))


def evaluated_again(run, cells):
    """Another evaluation in the place of the first: of the last two test slices only."""
    from segcore.evaluation import read_evaluation, write_evaluation
    from segcore.measures import ErrorParts

    folder = run.evaluation("cells")
    evaluation, facts = read_evaluation(folder)
    kept, sizes = slice(2, None), evaluation.neurite_sizes
    shorter = dataclasses.replace(
        evaluation,
        slices=evaluation.slices[kept],
        names=evaluation.names[kept],
        neurites=evaluation.neurites[kept],
        evidence=evaluation.evidence.subset([2, 3]),
        points={name: scores[kept] for name, scores in evaluation.points.items()},
        over_thresholds=evaluation.over_thresholds[kept],
        over_biases=evaluation.over_biases[kept],
        events=Events.of(event for event in evaluation.events if event.slice in evaluation.slices[kept]),
        neurite_sizes=sizes.rows(np.isin(sizes.slice, evaluation.slices[kept])),
        error_parts={name: ErrorParts(parts.counts[kept]) for name, parts in evaluation.error_parts.items()},
        notebook_sums=None,
    )
    write_evaluation(folder, shorter, facts)


def trained_again(run, cells):
    """A run of the same name that is being trained: nothing measured yet."""
    shutil.rmtree(run.folder / "evaluation")
    run.history_csv.unlink()
    run.weights.unlink()
    run.update(state="training", ended=None, operating_points=None, epochs=0, best_epoch=0)


MEANWHILE = {
    "deleted": lambda run, cells: shutil.rmtree(run.folder),
    "its evaluation deleted": lambda run, cells: shutil.rmtree(run.folder / "evaluation"),
    "evaluated again": evaluated_again,
    "trained again": trained_again,
    "run.json cut short": lambda run, cells: cut(run.folder / "run.json"),
    "evidence cut short": lambda run, cells: cut(run.evaluation("cells") / "evidence.npz"),
    "history cut short": lambda run, cells: cut(run.history_csv),
    "images deleted": lambda run, cells: shutil.rmtree(cells.folder),
    "images cut short": lambda run, cells: cut(cells.folder / "images.tif"),
    "labels cut short": lambda run, cells: cut(cells.folder / "labels.tif"),
}


@pytest.mark.parametrize("event", MEANWHILE)
def test_what_changes_while_someone_looks_gives_a_page_or_a_message(event, evaluated_run, cells):
    address = {"run": "mid-grey", "dataset": "cells", "slice": "8", "threshold": "0.6"}
    looking = {page: opened(page, **address) for page in PAGES}
    MEANWHILE[event](evaluated_run, cells)
    for page, test in looking.items():
        test.run()
        assert not bugs(test), page
        assert test.title, page
        assert "Traceback" not in text_of(test), page
    if event == "deleted":
        assert "no run" in text_of(looking["errors"]).lower()
    if event == "evaluated again":
        assert "of 4,680" in text_of(looking["confusion"])
