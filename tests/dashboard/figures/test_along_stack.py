"""Bars of few slices and of many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.figures.colours import BLUE, PINK


def drawn(what: str, slices: int) -> Any:
    def page(what: str, slices: int) -> None:
        import streamlit as st

        from dashboard.figures.along_stack import slice_chart, split_chart
        from dashboard.figures.colours import BLUE, PINK

        if what == "by slice":
            colours = [BLUE if z % 3 else PINK for z in range(slices)]
            figure = slice_chart(range(slices), [z / 10 for z in range(slices)], colours, "Title", "percent", 2)
        else:
            figure = split_chart({"train": range(slices - 1), "gap": (), "test": (slices - 1,)}, slices, 2)
        st.session_state["figure"] = figure

    app = AppTest.from_function(page, args=(what, slices)).run()
    assert not app.exception
    return app.session_state["figure"].data


@pytest.mark.parametrize(("slices", "kind"), [(30, "bar"), (2000, "scatter")])
def test_every_slice_has_its_bar_in_its_colour(slices, kind):
    *bars, mark = drawn("by slice", slices)
    assert [one.type for one in bars] == [kind] * 2
    colours = {one.marker.color if kind == "bar" else one.fillcolor: one for one in bars}
    for colour, slices_of_it in (
        (PINK, range(0, slices, 3)),
        (BLUE, [z for z in range(slices) if z % 3]),
    ):
        known = np.unique(colours[colour].customdata, axis=0)
        np.testing.assert_allclose(known, [(z, z / 10) for z in slices_of_it])
    assert list(mark.x) == [2]


def test_an_outline_is_as_high_as_its_bars_and_on_the_ground_between_them():
    pink, blue = drawn("by slice", 2000)[:2]  # slices 0, 3, 6 ... and 1, 2, 4, 5, 7 ...
    assert list(zip(pink.x[:8], pink.y[:8], strict=True)) == [
        (-0.5, 0), (-0.5, 0), (0.5, 0), (0.5, 0), (2.5, 0), (2.5, 0.3), (3.5, 0.3), (3.5, 0),
    ]  # fmt: skip
    assert list(zip(blue.x[:7], blue.y[:7], strict=True)) == [
        (0.5, 0), (0.5, 0.1), (1.5, 0.1), (1.5, 0.2), (2.5, 0.2), (2.5, 0), (3.5, 0),
    ]  # fmt: skip


def test_parts_of_a_split_that_are_empty_are_left_out():
    assert [one.name for one in drawn("split", 30)] == ["training (29)", "test (1)", None]


def test_a_line_stands_where_another_volume_begins():
    def page() -> None:
        import streamlit as st

        from dashboard.figures.along_stack import slice_chart, split_chart

        st.session_state["figures"] = [
            slice_chart(range(9), [1.0] * 9, ["#000000"] * 9, "Title", "percent", 2, (3, 7)),
            split_chart({"train": range(9)}, 9, 2, (3, 7)),
        ]

    app = AppTest.from_function(page).run()
    for figure in app.session_state["figures"]:
        assert [(line.x0, line.x1) for line in figure.layout.shapes] == [(2.5, 2.5), (6.5, 6.5)]
