"""A run without a network is measured again by what it once predicted, and refused what it never saw."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tifffile

from segcore.data import Correction, correct, install, runs_of
from segcore.errors import ConfigError, RunError
from segcore.evaluation import evaluate, read_evaluation, score_outside
from segcore.reviews import Place
from segcore.stacks import array_stack


@pytest.fixture
def walls():
    """(6, 40, 61) uint8: three rooms between walls of two pixels."""
    labels = np.full((6, 40, 61), 255, np.uint8)
    labels[:, :, 19:21] = labels[:, :, 40:42] = 0
    return labels


@pytest.fixture
def images(walls):
    images = np.where(walls > 0, 180, 60).astype(np.uint8) + np.arange(6, dtype=np.uint8)[:, None, None]
    images[:, :5, :5] = 90  # so that a turned slice is another
    return images


@pytest.fixture
def rooms(data_dir, images, walls):
    return install("rooms", array_stack(images), array_stack(walls), title="Rooms")


@pytest.fixture
def other_labels(rooms):
    """A corrected copy whose labels have no second wall."""
    wall = np.zeros((40, 61), bool)
    wall[:, 40:42] = True
    places = [Place(kind="wrong pixels", slice=z, y=20, x=40, top=0, left=40, bottom=40, right=42) for z in range(6)]
    return correct(
        rooms,
        "one-wall",
        [Correction(place=place, become="interior", runs=runs_of(wall), reviewer="Ada") for place in places],
    )


@pytest.fixture(params=["probability", "segments"])
def scored(request, rooms, walls, models_dir, tmp_path):
    """A prediction that is right but for slice 2, where it has no second wall."""
    labels = walls.copy()
    labels[2, :, 40:42] = 255
    numbers = np.cumsum(labels == 0, axis=2, dtype=np.uint32) // 2 + 7  # walls belong to the room beside them
    values = numbers if request.param == "segments" else np.where(labels > 0, 0.9, 0.1).astype(np.float32)
    tifffile.imwrite(tmp_path / "p.tif", values)
    return score_outside("others", tmp_path / "p.tif", rooms, kind=request.param, trained_on=[5])


def stored(folder):
    """What an evaluation holds: the pages of its stacks, and the tables as they are."""
    stacks = {path.name: tifffile.imread(path).tolist() for path in folder.glob("*.tif")}
    return stacks | {path.name: path.read_text() for path in folder.glob("*.csv")}


def test_measured_again_it_is_the_same(scored, rooms):
    before, again = stored(scored.evaluated.folder), evaluate(scored.run, rooms)
    assert (again.part, again.folder) == ("test", scored.evaluated.folder)
    assert {"probability.tif", "segments.tif", "slices.csv"} <= {*before}
    assert stored(again.folder) == before


def test_other_labels_make_another_slice_wrong(scored, other_labels):
    found = evaluate(scored.run, other_labels).evaluation
    assert found.slices == (0, 1, 2, 3, 4)
    assert [one.v_rand < 0.999 for one in found.segments] == [True, True, False, True, True]
    # Both rooms are merged in the labels: for every slice but one the prediction splits them.
    assert {(event.kind, event.slice) for event in found.events} == {("split", z) for z in (0, 1, 3, 4)}


def test_some_of_its_slices_and_none_that_it_has_not(scored, rooms):
    with pytest.raises(RunError, match=r"has not predicted all of these slices; found nothing for 5"):
        evaluate(scored.run, rooms, part="all")
    with pytest.raises(ConfigError, match="no validation slices"):
        evaluate(scored.run, rooms, part="validation")


def test_its_one_threshold_is_used_and_another_can_be_asked_for(scored, rooms):
    assert evaluate(scored.run, rooms).evaluation.thresholds == {"chosen": 0.5}
    assert evaluate(scored.run, rooms, threshold=0.25).evaluation.thresholds == {"chosen": 0.25}
    with pytest.raises(RunError, match="no thresholds yet"):
        evaluate(scored.run, rooms, threshold="topology")


def test_what_is_gone_or_damaged_is_said(scored, rooms, other_labels):
    path = scored.evaluated.folder / "probability.tif"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match=r"probability\.tif: what was predicted is missing or damaged"):
        evaluate(scored.run, other_labels)
    assert not scored.run.evaluation("one-wall").exists()
    shutil.rmtree(scored.run.folder / "evaluation")
    with pytest.raises(RunError, match="what the run predicted is gone"):
        evaluate(scored.run, other_labels)


def test_it_is_found_in_the_evaluation_that_has_all_slices(scored, rooms, other_labels):
    evaluate(scored.run, other_labels)
    shutil.rmtree(scored.evaluated.folder)
    assert read_evaluation(evaluate(scored.run, rooms).folder)[0].slices == (0, 1, 2, 3, 4)


def test_turned_slices_are_others(scored, rooms, images, walls):
    turned = install("turned", array_stack(images[:, ::-1].copy()), array_stack(walls[:, ::-1].copy()), title="Turned")
    assert turned.info.slice_fingerprints == rooms.info.slice_fingerprints
    with pytest.raises(RunError, match="has no network"):
        evaluate(scored.run, turned)
