"""How much the settings matter: V_Rand and V_Info over thresholds, and over the bias of segments."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from dashboard import words
from dashboard.figures import ScoreCurve, setting_chart, show_chart
from dashboard.state import Result
from segcore.evaluation import Evaluation
from segcore.measures import CHALLENGE_THRESHOLDS, SegmentationScore, mean_over_slices
from segcore.segments import BIASES

_NOBODY_CHOSE = "Nobody chose settings for this run, which has usual ones"


def settings_section(result: Result) -> None:
    """One chart with both, and what the run chose on its validation slices."""
    evaluation = result.evaluation
    curves = []
    for setting, at, scores in (
        ("threshold", CHALLENGE_THRESHOLDS, evaluation.over_thresholds),
        ("bias", BIASES, evaluation.over_biases),
    ):
        if scores:
            named = "of segments, over the bias" if setting == "bias" else "over the threshold"
            curves += [
                ScoreCurve(name=f"{text} {named}", setting=setting, at=at, values=_means(scores, measure))
                for text, measure in (("V_Rand", "v_rand"), ("V_Info", "v_info"))
            ]
    st.caption(
        "Mean over the evaluated slices. "
        + ("The run chose its settings on validation slices" if result.run.info.operating_points else _NOBODY_CHOSE)
        + ", so the best point of a curve may lie elsewhere here; taking it from these slices would flatter."
        + (
            ""
            if evaluation.over_biases
            else " Segments over the bias are not known: the evaluation is older than they are, or the run has none."
        )
    )
    show_chart(
        setting_chart(curves, _chosen(evaluation)),
        key="scores by setting",
        name=f"{result.run.name}-{result.dataset}-settings",
        description="V_Rand and V_Info over the threshold, and those of segments over their bias.",
    )


def _means(scores: tuple[tuple[SegmentationScore, ...], ...], measure: str) -> list[float]:
    return [mean_over_slices([getattr(one, measure) for one in column]) for column in zip(*scores, strict=True)]


def _chosen(evaluation: Evaluation) -> list[tuple[str, str, float]]:
    """What is marked: its name, the setting and its value. Slices may have biases of their own."""
    biases = Counter(point.bias for point in evaluation.segment_points)
    return [
        *((f"{name} threshold", "threshold", value) for name, value in evaluation.thresholds.items()),
        *(
            ("bias" if len(biases) == 1 else f"bias of {words.counted(slices, 'slice', 'slices')}", "bias", bias)
            for bias, slices in sorted(biases.items())
        ),
    ]
