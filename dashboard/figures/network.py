"""The network as a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dashboard.figures.colours import BLUE, GREEN, GREY, VERMILION
from dashboard.figures.layout import laid_out, plotly
from segcore.runs import NetworkPart

if TYPE_CHECKING:  # Plotly is imported by the first chart that is drawn.
    import plotly.graph_objects as go


def network_chart(parts: Sequence[NetworkPart]) -> go.Figure:
    """The U-Net: a box for each part, where it lies by level, as wide as it has channels."""
    go = plotly()
    figure = go.Figure()
    depth = max(one.level for one in parts) + 1
    widest = max(one.channels for one in parts)
    colours = {"encoder": BLUE, "upsample": GREY, "decoder": VERMILION, "head": GREEN}
    places = []
    for one in parts:
        if one.part == "encoder":
            x = float(one.level)
        elif one.part == "head":
            x = 2.0 * (depth - 1) + 0.9
        else:
            x = 2.0 * (depth - 1) - one.level + (-0.42 if one.part == "upsample" else 0.0)
        y = -float(one.level) * 1.5
        half = 0.06 + 0.16 * (one.channels / widest) ** 0.5
        places.append((one, x, y))
        figure.add_shape(
            type="rect", x0=x - half, x1=x + half, y0=y - 0.32, y1=y + 0.32, fillcolor=colours[one.part], opacity=0.85,
            line={"width": 0},
        )  # fmt: skip
        if one.part != "upsample":
            above = one.part == "head"  # below it stands what belongs to its neighbour
            figure.add_annotation(
                x=x, y=y + (0.36 if above else -0.36), yanchor="bottom" if above else "top", showarrow=False,
                font={"size": 10.5},
                text=f"{one.channels} × {one.height} × {one.width}<br>{one.parameters:,} par.",
            )  # fmt: skip
    for level in range(depth - 1):
        ends = [x for one, x, _ in places if one.level == level and one.part in ("encoder", "decoder")]
        figure.add_annotation(
            x=max(ends) - 0.6, y=-1.5 * level + 0.12, ax=min(ends) + 0.3, ay=-1.5 * level + 0.12, xref="x", yref="y",
            axref="x", ayref="y", showarrow=True, arrowhead=2, arrowwidth=1.2, arrowcolor=GREY, text="",
        )  # fmt: skip
    figure.add_scatter(
        x=[x for _, x, _ in places], y=[y for _, _, y in places], mode="markers", showlegend=False,
        marker={"size": 26, "opacity": 0},
        customdata=[
            [one.part, one.level, one.channels, one.height, one.width, one.parameters, one.multiply_adds / 1e6]
            for one in parts
        ],
        hovertemplate="%{customdata[0]}, level %{customdata[1]}<br>%{customdata[2]} channels of %{customdata[3]} × "
        "%{customdata[4]}<br>%{customdata[5]:,} parameters<br>%{customdata[6]:,.1f} million multiply-adds"
        "<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(visible=False, range=[-1.0, 2 * (depth - 1) + 1.9], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-1.5 * (depth - 1) - 1.1, 1.1], fixedrange=True)
    return laid_out(figure, "Channels × height × width, parameters", height=120 + 90 * depth)
