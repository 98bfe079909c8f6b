"""Predictions that other programs write, each kind as such programs write it."""

from __future__ import annotations

import dataclasses
import json

import h5py
import numpy as np
import pytest
import tifffile
from scipy import ndimage

from segcore.data import install
from segcore.errors import ConfigError, DataError, RunError, StorageError
from segcore.evaluation import evaluate, evaluation_json, predict_to_files, read_evaluation, score_outside
from segcore.measures import score_segments, true_neurites
from segcore.runs import open_run
from segcore.stacks import array_stack


@pytest.fixture
def rooms(data_dir):
    """Six slices of 40 x 61 whose neurites are known: three rooms between walls of two pixels."""
    labels = np.full((6, 40, 61), 255, np.uint8)
    labels[:, :, 19:21] = labels[:, :, 40:42] = 0
    images = np.where(labels > 0, 180, 60).astype(np.uint8)
    images += np.arange(6, dtype=np.uint8)[:, None, None]  # so that no two slices are the same
    return install("rooms", array_stack(images), array_stack(labels), title="Rooms")


def probability_of_interior(dataset):
    """What a network might say: near 0.1 on walls, near 0.9 in rooms, softer beside them; float32."""
    labels = np.stack([dataset.label(z) for z in range(dataset.info.slices)]) > 0
    rng = np.random.default_rng(0)
    soft = ndimage.gaussian_filter(labels.astype(np.float32), (0, 0.7, 0.7))
    return np.clip(0.1 + 0.8 * soft + rng.normal(0, 0.01, labels.shape), 0, 1).astype(np.float32)


def numbered(dataset):
    """The rooms by numbers as far apart as those of whole brains, 0 between them; the middle and the right are one."""
    labels = np.stack([dataset.label(z) for z in range(dataset.info.slices)]) > 0
    numbers = np.zeros(labels.shape, np.uint32)
    numbers[:, :, :19], numbers[:, :, 21:] = 7, 3_000_000_000
    return numbers


def test_a_probability_of_membrane_as_nnunet_writes_it(rooms, models_dir, tmp_path):
    path = tmp_path / "prediction.h5"
    with h5py.File(path, "w") as file:
        file["probabilities"] = 1 - probability_of_interior(rooms)
    found = score_outside("nnunet", path, rooms)
    about = found.run.info.outside
    assert (about.source, about.kind, about.trained_on_known) == ("prediction.h5", "probability", False)
    assert "large values are membrane" in about.read_as
    evaluation, facts = read_evaluation(found.run.evaluation("rooms"))
    assert evaluation.slices == (0, 1, 2, 3, 4, 5)
    assert evaluation.thresholds == {"chosen": 0.5}
    assert float(evaluation.evidence.confusion(0.5).pooled().wrong_percent) < 3
    assert [one.v_rand for one in evaluation.segments] == pytest.approx([1] * 6, abs=0.02)
    assert facts["leaks"] is None


@pytest.mark.parametrize(
    ("scale", "dtype"), [(255, np.uint8), (65535, np.uint16), (1, np.float32)], ids=["8 bits", "16 bits", "float"]
)
@pytest.mark.parametrize("membrane", [False, True], ids=["interior", "membrane"])
def test_every_range_of_values_and_either_polarity_give_the_same(rooms, models_dir, tmp_path, scale, dtype, membrane):
    probability = np.round(255 * probability_of_interior(rooms)) / 255
    written = scale * (1 - probability if membrane else probability)
    tifffile.imwrite(tmp_path / "p.tif", (written if scale == 1 else np.round(written)).astype(dtype))
    found = score_outside("p", tmp_path / "p.tif", rooms)
    with tifffile.TiffFile(found.run.evaluation("rooms") / "probability.tif") as written:
        difference = written.asarray().astype(int) - np.round(255 * probability).astype(int)
    assert np.abs(difference).max() <= 1
    assert ("large values are membrane" in found.run.info.outside.read_as) == membrane


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("membrane_first", [False, True])
def test_the_softmax_of_two_classes(rooms, models_dir, tmp_path, membrane_first, last):
    """As nnU-Net writes it, `.npz` of (C, Z, H, W), and ilastik, HDF5 of (Z, H, W, C)."""
    probability = probability_of_interior(rooms)
    both = np.stack([1 - probability, probability] if membrane_first else [probability, 1 - probability])
    if last:
        path = tmp_path / "p.h5"
        with h5py.File(path, "w") as file:
            file["exported_data"] = np.moveaxis(both, 0, -1)
    else:
        path = tmp_path / "p.npz"
        np.savez_compressed(path, probabilities=both)
    found = score_outside("p", path, rooms)
    assert found.run.info.outside.read_as.startswith("channel 1 of 2: probabilities from 0 to 1, large values are ")
    assert ("large values are interior" in found.run.info.outside.read_as) == membrane_first
    with tifffile.TiffFile(found.run.evaluation("rooms") / "probability.tif") as written:
        difference = written.asarray().astype(int) - np.round(255 * probability).astype(int)
    assert np.abs(difference).max() <= 1


