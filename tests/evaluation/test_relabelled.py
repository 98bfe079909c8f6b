"""A stored prediction against corrected labels is what evaluating it against them gives."""

import dataclasses

import numpy as np
import pytest

from segcore.config import SplitConfig
from segcore.data import Correction, correct, install, runs_of
from segcore.errors import ConfigError, RunError
from segcore.evaluation import evaluate, read_evaluation, scores_with, stored_scores
from segcore.measures import mean_over_slices, predicted_interior, wrong_pixels_at
from segcore.reviews import Place
from segcore.runs import SegmentPoint, create_run, make_split
from segcore.stacks import IGNORE, Truth, array_stack

POINT = SegmentPoint(smoothing_px=1, bias=0.45, smallest_px=9)


@pytest.fixture(params=[POINT, None], ids=["segments", "topology"])
def run(request, mid_grey_run):
    points = dataclasses.replace(mid_grey_run.info.operating_points, segments=request.param)
    return mid_grey_run.update(operating_points=points)


def correction(z, mask, become, kind="wrong pixels"):
    height, width = mask.shape
    y, x = (int(one) for one in np.argwhere(mask)[0])
    place = Place(kind=kind, slice=z, y=y, x=x, top=0, left=0, bottom=height, right=width)
    return Correction(place=place, become=become, runs=runs_of(mask), reviewer="Ada")


def some(cells, evaluation, folder):
    """Corrections of three kinds: a region left out, one given the other class, and a slice left out."""
    import tifffile

    probability = tifffile.imread(folder / "probability.tif")
    made = []
    for at, become in ((0, "ignore"), (2, "interior")):
        truth = Truth.of(cells.label(evaluation.slices[at]))
        prediction = predicted_interior(probability[at], evaluation.thresholds["pixel"])
        y, x = np.argwhere(~truth.interior & prediction)[0].tolist()
        mask = wrong_pixels_at(truth.interior, prediction, truth.counted, [(y, x)], missed=True)
        made.append(correction(evaluation.slices[at], mask, become))
    return [*made, correction(11, np.ones((45, 52), bool), "ignore", "slice")]


def same(found, evaluation):
    """An evaluation has no slice that is ignored as a whole, and scores none of its pixels."""
    at = [position for position, one in enumerate(found.scores) if one.v_rand == one.v_rand]
    expected = stored_scores(evaluation)
    assert len(at) == len(expected.scores)
    np.testing.assert_array_equal(found.evidence.counts[at], expected.evidence.counts)
    assert found.evidence.counts.sum() == expected.evidence.counts.sum()
    assert tuple(found.scores[one] for one in at) == expected.scores
    assert found.events == expected.events


def test_with_and_without_are_what_evaluations_give(run, cells):
    before = evaluate(run, cells)
    copy = correct(cells, "cells-corrected", some(cells, before.evaluation, before.folder))
    stored, _ = read_evaluation(before.folder)
    found = scores_with(stored, before.folder, copy, (8, 10, 11))
    after = evaluate(run, copy)
    assert (after.part, after.evaluation.slices) == ("test", (8, 9, 10))
    assert not after.audit.leaks
    same(found, after.evaluation)
    assert (found.evidence.counts[1] == stored.evidence.counts[1]).all()
    # All of them anew come to the same, and the other way round the labels as they were.
    same(scores_with(stored, before.folder, copy, stored.slices), after.evaluation)
    again, _ = read_evaluation(after.folder)
    back = scores_with(again, after.folder, cells, (8, 10))
    assert back.scores == stored_scores(stored).scores[:3]
    assert back.events == tuple(one for one in stored.events if one.slice != 11)
    np.testing.assert_array_equal(back.evidence.counts, stored.evidence.counts[:3])
    # With no slice of the evaluation corrected nothing is read at all.
    assert scores_with(stored, before.folder / "gone", copy, (3,)) == stored_scores(stored)


def test_by_hand(run, cells):
    """What is given the other class is right afterwards; what is left out counts no more."""
    before = evaluate(run, cells)
    changes = some(cells, before.evaluation, before.folder)[:2]
    copy = correct(cells, "cells-corrected", changes)
    found = scores_with(before.evaluation, before.folder, copy, (8, 10))
    old, new = before.evaluation.evidence.confusion(0.5), found.evidence.confusion(0.5)
    left_out, given = (one.pixels for one in changes)
    assert (new.wrong_pixels - old.wrong_pixels).tolist() == [-left_out, 0, -given, 0]
    assert (new.pixels - old.pixels).tolist() == [-left_out, 0, 0, 0]
    assert mean_over_slices([one.v_rand for one in found.scores]) > 0


