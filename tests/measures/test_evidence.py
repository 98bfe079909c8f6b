"""Pixel evidence: distances against scipy's transform, counts by hand, and every measure from pixels again."""

from __future__ import annotations

import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from segcore.errors import ConfigError, RunError, StorageError
from segcore.measures.confusion import Confusion, mean_over_slices, ratio
from segcore.measures.evidence import PixelEvidence, boundary_distance, count_evidence
from segcore.measures.threshold_values import (
    CHALLENGE_THRESHOLDS,
    best_threshold,
    last_membrane_value,
    predicted_interior,
    threshold_after,
)

pytestmark = pytest.mark.filterwarnings("error")

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))


@st.composite
def labelled_slices(draw):
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 12)))
    labels = draw(arrays(bool, shape))
    probability = draw(arrays(np.uint8, shape))
    return labels, probability


def evidence_of(labels, probability):
    return PixelEvidence(
        np.stack([count_evidence(label, page) for label, page in zip(labels, probability, strict=True)])
    )


def distance_by_scipy(interior):
    if interior.all() or not interior.any():
        return np.full(interior.shape, 5, np.uint8)
    euclidean = ndimage.distance_transform_edt(interior) + ndimage.distance_transform_edt(~interior)
    return np.clip(np.floor(euclidean) - 1, 0, 5).astype(np.uint8)


@given(masks)
def test_boundary_distance_equals_two_euclidean_transforms(interior):
    found = boundary_distance(interior)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, distance_by_scipy(interior))


@given(st.integers(0, 2**32 - 1), st.floats(0.0005, 0.02))
@settings(max_examples=25)
def test_boundary_distance_on_large_areas(seed, density):
    interior = np.random.default_rng(seed).random((61, 83)) > density
    np.testing.assert_array_equal(boundary_distance(interior), distance_by_scipy(interior))


@given(masks, st.data())
def test_what_is_ignored_makes_no_boundary_and_counts_nowhere(interior, data):
    counted = data.draw(arrays(bool, interior.shape))
    page = data.draw(arrays(np.uint8, interior.shape))
    counts = count_evidence(interior, page, counted)
    assert counts.sum() == counted.sum()
    # To every pixel that counts, the nearest one of the other class that counts.
    for y, x in zip(*np.nonzero(counted), strict=True):
        other = counted & (interior != interior[y, x])
        far = [np.hypot(y - v, x - u) for v, u in zip(*np.nonzero(other), strict=True)]
        expected = 5 if not far else min(5, int(np.floor(min(far))) - 1)
        assert boundary_distance(interior, counted)[y, x] == expected


def test_boundary_distance_by_hand():
    interior = np.ones((1, 16), bool)
    interior[0, 0] = False
    assert boundary_distance(interior)[0].tolist() == [0, 0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5]
    corner = np.zeros((3, 3), bool)
    corner[1, 1] = True
    assert (boundary_distance(corner) == 0).all()  # a diagonal neighbour touches too


def test_boundary_distance_of_real_labels(isbi_labels):
    for label in isbi_labels[::10]:
        np.testing.assert_array_equal(boundary_distance(label), distance_by_scipy(label))


@given(labelled_slices())
def test_counts_are_the_pixels(slices):
    labels, probability = slices
    counts = count_evidence(labels[0], probability[0])
    assert counts.shape == (2, 256, 6)
    assert counts.dtype == np.int64
    expected = np.zeros_like(counts)
    np.add.at(expected, (labels[0].astype(int), probability[0], boundary_distance(labels[0])), 1)
    np.testing.assert_array_equal(counts, expected)


def test_a_threshold_means_a_value_whatever_the_rounding():
    for value in range(256):
        for threshold in (value / 255, np.nextafter(value / 255, 0), np.nextafter(value / 255, 1)):
            assert last_membrane_value(min(threshold, 1.0)) == value
        stored = threshold_after(value)
        assert last_membrane_value(stored) == value
        if stored < 1:
            for disturbed in (np.nextafter(stored, 0), np.nextafter(stored, 1)):
                q = np.arange(256)
                np.testing.assert_array_equal(q > 255 * disturbed, q > value)
    assert [last_membrane_value(t) for t in CHALLENGE_THRESHOLDS] == [0, 25, 51, 76, 102, 127, 153, 178, 204, 229, 255]
    assert threshold_after(127) == 0.5