def test_one_of_several_channels(rooms, models_dir, tmp_path):
    probability = probability_of_interior(rooms)
    np.save(tmp_path / "p.npy", np.stack([probability, 1 - probability, 0 * probability]))
    with pytest.raises(DataError, match="several channels; found 3 of them; expected --channel 0 to 2"):
        score_outside("p", tmp_path / "p.npy", rooms)
    found = score_outside("p", tmp_path / "p.npy", rooms, channel=0)
    assert found.run.info.outside.read_as.startswith("channel 0 of 3: ")
    assert "large values are interior" in found.run.info.outside.read_as
    np.save(tmp_path / "q.npy", probability)
    with pytest.raises(DataError, match="no channels; found --channel 0"):
        score_outside("q", tmp_path / "q.npy", rooms, channel=0)
    assert not (models_dir / "q").exists()


def with_mistakes(dataset):
    """Probabilities that are wrong in three pixels of membrane of each slice and in two of interior; float32."""
    labels = np.stack([dataset.label(z) for z in range(dataset.info.slices)]) > 0
    labels[:, 3:6, 19], labels[:, 30, 7:9] = True, False
    return (np.where(labels, 0.9, 0.2) - 0.1 * (np.arange(61) % 2)).astype(np.float32)


def counts(found):
    """Missed membrane, false membrane, and all that was compared, of all slices."""
    confusion = found.evaluated.evaluation.evidence.confusion(0.5).pooled()
    return int(confusion.missed_membrane), int(confusion.false_membrane), int(confusion.pixels)


def test_the_only_channel_needs_no_number(rooms, models_dir, tmp_path):
    """As a network with one output writes it: (1, Z, H, W)."""
    np.save(tmp_path / "p.npy", with_mistakes(rooms)[None])
    found = score_outside("p", tmp_path / "p.npy", rooms)
    assert counts(found) == (6 * 3, 6 * 2, 6 * 40 * 61)
    assert found.run.info.outside.read_as.startswith("probabilities from 0 to 1, large values are interior")
    assert counts(score_outside("q", tmp_path / "p.npy", rooms, channel=0)) == counts(found)
    with pytest.raises(DataError, match="no such channel; found channel 1 of 1 x 6 x 40 x 61"):
        score_outside("r", tmp_path / "p.npy", rooms, channel=1)


def test_of_several_the_second_is_taken_where_nobody_said_which(rooms, models_dir, tmp_path):
    right, other = with_mistakes(rooms), np.stack([rooms.label(z) for z in range(6)]) / np.float32(255)
    np.save(tmp_path / "p.npy", np.stack([other, right]))
    assert counts(score_outside("second", tmp_path / "p.npy", rooms)) == (6 * 3, 6 * 2, 6 * 40 * 61)
    assert counts(score_outside("first", tmp_path / "p.npy", rooms, channel=0)) == (0, 0, 6 * 40 * 61)


def test_more_classes_than_slices(rooms, models_dir, tmp_path):
    right = with_mistakes(rooms)[[1, 4]]
    np.save(tmp_path / "p.npy", np.stack([1 - right, right, 0 * right]))
    found = score_outside("p", tmp_path / "p.npy", rooms, slices=[1, 4], channel=1)
    assert counts(found) == (2 * 3, 2 * 2, 2 * 40 * 61)
    assert found.run.info.outside.read_as.startswith("channel 1 of 3: ")


