"""A chart of trainings by epoch: a plot for each thing that is measured, one above the other on one axis of epochs."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.figures.colours import GREY, PART_COLOURS, RUN_COLOURS
from dashboard.figures.layout import laid_out, plotly
from dashboard.words import PARTS
from segcore.runs import EpochRecord, moving_mean

if TYPE_CHECKING:  # Plotly is imported by the first chart that is drawn.
    import plotly.graph_objects as go

Histories = Mapping[str, Sequence[EpochRecord]]
_PLOT_PX, _BETWEEN_PX, _TITLE_PX, _BELOW_PX = 230, 52, 36, 48
_BUTTONS_PX, _ENTRY_PX = 30, 20
"""The height of the chart's own buttons, and of an entry of the legend, which is as wide as a phone at worst."""
_LONGEST_NAME = 24
_FAINT = 0.3
_STYLES = {"train": "dot", "validation": "solid"}


@dataclass(frozen=True)
class _Plot:
    """One of the plots.

    Attributes:
        measure: the field of an epoch, or what follows `train_` and `validation_` in two of them.
        title: what it shows, with its unit.
        parts: whether training and validation have one each.
        digits: how its numbers are written.
        logarithmic: whether it can be drawn on a logarithmic axis.
    """

    measure: str
    title: str
    parts: bool
    digits: str
    logarithmic: bool


_PLOTS = (
    _Plot("loss", "Loss (no unit)", True, ".4f", True),
    _Plot("dice", "Dice of interior at threshold 0.5 (0 to 1)", True, ".4f", False),
    _Plot("accuracy", "Share of pixels right (0 to 1)", True, ".4f", False),
    _Plot("learning_rate", "Learning rate (no unit)", False, ".3g", True),
    _Plot("seconds", "Time of an epoch (seconds)", False, ".3g", True),
)


def learning_curves(histories: Histories, *, best: Mapping[str, int], log: bool, smoothing: int) -> go.Figure:
    """Everything that is measured each epoch, of one run or of several on the same axes.

    Training is dotted and validation solid; a run has a colour, and where there is only one its two parts have.

    Args:
        histories: the epochs of each run, none of them empty.
        best: the epoch whose weights were kept, by run.
        log: loss, learning rate and time on logarithmic axes.
        smoothing: of how many epochs the mean is drawn over the values themselves; 1 draws only these.
    """
    figure = plotly().Figure()
    single = len(histories) == 1
    for row, plot in enumerate(_PLOTS):
        for place, (run, history) in enumerate(histories.items()):
            colour = RUN_COLOURS[place % len(RUN_COLOURS)]
            draw = _draw_parts if single else _draw_run
            draw(figure, row, run, colour, history, smoothing)
            kept = next((one for one in history if one.epoch == best.get(run)), None)
            if plot.parts and kept is not None:
                _mark(figure, row, kept, run, colour, single=single)
    return _arranged(figure, histories, log=log)


def _draw_parts(
    figure: go.Figure, row: int, run: str, colour: str, history: Sequence[EpochRecord], smoothing: int
) -> None:  # fmt: skip
    """The only run: its two parts have colours and say their values."""
    plot = _PLOTS[row]
    for part in _STYLES if plot.parts else ("",):
        _draw(
            figure, row, history, part, smoothing, colour=PART_COLOURS.get(part, GREY),
            name=PARTS.get(part, html.escape(_short(run))), legendgroup=part, showlegend=bool(part) and row == 0,
            customdata=_values(history, plot, part),
            hovertemplate=f"epoch %{{x}}: %{{customdata:{plot.digits}}}<extra>{PARTS.get(part, '')}</extra>",
        )  # fmt: skip


def _draw_run(
    figure: go.Figure, row: int, run: str, colour: str, history: Sequence[EpochRecord], smoothing: int
) -> None:  # fmt: skip
    """One of several runs. One of its lines speaks for both, so that what all say finds room in a plot."""
    plot, name = _PLOTS[row], html.escape(_short(run))
    said = f"%{{customdata[0]:{plot.digits}}}"
    said += f" ({PARTS['train']} %{{customdata[1]:{plot.digits}}})" if plot.parts else ""
    parts = ("validation", "train") if plot.parts else ("",)
    told = list(zip(*(_values(history, plot, part) for part in parts), strict=True))
    for part in parts:
        speaks: dict[str, Any] = (
            {"hoverinfo": "skip"} if part == "train"
            else {"customdata": told, "hovertemplate": f"{said}<extra>{name}</extra>"}
        )  # fmt: skip
        _draw(
            figure, row, history, part, smoothing, colour=colour, name=name, legendgroup=run,
            showlegend=part == "validation" and row == 0, **speaks,
        )  # fmt: skip


