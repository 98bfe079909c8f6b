"""How well neurites are kept apart at every setting: over the threshold, and over the bias of segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.figures.colours import BLUE, GREY, VERMILION
from dashboard.figures.layout import laid_out, plotly

if TYPE_CHECKING:  # Plotly is imported by the first chart that is drawn.
    import plotly.graph_objects as go


@dataclass(frozen=True, kw_only=True)
class ScoreCurve:
    """A score over a setting.

    Attributes:
        name: what is drawn, such as `V_Rand of segments`.
        setting: what runs along the axis: `threshold` or `bias`.
        at: values of the setting.
        values: the score at each.
    """

    name: str
    setting: str
    at: Sequence[float]
    values: Sequence[float]


def setting_chart(curves: Sequence[ScoreCurve], chosen: Sequence[tuple[str, str, float]]) -> go.Figure:
    """Scores over threshold and bias, which both go from 0 to 1, with what the run chose as dots.

    Args:
        curves: those over the threshold in one colour and those over the bias in another.
        chosen: of each choice its name, its setting and its value.
    """
    figure = plotly().Figure()
    colours = {"threshold": BLUE, "bias": VERMILION}
    for curve in curves:
        figure.add_scatter(
            x=list(curve.at), y=list(curve.values), name=curve.name, mode="lines+markers",
            line={"color": colours[curve.setting], "width": 2.5, "dash": "dot" if "V_Info" in curve.name else "solid"},
            marker={"size": 5},
            hovertemplate=f"{curve.setting} %{{x:.2f}}: %{{y:.4f}}<extra>{curve.name}</extra>",
        )  # fmt: skip
    for row, (name, setting, value) in enumerate(chosen):
        figure.add_vline(
            x=value, line={"dash": "dash", "width": 1.5, "color": colours.get(setting, GREY)},
            annotation_text=f"{name} {value:.2f}", annotation_position="top right", annotation_yanchor="bottom",
            annotation_yshift=14 * row, annotation_font={"size": 11},
        )  # fmt: skip
    figure.update_xaxes(title="threshold on the probability of interior, or bias of segments", range=[0, 1])
    figure.update_yaxes(title="score, 0 to 1", range=[None, 1.005])
    return laid_out(figure, "Neurites kept apart and together, by setting", height=400).update_layout(margin_t=96)
