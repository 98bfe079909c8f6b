"""Charts of a training by epoch."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dashboard.figures.colours import PART_COLOURS, RUN_COLOURS
from dashboard.figures.layout import laid_out, plotly
from dashboard.words import PARTS
from segcore.runs import EpochRecord

if TYPE_CHECKING:  # Plotly is imported by the first chart that is drawn.
    import plotly.graph_objects as go


def learning_curves(
    histories: Mapping[str, Sequence[EpochRecord]], measure: str, title: str, unit: str, *,
    best: Mapping[str, int], log: bool,
) -> go.Figure:  # fmt: skip
    """A measure by epoch, training dashed and validation solid, a colour a run (two colours for one run)."""
    go = plotly()
    figure = go.Figure()
    single = len(histories) == 1
    for (run, history), colour in zip(histories.items(), _cycle(len(histories)), strict=True):
        epochs = [one.epoch for one in history]
        name = html.escape(run)
        for part, dash in (("train", "dot"), ("validation", "solid")):
            title_of = PARTS[part]
            figure.add_scatter(
                x=epochs, y=[getattr(one, f"{part}_{measure}") for one in history],
                name=title_of if single else f"{name}, {title_of}", mode="lines" if len(epochs) > 1 else "markers",
                line={"color": PART_COLOURS[part] if single else colour, "dash": dash, "width": 2},
                hovertemplate="epoch %{x}: %{y:.4f}<extra>" + f"{name}, {title_of}</extra>",
            )  # fmt: skip
        kept = next((one for one in history if one.epoch == best.get(run)), None)
        if kept is not None:
            figure.add_scatter(
                x=[kept.epoch], y=[getattr(kept, f"validation_{measure}")], mode="markers",
                name=f"kept epoch {kept.epoch}" if single else f"{name}, kept epoch {kept.epoch}",
                marker={"symbol": "star", "size": 13, "color": PART_COLOURS["validation"] if single else colour,
                        "line": {"width": 1, "color": "black"}},
                hovertemplate="kept epoch %{x}: %{y:.4f}<extra></extra>",
            )  # fmt: skip
    _epochs(figure, histories)
    figure.update_yaxes(title=unit, type="log" if log else "linear")
    return laid_out(figure, title, height=340)


def epoch_chart(
    histories: Mapping[str, Sequence[EpochRecord]], measure: str, title: str, unit: str, *, log: bool
) -> go.Figure:
    """The learning rate or the seconds by epoch."""
    go = plotly()
    figure = go.Figure()
    for (run, history), colour in zip(histories.items(), _cycle(len(histories)), strict=True):
        figure.add_scatter(
            x=[one.epoch for one in history], y=[getattr(one, measure) for one in history], name=html.escape(run),
            mode="lines" if len(history) > 1 else "markers", line={"color": colour, "width": 2},
            hovertemplate="epoch %{x}: %{y:.4g} " + unit + "<extra>" + html.escape(run) + "</extra>",
            showlegend=len(histories) > 1,
        )  # fmt: skip
    _epochs(figure, histories)
    figure.update_yaxes(title=unit, type="log" if log else "linear", rangemode="normal" if log else "tozero")
    return laid_out(figure, title, height=260)


def _epochs(figure: go.Figure, histories: Mapping[str, Sequence[EpochRecord]]) -> None:
    few = max(len(history) for history in histories.values()) < 8  # there is no epoch one and a half
    figure.update_xaxes(title="epoch", dtick=1 if few else None)


def _cycle(number: int) -> list[str]:
    return [RUN_COLOURS[place % len(RUN_COLOURS)] for place in range(number)]