def test_what_was_decided_beside_its_channels(rooms, models_dir, tmp_path):
    right = with_mistakes(rooms)
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["softmax"], file["mask"] = np.stack([1 - right, right]), right > 0.5
    found = score_outside("p", tmp_path / "p.h5", rooms)
    about = found.run.info.outside
    assert (about.source, about.kind) == ("p.h5:mask", "mask")
    assert counts(found) == (6 * 3, 6 * 2, 6 * 40 * 61)
    about = score_outside("q", tmp_path / "p.h5:softmax", rooms).run.info.outside
    assert (about.source, about.kind) == ("p.h5:softmax", "probability")


@pytest.mark.parametrize(("interior", "membrane"), [(1, 0), (0, 255), (2, 1)])
def test_a_mask_of_any_two_values(rooms, models_dir, tmp_path, interior, membrane):
    labels = np.stack([rooms.label(z) for z in range(6)]) > 0
    labels[:, 20, 19:21] = True  # a gap of one pixel
    tifffile.imwrite(tmp_path / "mask.tif", np.where(labels, interior, membrane).astype(np.uint8))
    found = score_outside("mask", tmp_path / "mask.tif", rooms)
    assert found.run.info.outside.kind == "mask"
    confusion = found.evaluated.evaluation.evidence.confusion(0.5).pooled()
    assert int(confusion.missed_membrane) == 6 * 2
    assert int(confusion.false_membrane) == 0


def test_numbered_segments_are_measured_as_they_are(rooms, models_dir, tmp_path):
    tifffile.imwrite(tmp_path / "segments.tif", numbered(rooms))
    found = score_outside("cellpose", tmp_path / "segments.tif", rooms)
    about, evaluation = found.run.info.outside, found.evaluated.evaluation
    assert about.kind == "segments"
    assert evaluation.segment_points == ()
    assert evaluation.over_biases == ()
    assert [(event.kind, event.slice) for event in evaluation.events] == [("merge", z) for z in range(6)]
    # By hand: rooms of 19, 19 and 19 columns of 40; the segments are the left one, and the two others together.
    neurites = true_neurites(rooms.label(0) > 0)
    by_hand = np.where(np.arange(61) < 20, 1, 2) * np.ones((40, 1), int)
    assert evaluation.segments[0] == score_segments(neurites, by_hand)
    room = 19 * 40
    both, true, said = room**2 + 2 * room**2, 3 * room**2, room**2 + (2 * room) ** 2
    assert evaluation.segments[0].v_rand == pytest.approx(2 * both / (true + said))
    again, _ = read_evaluation(found.run.evaluation("rooms"))
    assert again.segments == evaluation.segments
    assert again.segment_points == ()
    kept = tifffile.imread(found.run.evaluation("rooms") / "segments.tif")
    assert np.array_equal(np.unique(kept), [0, 1, 2])


def test_pieces_of_one_number_that_do_not_touch_are_two_segments(rooms, models_dir, tmp_path):
    numbers = numbered(rooms)
    numbers[numbers > 0] = 5
    numbers[:, :, 40:42] = 0
    tifffile.imwrite(tmp_path / "segments.tif", numbers)
    found = score_outside("one-number", tmp_path / "segments.tif", rooms, kind="segments")
    assert [one.v_rand for one in found.evaluated.evaluation.segments] == pytest.approx([1] * 6)


