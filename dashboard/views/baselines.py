"""The run beside what anybody gets without a network, and beside the shipped run; a part of the Overview."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from dashboard import words
from dashboard.state import Result, latest_run, load_result
from segcore.errors import SegcoreError
from segcore.evaluation import Baseline, Evaluation, all_interior, moved_boundaries
from segcore.measures import SegmentationScore, mean_over_slices

_SHIPPED = "isbi2012-standard"


def baselines_section(result: Result) -> None:
    """A row for each: wrong pixels, Dice of interior, V_Rand, V_Info."""
    evaluation = result.evaluation
    rows = {
        f"this run, {name} threshold {threshold:.3f}": _at(evaluation, name)
        for name, threshold in evaluation.thresholds.items()
    }
    if evaluation.segments:
        rows["this run, segments"] = _of_segments(evaluation)
    rows |= _shipped(result)
    rows["everything called interior"] = all_interior(evaluation)
    rows["every true boundary moved by a pixel"] = moved_boundaries(evaluation)
    # As text, which is there with the page: a table that comes later would push everything below it down.
    lines = ["| on the same slices | wrong pixels | Dice of interior | V_Rand | V_Info |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {words.plain(name)} | {words.percent(one.wrong_percent)} | {words.decimal(one.dice_interior, 4)} "
        f"| {words.decimal(one.v_rand)} | {words.decimal(one.v_info)} |"
        for name, one in rows.items()
    ]
    st.markdown("\n".join(lines))


def _at(evaluation: Evaluation, name: str) -> Baseline:
    pooled = evaluation.evidence.confusion(evaluation.thresholds[name]).pooled()
    return Baseline(
        wrong_percent=float(pooled.wrong_percent),
        dice_interior=float(pooled.dice("interior")),
        v_rand=_mean(evaluation.points[name], "v_rand"),
        v_info=_mean(evaluation.points[name], "v_info"),
    )


def _of_segments(evaluation: Evaluation) -> Baseline:
    """Segments have no wrong pixels of their own: what lies between two of them has no width."""
    return Baseline(
        wrong_percent=math.nan,
        dice_interior=math.nan,
        v_rand=_mean(evaluation.segments, "v_rand"),
        v_info=_mean(evaluation.segments, "v_info"),
    )


def _mean(scores: Sequence[SegmentationScore], measure: str) -> float:
    return mean_over_slices([getattr(one, measure) for one in scores])


def _shipped(result: Result) -> dict[str, Baseline]:
    """The shipped run on the very same slices, if it was measured there and this is another one."""
    shipped = latest_run(_SHIPPED)
    if shipped is None or result.run.name == _SHIPPED:
        return {}
    with suppress(SegcoreError):
        other = load_result(shipped, result.dataset, result.part)
        if other.evaluation.slices == result.evaluation.slices and not other.leaks:
            name = "pixel" if "pixel" in other.points else next(iter(other.points))
            found = {f"{_SHIPPED}, {name} threshold {other.points[name]:.3f}": _at(other.evaluation, name)}
            if other.evaluation.segments:
                found[f"{_SHIPPED}, segments"] = _of_segments(other.evaluation)
            return found
    return {}