def test_rows_that_are_not_counted_stay_out(mid_grey_run, cells):
    before = evaluate(mid_grey_run, cells, part="all")
    copy = correct(cells, "cells-corrected", [correction(3, np.ones((45, 52), bool), "membrane")])
    found = scores_with(before.evaluation, before.folder, copy, range(12), rows=(0, 10))
    assert found.evidence.confusion(0.5).pixels.tolist() == [520] * 12
    label = copy.label(3)
    label[10:] = IGNORE
    assert Truth.of(label).counted.sum() == 520


def test_predictions_that_are_gone_or_of_other_slices(mid_grey_run, cells, cell_stack):
    before = evaluate(mid_grey_run, cells)
    small = install("small", array_stack(cell_stack[0][:, :40]), array_stack(cell_stack[1][:, :40]))
    with pytest.raises(RunError, match="other slices than the labels; found 4 slices of 45 x 52"):
        scores_with(before.evaluation, before.folder, small, (8,))
    short = install("short", array_stack(cell_stack[0][:9]), array_stack(cell_stack[1][:9]))
    with pytest.raises(RunError, match="other slices than the labels"):
        scores_with(before.evaluation, before.folder, short, (8,))
    (before.folder / "probability.tif").unlink()
    with pytest.raises(RunError, match="missing or damaged"):
        scores_with(before.evaluation, before.folder, cells, (8,))


def test_a_run_on_corrected_labels_judges_by_the_labels_as_they_were(mid_grey_run, cells):
    """Whichever labels a run learned from, its test slices are those that it was kept from."""
    copy = correct(cells, "cells-corrected", [correction(3, np.ones((45, 52), bool), "ignore")])
    learned = mid_grey_run.update(dataset=copy.info.name, dataset_fingerprint=copy.info.fingerprint)
    for dataset in (copy, cells):
        found = evaluate(learned, dataset)
        assert (found.part, found.audit.leaks) == ("test", False)
    more = correct(cells, "cells-corrected", [correction(4, np.ones((45, 52), bool), "ignore")])
    found = evaluate(learned, more)
    assert found.part == "test"
    _, facts = read_evaluation(found.folder)
    assert facts["original_fingerprint"] == cells.info.fingerprint
    assert facts["dataset_fingerprint"] == more.info.fingerprint
    assert evaluate(learned, more, part="train").audit.leaks
    # Left out as a whole, a slice is no longer one to be judged by; without one there is no such part.
    nothing = correct(cells, "none", [correction(z, np.ones((45, 52), bool), "ignore") for z in range(8, 12)])
    with pytest.raises(ConfigError, match="no test slices"):
        evaluate(learned, nothing)


def test_a_corrected_copy_of_bands_is_the_stack_and_a_turned_one_is_not(mid_grey_run, cells, cell_stack):
    config = dataclasses.replace(mid_grey_run.config, split=SplitConfig(protocol="bands"))
    split = make_split(12, config.split, height=450, gap_px=2)
    run = create_run(
        "bands", config=config, split=split, info=mid_grey_run.info,
        slice_fingerprints=cells.info.slice_fingerprints,
    )  # fmt: skip
    copy = correct(cells, "cells-corrected", [correction(3, np.ones((45, 52), bool), "ignore")])
    original = cells.info.fingerprint
    assert run.is_own(cells.info.fingerprint, cells.info.slice_fingerprints)
    assert run.is_own(copy.info.fingerprint, copy.info.slice_fingerprints, original)
    turned = install("turned", *(array_stack(stack[:, ::-1]) for stack in cell_stack))
    assert turned.info.slice_fingerprints == cells.info.slice_fingerprints
    assert not run.is_own(turned.info.fingerprint, turned.info.slice_fingerprints)
    # Slices that are held out as a whole are held out whichever way round they are.
    assert mid_grey_run.is_own(turned.info.fingerprint, turned.info.slice_fingerprints)
