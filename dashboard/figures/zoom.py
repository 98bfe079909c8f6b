"""Keeps the zoom of Plotly charts: Streamlit makes a chart anew whenever its figure changes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    import plotly.graph_objects as go

Ranges = dict[str, dict[str, list[float]]]


def watch_zoom(charts: Sequence[str], *, key: str) -> None:
    """Watches charts that were given a `keep_zoom`, by their keys."""
    _component()(key=key, data={"charts": list(charts)}, on_zoom_change=_nothing)


@cache
def _component() -> Any:
    return st.components.v2.component(
        "segcore_zoom", js=Path(__file__).with_name("zoom.js").read_text(encoding="utf-8")
    )


def keep_zoom(figure: go.Figure, chart: str, *, key: str, view: str) -> None:
    """Says in the figure what it shows, and zooms to where the reader has zoomed in this view; another forgets it."""
    figure.update_layout(meta=view)
    for axis, ends in _ranges(key, view).get(chart, {}).items():
        figure.update_layout({axis: {"range": ends}})


def _ranges(key: str, view: str) -> Ranges:
    zoom = (st.session_state.get(key) or {}).get("zoom")
    if not isinstance(zoom, Mapping) or zoom.get("view") != view or not isinstance(zoom.get("charts"), Mapping):
        return {}
    found: Ranges = {}
    for chart, axes in zoom["charts"].items():
        if isinstance(axes, Mapping):
            found[str(chart)] = {axis: list(ends) for axis, ends in axes.items() if _is_axis(axis) and _is_range(ends)}
    return found


def _is_axis(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(r"[xy]axis[0-9]?", name) is not None


def _is_range(value: object) -> bool:
    # It comes from a browser, so it can be anything.
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(end, int | float) and math.isfinite(end) for end in value)
    )


def _nothing() -> None:
    """Streamlit keeps a state only with a callback."""
