"""Two runs side by side, on labels and predictions whose differences are known by hand."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import tifffile

from segcore.data import install
from segcore.errors import ConfigError, RunError
from segcore.evaluation import (
    MEASURES,
    compare,
    counted_with_harm,
    evaluate,
    may_be_compared,
    read_evaluation,
    score_outside,
    write_evaluation,
)
from segcore.measures import Event, PixelEvidence
from segcore.stacks import array_stack

SLICES, SIDE = 12, 40


@pytest.fixture
def rooms(data_dir):
    """Twelve slices, each two rooms of 40 x 19 on either side of a wall of two pixels."""
    labels = np.full((SLICES, SIDE, SIDE), 255, np.uint8)
    labels[:, :, 19:21] = 0
    images = np.where(labels > 0, 180, 60).astype(np.uint8) + np.arange(SLICES, dtype=np.uint8)[:, None, None]
    return install("rooms", array_stack(images), array_stack(labels), title="Rooms")


def predicted(rooms, tmp_path, name, wrong_by_slice, **options):
    """A mask that is right but for so many pixels of interior in each slice, which it calls membrane, from a corner.

    It was trained on none of them, unless something else is said.
    """
    mask = np.stack([rooms.label(z) for z in range(SLICES)])
    for z, wrong in enumerate(wrong_by_slice):
        mask[z, :, 0][:wrong] = 0
    tifffile.imwrite(tmp_path / f"{name}.tif", mask)
    return score_outside(name, tmp_path / f"{name}.tif", rooms, **{"trained_on": []} | options).run


def said_to_learn_from(run, dataset, slices):
    """What a run was trained on is told afterwards, as an evaluation of trained slices tells it."""
    file = run.evaluation(dataset) / "summary.json"
    found = json.loads(file.read_text())
    found["facts"] |= {"trained_on": list(slices), "leaks": True}
    file.write_text(json.dumps(found))


def one_slice(rooms, tmp_path, name, wrong):
    """A prediction of slice 3 alone."""
    mask = rooms.label(3)[None].copy()
    mask[0, :, 0][:wrong] = 0
    tifffile.imwrite(tmp_path / f"{name}.tif", mask)
    return score_outside(name, tmp_path / f"{name}.tif", rooms, slices=[3], trained_on=[]).run


def test_a_difference_in_every_slice_is_larger_than_its_uncertainty(rooms, models_dir, tmp_path):
    worse, better = (
        predicted(rooms, tmp_path, "worse", [24] * SLICES),
        predicted(rooms, tmp_path, "better", [8] * SLICES),
    )
    found = compare(worse, better)
    assert found.slices == tuple(range(SLICES))
    wrong = found.difference("wrong_percent")
    # 24 and 8 of 1600 pixels are 1.5 and 0.5 %.
    assert (wrong.first, wrong.second) == pytest.approx((1.5, 0.5))
    assert (wrong.by_slice.mean, wrong.by_slice.low, wrong.by_slice.high) == pytest.approx((-1, -1, -1))
    assert wrong.sure
    assert wrong.better
    assert "better is better by 1.00 percentage points, which is more than the uncertainty" in found.verdict()
    back = compare(better, worse).difference("wrong_percent")
    assert back.by_slice.mean == pytest.approx(1)
    assert not back.better


def test_a_difference_that_comes_and_goes_is_not(rooms, models_dir, tmp_path):
    one = predicted(rooms, tmp_path, "one", [8, 24] * (SLICES // 2))
    other = predicted(rooms, tmp_path, "other", [24, 8] * (SLICES // 2))
    wrong = compare(one, other).difference("wrong_percent")
    assert wrong.by_slice.mean == pytest.approx(0)
    assert wrong.by_slice.low < 0 < wrong.by_slice.high
    assert not wrong.sure
    assert "is no more than its uncertainty" in compare(one, other).verdict()


def test_the_interval_has_its_signs_and_says_of_what(rooms, models_dir, tmp_path):
    worse, better = (
        predicted(rooms, tmp_path, "worse", [24] * SLICES),
        predicted(rooms, tmp_path, "better", [8] * SLICES),
    )
    assert "uncertainty (95 %, better less worse: -1.00 to -1.00)." in compare(worse, better).verdict()
    assert "uncertainty (95 %, worse less better: +1.00 to +1.00)." in compare(better, worse).verdict()
    mixed = predicted(rooms, tmp_path, "mixed", [8, 40] * (SLICES // 2))
    found = compare(worse, mixed)
    wrong = found.difference("wrong_percent")
    wider = max(wrong.by_slice, wrong.by_block, key=lambda one: one.high - one.low)
    assert wider.low < 0 < wider.high
    assert f"(95 %, mixed less worse: {wider.low:.2f} to +{wider.high:.2f})." in found.verdict()


def test_that_it_is_not_fair_is_said_apart_from_the_verdict(rooms, models_dir, tmp_path):
    worse, better = (
        predicted(rooms, tmp_path, "worse", [24] * SLICES),
        predicted(rooms, tmp_path, "better", [8] * SLICES),
    )
    assert compare(worse, better).fair is True
    said_to_learn_from(better, "rooms", range(SLICES))
    found = compare(worse, better)
    assert found.fair is False
    assert found.unfair.startswith(
        "No fair comparison: better was trained on all 12 slices that are compared (0-11), so "
    )
    assert "fair" not in found.verdict()
    assert found.verdict().startswith("V_Rand of segments") or found.verdict().startswith("Wrong pixels")
    assert "better is ahead here by 1.00 percentage points" in found.verdict()
    assert not any("trained" in note for note in found.notes), "that is said by `unfair`"
    assert found.second.warnings == ("better was trained on slices 0-11",)


def test_what_nobody_said_of_a_run_is_not_taken_for_no(rooms, models_dir, tmp_path):
    worse = predicted(rooms, tmp_path, "worse", [24] * SLICES)
    better = predicted(rooms, tmp_path, "better", [8] * SLICES, trained_on=None)
    found = compare(worse, better)
    assert (found.fair, found.unfair, found.notes) == (None, "", ())
    assert "better is ahead here by 1.00 percentage points" in found.verdict()
    assert "is better by" not in found.verdict()
    assert "Nobody said which slices better was trained on: if on these, the figures flatter." in found.verdict()
    other = predicted(rooms, tmp_path, "other", [8] * SLICES, trained_on=None)
    assert "Nobody said which slices better and other were trained on" in compare(better, other).verdict()


def test_one_slice_is_one(rooms, models_dir, tmp_path):
    one, other = one_slice(rooms, tmp_path, "one", 24), one_slice(rooms, tmp_path, "other", 8)
    said_to_learn_from(other, "rooms", [3])
    found = compare(one, other)
    assert found.counted == "1 slice"
    assert "other was trained on the only slice (3), so" in found.unfair
    assert found.second.warnings == ("other was trained on slice 3",)
    assert "; one slice does not say how uncertain a difference of" in found.verdict()
    assert not any(row.sure for row in found.differences())
    assert {(row.slice_ends, row.block_ends) for row in found.differences()} == {("–", "–")}
    assert found.verdict().endswith(
        "1 slice makes one block of neighbours, too few to say how far another part of the stack would differ."
    )
    every = compare(*(predicted(rooms, tmp_path, name, range(SLICES)) for name in ("a", "b")))
    assert every.counted == "12 slices"
    assert "12 slices make 3 blocks of neighbours" in every.verdict()


@pytest.mark.parametrize(("slices", "sure"), [(5, False), (6, True)])
def test_one_block_of_neighbours_says_nothing_of_uncertainty(rooms, models_dir, tmp_path, slices, sure):
    every = predicted(rooms, tmp_path, "every", [24] * SLICES)
    mask = np.stack([rooms.label(z) for z in range(slices)])
    tifffile.imwrite(tmp_path / "some.tif", mask, photometric="minisblack")
    some = score_outside("some", tmp_path / "some.tif", rooms, slices=range(slices), trained_on=[]).run
    found = compare(every, some)
    wrong = found.difference("wrong_percent")
    assert wrong.slices == slices
    assert wrong.slice_ends == "-1.50 to -1.50"
    assert wrong.sure is sure
    assert (wrong.block_ends == "–") is not sure
    assert (
        "; 5 slices do not say how uncertain a difference of 1.50 percentage points is." in found.verdict()
    ) is not sure


def test_neighbours_that_fail_together_count_as_few(rooms, models_dir, tmp_path):
    """A block of neighbours that is better, and one that is worse: by slices that looks surer than it is."""
    one = predicted(rooms, tmp_path, "one", [16] * SLICES)
    other = predicted(rooms, tmp_path, "other", [8] * 5 + [8] * 4 + [26] * 3)
    wrong = compare(one, other).difference("wrong_percent")
    assert wrong.by_block.high - wrong.by_block.low > wrong.by_slice.high - wrong.by_slice.low


def test_what_is_the_same_differs_by_nothing(rooms, models_dir, tmp_path):
    one, other = (predicted(rooms, tmp_path, name, range(SLICES)) for name in ("one", "other"))
    for row in compare(one, other).differences():
        assert row.by_slice.mean == 0
        assert not row.sure
        assert not row.better


def test_splits_are_of_slices(rooms, models_dir, tmp_path):
    mask = np.stack([rooms.label(z) for z in range(SLICES)])
    mask[:6, 20, :19] = 0  # cuts the left room of the first six slices
    tifffile.imwrite(tmp_path / "cut.tif", mask)
    cut = score_outside("cut", tmp_path / "cut.tif", rooms, trained_on=[]).run
    whole = predicted(rooms, tmp_path, "whole", [0] * SLICES)
    splits = compare(whole, cut).difference("splits")
    assert (splits.first, splits.second) == (0, 0.5)
    assert list(compare(whole, cut).values["splits"][:, 1]) == [1] * 6 + [0] * 6
    assert compare(whole, cut).difference("v_rand").by_slice.mean < 0


def test_only_slices_that_both_have_are_compared(rooms, models_dir, tmp_path):
    one = predicted(rooms, tmp_path, "one", [8] * SLICES)
    mask = np.stack([rooms.label(z) for z in range(SLICES)])[4:9]
    tifffile.imwrite(tmp_path / "some.tif", mask)
    some = score_outside("some", tmp_path / "some.tif", rooms, slices=range(4, 9)).run
    found = compare(one, some)
    assert found.slices == (4, 5, 6, 7, 8)
    assert found.second.warnings == ("nobody said which slices some was trained on",)


def test_the_same_pixels_under_another_name_are_the_same(rooms, models_dir, tmp_path):
    images, labels = (np.stack([one(z) for z in range(SLICES)]) for one in (rooms.image, rooms.label))
    again = install("again", array_stack(images), array_stack(labels), title="Again")
    one = predicted(rooms, tmp_path, "one", [8] * SLICES)
    other = predicted(again, tmp_path, "other", [4] * SLICES)
    found = compare(one, other)
    assert (found.first.dataset, found.second.dataset) == ("rooms", "again")
    assert found.slices == tuple(range(SLICES))
    with pytest.raises(RunError, match="the run was not evaluated on again"):
        compare(one, other, dataset="again")


def test_other_labels_are_not_compared(rooms, models_dir, tmp_path):
    images, labels = (np.stack([one(z) for z in range(SLICES)]) for one in (rooms.image, rooms.label))
    labels[0, 0, 0] = 0
    other_labels = install("corrected", array_stack(images), array_stack(labels), title="One pixel is another")
    one = predicted(rooms, tmp_path, "one", [8] * SLICES)
    other = predicted(other_labels, tmp_path, "other", [8] * SLICES)
    with pytest.raises(ConfigError, match="not measured on the same slices with the same labels"):
        compare(one, other)


def test_why_two_are_not_compared(rooms, models_dir, tmp_path):
    def of(name, slices):
        mask = np.stack([rooms.label(z) for z in slices])
        tifffile.imwrite(tmp_path / f"{name}.tif", mask, photometric="minisblack")
        return score_outside(name, tmp_path / f"{name}.tif", rooms, slices=slices, trained_on=[]).run

    first, second, third = of("first", range(4)), of("second", range(4, 12)), of("third", range(3, 6))
    with pytest.raises(ConfigError, match="the two runs were measured on different slices") as error:
        compare(first, second)
    assert error.value.found == "first: slices 0-3 of rooms; second: slices 4-11 of rooms"
    assert not may_be_compared(first, second)
    assert may_be_compared(first, third)
    assert compare(first, third).slices == (3,)
    assert not may_be_compared(first, third, dataset="elsewhere")
    assert not may_be_compared(first, first)
    # As where other rows of the slices were held out: other pixels of them count.
    evaluation, facts = read_evaluation(third.evaluation("rooms"))
    counts = evaluation.evidence.counts.copy()
    counts[:, 1, 255] //= 2
    write_evaluation(
        third.evaluation("rooms"),
        dataclasses.replace(evaluation, evidence=PixelEvidence(counts=counts), error_parts={}, neurite_sizes=None),
        facts,
    )
    with pytest.raises(ConfigError, match="the two runs were measured on different pixels of the same slices"):
        compare(first, third)


def test_a_summary_that_is_damaged_is_no_reason_to_offer_a_run(rooms, models_dir, tmp_path):
    one, other = (predicted(rooms, tmp_path, name, range(SLICES)) for name in ("one", "other"))
    assert may_be_compared(one, other)
    for text in ("", "[]", "{}", '{"facts": {"dataset_fingerprint": [1]}, "slices": [0]}', '{"facts": 1}'):
        (other.evaluation("rooms") / "summary.json").write_text(text)
        assert not may_be_compared(one, other), text


def test_a_run_is_not_compared_with_itself(rooms, models_dir, tmp_path):
    one = predicted(rooms, tmp_path, "one", [8] * SLICES)
    with pytest.raises(ConfigError, match="with itself"):
        compare(one, one)


def test_a_network_and_what_another_program_predicted(mid_grey_run, cells, tmp_path):
    evaluate(mid_grey_run, cells, device="cpu")
    mask = np.stack([cells.label(z) for z in range(8, 12)])
    tifffile.imwrite(tmp_path / "perfect.tif", mask, photometric="minisblack")
    perfect = score_outside("perfect", tmp_path / "perfect.tif", cells, slices=range(8, 12), trained_on=[0, 1]).run
    found = compare(mid_grey_run, perfect)
    rows = {row.measure: row for row in found.differences()}
    assert rows["wrong_percent"].second == 0
    assert rows["wrong_percent"].better
    assert "v_rand_topology" not in rows  # a prediction from elsewhere has one threshold
    assert all(row.measure in MEASURES for row in rows.values())
    assert math.isnan(found.difference("v_rand_topology").first)
    assert "splits" not in rows or found.first.evaluation.events_at == found.second.evaluation.events_at


def test_splits_and_merges_that_only_one_of_them_has(rooms, models_dir, tmp_path):
    def drawn(name, opened, cut):
        """The wall is open in some slices; in others a wall of one's own cuts the left room."""
        mask = np.stack([rooms.label(z) for z in range(SLICES)])
        for z in opened:
            mask[z, 4:, 19:21] = 255
        for z in cut:
            mask[z, 20:22, :19] = 0
        tifffile.imwrite(tmp_path / f"{name}.tif", mask)
        return score_outside(name, tmp_path / f"{name}.tif", rooms, kind="mask").run

    found = compare(drawn("before", [1, 2], [5]), drawn("after", [2, 3], [5, 6]))
    changes = found.events()
    assert [(one.kind, one.slice) for one in changes.gone] == [("merge", 1)]
    assert {(one.kind, one.slice) for one in changes.new} == {("merge", 3), ("split", 6)}
    assert {(one.kind, one.slice) for one in changes.in_both} == {("merge", 2), ("split", 5)}
    assert found.events_said().startswith("Splits and merges only in before: 1 (harm 0.")
    assert "; only in after: 2 (harm 0." in found.events_said()
    assert found.events_said().endswith("; in both: 2.")


@pytest.mark.parametrize(
    ("harms", "said"),
    [
        ([], "0"),
        ([0.25, 0.5], "2 (harm 0.750)"),
        ([0.25, -0.5], "2 (harm 0.250)"),
        ([0.25, math.nan], "2"),
        ([0.0] * 1234, "1,234 (harm 0.000)"),
    ],
)
def test_events_are_counted_with_their_harm_where_it_is_known(harms, said):
    one = Event(
        kind="split", slice=0, neurites=(1,), segments=(1, 2), overlaps_px=(9, 3), area_px=12, stray_px=3, y=0, x=0,
        top=0, left=0, bottom=3, right=4,
    )  # fmt: skip
    assert counted_with_harm([dataclasses.replace(one, harm=harm) for harm in harms]) == said