@pytest.mark.parametrize("threshold", [-0.1, 1.01, math.nan, math.inf])
def test_thresholds_out_of_range_are_refused(threshold):
    with pytest.raises(ConfigError, match="0 to 1"):
        last_membrane_value(threshold)


def test_the_extreme_thresholds():
    q = np.array([[0, 1, 255]], np.uint8)
    assert predicted_interior(q, 0.0).tolist() == [[False, True, True]]
    assert predicted_interior(q, 1.0).tolist() == [[False, False, False]]


@given(labelled_slices(), st.floats(0, 1), st.integers(0, 5))
def test_confusion_is_counted_from_pixels(slices, threshold, tolerance):
    labels, probability = slices
    found = evidence_of(labels, probability).confusion(threshold, tolerance)
    assert found.counts.shape == (len(labels), 2, 2)
    for label, page, counts in zip(labels, probability, found.counts, strict=True):
        forgiven = boundary_distance(label) < tolerance
        prediction = np.where(forgiven, label, predicted_interior(page, threshold))
        expected = [[np.sum((label == a) & (prediction == b)) for b in (False, True)] for a in (False, True)]
        assert counts.tolist() == expected


@given(labelled_slices(), st.integers(0, 5))
def test_the_sweep_is_every_confusion(slices, tolerance):
    evidence = evidence_of(*slices)
    sweep = evidence.sweep(tolerance)
    assert sweep.counts.shape == (len(evidence), 256, 2, 2)
    for value in (0, 1, 76, 127, 128, 254, 255):
        np.testing.assert_array_equal(
            sweep.counts[:, value], evidence.confusion(threshold_after(value), tolerance).counts
        )


@given(labelled_slices(), st.floats(0, 1))
def test_more_tolerance_never_finds_more_wrong(slices, threshold):
    evidence = evidence_of(*slices)
    wrong = [evidence.confusion(threshold, tolerance).wrong_pixels for tolerance in range(6)]
    assert all((fewer <= more).all() for more, fewer in pairwise(wrong))
    pixels = [evidence.confusion(threshold, tolerance).pixels for tolerance in range(6)]
    assert all((count == pixels[0]).all() for count in pixels)


@pytest.mark.parametrize("tolerance", [-1, 6, 1.5])
def test_tolerances_out_of_range_are_refused(tolerance):
    with pytest.raises(ConfigError, match="0 to 5"):
        evidence_of(np.ones((1, 2, 2), bool), np.zeros((1, 2, 2), np.uint8)).confusion(0.5, tolerance)


def test_measures_by_hand():
    # true class, then predicted: 40 membrane right, 10 missed, 5 false, 45 interior right
    confusion = Confusion(np.array([[[40, 10], [5, 45]]]))
    assert confusion.pixels.tolist() == [100]
    assert confusion.missed_membrane.tolist() == [10]
    assert confusion.false_membrane.tolist() == [5]
    assert confusion.wrong_pixels.tolist() == [15]
    assert confusion.wrong_percent.tolist() == [15.0]
    assert confusion.binary_accuracy.tolist() == [0.85]
    assert confusion.dice("interior")[0] == pytest.approx(90 / 105)
    assert confusion.iou("interior")[0] == pytest.approx(45 / 60)
    assert confusion.dice("membrane")[0] == pytest.approx(80 / 95)
    assert confusion.iou("membrane")[0] == pytest.approx(40 / 55)
    assert confusion.precision("interior")[0] == pytest.approx(45 / 55)
    assert confusion.recall("interior")[0] == pytest.approx(45 / 50)
    assert confusion.precision("membrane")[0] == pytest.approx(40 / 45)
    assert confusion.recall("membrane")[0] == pytest.approx(40 / 50)


@given(labelled_slices(), st.floats(0, 1))
def test_pooled_is_one_large_slice(slices, threshold):
    evidence = evidence_of(*slices)
    pooled = evidence.pooled()
    assert len(pooled) == 1
    np.testing.assert_array_equal(pooled.confusion(threshold).counts[0], evidence.confusion(threshold).pooled().counts)
    np.testing.assert_array_equal(evidence.subset([0]).counts[0], evidence.counts[0])


