"""Segments from a run to its evaluation folder and to files: measured as they lie there."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import tifffile

from segcore.evaluation import evaluate, predict_to_files, read_evaluation
from segcore.evaluation.measured import evaluation_object, summary
from segcore.measures import score_segments, true_neurites
from segcore.runs import SegmentPoint
from segcore.segments import cut, find_basins

POINT = SegmentPoint(smoothing_px=1, bias=0.45, smallest_px=9)


@pytest.fixture
def run(mid_grey_run):
    points = dataclasses.replace(mid_grey_run.info.operating_points, segments=POINT)
    return mid_grey_run.update(operating_points=points)


def test_kept_measured_and_read_again(run, cells):
    found = evaluate(run, cells)
    kept = tifffile.imread(found.folder / "segments.tif")
    probability = tifffile.imread(found.folder / "probability.tif")
    assert kept.dtype == np.uint32
    for position, z in enumerate(found.evaluation.slices):
        expected = cut(find_basins(probability[position], POINT.smoothing_px), POINT.bias, POINT.smallest_px)
        np.testing.assert_array_equal(kept[position], expected)
        neurites = true_neurites(np.asarray(cells.labels[z]) > 0)
        assert found.evaluation.segments[position] == score_segments(neurites, expected)
    again, _ = read_evaluation(found.folder)
    assert again.segment_points == (POINT,) * len(again.slices)
    assert again.segments == found.evaluation.segments
    printed = evaluation_object(again, "pixel", dataset="cells", leaks=False)["segments"]
    assert printed == summary(again)["segments"]
    assert {"v_rand", "v_info", "rand_precision", "rand_recall", "bias"} <= printed.keys()
    assert printed["v_rand"] == pytest.approx(np.mean([one.v_rand for one in again.segments]))
    assert printed["bias"] == 0.45
    json.dumps(printed)


def test_a_run_from_before_there_were_segments_has_none(mid_grey_run, cells):
    found = evaluate(mid_grey_run, cells)
    assert not (found.folder / "segments.tif").exists()
    again, _ = read_evaluation(found.folder)
    assert again.segments == ()
    assert evaluation_object(again, "pixel", dataset="cells", leaks=False)["segments"] is None


def test_predicted_segments_and_their_table(run, cell_stack, tmp_path, listing):
    images = cell_stack[0][:2]
    tifffile.imwrite(tmp_path / "a.tif", images, imagej=True, resolution=(250, 250), metadata={
        "axes": "ZYX", "spacing": 0.05, "unit": "um",
    })  # fmt: skip
    predict_to_files(run, tmp_path / "a.tif", tmp_path / "out", device="cpu")
    assert listing(tmp_path / "out") == ["mask.tif", "probability.tif", "segments.csv", "segments.tif"]
    segments = tifffile.imread(tmp_path / "out/segments.tif")
    assert segments.dtype == np.uint16
    with (tmp_path / "out/segments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(int(page.max()) for page in segments)
    for row in rows:
        area = int((segments[int(row["slice"])] == int(row["segment"])).sum())
        assert int(row["area_px"]) == area
        assert float(row["area_um2"]) == pytest.approx(area * 16e-6)