def test_what_it_was_trained_on_is_not_measured(rooms, models_dir, tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", probability_of_interior(rooms))
    found = score_outside("told", tmp_path / "p.tif", rooms, trained_on=[0, 1, 2, 3])
    assert found.evaluated.evaluation.slices == (4, 5)
    run = open_run("told")
    assert run.split.train == (0, 1, 2, 3)
    assert run.info.outside.trained_on_known
    audit = run.audit_split()
    assert not audit.unknown
    assert not audit.leaks
    assert audit.neighbours == (4,)
    assert evaluation_json(found.evaluated)["leaks"] is False


def test_a_copy_of_a_trained_slice_is_known_again(rooms, models_dir, tmp_path):
    images = np.stack([rooms.image(z) for z in range(6)])
    images[5] = images[0][::-1]
    labels = np.stack([rooms.label(z) for z in range(6)])
    twice = install("twice", array_stack(images), array_stack(labels), title="One slice twice")
    tifffile.imwrite(tmp_path / "p.tif", probability_of_interior(twice))
    found = score_outside("leaking", tmp_path / "p.tif", twice, trained_on=[0])
    assert found.evaluated.audit.trained_on == (5,)
    assert evaluation_json(found.evaluated)["leaks"] is True


def test_where_nobody_knows_that_is_said(rooms, models_dir, tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", probability_of_interior(rooms))
    found = score_outside("unknown", tmp_path / "p.tif", rooms)
    assert found.run.audit_split().unknown
    assert evaluation_json(found.evaluated)["leaks"] is None
    card = found.run.card.read_text(encoding="utf-8")
    assert "Leak audit: unknown" in card
    assert "U-Net" not in card
    assert "Nothing was chosen on any slice" in card


def test_pages_of_some_slices(rooms, models_dir, tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", probability_of_interior(rooms)[[1, 4]])
    with pytest.raises(DataError, match="another number of slices; found 2; expected 6, as rooms has; or --slices"):
        score_outside("some", tmp_path / "p.tif", rooms)
    found = score_outside("some", tmp_path / "p.tif", rooms, slices=[4, 1])
    assert found.evaluated.evaluation.slices == (1, 4)
    assert float(found.evaluated.evaluation.evidence.confusion(0.5).pooled().wrong_percent) < 3


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        (lambda p: (p - 0.5) * 20, {}, r"not probabilities.*found values -.*such as a sigmoid"),
        (lambda p: np.where(p > 0.85, np.nan, p), {}, "not numbers"),
        (lambda p: np.full_like(p, 0.25), {}, "the same everywhere"),
        (lambda p: np.random.default_rng(1).random(p.shape).astype(np.float32), {}, "whether large values are"),
        (lambda p: p[:, :39], {}, r"another size.*found 39 x 61 pixels; expected 40 x 61"),
        (lambda p: p, {"kind": "segments"}, "numbered from 1"),
        (lambda p: p, {"kind": "mask"}, "a mask has two values"),
        (lambda p: p, {"kind": "labels"}, "unknown --kind"),
        (lambda p: p, {"polarity": "white"}, "unknown --polarity"),
        (lambda p: p, {"trained_on": range(6)}, "no slice is left"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_leaves_nothing(rooms, models_dir, tmp_path, values, options, words):
    tifffile.imwrite(tmp_path / "p.tif", values(probability_of_interior(rooms)))
    with pytest.raises((DataError, ConfigError), match=words):
        score_outside("bad", tmp_path / "p.tif", rooms, **options)
    assert not list(models_dir.glob("*"))


def test_a_name_that_is_taken_is_refused_first(rooms, models_dir, tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", probability_of_interior(rooms))
    score_outside("mine", tmp_path / "p.tif", rooms)
    with pytest.raises(StorageError, match="already something of this name"):
        score_outside("mine", tmp_path / "nowhere.tif", rooms)


def test_there_is_no_network_to_predict_other_images_with(rooms, models_dir, tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", probability_of_interior(rooms))
    run = score_outside("mine", tmp_path / "p.tif", rooms).run
    images = np.stack([rooms.image(z) // 2 for z in range(rooms.info.slices)])
    others = install("others", array_stack(images), array_stack(np.zeros_like(images)), title="Others")
    with pytest.raises(RunError, match=r"made, and has no network; found p\.tif"):
        evaluate(run, others)
    with pytest.raises(RunError, match=r"made, and has no network; found p\.tif"):
        predict_to_files(run, rooms.folder / "images.tif", tmp_path / "out")


def test_it_is_read_from_disk_as_it_was(rooms, models_dir, tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", probability_of_interior(rooms))
    run = score_outside("mine", tmp_path / "p.tif", rooms).run
    assert open_run("mine").info == run.info
    assert json.loads((run.folder / "run.json").read_text())["outside"] == dataclasses.asdict(run.info.outside)
