"""Charts over all thresholds, and of how far probabilities can be believed."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dashboard.figures.colours import BLUE, FALSE, GREEN, GREY, MISSED, NEURITES, PINK
from dashboard.figures.layout import laid_out, plotly
from segcore.measures import (
    CHALLENGE_THRESHOLDS,
    Calibration,
    ClassName,
    Confusion,
    best_threshold,
    last_membrane_value,
    threshold_after,
)

if TYPE_CHECKING:  # Plotly is imported by the first chart that is drawn.
    import plotly.graph_objects as go

THRESHOLDS = np.array([threshold_after(value) for value in range(256)])


def threshold_chart(
    found: Confusion, measure: str, title: str, unit: str, *, chosen: float, points: Mapping[str, float]
) -> go.Figure:
    """A measure by threshold: the chosen threshold and those with a name as lines, the best as stars."""
    go = plotly()
    figure = go.Figure()
    wrong = measure == "wrong"
    if wrong:
        percent = found.percent()
        lines = [
            ("wrong pixels", found.wrong_percent, GREY, "solid"),
            ("missed membrane", percent[:, 0, 1], MISSED, "dash"),
            ("false membrane", percent[:, 1, 0], FALSE, "dot"),
        ]
    else:
        of = found.dice if measure == "dice" else found.iou
        lines = [("interior", of("interior"), GREEN, "solid"), ("membrane", of("membrane"), PINK, "dash")]
    for place, (name, values, colour, dash) in enumerate(lines):
        figure.add_scatter(
            x=THRESHOLDS, y=values, name=name, mode="lines", line={"color": colour, "dash": dash, "width": 2.5},
            hovertemplate=f"threshold %{{x:.3f}}: %{{y:.4f}}{' %' if wrong else ''}<extra>{name}</extra>",
        )  # fmt: skip
        if not wrong or not place:
            best = best_threshold(-values if wrong else values)
            figure.add_scatter(
                x=[best], y=[values[last_membrane_value(best)]], name=f"best here: {best:.3f}", mode="markers",
                marker={"symbol": "star", "size": 12, "color": colour, "line": {"width": 1, "color": GREY}},
                hovertemplate="best on these slices, threshold %{x:.3f}: %{y:.4f}<extra></extra>",
            )  # fmt: skip
    _marks(figure, chosen, points)
    figure.update_xaxes(title="threshold on the probability of interior", range=[0, 1])
    figure.update_yaxes(title=unit, rangemode="tozero")
    middle = found.wrong_percent[5:-5]
    if wrong and not np.isnan(middle).all():
        # Calling everything membrane is so wrong that the rest would be a flat line.
        figure.update_yaxes(range=[0, max(1.0, 1.05 * float(np.nanmax(middle)))])
    return laid_out(figure, title).update_layout(margin_t=74)


def neurites_chart(
    v_rand: Sequence[float],
    v_info: Sequence[float],
    *,
    chosen: float,
    points: Mapping[str, float],
    segments: tuple[float, float] | None,
) -> go.Figure:
    """How well neurites are kept apart by threshold, on the axis of `threshold_chart` and with its marks.

    Args:
        v_rand, v_info: at each of the challenge's thresholds.
        chosen: the threshold that is looked at.
        points: thresholds with a name.
        segments: V_Rand and V_Info of the segments, which know no threshold; None where there are none.
    """
    figure = plotly().Figure()
    for at, (name, values, dash) in enumerate((("V_Rand", v_rand, "solid"), ("V_Info", v_info, "dot"))):
        line = {"color": NEURITES, "dash": dash, "width": 2.5}
        figure.add_scatter(
            x=list(CHALLENGE_THRESHOLDS), y=list(values), name=name, mode="lines+markers", line=line,
            marker={"size": 5}, hovertemplate=f"threshold %{{x:.2f}}: %{{y:.4f}}<extra>{name}</extra>",
        )  # fmt: skip
        if segments is not None:
            value = segments[at]
            figure.add_scatter(
                x=[0, 1], y=[value, value], name=f"{name} of segments: {value:.3f}", mode="lines",
                line=line | {"color": GREY, "width": 1.5},
                hovertemplate=f"{name} of segments: {value:.4f}, at no threshold<extra></extra>",
            )  # fmt: skip
    _marks(figure, chosen, points)
    figure.update_xaxes(title="threshold on the probability of interior", range=[0, 1])
    figure.update_yaxes(title="score, 0 to 1", range=[None, 1.005])
    return laid_out(figure, "Neurites kept apart and together, by threshold").update_layout(margin_t=74)


def _marks(figure: go.Figure, chosen: float, points: Mapping[str, float]) -> None:
    """The chosen threshold, and those with a name that are elsewhere."""
    _mark(figure, chosen, f"chosen {chosen:.3f}", "solid", row=1, left=chosen > 0.75)
    others = {name: value for name, value in points.items() if abs(value - chosen) > 0.004}
    for name, value in others.items():
        _mark(figure, value, name, "dash", row=0, left=value == min(others.values()) and value > 0.2)


def _mark(figure: go.Figure, x: float, text: str, dash: str, *, row: int, left: bool) -> None:
    """A vertical line with its name above the plot."""
    figure.add_vline(
        x=x, line={"dash": dash, "width": 1.5, "color": GREY}, annotation_text=html.escape(text),
        annotation_position=f"top {'left' if left else 'right'}", annotation_yanchor="bottom",
        annotation_yshift=14 * row, annotation_font={"size": 11},
    )  # fmt: skip


def precision_recall_chart(found: Confusion, chosen: int) -> go.Figure:
    """Precision against recall of both classes over all thresholds; the chosen one as a dot."""
    go = plotly()
    figure = go.Figure()
    styles: tuple[tuple[ClassName, str, str], ...] = (("interior", GREEN, "solid"), ("membrane", PINK, "dash"))
    for name, colour, dash in styles:
        precision, recall = found.precision(name), found.recall(name)
        figure.add_scatter(
            x=recall, y=precision, name=name, mode="lines", line={"color": colour, "dash": dash, "width": 2.5},
            customdata=THRESHOLDS,
            hovertemplate="recall %{x:.3f}, precision %{y:.3f}, threshold %{customdata:.3f}<extra>" + name + "</extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=[recall[chosen]], y=[precision[chosen]], name=f"{name}, chosen threshold", mode="markers",
            marker={"color": colour, "size": 11, "line": {"width": 1.5, "color": "white"}}, showlegend=False,
        )  # fmt: skip
    figure.update_xaxes(title="recall, 0 to 1", range=[0, 1.01])
    figure.update_yaxes(title="precision, 0 to 1", range=[0, 1.02])
    return laid_out(figure, "Precision against recall (dots: chosen)")


def calibration_chart(found: Calibration) -> go.Figure:
    """Share of interior by predicted probability, and how many pixels each bin holds."""
    go = plotly()
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="perfect", line={"dash": "dot", "color": GREY}, hoverinfo="skip"
    )
    figure.add_scatter(
        x=found.mean_probability, y=found.interior_fraction, mode="lines+markers", name="this model",
        line={"color": BLUE, "width": 2.5}, customdata=found.pixels,
        hovertemplate="predicted %{x:.2f}, interior in truth %{y:.2f}, %{customdata:,} pixels<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title="predicted probability of interior", range=[0, 1.01])
    figure.update_yaxes(title="share that is interior", range=[0, 1.02])
    return laid_out(figure, f"Calibration: mean deviation {found.expected_error:.3f}")