@given(labelled_slices())
def test_the_pixel_threshold_has_the_fewest_wrong_pixels(slices):
    labels, probability = slices
    evidence = evidence_of(labels, probability)
    wrong = [int(((probability > value) != labels).sum()) for value in range(256)]
    chosen = last_membrane_value(evidence.best_pixel_threshold())
    assert wrong[chosen] == min(wrong)
    nearest = min(abs(value - 127) for value in range(256) if wrong[value] == min(wrong))
    assert abs(chosen - 127) == nearest


def test_the_pixel_threshold_of_a_perfect_probability_is_one_half():
    labels = np.array([[[True, False], [False, True]]])
    assert evidence_of(labels, labels.astype(np.uint8) * 255).best_pixel_threshold() == 0.5


def test_the_best_threshold_by_hand():
    values = np.zeros(256)
    assert best_threshold(values) == 0.5  # all alike
    values[[20, 100, 200]] = 1
    assert best_threshold(values) == threshold_after(100)  # 27 from the middle, 73 and 107 the others
    values[154] = 1
    assert best_threshold(values) == threshold_after(100)  # as near from above
    values[:] = np.nan
    assert best_threshold(values) == 0.5
    values[3] = -7
    assert best_threshold(values) == threshold_after(3)


def test_the_best_pixel_threshold_forgives_what_the_tolerance_forgives():
    label = np.ones((1, 2, 16), bool)
    label[..., 0] = False
    page = np.full((1, 2, 16), 255, np.uint8)
    page[..., 0] = 150  # two pixels of membrane, at the boundary, right from 150 on
    page[0, 0, 12] = 140  # one of interior, far from it, wrong from 140 on
    evidence = evidence_of(label, page)
    assert evidence.best_pixel_threshold() == threshold_after(150)
    assert evidence.best_pixel_threshold(1) == 0.5


def test_percent_by_hand():
    found = Confusion(np.array([[6, 2], [3, 9]]))
    np.testing.assert_allclose(found.percent(), [[30, 10], [15, 45]])
    np.testing.assert_allclose(found.percent("row"), [[75, 25], [25, 75]])
    np.testing.assert_allclose(found.percent("column"), [[100 * 6 / 9, 100 * 2 / 11], [100 * 3 / 9, 100 * 9 / 11]])
    empty = Confusion(np.array([[[0, 0], [1, 3]], [[0, 0], [0, 0]]]))
    assert empty.percent("row")[0].tolist()[1] == [25, 75]
    assert np.isnan(empty.percent("row")[0, 0]).all()
    assert empty.percent()[0].tolist() == [[0, 0], [25, 75]]
    assert np.isnan(empty.percent()[1]).all()


@given(labelled_slices())
def test_challenge_pixel_error(slices):
    labels, probability = slices
    scores = []
    for threshold in CHALLENGE_THRESHOLDS:
        prediction = predicted_interior(probability, threshold)
        if labels.any() or prediction.any():
            scores.append(2 * np.sum(labels & prediction) / (labels.sum() + prediction.sum()))
    found = evidence_of(labels, probability).challenge_pixel_error()
    assert found == pytest.approx(1 - max(scores), abs=1e-12) if scores else math.isnan(found)


@given(labelled_slices())
def test_calibration(slices):
    labels, probability = slices
    table = evidence_of(labels, probability).calibration(bins=5)
    bin_of = np.minimum((probability / 255 * 5).astype(int), 4)
    error = 0.0
    for number in range(5):
        inside = bin_of == number
        assert table.pixels[number] == inside.sum()
        if not inside.any():
            assert np.isnan(table.mean_probability[number])
            assert np.isnan(table.interior_fraction[number])
            continue
        assert table.mean_probability[number] == pytest.approx(probability[inside].mean() / 255)
        assert table.interior_fraction[number] == pytest.approx(labels[inside].mean())
        error += abs(probability[inside].mean() / 255 - labels[inside].mean()) * inside.mean()
    assert table.expected_error == pytest.approx(error)


@given(labelled_slices())
def test_pixels_by_distance_are_all_pixels(slices):
    labels, probability = slices
    evidence = evidence_of(labels, probability)
    parts = [evidence.of_distances(px, px) for px in range(6)]
    np.testing.assert_array_equal(sum(part.counts for part in parts), evidence.counts)
    distance = np.stack([boundary_distance(label) for label in labels])
    for px, part in enumerate(parts):
        assert part.counts.sum() == (distance == px).sum()
    far = evidence.of_distances(2, 5)
    np.testing.assert_array_equal(far.confusion(0.5).wrong_pixels, evidence.confusion(0.5, 2).wrong_pixels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (3, 8)])
