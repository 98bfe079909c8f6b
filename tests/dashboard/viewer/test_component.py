"""What the browser reports, whatever it is: each report once, in order, and nothing that is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from folds import CONFIG, members
from streamlit.testing.v1 import AppTest

from dashboard.viewer import Place, SliceRow, ViewerResult, place_as_data
from dashboard.viewer.component import _data, _together
from dashboard.viewer.layers import open_layers
from segcore.crossval import ensemble_of, make_plan
from segcore.data import install
from segcore.stacks import array_stack


def page() -> None:
    """The viewer, and what it said in this run."""
    import streamlit as st

    from dashboard.viewer import SliceRow, viewer

    rows = [SliceRow(index=z, name="") for z in range(3)]
    found = viewer(key="viewer", dataset="small", slices=rows)
    st.session_state.setdefault("said", []).append(found)


@pytest.fixture
def app(data_dir) -> AppTest:
    install("small", array_stack(np.zeros((3, 20, 30), np.uint8)))
    return AppTest.from_function(page).run()


def test_the_browser_hears_the_bias_of_each_slice(cells, models_dir, cell_stack):
    plan = make_plan("net", "cells", CONFIG, folds=3)
    runs = members(
        plan, cells, lambda member, z: cell_stack[0][z], [(0.5, 0.5, 0.35), (0.5, 0.5, 0.5), (0.5, 0.5, 0.7)]
    )
    name = ensemble_of(plan, runs, cells)[0].name
    rows = [SliceRow(index=z, name="") for z in range(12)]

    def biases(run: str | None) -> list[int | None]:
        layers = open_layers("cells", run, "test")
        return [row[4] for row in _data(layers, "cells", run, "test", rows, {})["slices"]]

    assert biases(name) == [35] * 4 + [50] * 4 + [70] * 4
    assert biases("net-fold-1") == [None] * 4 + [50] * 4 + [None] * 4
    assert biases(None) == [None] * 12


def test_every_report_is_given_back_once(app):
    assert not app.exception
    sent: list[Any] = []

    def after(*reports: tuple[str, dict[str, Any]]) -> ViewerResult:
        """What the script is told when the browser, which repeats itself, has this to say as well."""
        sent.extend(list(one) for one in reports)
        app.session_state["viewer"] = {"view": {"reports": list(sent)}}
        app.run()
        assert not app.exception
        return app.session_state["said"][-1]

    assert after(("a", {"slice": 2}), ("b", {"picked": ["neurite", 3]}), ("c", {"slice": 1})) == ViewerResult(
        slice=1, picked=("neurite", 3)
    )
    assert after() == ViewerResult()
    assert after(("d", {"tolerance": 2})) == ViewerResult(tolerance=2)
    # The browser has heard that the first three arrived.
    del sent[:3]
    found = after(("e", {"slice": 0}), ("f", {"picked": ["segment", 12]}))
    assert (found.slice, found.picked, found.changed) == (0, ("segment", 12), True)
    # Another viewer in its place knows nothing of what this one sent.
    sent.clear()
    assert after(("x", {"slice": 2})).slice == 2
    assert not after().changed


@pytest.mark.parametrize(
    "view",
    [
        None, 3, [], "text", {}, {"reports": None}, {"reports": 7}, {"reports": {}}, {"reports": [None, 3, "ab", []]},
        {"reports": [["a"]]}, {"reports": [["a", None]]}, {"reports": [[1, {"slice": 1}]]}, {"reports": [["a", {}, 1]]},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_report_is_nothing(app, view):
    app.session_state["viewer"] = {"view": view}
    app.run()
    assert not app.exception
    assert app.session_state["said"][-1] == ViewerResult()


@pytest.mark.parametrize(
    "changes",
    [
        {"slice": -1}, {"slice": 1.5}, {"slice": True}, {"slice": "1"}, {"slice": [1]}, {"threshold": 2},
        {"threshold": float("nan")}, {"tolerance": 6}, {"picked": "segment"}, {"picked": ["segment"]},
        {"picked": ["segment", 0]}, {"picked": ["segment", 65_536]}, {"picked": ["membrane", 3]},
        {"picked": [["segment"], 3]}, {"picked": ["neurite", True]}, {"picked": {"kind": "neurite"}},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_is_not_reported(changes):
    assert _together([changes]) == ViewerResult()
    assert _together([{"slice": 4}, changes]) == ViewerResult(slice=4)


def test_the_last_of_each_counts():
    first, second = {"slice": 1, "threshold": 0.25, "picked": ["neurite", 3.0]}, {"slice": 2.0, "tolerance": 0}
    found = _together([first, second, {"picked": ["neurite", 9]}])
    assert found == ViewerResult(slice=2, threshold=0.25, tolerance=0, picked=("neurite", 9))


def test_reports_beyond_all_measure_are_cut(app):
    app.session_state["viewer"] = {"view": {"reports": [[str(number), {"slice": 2}] for number in range(5000)]}}
    app.run()
    assert app.session_state["said"][-1] == ViewerResult(slice=2)


def test_a_place_as_the_browser_gets_it():
    plain = Place(number=1, slice=2, y=3, x=4, area_px=5, text="split")
    found = place_as_data(plain)
    assert (found["stays"], found["openings"], found["box"]) == (False, [], None)
    stays = Place(
        number=1, slice=2, y=3, x=4, area_px=5, text="split", stays=True, neurites=(np.int64(7),), segments=(1, 2),
        openings=((3, 4), (np.int32(5), 6)), box=(0, 1, 20, 30),
    )  # fmt: skip
    found = place_as_data(stays)
    assert found["neurites"] == [7]
    assert type(found["neurites"][0]) is int
    assert found["openings"] == [{"y": 3, "x": 4}, {"y": 5, "x": 6}]
    assert found["box"] == {"top": 0, "left": 1, "bottom": 20, "right": 30}
    assert place_as_data(None) is None
