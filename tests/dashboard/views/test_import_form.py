"""The form that brings images from elsewhere: what it checks, what it installs, and what it says and keeps."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")
from reading import bugs, opened, text_of
from streamlit.testing.v1 import AppTest


def waited(test: AppTest) -> AppTest:
    """The page when nothing runs in the background any more."""
    for _ in range(300):
        if not any(button.label == "Cancel" for button in test.button):
            return test
        time.sleep(0.1)
        test.run()
    pytest.fail("the work did not end within 30 seconds")


def test_import_by_path_checks_and_installs(data_dir, models_dir, tmp_path, cell_stack):
    import tifffile

    images, labels = cell_stack
    tifffile.imwrite(tmp_path / "images.tif", images)
    tifffile.imwrite(tmp_path / "masks.tif", labels)
    test = opened("data", section="import")
    test.segmented_control(key="import way").set_value("path").run()
    test.text_input(key="import path").set_value(str(tmp_path / "images.tif")).run()
    test.text_input(key="import masks path").set_value(str(tmp_path / "masks.tif")).run()
    test.text_input(key="import name").set_value("mine").run()
    waited(next(one for one in test.button if one.label == "Check only").click().run())
    assert not bugs(test)
    assert not (data_dir / "mine").exists()
    assert "passed" in text_of(test)
    assert len(test.image) == 2  # the slice, and its membrane
    assert "recognised: black is membrane" in text_of(test).replace("\\", "")
    # A guess is turned round by one click, which checks again.
    waited(next(one for one in test.button if one.label.startswith("It is the other way round")).click().run())
    assert not bugs(test)
    assert "polarity** passed: declared: membrane-white" in text_of(test).replace("\\", "")
    assert not (data_dir / "mine").exists()
    test.selectbox(key="import polarity").set_value("auto").run()
    waited(next(one for one in test.button if one.label == "Check and import").click().run())
    assert not bugs(test)
    np.testing.assert_array_equal(tifffile.imread(data_dir / "mine" / "labels.tif"), labels)


def test_an_import_without_a_name_is_called_after_its_file_and_arrives(data_dir, models_dir, tmp_path, cell_stack):
    import tifffile

    tifffile.imwrite(tmp_path / "cortex.ome.tif", cell_stack[0])
    test = opened("data", section="import")
    test.segmented_control(key="import way").set_value("path").run()
    test.text_input(key="import path").set_value(str(tmp_path / "cortex.ome.tif")).run()
    assert test.text_input(key="import name").proto.placeholder == "cortex"
    waited(next(one for one in test.button if one.label == "Check and import").click().run())
    assert not bugs(test)
    assert (data_dir / "cortex").is_dir()
    assert "Dataset cortex is here" in "\n".join(one.value for one in (*test.success, *test.toast, *test.info))
    assert "import" not in test.session_state


def test_labels_of_classes_are_imported_by_the_values_that_are_typed(data_dir, models_dir, tmp_path, cell_stack):
    import tifffile

    images, labels = cell_stack
    classes = np.where(labels > 0, 1, 7).astype(np.uint8)
    classes[:, :9, :9] = 3
    tifffile.imwrite(tmp_path / "images.tif", images)
    tifffile.imwrite(tmp_path / "classes.tif", classes)
    test = opened("data", section="import")
    test.segmented_control(key="import way").set_value("path").run()
    for key, value in (("path", "images.tif"), ("masks path", "classes.tif")):
        test.text_input(key=f"import {key}").set_value(str(tmp_path / value)).run()
    test.text_input(key="import name").set_value("mine").run()
    waited(next(one for one in test.button if one.label == "Check and import").click().run())
    said = text_of(test).replace("\\", "")
    assert "found 3 values: 1 (" in said
    assert "“Values of membrane”, “Values of interior” and “Values to ignore” that say what each is" in said
    assert "“What the masks hold”: numbered objects if they number objects" in said
    test.selectbox(key="import kind").set_value("classes").run()
    test.text_input(key="import membrane values").set_value("7, 3").run()
    assert next(one for one in test.button if one.label == "Check and import").disabled
    test.text_input(key="import interior values").set_value("one").run()
    assert "Values are numbers with commas between them" in text_of(test)
    test.text_input(key="import interior values").set_value("1").run()
    waited(next(one for one in test.button if one.label == "Check and import").click().run())
    assert not bugs(test)
    kept = tifffile.imread(data_dir / "mine" / "labels.tif")
    np.testing.assert_array_equal(kept, np.where(classes == 1, 255, 0))


def test_a_corrupt_import_says_what_is_wrong_and_keeps_the_form(data_dir, models_dir, tmp_path):
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\x00 not a tiff")
    test = opened("data", section="import")
    test.segmented_control(key="import way").set_value("path").run()
    test.text_input(key="import path").set_value(str(broken)).run()
    test.text_input(key="import name").set_value("mine").run()
    waited(next(one for one in test.button if one.label == "Check and import").click().run())
    assert not bugs(test)
    assert test.error
    assert test.text_input(key="import name").value == "mine"
    assert not (data_dir / "mine").exists()
