"""What an import guessed or asks for can be answered with a click."""

import h5py
import numpy as np
import pytest
import tifffile
from streamlit.testing.v1 import AppTest

from dashboard.views.datasets.answers import answers_to
from segcore.data import LabelOptions, check_source

PLACES = {"images": "import images inside", "labels": "import masks inside"}


@pytest.fixture
def check(tmp_path, data_dir):
    """The checks of images and labels, and the answers to them."""

    def made(images, labels=None, **options):
        tifffile.imwrite(tmp_path / "i.tif", images, photometric="minisblack")
        if labels is not None:
            tifffile.imwrite(tmp_path / "l.tif", labels, photometric="minisblack")
        labels_at = None if labels is None else tmp_path / "l.tif"
        checks = check_source(tmp_path / "i.tif", "mine", labels=labels_at, label_options=LabelOptions(**options))
        return checks, answers_to(checks, PLACES)

    return made


def fills(answers):
    return [dict(one.fills) for one in answers]


def numbered(side=64):
    """Numbered squares of 16 pixels, and images with dark lines between them."""
    y, x = np.mgrid[:side, :side]
    numbers = np.stack([(y // 16) * 4 + x // 16 + 1] * 3).astype(np.uint16)
    rim = (y % 16 < 2) | (x % 16 < 2)
    noise = np.random.default_rng(0).normal(0, 8, numbers.shape)
    return (np.where(rim, 60, 170) + noise).astype(np.uint8), numbers


def test_a_guess_of_what_is_membrane(check, cell_stack):
    images, labels = cell_stack
    checks, answers = check(images, labels)
    assert all(one.passed for one in checks)
    assert fills(answers) == [{"import polarity": "membrane-white"}]
    assert answers[0].label == "It is the other way round: white is membrane"
    assert fills(check(images, 255 - labels)[1]) == [{"import polarity": "interior-white"}]
    assert check(images, labels, polarity="membrane-white")[1] == []


def test_a_guess_that_labels_are_numbers(check):
    images, numbers = numbered(side=80)
    numbers += 100 * np.arange(3, dtype=np.uint16)[:, None, None]  # more than sixteen values
    (answer,) = check(images, numbers)[1]
    assert (dict(answer.fills), answer.complete) == ({"import kind": "classes"}, False)


def test_few_values_are_asked_for(check):
    images, numbers = numbered()
    answers = check(images, numbers)[1]
    assert fills(answers) == [{"import kind": "instances"}, {"import kind": "classes"}]
    assert all(one.passed for one in check(images, numbers, labels_are="instances")[0])


def test_slices_that_nobody_labelled(check, cell_stack):
    images, labels = cell_stack
    labels = labels.copy()
    labels[[2, 5]] = 255
    checks, answers = check(images, labels)
    assert not checks[-1].passed
    assert {"import unlabelled": "ignore"} in fills(answers)
    assert {"import unlabelled": "keep"} in fills(answers)
    assert check(images, labels, unlabelled_slices="ignore")[0][-1].passed


def test_slices_that_lie_last(check, cell_stack):
    images = np.random.default_rng(0).integers(0, 255, (64, 60, 5), np.uint8)
    checks, answers = check(images)
    assert "WARNING: the last axis is by far the shortest" in checks[1].message
    assert fills(answers) == [{"import axes": "yxz"}]


def test_several_stacks_in_a_file(tmp_path, data_dir, cell_stack):
    images, labels = cell_stack
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volumes/raw"], file["volumes/labels"] = images, labels
    answers = answers_to(check_source(tmp_path / "a.h5", "mine"), PLACES)
    assert fills(answers) == [{"import images inside": "volumes/labels"}, {"import images inside": "volumes/raw"}]
    assert [one.label for one in answers] == ["volumes/labels holds the images", "volumes/raw holds the images"]
    labels_in = answers_to(check_source(tmp_path / "a.h5:volumes/raw", "mine", labels=tmp_path / "a.h5"), PLACES)
    assert {"import masks inside": "volumes/labels"} in fills(labels_in)
    assert answers_to(check_source(tmp_path / "a.h5", "mine"), {}) == []


def test_masks_that_are_nearly_binary(check, cell_stack):
    images, labels = cell_stack
    grey = np.clip(labels + np.random.default_rng(0).integers(-9, 10, labels.shape), 0, 255).astype(np.uint8)
    answers = check(images, grey)[1]
    assert [one.label for one in answers if "import threshold" in one.fills] == ["Count 128 and more as white"]


def test_a_click_fills_the_field_and_checks_again():
    def page() -> None:
        import streamlit as st

        from dashboard.views.datasets.answers import AGAIN, answers_to, show_answers
        from segcore.data import Check

        st.session_state["again"] = st.session_state.pop(AGAIN, False)
        st.selectbox("Axes", ["zyx", "yxz"], key="import axes")
        show_answers(answers_to([Check(name="mine: images", passed=True, message="then --axes yxz")], {}))

    app = AppTest.from_function(page).run()
    assert app.selectbox[0].value == "zyx"
    app.button[0].click().run()
    assert app.selectbox[0].value == "yxz"
    assert app.session_state["again"]


def test_a_code_for_what_nobody_labelled(check):
    """Both where it is asked for and where it was taken for a neurite."""
    images, numbers = numbered()
    coded = numbers.astype(np.uint64)
    coded[:, :20] = 2**64 - 1
    checks, answers = check(images, coded)
    assert "far above all others" in checks[-1].message
    assert {"import ignore values": str(2**64 - 1)} in fills(answers)
    taken = numbers.astype(np.int32)
    taken[:, :20] = -1
    assert {"import ignore values": "-1"} in fills(check(images, taken, labels_are="instances")[1])
