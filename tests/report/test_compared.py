"""The section of a report that compares two runs, and what it concludes, on predictions that were drawn by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from segcore.evaluation import compare, score_outside
from segcore.report.compared import comparison_section, which_of_two


@pytest.fixture
def drawn(cells, models_dir, tmp_path):
    """Gives a function that makes a run whose prediction is right but for so many rows, which it calls membrane."""

    def make(name, rows, slices=range(12), trained_on=()):
        mask = np.stack([cells.label(z) for z in slices])
        mask[:, :rows] = 0
        tifffile.imwrite(tmp_path / f"{name}.tif", mask, photometric="minisblack")
        return score_outside(name, tmp_path / f"{name}.tif", cells, slices=slices, trained_on=trained_on).run

    return make


def learned_from(run, slices):
    """What a run was trained on is told afterwards, as an evaluation of trained slices tells it."""
    file = run.evaluation("cells") / "summary.json"
    found = json.loads(file.read_text())
    found["facts"] |= {"trained_on": slices, "leaks": True}
    file.write_text(json.dumps(found))
    return run


def test_slices_are_counted_in_words(drawn):
    every = comparison_section(compare(drawn("one", 8), drawn("other", 2)))
    assert "<p>12 slices that both were measured on (0-11)." in every
    single = comparison_section(compare(drawn("a", 8, [3]), drawn("b", 2, [3])))
    assert "<p>1 slice that both were measured on (3)." in single


def test_what_is_not_fair_is_said_once_and_before_everything(drawn):
    section = comparison_section(compare(drawn("one", 8), learned_from(drawn("other", 2), [0, 1])))
    assert section.startswith('<p class="note"><strong>No fair comparison: other was trained on 2 of the 12 slices')
    assert section.count("No fair comparison") == 1
    assert "other is ahead here by" in section
    assert ">ahead here<" in section
    assert "strong" not in comparison_section(compare(drawn("a", 8), drawn("b", 2)))


def test_few_slices_do_not_decide(drawn):
    assert which_of_two(compare(drawn("a", 8, [3]), drawn("b", 2, [3]))).startswith("So few slices do not say which")


def test_neither_is_trusted_where_one_learned_from_the_slices_and_of_the_other_nobody_knows(drawn):
    found = compare(drawn("unknown", 8, trained_on=None), learned_from(drawn("knew", 2), [0, 1]))
    assert which_of_two(found) == (
        "knew learned from slices that it is judged by, and nobody said which unknown was trained on: trust neither "
        "until both are measured on slices that they are known not to have seen."
    )


def test_a_run_of_which_nobody_said_what_it_learned_from_is_not_simply_better(drawn):
    honest, unknown = drawn("honest", 8), drawn("unknown", 2, trained_on=None)
    found = compare(honest, unknown)
    section = comparison_section(found)
    assert "Nobody said which slices unknown was trained on" in section
    assert ">ahead here<" in section
    assert which_of_two(found).startswith("For a reconstruction take unknown, which is better in ")
    assert which_of_two(found).endswith("unless it was trained on these slices: nobody said on which.")
    # Of the one that is behind it does not matter.
    best = which_of_two(compare(drawn("behind", 8, trained_on=None), drawn("best", 0)))
    assert best.startswith("For a reconstruction take best, ")
    assert best.endswith(" by more than chance.")
