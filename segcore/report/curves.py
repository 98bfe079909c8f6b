"""The section of a report with curves: by threshold, and by epoch."""

from __future__ import annotations

import math
from html import escape

from segcore.evaluation import summary
from segcore.measures import CHALLENGE_THRESHOLDS, mean_over_slices, threshold_after
from segcore.report.charts import BLUE, GREEN, GREY, ORANGE, PURPLE, Line, line_chart
from segcore.report.contents import Contents
from segcore.runs import slice_ranges

_SEEN = 0.005
"""Differences of V_Rand that are worth a word."""


def curves(contents: Contents) -> str:
    """HTML: charts of wrong pixels, of neurites and, where it is known, of the training."""
    evaluation = contents.evaluation
    sweep = evaluation.evidence.pooled().sweep(0)[0]
    xs = [threshold_after(value) for value in range(256)]
    marks = dict(evaluation.thresholds)
    percent = sweep.percent()
    middle = [float(value) for value in sweep.wrong_percent[5:-5]]
    top = 1.05 * max((value for value in middle if math.isfinite(value)), default=1.0)
    charts = [
        line_chart(
            "Wrong pixels by threshold",
            [
                Line(name="wrong", x=xs, y=sweep.wrong_percent.tolist(), colour=GREY),
                Line(name="missed membrane", x=xs, y=percent[:, 0, 1].tolist(), colour=BLUE, dash="6 3"),
                Line(name="false membrane", x=xs, y=percent[:, 1, 0].tolist(), colour=ORANGE, dash="2 3"),
            ],
            x_title="threshold on the probability of interior", y_title="percent of all pixels", y_range=(0, top),
            marks=marks,
        ),
        line_chart(
            "Neurites kept apart and together, by threshold", _neurite_lines(contents),
            x_title="threshold on the probability of interior", y_title="score, 1 is perfect",
            y_range=(_floor(contents), 1), marks=marks,
        ),
    ]  # fmt: skip
    if contents.history:
        epochs = [one.epoch for one in contents.history]
        charts.append(
            line_chart(
                "Dice of interior while it learned",
                [
                    Line(name="training, on patches", x=epochs, y=[one.train_dice for one in contents.history],
                         colour=BLUE, dash="2 3"),
                    Line(name="validation, on slices", x=epochs, y=[one.validation_dice for one in contents.history],
                         colour=GREEN),
                ],
                x_title="epoch", y_title="Dice at 0.5",
            )
        )  # fmt: skip
    return (
        f'<div class="pair">{"".join(charts)}</div><p><small>Curves that leave a chart are cut off at its edge. '
        f"{escape(_thresholds(contents))}</small></p>"
    )


def _thresholds(contents: Contents) -> str:
    """Where the marked thresholds come from, and how good they turned out."""
    return f"{_whence(contents)}{_in_hindsight(contents)}"


def _in_hindsight(contents: Contents) -> str:
    """Where a mask's V_Rand would have been highest, if that is seen at all; empty if the marked one is as good."""
    evaluation = contents.evaluation
    if "topology" not in evaluation.points:
        return ""
    here = mean_over_slices([one.v_rand for one in evaluation.points["topology"]])
    best = summary(evaluation)["best_over_thresholds_optimistic"]["v_rand"]
    if best is None or not best["value"] - here >= _SEEN:
        return ""
    return (
        f" On these slices the V_Rand of masks is highest at {best['threshold']:g} with {best['value']:.3f}; the "
        f"topology threshold has {here:.3f}."
    )


def _whence(contents: Contents) -> str:
    """Which slices chose what is marked."""
    if contents.run.info.operating_points is None:
        return "The marked threshold was chosen on no slices."
    if on := contents.facts.get("chosen_on"):
        these = "these slices" if len(on) == len(contents.evaluation.slices) else "some of these slices"
        return f"The marked thresholds were chosen on {these}: {slice_ranges(on)}."
    return (
        "The marked thresholds were chosen on validation slices and not by these curves, so a curve can be better "
        "elsewhere; whoever chooses by it judges by the very slices that were chosen on."
    )


def _floor(contents: Contents) -> float:
    """Where the axis of scores begins: what lies between the challenge's thresholds 0.2 and 0.9 is to be seen."""
    middle = [
        mean_over_slices([getattr(one[at], name) for one in contents.evaluation.over_thresholds])
        for at, threshold in enumerate(CHALLENGE_THRESHOLDS)
        if 0.15 < threshold < 0.95
        for name in ("v_rand", "v_info")
    ]
    known = [value for value in middle if math.isfinite(value)]
    return min(0.9, max(0.0, math.floor(10 * min(known)) / 10)) if known else 0.0


def _neurite_lines(contents: Contents) -> list[Line]:
    evaluation, xs = contents.evaluation, list(CHALLENGE_THRESHOLDS)
    found = []
    for title, name, dash in (("V_Rand", "v_rand", ""), ("V_Info", "v_info", "2 3")):
        means = [
            mean_over_slices([getattr(one[at], name) for one in evaluation.over_thresholds]) for at in range(len(xs))
        ]
        found.append(Line(name=title, x=xs, y=means, colour=PURPLE, dash=dash))
        if evaluation.segments:
            value = mean_over_slices([getattr(one, name) for one in evaluation.segments])
            found.append(
                Line(name=f"{title} of segments {value:.3f}", x=[0, 1], y=[value, value], colour=GREY, dash=dash)
            )
    return found
