"""The headline figures of a report: means with intervals, and what anybody gets without a network."""

from __future__ import annotations

import math

from segcore.evaluation import BLOCK
from segcore.measures import Interval
from segcore.report.contents import Contents, Headline
from segcore.report.tables import or_dash, table


def headline_figures(contents: Contents) -> str:
    """Two tables as HTML: the run, and what to compare it with."""
    rows = [
        (one.title, _number(one.by_slice.mean, one), _range(one.by_slice, one), _range(one.by_block, one))
        for one in contents.headlines
    ]
    header = ("mean over slices", "value", "95 % interval, by slice", f"by blocks of {BLOCK} neighbours")
    found = table(header, rows)
    if math.ceil(len(contents.evaluation.slices) / BLOCK) < 4:
        found += "<p><small>So few slices make few blocks of neighbours, which say little of another part.</small></p>"
    baselines = [
        (name, or_dash(one.wrong_percent, 2, " %"), or_dash(one.dice_interior, 4), or_dash(one.v_rand, 3),
         or_dash(one.v_info, 3))
        for name, one in contents.baselines.items()
    ]  # fmt: skip
    without = ("to compare with", "wrong pixels", "Dice of interior", "V_Rand", "V_Info")
    return (
        found
        + table(without, baselines)
        + "<p><small>A true boundary that is moved by a pixel harms no neurite, and makes so many pixels wrong all the "
        "same: by the percentage alone a harmless result is not told from a harmful one. A dash: not measured."
        "</small></p>"
    )


def _number(value: float, one: Headline) -> str:
    return or_dash(value, one.digits, one.unit)


def _range(interval: Interval, one: Headline) -> str:
    if math.isnan(interval.mean):
        return "–"
    return f"{interval.low:.{one.digits}f} to {interval.high:.{one.digits}f}{one.unit}"
