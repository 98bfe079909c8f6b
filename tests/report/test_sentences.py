"""Sentences agree with their numbers, and say of a run what is so of it."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from folds import CONFIG, members

from segcore.crossval import ensemble_of, make_plan
from segcore.evaluation import evaluate
from segcore.measures import CHALLENGE_THRESHOLDS
from segcore.report import draft_conclusion, gather, report_page
from segcore.report.sentences import counted, listed, slices_named


@pytest.fixture
def said_of(read_aloud):
    def said(contents):
        return read_aloud(report_page(contents, draft_conclusion(contents)))

    return said


def test_numbers_and_lists():
    assert [counted(n, "slice", "slices") for n in (0, 1, 2, 1200)] == [
        "0 slices",
        "1 slice",
        "2 slices",
        "1,200 slices",
    ]
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert [slices_named(one) for one in ((4,), (0, 1, 2, 7))] == ["slice 4", "slices 0-2, 7"]


def test_one_slice_has_no_interval_and_no_others(scored, said_of):
    def merged(mask):
        mask[5] = 255
        mask[5, 20, :] = 0

    said = said_of(gather(scored("one", merged, slices=[5])))
    assert "1 predicted slice of Round cells" in said
    assert "slice 5 value wrong pixels at threshold 0.500" in said
    assert "One slice has no interval" in said
    assert "The slice has" in said
    assert "All figures are of one slice; with another" in said
    for wrong in ("95 % interval, by slice", "mean over", "The dark bar", "slices 5", "1 slices"):
        assert wrong not in said, wrong


def test_one_merge_is_no_plural(scored, said_of):
    def one_wall_open(mask):
        mask[5, 11:14, 10:28] = 255  # from the middle of a cell to that of the next

    contents = gather(scored("one", one_wall_open, slices=[5], numbered=True))
    assert len(contents.places) == 1
    said = said_of(contents)
    assert "The prediction has 0 splits and 1 merge." in said
    assert "Splits and merges On the left" in said
    assert "Nobody has judged it yet." in said
    assert "the worst one holds 80 % or more of all harm, so correcting it by hand may bring" in said
    assert "Nobody has judged the merge pictured above so far" in said
    assert not re.search(r"\b1 (splits|merges|places|slices|neurites|segments|parts)\b", said)


def test_what_is_as_large_as_labelled_is_neither_larger_nor_smaller(scored, said_of):
    assert "Interior comes out as large in all as it is labelled." in said_of(gather(scored("perfect")))


def test_the_leak_audit_is_of_the_slices_that_are_judged(evaluated, cells, said_of):
    assert "of the 4 judged slices, 0 lie within 1 slice of a trained one, 0 within 2 and 1 within 3." in said_of(
        gather(evaluated)
    )
    evaluate(evaluated, cells, part="train", device="cpu")
    said = said_of(gather(evaluated, part="train"))
    assert "These figures leak: slices 0-5 were trained on." in said
    assert "Leak audit: slices 0-5 were trained on, and judged here." in said
    assert "no judged slice" not in said


def test_thresholds_that_were_chosen_on_these_slices_are_said_to_be(evaluated, cells, said_of):
    evaluate(evaluated, cells, part="validation", device="cpu")
    said = said_of(gather(evaluated, part="validation"))
    assert "were chosen on slice 7, which is judged here, too" in said
    assert "The marked thresholds were chosen on these slices: 7." in said
    assert "Settings were chosen on the slices shown" in said


def test_what_another_program_predicted_is_not_said_to_be_made_slice_by_slice(scored, said_of):
    said = said_of(gather(scored("theirs", trained_on=range(4))))
    assert "Slices are measured one by one" in said
    assert "this one does not compete" not in said
    assert "training 0-3 judged 4-11" in said


def test_of_an_ensemble_only_what_slices_have_in_common_was_chosen_on_them(cells, models_dir, cell_stack, said_of):
    plan = make_plan("net", "cells", CONFIG, folds=3)
    chosen = [(0.5, 0.5, 0.35), (0.5, 0.5, 0.5), (0.5, 0.5, 0.7)]
    run = ensemble_of(plan, members(plan, cells, lambda member, z: cell_stack[0][z], chosen), cells)[0]
    said = said_of(gather(run))
    assert re.search(r"The thresholds were chosen on slices? [\d, -]+, which (is|are) judged here, too", said)
    assert "the epoch" not in said.partition("Words")[0]
    assert "no slice was predicted by a network that was trained on it" in said
    assert "A new image would be predicted by one of the networks, or by the mean of all" in said


@pytest.mark.parametrize(("worse", "said"), [(0.006, True), (0.001, False)])
def test_a_mask_that_would_have_been_better_is_said_to_have_been(evaluated, said_of, worse, said):
    contents = gather(evaluated)
    evaluation = contents.evaluation
    at = np.mean([[one.v_rand for one in scores] for scores in evaluation.over_thresholds], axis=0)
    best = int(np.argmax(at))
    topology = [dataclasses.replace(one, v_rand=at[best] - worse) for one in evaluation.points["topology"]]
    changed = dataclasses.replace(evaluation, points={**evaluation.points, "topology": topology})
    sentence = (
        f"On these slices the V_Rand of masks is highest at {CHALLENGE_THRESHOLDS[best]:g} with {at[best]:.3f}; the "
        f"topology threshold has {at[best] - worse:.3f}."
    )
    assert (sentence in said_of(dataclasses.replace(contents, evaluation=changed))) == said


def test_a_threshold_as_good_as_any_needs_no_word(scored, said_of):
    assert "masks is highest at" not in said_of(gather(scored("perfect")))
