"""What wrong pixels are part of, a bar a slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard.figures.colours import ERROR_PART_COLOURS, GREY
from dashboard.figures.layout import laid_out, plotly

if TYPE_CHECKING:  # Plotly is imported by the first chart that is drawn.
    import plotly.graph_objects as go


def error_parts_chart(slices: Sequence[int], parts: Mapping[str, tuple[str, NDArray[np.int64]]]) -> go.Figure:
    """A stacked bar a slice.

    Args:
        slices: their indices.
        parts: by name, what it is called and its wrong pixels (slices,).
    """
    figure = plotly().Figure()
    for name, (text, pixels) in parts.items():
        figure.add_bar(
            x=list(slices), y=pixels, name=text,
            marker={"color": ERROR_PART_COLOURS.get(name, GREY), "line": {"width": 0}},
            hovertemplate="slice %{x}: %{y:,} pixels<extra>" + text + "</extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.15)
    figure.update_xaxes(title="slice")
    figure.update_yaxes(title="wrong pixels", rangemode="tozero")
    return laid_out(figure, "Wrong pixels by what they are part of", height=320)
