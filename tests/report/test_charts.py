"""Charts as SVG, of values whose places on the axes are known."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from segcore.report.charts import HEIGHT, Line, bar_chart, line_chart, shares_bar


def drawn(chart: str) -> ElementTree.Element:
    return ElementTree.fromstring(chart)


def points(chart: str) -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
        for line in drawn(chart).iter("polyline")
    ]


def test_a_line_goes_where_its_values_are():
    chart = line_chart("T", [Line(name="a", x=[0, 1, 2], y=[0, 5, 10], colour="#000")], x_title="x", y_title="y")
    (line,) = points(chart)
    assert line[0][0] < line[1][0] < line[2][0]
    assert line[1][0] == pytest.approx((line[0][0] + line[2][0]) / 2, abs=0.1)
    assert line[1][1] == pytest.approx((line[0][1] + line[2][1]) / 2, abs=0.1)
    assert line[0][1] > line[2][1]  # up is more


def test_a_value_that_is_not_defined_leaves_a_gap():
    chart = line_chart("T", [Line(name="a", x=[0, 1, 2], y=[0, math.nan, 10], colour="#000")], x_title="x", y_title="y")
    assert len(points(chart)[0]) == 2


def test_what_is_beyond_the_range_stays_inside():
    line = Line(name="a", x=[0, 1], y=[0, 100], colour="#000")
    chart = line_chart("T", [line], x_title="x", y_title="y", y_range=(0, 10))
    assert all(0 <= y <= HEIGHT for _, y in points(chart)[0])


@pytest.mark.parametrize("y", [[], [math.nan, math.nan]])
def test_nothing_to_draw_is_nothing(y):
    assert line_chart("T", [Line(name="a", x=range(len(y)), y=y, colour="#000")], x_title="x", y_title="y") == ""
    assert bar_chart("T", dict(enumerate(y)), y_title="y", colour="#000") == ""


@pytest.mark.parametrize("values", [[3, 3, 3], [0, 0, 0], [-1, 0, 2], [1e-9, 2e-9], [1e9, 3e9]])
def test_any_range_of_values_can_be_drawn(values):
    drawn(line_chart("T", [Line(name="a", x=range(len(values)), y=values, colour="#000")], x_title="x", y_title="y"))
    bars = drawn(bar_chart("T", dict(enumerate(values)), y_title="y", colour="#000", marked=0))
    assert len(list(bars.iter("rect"))) == len(values)


def test_shares_add_up():
    bar = shares_bar([("a", 3, "#000"), ("b", 0, "#111"), ("c", 1, "#222")])
    widths = [float(width) for width in re.findall(r'width="([\d.]+)%" height', bar) if width != "100"]
    assert widths == [75, 0, 25]
    assert "a 75.0 %" in bar
    assert "b 0.0 %" not in bar.replace("<title>b: 0.0 %</title>", "")
    assert shares_bar([("a", 0, "#000")]) == ""


def test_names_are_never_markup():
    chart = line_chart("<b>", [Line(name="</svg>", x=[0, 1], y=[0, 1], colour="#000")], x_title="<", y_title=">")
    assert [one.text for one in drawn(chart).iter("figcaption")] == ["<b>"]


def slices_below(values: dict[int, float], marked: int | None = None) -> list[str]:
    """What is written below the bars, without the title of the axis and the numbers beside the other."""
    texts = drawn(bar_chart("T", values, y_title="y", colour="#000", marked=marked)).iter("text")
    return [one.text for one in texts if one.get("text-anchor") == "middle" and one.text not in ("slice", "y")]


def test_below_bars_are_whole_slices_with_the_marked_one():
    assert slices_below({8: 1, 9: 2}) == ["8", "9"]
    assert slices_below(dict.fromkeys(range(20, 30), 1)) == [str(z) for z in range(20, 30)]
    assert slices_below(dict.fromkeys(range(100), 1), marked=54) == [
        "0",
        "10",
        "20",
        "30",
        "40",
        "54",
        *["60", "70", "80", "90"],
    ]
