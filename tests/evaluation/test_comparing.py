"""Two runs side by side, on labels and predictions whose differences are known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tifffile

from segcore.data import install
from segcore.errors import ConfigError, RunError
from segcore.evaluation import MEASURES, compare, evaluate, score_outside
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
    """A mask that is right but for so many pixels of interior in each slice, which it calls membrane, from a corner."""
    mask = np.stack([rooms.label(z) for z in range(SLICES)])
    for z, wrong in enumerate(wrong_by_slice):
        mask[z, :, 0][:wrong] = 0
    tifffile.imwrite(tmp_path / f"{name}.tif", mask)
    return score_outside(name, tmp_path / f"{name}.tif", rooms, trained_on=[], **options).run


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