def _values(history: Sequence[EpochRecord], plot: _Plot, part: str) -> list[float]:
    return [getattr(one, f"{part}_{plot.measure}" if part else plot.measure) for one in history]


def _short(run: str) -> str:
    """A name as long as there is room for; names that are alike mostly differ at their ends."""
    return run if len(run) <= _LONGEST_NAME else f"{run[:10]}…{run[10 + 1 - _LONGEST_NAME :]}"


def _draw(
    figure: go.Figure, row: int, history: Sequence[EpochRecord], part: str, smoothing: int, *, colour: str,
    **options: Any,
) -> None:  # fmt: skip
    """A line of values; where means are asked for, these, and the values themselves as a faint line."""
    values = _values(history, _PLOTS[row], part)
    line: dict[str, Any] = {
        "x": [one.epoch for one in history], "yaxis": _axis(row), "mode": "lines" if len(history) > 1 else "markers",
        "line": {"color": colour, "dash": _STYLES.get(part, "solid"), "width": 2},
        "marker": {"color": colour, "size": 8, "symbol": "circle-open" if part == "train" else "circle"},
    }  # fmt: skip
    if smoothing > 1 and len(history) > 1:
        faint = options | {"showlegend": False, "hoverinfo": "skip", "hovertemplate": None, "opacity": _FAINT}
        figure.add_scatter(y=values, **line, **faint)
        values = moving_mean(values, smoothing)
    figure.add_scatter(y=values, **line, **options)


def _mark(
    figure: go.Figure, row: int, kept: EpochRecord, run: str, colour: str, *, single: bool
) -> None:  # fmt: skip
    """A star at the epoch whose weights were kept. Its value is told by the line."""
    figure.add_scatter(
        x=[kept.epoch], y=[getattr(kept, f"validation_{_PLOTS[row].measure}")], yaxis=_axis(row), mode="markers",
        name=f"kept epoch {kept.epoch}", legendgroup="kept" if single else run, showlegend=single and row == 0,
        marker={"symbol": "star", "size": 13, "color": PART_COLOURS["validation"] if single else colour,
                "line": {"width": 1, "color": "black"}},
        hoverinfo="skip",
    )  # fmt: skip


def _axis(row: int) -> str:
    return "y" if row == 0 else f"y{row + 1}"


def _arranged(figure: go.Figure, histories: Histories, *, log: bool) -> go.Figure:
    """Gives each plot its place and title. All share one axis, so a pointer in one of them is at its epoch in all."""
    inner = len(_PLOTS) * _PLOT_PX + (len(_PLOTS) - 1) * _BETWEEN_PX
    for row, plot in enumerate(_PLOTS):
        top = 1 - row * (_PLOT_PX + _BETWEEN_PX) / inner
        figure.update_layout(
            {
                f"yaxis{row + 1 if row else ''}": {
                    "domain": [max(0.0, top - _PLOT_PX / inner), top],
                    "type": "log" if log and plot.logarithmic else "linear",
                    "rangemode": "normal" if plot.parts or log else "tozero",
                }
            }
        )
        figure.add_annotation(
            text=plot.title, x=0, xref="paper", xanchor="left", y=top, yref="paper", yanchor="bottom", yshift=4,
            showarrow=False, font={"size": 13},
        )  # fmt: skip
    epochs = [one.epoch for history in histories.values() for one in history]
    few = max(epochs) - min(epochs) < 8  # there is no epoch one and a half
    figure.update_xaxes(
        title="epoch", dtick=1 if few else None, anchor=_axis(len(_PLOTS) - 1), showspikes=True, spikemode="across",
        spikesnap="hovered data", spikethickness=1, spikedash="dot", spikecolor=GREY,
    )  # fmt: skip
    entries = 1 if len(histories) == 1 else len(histories)
    above = _BUTTONS_PX + entries * _ENTRY_PX + _TITLE_PX
    height = above + inner + _BELOW_PX
    laid_out(figure, "", height=height)
    return figure.update_layout(
        margin={"t": above, "b": _BELOW_PX},
        legend={"y": 1 - _BUTTONS_PX / height, "yanchor": "top", "yref": "container"},
        hovermode="x",
        hoversubplots="axis",
    )
