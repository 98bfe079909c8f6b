"""Label suspects in the queue: where a prediction says something of the labels, and where it cannot."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

pytest.importorskip("streamlit", reason="streamlit is not installed")

from reading import bugs, opened, text_of
from test_listing import listed

from segcore.data import install
from segcore.evaluation import evaluate, score_outside
from segcore.stacks import array_stack


@pytest.fixture
def rooms(data_dir):
    """Six slices of four rooms; in slice 4 a wall was not labelled."""
    labels = np.full((6, 60, 60), 255, np.uint8)
    labels[:, 28:32] = labels[:, :, 28:32] = 0
    images = np.where(labels > 0, 180, 60).astype(np.uint8) + np.arange(6, dtype=np.uint8)[:, None, None]
    faulty = labels.copy()
    faulty[4, :28, 28:32] = 255
    install("rooms", array_stack(images), array_stack(faulty), title="Rooms")
    return labels


def predicted(labels, dataset, tmp_path, **options):
    values = np.where(labels > 0, 0.95, 0.05).astype(np.float32)
    values += np.random.default_rng(0).random(labels.shape).astype(np.float32) * 0.04
    tifffile.imwrite(tmp_path / "p.tif", values)
    return score_outside("others", tmp_path / "p.tif", dataset, **options)


def suspects(**address):
    test = opened("errors", **address)
    test.selectbox(key="queue kind").set_value("suspect").run()
    assert not bugs(test)
    return test


def test_a_wall_that_was_not_labelled_is_listed(rooms, models_dir, tmp_path):
    from segcore.data import open_dataset

    predicted(rooms, open_dataset("rooms"), tmp_path, trained_on=[0, 1])
    test = suspects(run="others")
    (found,) = listed(test)
    assert found.startswith("suspect-interior-4-")
    assert "hidden" not in text_of(test)
    test.number_input(key="queue least").set_value(1000).run()
    assert listed(test) == []
    assert "1 suspect is hidden by what is chosen above." in text_of(test)


def test_predictions_of_unknown_training_say_nothing_of_labels(rooms, models_dir, tmp_path):
    from segcore.data import open_dataset

    predicted(rooms, open_dataset("rooms"), tmp_path)
    test = suspects(run="others")
    assert listed(test) == []
    assert "Nobody said which slices these predictions were trained on" in text_of(test)


def test_predictions_of_slices_that_were_learned_from_say_nothing_either(mid_grey_run, cells):
    evaluate(mid_grey_run, cells, part="train", device="cpu")
    test = suspects(run="mid-grey", part="train")
    assert listed(test) == []
    assert "were learned from" in text_of(test)
