"""What all charts have in common: how they are laid out and drawn, and the legends beside them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.figures.colours import FALSE, FORGIVEN, MISSED

if TYPE_CHECKING:  # Plotly is imported by the first chart that is drawn.
    import plotly.graph_objects as go


def show_chart(figure: go.Figure, *, key: str, name: str, description: str) -> None:
    """Draws a figure; its camera button saves a file of that name."""
    st.plotly_chart(
        figure,
        key=key,
        alt=description,
        config={
            "displaylogo": False,
            "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
            "toImageButtonOptions": {"format": "png", "scale": 2, "filename": name},
        },
    )


def error_legend(*, forgiven: bool) -> None:
    """What the colours of errors mean, in the colours themselves."""
    entries = [
        (MISSED, "missed membrane (membrane called interior)"),
        (FALSE, "false membrane (interior called membrane)"),
    ]
    if forgiven:
        entries.append((FORGIVEN, "within the tolerance"))
    swatches(entries)


def swatches(entries: Sequence[tuple[str, str]]) -> None:
    """Coloured squares with their meanings."""
    squares = "".join(
        f'<span style="white-space:nowrap;margin-right:1.2em"><span style="display:inline-block;width:.8em;height:.8em;'
        f'background:{colour};margin-right:.4em;border-radius:2px"></span>{html.escape(text)}</span>'
        for colour, text in entries
    )
    st.html(f'<div style="font-size:.875rem;line-height:1.6">{squares}</div>')


def plotly() -> Any:
    import plotly.graph_objects as go

    return go


def laid_out(figure: go.Figure, title: str, *, height: int = 360) -> go.Figure:
    """The figure as all charts look. Its text takes the colour of the page, from `page.css`."""
    figure.update_layout(
        title={"text": html.escape(title), "font": {"size": 15}, "x": 0, "xanchor": "left"},
        height=height,
        margin={"l": 10, "r": 10, "t": 44, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "yref": "container", "y": 0, "x": 0, "font": {"size": 11}},
        hovermode="closest",
    )
    return figure
