"""Scores of whole stacks: the same whatever they are read from, equal to scores slice by slice."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from segcore.errors import ConfigError, DataError
from segcore.evaluation.measured import Evaluation
from segcore.evaluation.scoring import add_point, score
from segcore.measures import (
    CHALLENGE_THRESHOLDS,
    binary_ssim,
    count_evidence,
    find_events,
    index_sums,
    predicted_interior,
    score_segments,
    thin,
    true_neurites,
)
from segcore.progress import Progress
from segcore.runs import SegmentPoint
from segcore.segments import BIASES
from segcore.stacks import IGNORE, open_stack

pytestmark = pytest.mark.filterwarnings("error")

POINT = SegmentPoint(smoothing_px=1, bias=0.5, smallest_px=9)
POINTS = {"pixel": 0.5, "topology": 0.7}


def score_slice(label, prediction):
    return score_segments(true_neurites(label), thin(prediction))


def rooms(slices=4, height=60, width=72, seed=0):
    """Labels (0/255) of rooms with walls, and probabilities that are blurred and noisy."""
    generator = np.random.default_rng(seed)
    labels = np.full((slices, height, width), 255, np.uint8)
    for z in range(slices):
        labels[z, 9 + z :: 15, :] = labels[z, :, 7 + z :: 18] = 0
        labels[z, 10 + z :: 15, :] = labels[z, :, 8 + z :: 18] = 0
    smooth = ndimage.gaussian_filter(labels / 255, (0, 1, 1))
    noise = ndimage.gaussian_filter(generator.standard_normal(labels.shape), (0, 1, 1))
    return np.clip(np.rint(255 * (smooth + 0.6 * noise)), 0, 255).astype(np.uint8), labels


def evaluate(probability, labels, **changes):
    slices = changes.pop("slices", None) or range(4 if isinstance(probability, Path) else len(probability))
    settings = {"slices": slices, "names": [f"{z:03d}" for z in slices], "thresholds": POINTS, "workers": 2}
    return score(probability, labels, **(settings | changes))


def same(one, other):
    for field in dataclasses.fields(Evaluation):
        if field.name == "evidence":
            np.testing.assert_array_equal(one.evidence.counts, other.evidence.counts)
        elif field.name == "neurite_sizes" and one.neurite_sizes is not None:
            same_neurites(one.neurite_sizes, other.neurite_sizes)
        elif field.name == "notebook_sums":
            np.testing.assert_array_equal(one.notebook_sums, other.notebook_sums)
        else:
            assert str(getattr(one, field.name)) == str(getattr(other, field.name)), field.name
    return True


def same_neurites(one, other):
    assert one.wrong_px.keys() == other.wrong_px.keys()
    for field in dataclasses.fields(one):
        if field.name != "wrong_px":
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))
    for name, found in one.wrong_px.items():
        np.testing.assert_array_equal(found, other.wrong_px[name])


def test_neurites_are_measured_at_what_the_events_are_of():
    probability, labels = rooms()
    plain, segmented = (
        evaluate(probability, labels),
        evaluate(probability, labels, segment_points=(POINT,) * len(labels)),
    )
    for found in (plain, segmented):
        sizes = found.neurite_sizes
        assert sizes.slice[sizes.neurite == 0].tolist() == [0, 1, 2, 3]
        assert [int((sizes.slice == z).sum()) - 1 for z in range(4)] == list(found.neurites)
        for kind, rows in (("split", sizes.rows(sizes.pieces > 1)), ("merge", sizes.rows(sizes.merged))):
            of_kind = [event for event in found.events if event.kind == kind]
            expected = {(event.slice, number) for event in of_kind for number in event.neurites}
            assert {*zip(rows.slice.tolist(), rows.neurite.tolist(), strict=True)} == expected
        for name, threshold in POINTS.items():
            wrong = found.evidence.confusion(threshold).wrong_pixels
            assert [int(sizes.wrong_px[name][sizes.slice == z].sum()) for z in range(4)] == wrong.tolist()
    assert plain.events != segmented.events
    more = add_point(plain, "given", 0.62, probability, labels).neurite_sizes
    assert more.wrong_px.keys() == {"pixel", "topology", "given"}
    direct = evaluate(probability, labels, thresholds=POINTS | {"given": 0.62}).neurite_sizes
    np.testing.assert_array_equal(more.wrong_px["given"], direct.wrong_px["given"])


def test_an_ignored_part_is_as_if_the_slice_ended_there():
    probability, labels = rooms()
    half = labels.shape[2] // 2
    ignoring = labels.copy()
    ignoring[:, :, half:] = IGNORE
    found, expected = evaluate(probability, ignoring), evaluate(probability[..., :half], labels[..., :half])
    np.testing.assert_array_equal(found.evidence.counts.sum(axis=-1), expected.evidence.counts.sum(axis=-1))
    assert found.neurites == expected.neurites
    for name in POINTS:
        for one, other in zip(found.points[name], expected.points[name], strict=True):
            assert (one.v_rand, one.v_info) == (other.v_rand, other.v_info)
    assert [(one.kind, one.y, one.x) for one in found.events] == [(one.kind, one.y, one.x) for one in expected.events]


def test_a_segment_ends_where_the_label_is_ignored():
    """Two halves of a room on the two sides of what nobody labelled are two neurites and no merge."""
    labels = np.full((1, 40, 60), 255, np.uint8)
    labels[:, :, 28:32] = IGNORE
    found = evaluate(
        np.full(labels.shape, 250, np.uint8), labels, segment_points=(POINT,) * len(labels), thresholds={"pixel": 0.5}
    )
    assert found.neurites == (2,)
    assert found.segments[0].v_rand == found.points["pixel"][0].v_rand == 1


def test_splits_and_merges_are_those_of_the_segments_where_there_are_any():
    probability, labels = rooms()
    kept = {}
    found = evaluate(probability, labels, segment_points=(POINT,) * len(labels), keep_segments=kept.setdefault)
    assert found.events_at == "segments"
    for z, label in enumerate(labels > 0):
        neurites = true_neurites(label)
        expected = find_events(neurites, kept[z], predicted_interior(probability[z], POINTS["pixel"]), slice_index=z)
        assert [event for event in found.events if event.slice == z] == expected
    assert found.events
    assert evaluate(probability, labels).events_at == "topology"


def test_segments_with_other_biases():
    probability, labels = rooms()
    at = len(BIASES) // 2
    found = evaluate(probability, labels, segment_points=(dataclasses.replace(POINT, bias=BIASES[at]),) * 4)
    assert [len(one) for one in found.over_biases] == [len(BIASES)] * 4
    assert tuple(one[at] for one in found.over_biases) == found.segments
    assert evaluate(probability, labels).over_biases == ()


def test_every_number_is_that_of_the_slice_alone():
    probability, labels = rooms()
    found = evaluate(probability, labels, notebook_confusion=True)
    assert found.slices == (0, 1, 2, 3)
    assert found.names == ("000", "001", "002", "003")
    sums = np.zeros((2, 2), int)
    for z, (page, label) in enumerate(zip(probability, labels > 0, strict=True)):
        np.testing.assert_array_equal(found.evidence.counts[z], count_evidence(label, page))
        assert found.neurites[z] == true_neurites(label).max()
        for name, threshold in POINTS.items():
            prediction = predicted_interior(page, threshold)
            expected = score_slice(label, prediction)
            point = found.points[name][z]
            assert point.v_rand == expected.v_rand
            assert point.v_info == expected.v_info
            assert point.ssim == binary_ssim(label, prediction)
        for threshold, measured in zip(CHALLENGE_THRESHOLDS, found.over_thresholds[z], strict=True):
            assert measured == score_slice(label, predicted_interior(page, threshold))
        sums += index_sums(label, predicted_interior(page, 0.5))
    assert found.notebook_sums.tolist() == sums.tolist()
    assert found.events_at == "topology"
    assert found.events
    assert [event.slice for event in found.events] == sorted(event.slice for event in found.events)


def test_neurites_that_are_numbered():
    """Numbers of the components change nothing; a wall that was drawn inside of a numbered room is no boundary."""
    probability, labels = rooms()
    numbers = np.stack([true_neurites(label > 0) for label in labels]).astype(np.uint32)
    assert same(evaluate(probability, labels, numbers=numbers), evaluate(probability, labels))
    joined = numbers.copy()
    joined[0, :9][joined[0, :9] > 0] = 77
    joined[0, :9, 7:9] = 77  # the wall between the first two rooms
    found, apart = evaluate(probability, labels, numbers=joined), evaluate(probability, labels)
    assert found.neurites == (apart.neurites[0] - 1, *apart.neurites[1:])
    np.testing.assert_array_equal(found.evidence.counts, apart.evidence.counts)
    perfect = evaluate(labels, labels, numbers=joined)
    assert [one.v_rand for one in perfect.points["pixel"][1:]] == [1, 1, 1]
    assert perfect.points["pixel"][0].v_rand < 1
    assert [(event.kind, event.slice) for event in perfect.events] == [("split", 0)]
    one_more = add_point(found, "mine", 0.7, probability, labels, numbers=joined)
    assert one_more.points["mine"] == found.points["topology"]


def test_the_source_and_the_number_of_workers_change_nothing(tmp_path):
    probability, labels = rooms()
    expected = evaluate(probability, labels, workers=1)
    tifffile.imwrite(tmp_path / "labels.tif", labels, photometric="minisblack")
    tifffile.imwrite(tmp_path / "packed.tif", probability, photometric="minisblack", compression="zlib")
    np.save(tmp_path / "plain.npy", probability)
    mapped = tifffile.memmap(tmp_path / "labels.tif", mode="r")
    assert isinstance(mapped, np.memmap)
    for workers in (1, 2, 5):
        assert same(expected, evaluate(probability, mapped, workers=workers))
    assert same(expected, evaluate(tmp_path / "packed.tif", tmp_path / "labels.tif"))
    assert same(expected, evaluate(np.load(tmp_path / "plain.npy", mmap_mode="r"), labels > 0))
    with open_stack(tmp_path / "packed.tif") as reader:
        assert same(expected, evaluate(reader, mapped))


def test_parts_of_a_memory_map_are_read_from_their_place(tmp_path):
    probability, labels = rooms(6)
    tifffile.imwrite(tmp_path / "labels.tif", labels, photometric="minisblack")
    mapped = tifffile.memmap(tmp_path / "labels.tif", mode="r")
    assert same(evaluate(probability[2:4], labels[2:4]), evaluate(probability[2:4], mapped[2:4]))
    assert same(evaluate(probability[::2], labels[::2]), evaluate(probability[::2], mapped[::2]))


def test_pages_belong_to_the_slices_named():
    probability, labels = rooms()
    whole = evaluate(probability, labels)
    part = evaluate(probability[[3, 1]], labels, slices=[3, 1])
    assert part.slices == (3, 1)
    np.testing.assert_array_equal(part.evidence.counts, whole.evidence.counts[[3, 1]])
    assert part.points["pixel"] == (whole.points["pixel"][3], whole.points["pixel"][1])
    assert {event.slice for event in part.events} <= {1, 3}


def test_one_more_operating_point():
    probability, labels = rooms()
    found = add_point(evaluate(probability, labels), "given", 0.62, probability, labels)
    expected = evaluate(probability, labels, thresholds=POINTS | {"given": 0.62})
    assert same(found, expected)


def test_progress_is_told_once_a_slice():
    probability, labels = rooms()
    for workers in (1, 2):
        calls = []
        told = Progress(tell=lambda *at, calls=calls: calls.append(at))
        evaluate(probability, labels, workers=workers, progress=told)
        assert [done for _, done, _, _ in calls] == [0, 1, 2, 3, 4]


def test_events_fall_back_to_the_last_point():
    probability, labels = rooms(2)
    assert evaluate(probability, labels, thresholds={"given": 0.4}).events_at == "given"


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 3), (8, 9)])
@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("predicted", [0, 255])
def test_slices_of_one_class(shape, value, predicted):
    labels, probability = np.full((2, *shape), value, np.uint8), np.full((2, *shape), predicted, np.uint8)
    found = evaluate(probability, labels)
    assert found.neurites == ((1, 1) if value else (0, 0))
    assert found.events == ()
    assert math.isnan(found.points["pixel"][0].v_rand) == (value == 0)


def test_what_does_not_fit_is_refused(tmp_path):
    probability, labels = rooms()
    with pytest.raises(DataError, match="differ in number"):
        evaluate(probability[:3], labels, slices=range(4))
    with pytest.raises(DataError, match="no label for a slice"):
        evaluate(probability, labels[:3])
    with pytest.raises(DataError, match="differ in size"):
        evaluate(probability[:, :-1], labels)
    with pytest.raises(DataError, match="uint8"):
        evaluate(probability / 255, labels)
    with pytest.raises(DataError, match="Z, H, W"):
        evaluate(probability[0], labels)
    with pytest.raises(ConfigError, match="no slices"):
        evaluate(probability[:0], labels)
    with pytest.raises(ConfigError, match="twice"):
        evaluate(probability[:2], labels, slices=[1, 1])
    with pytest.raises(ConfigError, match="no thresholds"):
        evaluate(probability, labels, thresholds={})
    with pytest.raises(ConfigError, match="0 to 1"):
        evaluate(probability, labels, thresholds={"given": 1.5})
    with pytest.raises(DataError, match=r"none\.tif"):
        evaluate(tmp_path / "none.tif", labels)


def test_a_map_whose_file_was_cut_is_refused(tmp_path):
    probability, labels = rooms()
    path = tmp_path / "labels.npy"
    np.save(path, labels)
    mapped = np.load(path, mmap_mode="r")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="cut short"):
        evaluate(probability, mapped)
