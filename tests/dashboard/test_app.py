"""Every page of the app, run without a browser: with nothing there, with data and a run, and with damaged ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")
from reading import APP, PAGES, bugs, opened, text_of
from streamlit.testing.v1 import AppTest

from dashboard import uploads, words
from dashboard.figures import pictures
from dashboard.state import selection
from segcore.measures import boundary_distance

# --- states of the disk -----------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_nothing_there_says_what_to_do(page, data_dir, models_dir, monkeypatch):
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    test = opened(page)
    assert not bugs(test)
    assert not test.error
    assert test.title
    assert not data_dir.exists()
    assert not models_dir.exists()


def test_the_overview_makes_the_sample_when_nothing_is_there(data_dir, models_dir):
    test = opened("overview")
    assert not bugs(test)
    assert (data_dir / "sample" / "dataset.json").is_file()
    assert "No run yet" in text_of(test)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_a_run_that_was_evaluated(page, evaluated_run):
    test = opened(page)
    assert not bugs(test)
    assert not test.error
    again = test.run()
    assert not bugs(again)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_a_run_that_was_not(page, mid_grey_run):
    test = opened(page)
    assert not bugs(test)
    assert not test.error
    if page in ("overview", "errors", "confusion"):
        assert "not evaluated" in text_of(test)
        assert any("segcore evaluate mid-grey" in code.value for code in test.code)


# --- bugs -------------------------------------------------------------------------------------


def page_with_a_bug():
    import streamlit as st

    from dashboard.notices import guarded

    with st.sidebar:
        ending = st.selectbox("Ending", ["bug", "stop", "rerun", "none"])
    with guarded():
        if ending == "bug":
            {}["<b>secret</b>"]
        if ending == "stop":
            st.stop()
        if ending == "rerun" and not st.session_state.get("again"):
            st.session_state["again"] = True
            st.rerun()
        st.write("the end of the page")
    st.write("after the page")


def test_a_bug_is_told_in_one_line_and_logged_whole(caplog):
    test = AppTest.from_function(page_with_a_bug).run()
    assert not test.exception
    assert len(test.error) == 1
    assert "KeyError" in test.error[0].value
    assert "secret" not in test.error[0].value
    assert "Traceback" in caplog.text
    assert "secret" in caplog.text
    box = test.selectbox[0]
    assert [one.value for one in box.set_value("stop").run().markdown] == []
    assert [one.value for one in box.set_value("rerun").run().markdown] == ["the end of the page", "after the page"]
    assert not test.error


# --- numbers ----------------------------------------------------------------------------------


def test_the_numbers_are_those_of_segcore(evaluated_run):
    from segcore.evaluation import read_evaluation

    evaluation, _ = read_evaluation(evaluated_run.evaluation("cells"))
    z, threshold, tolerance = 9, 0.6, 1
    matrix = evaluation.evidence.confusion(threshold, tolerance)
    for page in ("overview", "errors", "confusion"):
        shown = text_of(opened(page, slice=str(z), threshold=str(threshold), tolerance=str(tolerance)))
        assert f"{int(matrix.pooled().wrong_pixels):,} of {int(matrix.pooled().pixels):,}" in shown, page


def test_what_a_tolerance_forgives_is_said_as_it_is_counted(evaluated_run):
    # Tolerance 2 forgives pixels that are 0 or 1 px from a true boundary, and none that is 2 px away.
    said = {
        "overview": "errors closer than 2 px to a true boundary forgiven",
        "confusion": "errors closer than 2 px to a true boundary forgiven",
        "errors": "wrong at least 2 px from a true boundary",
    }
    for page, text in said.items():
        shown = text_of(opened(page, tolerance="2"))
        assert text in shown, page
        assert "up to 2 px" not in shown
        assert "farther than 2 px" not in shown


def test_a_name_that_only_repeats_the_number_is_not_shown(evaluated_run):
    slider = opened("augmentation", slice="10").select_slider(key="sidebar slice")
    assert slider.options == [str(z) for z in range(12)]
    assert "**Slice 10**," in text_of(opened("data", slice="10"))
    for z, name, shown in ((0, "000", ""), (10, "010", ""), (10, "001", "001"), (1, "010", "010"), (1, "a1", "a1")):
        assert words.slice_name(z, name) == shown


def test_synthetic_images_are_called_so_beside_their_numbers(evaluated_run):
    for page in ("overview", "training", "errors", "confusion", "augmentation", "data"):
        assert words.SYNTHETIC in text_of(opened(page)), page


def test_a_leak_is_named_where_the_numbers_are(evaluated_run, cells):

    from segcore.evaluation import evaluate

    evaluate(evaluated_run, cells, part="train", device="cpu")
    for page in ("overview", "errors", "confusion"):
        assert "These figures leak" in text_of(opened(page, part="train")), page
        assert "These figures leak" not in text_of(opened(page, part="test")), page


@pytest.mark.parametrize(
    ("seen", "told", "split_told"),
    [
        ({"inherited": [9]}, "The test figures leak. It is judged by 1 slice (9) that the weights it began with",
         "Slices 9 are judged by, and the weights that the run began with"),
        ({"inherited": [7, 3]}, "The validation figures leak. It is judged by 1 slice (7) that the weights it began",
         "Slices 7 are judged by, and the weights that the run began with"),
        ({"inherited_validation": [8]}, "of one whose weights it began with, were chosen on 1 slice (8) that are test",
         "Epochs or thresholds were chosen on test slices 8"),
    ],
)  # fmt: skip
def test_what_the_weights_had_seen_is_told(seen, told, split_told, mid_grey_run, cells):
    """The run is trained on 0 to 5, validated on 7 and tested on 8 to 11."""
    path = mid_grey_run.folder / "split.json"
    values = json.loads(path.read_text())
    prints = cells.info.slice_fingerprints
    path.write_text(json.dumps(values | {key: [prints[z] for z in slices] for key, slices in seen.items()}))
    for page in ("overview", "training"):
        shown = text_of(opened(page)).replace("**", "")
        assert told in shown, page
    data = opened("data", section="split")
    assert split_told in text_of(data)
    assert not bugs(data)


# --- the address ------------------------------------------------------------------------------


def test_the_selection_is_in_the_address_and_comes_back_from_it(evaluated_run):
    test = opened("errors", slice="10", threshold="0.7", tolerance="2")
    found = test.query_params
    assert found["run"] == "mid-grey"
    assert found["dataset"] == "cells"
    assert (found["slice"], found["threshold"], found["tolerance"]) == ("10", "0.700", "2")
    test.switch_page("views/confusion.py").run()
    assert test.slider(key="sidebar threshold").value == 0.7
    test.switch_page("views/data.py").run()
    assert test.select_slider(key="sidebar slice").value == 10


def test_a_choice_in_the_sidebar_survives_the_next_page(evaluated_run):
    test = opened("data")
    test.select_slider(key="sidebar slice").set_value(11).run()
    test.switch_page("views/confusion.py").run()
    test.slider(key="sidebar threshold").set_value(0.25).run()
    test.switch_page("views/errors.py").run()
    assert test.query_params["threshold"] == "0.250"
    assert test.query_params["slice"] == "11"


def test_the_thresholds_with_a_name_are_one_click_away(evaluated_run):
    test = opened("confusion")
    test.button(key="sidebar point topology").click().run()
    assert test.slider(key="sidebar threshold").value == 0.75


@pytest.mark.parametrize(
    "address",
    [
        {"run": "../../etc"}, {"run": "/etc/passwd"}, {"run": "a\x00b"}, {"run": "x" * 5000}, {"run": "mid\u2010grey"},
        {"dataset": "../cells"}, {"dataset": "%2e%2e%2fcells"}, {"part": "../test"}, {"slice": "-1"},
        {"slice": "99999999999999999999"}, {"slice": "\u0663"}, {"threshold": "nan"}, {"threshold": "1e9"},
        {"tolerance": "6"}, {"run": "<img src=x onerror=alert(1)>"},
    ],
)  # fmt: skip
def test_a_hostile_address_shows_an_ordinary_page(address, evaluated_run):
    for page in ("errors", "data"):
        test = opened(page, **address)
        assert not bugs(test)
        assert test.query_params["run"] == "mid-grey"
        assert test.query_params["dataset"] == "cells"
        assert not re.search(r"(?<!\\)<img", text_of(test))


def test_an_address_is_read_part_by_part():
    assert selection.parsed({"slice": "3", "threshold": "0.5", "tolerance": "5", "run": "a"}) == {
        "slice": 3, "threshold": 0.5, "tolerance": 5, "run": "a",
    }  # fmt: skip
    for bad in ({"slice": "3.0"}, {"slice": ""}, {"threshold": "-0.1"}, {"threshold": "inf"}, {"tolerance": "-1"}):
        assert selection.parsed(bad) == {}


# --- writing, and not -------------------------------------------------------------------------


def test_read_only_hides_what_writes(evaluated_run, monkeypatch):
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    test = opened("data", section="import")
    assert not bugs(test)
    assert not [button for button in test.button if "import" in button.label.lower()]
    assert "read-only" in text_of(test)
    test = opened("data", section="all")
    assert not [button for button in test.button if button.label in ("Fetch", "Make it here")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.tif", "a.tif"), ("../../etc/passwd", "passwd"), ("C:\\x\\y.png", "y.png"), ("..", "upload"),
        (".hidden", "hidden"), ("a\x00b.tif", "a_b.tif"), ("", "upload"), ("<b>.tif", "b_.tif"),
    ],
)  # fmt: skip
def test_upload_names_stay_in_their_folder(name, expected):
    assert uploads.safe_file_name(name) == expected
    assert len(uploads.safe_file_name("x" * 5000 + ".tif")) <= 100
    assert uploads.safe_file_name("x" * 5000 + ".tif").endswith(".tif")


def test_text_from_files_is_never_markup():
    shown = words.plain("<img src=x> [a](javascript:b) **c** `d` $e$ :red[f]\n# g")
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[<>\[\]()*`$:]", shown)


# --- pictures ---------------------------------------------------------------------------------


def test_errors_are_coloured_by_kind_and_forgiven_within_tolerance():
    label = np.full((20, 20), 255, np.uint8)
    label[:, 10] = 0
    probability = label.copy()
    probability[3, 10] = 255  # missed membrane
    probability[5, 2] = 0  # false membrane, eight pixels from the boundary
    probability[7, 9] = 0  # false membrane right at it
    image = np.full((20, 20), 100, np.uint8)
    found = pictures.error_overlay(image, label, probability, 0.5, 1)
    tint = {name: tuple(np.round(100 * 0.25 + np.array(colour) * 0.75).astype(int)) for name, colour in
            (("missed", pictures.MISSED), ("false", pictures.FALSE), ("forgiven", pictures.FORGIVEN))}  # fmt: skip
    assert tuple(found[3, 10]) == tint["forgiven" if boundary_distance(label > 0)[3, 10] < 1 else "missed"]
    assert tuple(found[5, 2]) == tint["false"]
    assert tuple(found[7, 9]) == tint["forgiven"]
    assert tuple(pictures.error_overlay(image, label, probability, 0.5, 0)[3, 10]) == tint["missed"]
    assert tuple(found[0, 0]) == (100, 100, 100)


def test_the_server_never_imports_torch(evaluated_run, run_python):
    code = f"""
        import sys
        sys.path.insert(0, {str(APP.parents[1])!r})
        from streamlit.testing.v1 import AppTest
        for page in {PAGES!r}:
            if page == "augmentation":
                continue  # its worker does, in a process of its own
            test = AppTest.from_file({str(APP)!r}, default_timeout=60).switch_page(f"views/{{page}}.py").run()
            assert not test.exception, page
        assert "torch" not in sys.modules
        assert "lightning_fabric" not in sys.modules
        print("fine")
    """
    environment = {key: os.environ[key] for key in ("SEGCORE_DATA_DIR", "SEGCORE_MODELS_DIR")}
    done = run_python(code, **environment)
    assert done.stdout.strip().endswith("fine"), done.stderr[-2000:]


IMPORTING = """
import runpy, sys
sys.path.insert(0, sys.argv[1])  # as `streamlit run` does
runpy.run_path(sys.argv[1] + "/app.py")  # what the server does

class Watched(list):
    def changed(self, *arguments):
        raise AssertionError("a session changes where modules are looked for")
    insert = append = remove = extend = pop = __setitem__ = __delitem__ = changed

sys.path = Watched(sys.path)
from streamlit.testing.v1 import AppTest
test = AppTest.from_file(sys.argv[1] + "/app.py", default_timeout=120).run()
assert not test.exception, test.exception
assert sys.path[-1] == sys.argv[1] and sys.path[0] != sys.argv[1]
"""


def test_no_session_changes_where_modules_are_looked_for(data_dir, models_dir):
    """A thread of the server that imports something at that moment would not find it."""
    command = [sys.executable, "-c", IMPORTING, str(APP.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=data_dir.parent)
    assert done.returncode == 0, done.stderr[-2000:]
