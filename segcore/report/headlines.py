"""The headline figures of a report: means with intervals, and what anybody gets without a network."""

from __future__ import annotations

import math

from segcore.evaluation import BLOCK, ENOUGH_BLOCKS
from segcore.measures import Interval
from segcore.report.contents import Contents, Headline
from segcore.report.tables import or_dash, table


def headline_figures(contents: Contents) -> str:
    """Two tables as HTML: the run, and what to compare it with."""
    evaluation = contents.evaluation
    blocks = math.ceil(len(evaluation.slices) / BLOCK)
    rows = [
        (
            one.title,
            _number(one.by_slice.mean, one),
            _range(one.by_slice, one),
            _range(one.by_block, one) if blocks > 1 else "–",
        )
        for one in contents.headlines
    ]
    if len(evaluation.slices) == 1:
        found = table((f"slice {evaluation.slices[0]}", "value"), [row[:2] for row in rows])
        found += "<p><small>One slice has no interval: nothing here says how far another one would differ.</small></p>"
    else:
        header = ("mean over slices", "value", "95 % interval, by slice", f"by blocks of {BLOCK} neighbours")
        found = table(header, rows)
        if blocks < ENOUGH_BLOCKS:
            found += (
                "<p><small>So few slices make few blocks of neighbours, which say little about another part of the "
                "stack.</small></p>"
            )
    baselines = [
        (name, or_dash(one.wrong_percent, 2, " %"), or_dash(one.dice_interior, 4), or_dash(one.v_rand, 3),
         or_dash(one.v_info, 3))
        for name, one in contents.baselines.items()
    ]  # fmt: skip
    without = ("to compare with", "wrong pixels", "Dice of interior", "V_Rand", "V_Info")
    return (
        found
        + table(without, baselines)
        + "<p><small>To move every true boundary by a pixel harms no neurite, and makes that many pixels wrong all the "
        "same: the percentage alone does not tell a harmless result from a harmful one. A dash: not measured."
        "</small></p>"
    )


def _number(value: float, one: Headline) -> str:
    return or_dash(value, one.digits, one.unit)


def _range(interval: Interval, one: Headline) -> str:
    if math.isnan(interval.mean):
        return "–"
    return f"{interval.low:.{one.digits}f} to {interval.high:.{one.digits}f}{one.unit}"
