"""What parts of the errors are called, and their colours: the same in the table, the chart and the viewer."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

import dashboard.viewer
from dashboard.figures import error_parts_chart
from dashboard.views.reviewing.apart import PARTS
from segcore.measures import ERROR_PARTS

SCRIPTS = Path(dashboard.viewer.__file__).parent / "js"


def test_names_meanings_and_colours_are_the_same_everywhere():
    chart = error_parts_chart([0], {name: (text, np.ones(1, np.int64)) for name, (text, _) in PARTS.items()})
    drawn = {bar.name: bar.marker.color for bar in chart.data}
    colours = dict(re.findall(r'(\w+) = "(#\w+)"', (SCRIPTS / "colours.js").read_text(encoding="utf-8")))
    script = (SCRIPTS / "parts.js").read_text(encoding="utf-8")
    shown = re.findall(r'(\w+): \["([^"]+)", (\w+), "([^"]+)"\]', script)
    assert [name for name, *_ in shown] == list(PARTS)
    for name, text, colour, meaning in shown:
        assert (text, meaning) == PARTS[name]
        assert colours[colour] == drawn[text]
    codes = re.search(r"const ERROR_PARTS = \[(.+)\];", script)
    assert codes is not None
    assert re.findall(r'"(\w+)"', codes[1]) == list(ERROR_PARTS)
