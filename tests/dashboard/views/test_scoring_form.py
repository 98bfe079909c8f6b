"""The form that measures what another program predicted."""

from __future__ import annotations

import time

import numpy as np
import pytest
import tifffile

pytest.importorskip("streamlit", reason="streamlit is not installed")

from reading import bugs, opened, text_of

from segcore.data import install
from segcore.runs import open_run, run_names
from segcore.stacks import array_stack


@pytest.fixture
def predicted(cells, tmp_path):
    """Probability of membrane of all twelve slices."""
    labels = np.stack([cells.label(z) for z in range(12)])
    noise = np.random.default_rng(0).random(labels.shape).astype(np.float32) * 0.1
    tifffile.imwrite(tmp_path / "p.tif", np.where(labels > 0, 0.05, 0.85).astype(np.float32) + noise)
    return tmp_path / "p.tif"


def form(**fields):
    test = opened("data", section="score", dataset="cells")
    assert not bugs(test)
    test.segmented_control(key="score way").set_value("path").run()
    for key, value in fields.items():
        test.text_input(key=f"score {key}").set_value(str(value))
    return test.run()


def scored(test):
    next(one for one in test.button if one.label == "Score it").click().run()
    for _ in range(300):
        if test.session_state["score"].state != "running":
            return test.run()
        time.sleep(0.1)
    raise AssertionError("it did not end within 30 seconds")


def test_a_file_becomes_a_run(predicted, models_dir):
    test = scored(form(path=predicted, name="nnunet", trained="0-7"))
    assert not bugs(test)
    assert not test.error
    said = text_of(test).replace("\\", "")
    assert "Run nnunet is here: 4 slices measured, read as probabilities from 0 to 1, large values are membrane" in said
    assert open_run("nnunet").split.train == tuple(range(8))
    test.button(key="score errors").click().run()
    assert test.query_params["run"] == "nnunet"
    assert test.title[0].value.startswith("Errors")


def test_what_is_wrong_is_said_by_the_names_of_the_fields(predicted, models_dir):
    test = scored(form(path=predicted, name="nnunet", slices="0-2"))
    (error,) = test.error
    assert "another number of slices" in error.value
    assert "“Slices in the file” says" in error.value.replace("\\", "")
    assert run_names() == []
    assert test.text_input(key="score path").value == str(predicted)


def test_slices_that_are_none_are_refused_at_once(predicted, models_dir):
    test = form(path=predicted, name="nnunet", trained="all of them")
    next(one for one in test.button if one.label == "Score it").click().run()
    assert "Not a list of slices" in test.error[0].value.replace("\\", "")
    assert "score" not in test.session_state


def test_a_name_that_is_taken_is_said_while_it_is_typed(predicted, mid_grey_run):
    test = form(path=predicted, name="mid-grey")
    assert "There is already a run mid-grey" in text_of(test).replace("\\", "")
    assert next(one for one in test.button if one.label == "Score it").disabled


def test_there_is_nothing_to_measure_against_without_labels(data_dir, models_dir, cell_stack):
    install("bare", array_stack(cell_stack[0]), None, title="Bare")
    assert "bare has no labels to measure" in text_of(opened("data", section="score", dataset="bare"))


def test_read_only_measures_nothing(cells, models_dir, monkeypatch):
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    test = opened("data", section="score", dataset="cells")
    assert not [one for one in test.button if one.label == "Score it"]
