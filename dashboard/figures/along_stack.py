"""Charts of a stack of slices, and of the grey values of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard.figures.colours import GREEN, GREY, PART_COLOURS, PINK
from dashboard.figures.layout import laid_out, plotly
from dashboard.words import PARTS

if TYPE_CHECKING:  # Plotly is imported by the first chart that is drawn.
    import plotly.graph_objects as go

MOST_BARS = 300
"""With more, all bars of a colour are one outline, which a browser drew a sixth of a second sooner for 2000 slices."""


def grey_chart(interior: NDArray[np.int64], membrane: NDArray[np.int64] | None) -> go.Figure:
    """Pixels by grey value; interior and membrane apart where there are labels."""
    go = plotly()
    figure = go.Figure()
    for name, counts, colour in (("interior" if membrane is not None else "all pixels", interior, GREEN),
                                 ("membrane", membrane, PINK)):  # fmt: skip
        if counts is not None:
            figure.add_bar(
                x=np.arange(256), y=counts, name=name, marker={"color": colour, "line": {"width": 0}},
                hovertemplate="grey value %{x}: %{y:,} pixels<extra>" + name + "</extra>",
            )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_xaxes(title="grey value (0 black, 255 white)", range=[-1, 256])
    figure.update_yaxes(title="pixels")
    return laid_out(figure, "Grey values of this slice", height=300)


def slice_chart(
    indices: Sequence[int],
    values: Sequence[float],
    colours: Sequence[str],
    title: str,
    unit: str,
    chosen: int,
    borders: Sequence[int] = (),
) -> go.Figure:
    """A bar a slice, the chosen one marked, and a line where another volume begins."""
    figure = plotly().Figure()
    for colour in dict.fromkeys(colours):
        bars = [(z, value) for z, value, one in zip(indices, values, colours, strict=True) if one == colour]
        hover = "slice %{customdata[0]}: %{customdata[1]:.2f} " + unit
        _add_bars(figure, *zip(*bars, strict=True), colour=colour, hover=hover, outlined=len(indices) > MOST_BARS)
    _mark_slice(figure, chosen, 1.06 * max(values, default=1.0))
    _mark_borders(figure, borders)
    figure.update_layout(barmode="overlay", bargap=0.1 if len(indices) < 200 else 0, showlegend=False)
    figure.update_xaxes(title="slice")
    figure.update_yaxes(title=unit, rangemode="tozero")
    return laid_out(figure, title, height=280)


def split_chart(parts: Mapping[str, Sequence[int]], slices: int, chosen: int, borders: Sequence[int] = ()) -> go.Figure:
    """The stack from its first slice to its last, coloured by what each slice was used for."""
    figure = plotly().Figure()
    for name, indices in parts.items():
        if indices:
            _add_bars(
                figure, indices, [1.0] * len(indices), colour=PART_COLOURS[name],
                name=f"{PARTS[name]} ({len(indices)})", hover="slice %{customdata[0]}: " + PARTS[name],
                outlined=slices > MOST_BARS,
            )  # fmt: skip
    _mark_slice(figure, chosen, 1.12)
    _mark_borders(figure, borders)
    figure.update_layout(barmode="stack", bargap=0.06 if slices < 200 else 0, legend={"traceorder": "normal"})
    figure.update_xaxes(title="slice", range=[-0.6, slices - 0.4])
    figure.update_yaxes(visible=False, range=[0, 2.25], fixedrange=True)
    return laid_out(figure, "The split along the stack", height=200)


def _add_bars(
    figure: go.Figure,
    indices: Sequence[int],
    values: Sequence[float],
    *,
    colour: str,
    hover: str,
    outlined: bool,
    name: str = "",
) -> None:
    """`hover` has the slice as %{customdata[0]} and the value as %{customdata[1]}."""
    known, hover = np.column_stack([indices, values]), hover + "<extra></extra>"
    if not outlined:
        figure.add_bar(
            x=known[:, 0], y=known[:, 1], name=name, marker={"color": colour, "line": {"width": 0}},
            customdata=known, hovertemplate=hover,
        )  # fmt: skip
        return
    places, heights = (known[:, [column] * 4] for column in (0, 1))
    places += [-0.5, -0.5, 0.5, 0.5]
    heights[:, [0, 3]] = 0
    # Down to the ground only beside a gap: between neighbours a browser would show a seam.
    gaps = np.diff(known[:, 0]) != 1
    kept = np.ones(places.shape, bool)
    kept[1:, 0] = kept[:-1, 3] = gaps
    figure.add_scatter(
        x=places[kept], y=heights[kept], name=name, mode="lines", line={"width": 0, "simplify": False}, fill="tozeroy",
        fillcolor=colour, customdata=np.repeat(known, 4, axis=0)[kept.ravel()], hovertemplate=hover,
    )  # fmt: skip


def _mark_borders(figure: go.Figure, borders: Sequence[int]) -> None:
    for border in borders:
        figure.add_vline(x=border - 0.5, line={"color": GREY, "width": 1.5, "dash": "dash"})


def _mark_slice(figure: go.Figure, chosen: int, height: float) -> None:
    figure.add_scatter(
        x=[chosen], y=[height], mode="markers", marker={"symbol": "triangle-down", "size": 11, "color": GREY},
        hovertemplate="the chosen slice, %{x}<extra></extra>", showlegend=False,
    )  # fmt: skip