@pytest.mark.parametrize("interior", [True, False])
def test_slices_of_one_class(shape, interior):
    label = np.full((1, *shape), interior)
    present, absent = ("interior", "membrane") if interior else ("membrane", "interior")
    right = evidence_of(label, label.astype(np.uint8) * 255).confusion(0.5)
    assert right.wrong_pixels.tolist() == [0]
    assert right.dice(present).tolist() == [1.0]
    assert np.isnan(right.dice(absent)).all()  # in neither label nor prediction
    assert np.isnan(right.iou(absent)).all()
    assert np.isnan(right.recall(absent)).all()
    wrong = evidence_of(label, (~label).astype(np.uint8) * 255).confusion(0.5, tolerance_px=5)
    assert wrong.wrong_percent.tolist() == [100.0]  # without a boundary nothing is near it
    assert wrong.dice("interior").tolist() == [0.0]


def test_no_slices_at_all():
    empty = PixelEvidence(np.zeros((0, 2, 256, 6), np.int64))
    assert empty.confusion(0.5).counts.shape == (0, 2, 2)
    assert np.isnan(empty.pooled().confusion(0.5).wrong_percent).all()
    assert math.isnan(empty.challenge_pixel_error())
    assert math.isnan(mean_over_slices([]))


def test_means_leave_out_what_is_not_defined():
    assert mean_over_slices([1.0, np.nan, 0.5]) == 0.75
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(mean_over_slices([np.nan, np.nan]))
        assert np.isnan(ratio(0, 0))


def test_wrong_shape_of_counts():
    with pytest.raises(ValueError, match="expected"):
        PixelEvidence(np.zeros((2, 256, 6), np.int64))


@given(labelled_slices())
@settings(max_examples=10)
def test_saved_and_loaded(tmp_path_factory, slices):
    path = tmp_path_factory.mktemp("evidence") / "evidence.npz"
    evidence = evidence_of(*slices)
    evidence.save(path)
    np.testing.assert_array_equal(PixelEvidence.load(path).counts, evidence.counts)
    assert [file.name for file in path.parent.iterdir()] == ["evidence.npz"]


def saved(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def good_counts():
    return np.ones((1, 2, 256, 6), np.int64)


@pytest.mark.parametrize(
    "arrays",
    [
        {"counts": good_counts()},
        {"format_version": np.int64(1)},
        {"format_version": np.int64(2), "counts": good_counts()},
        {"format_version": np.array([1, 1]), "counts": good_counts()},
        {"format_version": np.array("one"), "counts": good_counts()},
        {"format_version": np.int64(1), "counts": good_counts().astype(float)},
        {"format_version": np.int64(1), "counts": -good_counts()},
        {"format_version": np.int64(1), "counts": good_counts()[0]},
        {"format_version": np.int64(1), "counts": np.array([{"a": "pickle"}], dtype=object)},
    ],
)
def test_files_with_other_content_are_refused(tmp_path, arrays):
    path = saved(tmp_path / "evidence.npz", **arrays)
    with pytest.raises(RunError, match=r"evidence\.npz: pixel evidence"):
        PixelEvidence.load(path)


def test_damaged_files_are_refused(tmp_path):
    path = saved(tmp_path / "evidence.npz", format_version=np.int64(1), counts=good_counts())
    whole = path.read_bytes()
    middle = len(whole) // 2
    scrambled = whole[: middle - 20] + bytes(b ^ 255 for b in whole[middle - 20 : middle]) + whole[middle:]
    for content in (b"", whole[:100], whole[:-10], b"not an archive", scrambled):
        path.write_bytes(content)
        with pytest.raises(RunError, match="cannot be read"):
            PixelEvidence.load(path)
    np.save(tmp_path / "plain.npy", good_counts())
    path.write_bytes((tmp_path / "plain.npy").read_bytes())
    with pytest.raises(RunError, match="cannot be read"):
        PixelEvidence.load(path)
    with pytest.raises(RunError, match="missing"):
        PixelEvidence.load(tmp_path / "none.npz")


def test_saving_under_a_file_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        PixelEvidence(good_counts()).save(tmp_path / "file" / "evidence.npz")
