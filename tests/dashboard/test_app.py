"""Every page of the app, run without a browser: with nothing there, with data and a run, and with damaged ones."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")
from reading import APP, bugs, opened, text_of
from streamlit.testing.v1 import AppTest

from dashboard import uploads, words
from dashboard.figures import pictures
from dashboard.state import selection
from segcore.measures import Events, boundary_distance

PAGES = ("overview", "data", "augmentation", "training", "errors", "confusion", "compare", "try_it")


def waited(test: AppTest) -> AppTest:
    """The page when nothing runs in the background any more."""
    for _ in range(300):
        if not any(button.label == "Cancel" for button in test.button):
            return test
        time.sleep(0.1)
        test.run()
    pytest.fail("the work did not end within 30 seconds")


@pytest.fixture
def evaluated_run(mid_grey_run, cells):
    """The run above with an evaluation of its test slices."""

    from segcore.evaluation import evaluate

    evaluate(mid_grey_run, cells, device="cpu")
    return mid_grey_run


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


def cut(path: Path) -> None:
    """Leaves the first half of a file, as a full disk does."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def newer(path: Path) -> None:
    """Makes a description one of a format that is not known yet."""
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))


RUN_PAGES = ("overview", "training", "errors", "confusion", "compare", "try_it")
RESULT_PAGES = ("overview", "errors", "confusion")
DAMAGES = {
    "run.json cut short": (lambda run: cut(run.folder / "run.json"), PAGES),
    "run.json of a newer format": (lambda run: newer(run.folder / "run.json"), PAGES),
    "config.json missing": (lambda run: (run.folder / "config.json").unlink(), PAGES),
    "split.json no JSON": (lambda run: (run.folder / "split.json").write_text("{ this is <b>no</b> JSON\n"), PAGES),
    "history.csv no table": (lambda run: run.history_csv.write_text("{ this is <b>no</b> table\n"), ("training",)),
    "history.csv missing": (lambda run: run.history_csv.unlink(), ()),
    "network.json cut short": (lambda run: (run.folder / "network.json").write_text('[{"part":'), ()),
    "evidence.npz cut short": (lambda run: cut(run.evaluation("cells") / "evidence.npz"), RESULT_PAGES),
    "evidence.npz missing": (lambda run: (run.evaluation("cells") / "evidence.npz").unlink(), RESULT_PAGES),
    "slices.csv no table": (lambda run: (run.evaluation("cells") / "slices.csv").write_text("?"), RESULT_PAGES),
    "summary.json of a newer format": (lambda run: newer(run.evaluation("cells") / "summary.json"), RESULT_PAGES),
    "probability.tif cut short": (lambda run: cut(run.evaluation("cells") / "probability.tif"), ()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_told_in_one_line_on_every_page(damage, evaluated_run):
    spoil, telling = DAMAGES[damage]
    spoil(evaluated_run)
    for page in PAGES:
        test = opened(page)
        assert not bugs(test), page
        for one in test.error:
            assert "\n" not in one.value, page
            assert "Traceback" not in one.value, page
            assert not re.search(r"(?<!\\)<b>", one.value), page
        if page in telling:
            assert test.error, page


def test_what_a_damaged_run_leaves_is_still_shown(evaluated_run):
    cut(evaluated_run.evaluation("cells") / "probability.tif")
    assert "of 9,360" in text_of(opened("confusion"))  # four slices of 45 x 52
    evaluated_run.history_csv.unlink()
    test = opened("training")
    assert "No epoch has ended yet" in text_of(test)
    assert "The network" in [one.label for one in test.expander]


def test_images_that_went_away_leave_the_numbers(evaluated_run, cells):
    shutil.rmtree(cells.folder)
    for page in PAGES:
        test = opened(page, dataset="cells")
        assert not bugs(test), page
    assert "not installed here" in text_of(opened("errors"))


def evaluated_again(run, cells):
    """Another evaluation in the place of the first: of the last two test slices only."""
    from segcore.evaluation import read_evaluation, write_evaluation
    from segcore.measures import ErrorParts

    folder = run.evaluation("cells")
    evaluation, facts = read_evaluation(folder)
    kept, sizes = slice(2, None), evaluation.neurite_sizes
    shorter = dataclasses.replace(
        evaluation,
        slices=evaluation.slices[kept],
        names=evaluation.names[kept],
        neurites=evaluation.neurites[kept],
        evidence=evaluation.evidence.subset([2, 3]),
        points={name: scores[kept] for name, scores in evaluation.points.items()},
        over_thresholds=evaluation.over_thresholds[kept],
        over_biases=evaluation.over_biases[kept],
        events=Events.of(event for event in evaluation.events if event.slice in evaluation.slices[kept]),
        neurite_sizes=sizes.rows(np.isin(sizes.slice, evaluation.slices[kept])),
        error_parts={name: ErrorParts(parts.counts[kept]) for name, parts in evaluation.error_parts.items()},
        notebook_sums=None,
    )
    write_evaluation(folder, shorter, facts)


def trained_again(run, cells):
    """A run of the same name that is being trained: nothing measured yet."""
    shutil.rmtree(run.folder / "evaluation")
    run.history_csv.unlink()
    run.weights.unlink()
    run.update(state="training", ended=None, operating_points=None, epochs=0, best_epoch=0)


MEANWHILE = {
    "deleted": lambda run, cells: shutil.rmtree(run.folder),
    "its evaluation deleted": lambda run, cells: shutil.rmtree(run.folder / "evaluation"),
    "evaluated again": evaluated_again,
    "trained again": trained_again,
    "run.json cut short": lambda run, cells: cut(run.folder / "run.json"),
    "evidence cut short": lambda run, cells: cut(run.evaluation("cells") / "evidence.npz"),
    "history cut short": lambda run, cells: cut(run.history_csv),
    "images deleted": lambda run, cells: shutil.rmtree(cells.folder),
    "images cut short": lambda run, cells: cut(cells.folder / "images.tif"),
    "labels cut short": lambda run, cells: cut(cells.folder / "labels.tif"),
}


@pytest.mark.parametrize("event", MEANWHILE)
def test_what_changes_while_someone_looks_gives_a_page_or_a_message(event, evaluated_run, cells):
    address = {"run": "mid-grey", "dataset": "cells", "slice": "8", "threshold": "0.6"}
    looking = {page: opened(page, **address) for page in PAGES}
    MEANWHILE[event](evaluated_run, cells)
    for page, test in looking.items():
        test.run()
        assert not bugs(test), page
        assert test.title, page
        assert "Traceback" not in text_of(test), page
    if event == "deleted":
        assert "no run" in text_of(looking["errors"]).lower()
    if event == "evaluated again":
        assert "of 4,680" in text_of(looking["confusion"])


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
