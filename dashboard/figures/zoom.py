"""Keeps the zoom of Plotly charts: Streamlit makes a chart anew whenever its figure changes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    import plotly.graph_objects as go

Ranges = dict[str, dict[str, list[float]]]

# Plotly tells its own element what was zoomed; nobody else learns of it. Charts come and go with every redraw.
_JS = """
const seen = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const zoomed = (chart, name, change) => {
    // What a chart shows is asked of the chart: the one on the page can be older than the data above.
    const view = chart.layout.meta;
    const kept = seen.get(parentElement)?.view === view ? seen.get(parentElement) : { view, charts: {} };
    const ranges = { ...kept.charts[name] };
    for (const axis of ["xaxis", "yaxis"]) {
      const pair = change[`${axis}.range`] ?? [change[`${axis}.range[0]`], change[`${axis}.range[1]`]];
      if (change[`${axis}.autorange`]) delete ranges[axis];
      else if (pair[0] !== undefined) ranges[axis] = pair;
    }
    if (JSON.stringify(ranges) === JSON.stringify(kept.charts[name] ?? {})) return;
    const charts = { ...kept.charts, [name]: ranges };
    seen.set(parentElement, { view, charts });
    setStateValue("zoom", { view, charts });
  };
  const known = new WeakSet();
  const look = () => {
    for (const name of data.charts) {
      const chart = document.querySelector(`.st-key-${CSS.escape(name.replaceAll(" ", "-"))} .js-plotly-plot`);
      if (!chart?.on || known.has(chart)) continue;
      known.add(chart);
      chart.on("plotly_relayout", (change) => zoomed(chart, name, change));
    }
  };
  const timer = setInterval(look, 200);
  look();
  return () => clearInterval(timer);
}
"""


def watch(charts: Sequence[str], *, key: str) -> None:
    """Watches charts that were given a `set_view`, by their keys."""
    _component()(key=key, data={"charts": list(charts)}, on_zoom_change=_nothing)


@cache
def _component() -> Any:
    return st.components.v2.component("segcore_zoom", js=_JS)


def set_view(figure: go.Figure, chart: str, *, key: str, view: str) -> None:
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
            found[str(chart)] = {axis: list(axes[axis]) for axis in ("xaxis", "yaxis") if _is_range(axes.get(axis))}
    return found


def _is_range(value: object) -> bool:
    # It comes from a browser, so it can be anything.
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(end, int | float) and math.isfinite(end) for end in value)
    )


def _nothing() -> None:
    """Streamlit keeps a state only with a callback."""
