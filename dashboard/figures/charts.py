"""Figures and tables from numbers that segcore has computed. Every axis has its unit."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from segcore.measures import (
    Calibration,
    ClassName,
    Confusion,
    best_threshold,
    last_membrane_value,
    threshold_after,
)
from segcore.runs import EpochRecord, NetworkPart

if TYPE_CHECKING:  # Plotly is imported by the first page that draws with it.
    import plotly.graph_objects as go

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#8A8F98"
SKY, VERMILION, YELLOW = "#56B4E9", "#D55E00", "#F0E442"
MISSED, FALSE, FORGIVEN = BLUE, VERMILION, YELLOW
PART_COLOURS = {"train": BLUE, "validation": ORANGE, "gap": GREY, "test": PINK}
PART_TITLES = {"train": "training", "validation": "validation", "gap": "left out", "test": "test"}
RUN_COLOURS = (BLUE, VERMILION, GREEN, PINK, ORANGE, SKY)
THRESHOLDS = np.array([threshold_after(value) for value in range(256)])


def show(figure: go.Figure, *, key: str, name: str, description: str) -> None:
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


def legend(*, forgiven: bool) -> None:
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


def sweep(
    found: Confusion, measure: str, title: str, unit: str, *, chosen: float, points: Mapping[str, float]
) -> go.Figure:
    """A measure by threshold: the chosen threshold and those with a name as lines, the best as stars."""
    go = _plotly()
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
                marker={"symbol": "star", "size": 12, "color": colour, "line": {"width": 1, "color": ink()}},
                hovertemplate="best on these slices, threshold %{x:.3f}: %{y:.4f}<extra></extra>",
            )  # fmt: skip
    _mark(figure, chosen, f"chosen {chosen:.3f}", "solid", row=1, left=chosen > 0.75)
    others = {name: value for name, value in points.items() if abs(value - chosen) > 0.004}
    for name, value in others.items():
        _mark(figure, value, name, "dash", row=0, left=value == min(others.values()) and value > 0.2)
    figure.update_xaxes(title="threshold on the probability of interior", range=[0, 1])
    figure.update_yaxes(title=unit, rangemode="tozero")
    middle = found.wrong_percent[5:-5]
    if wrong and not np.isnan(middle).all():
        # Calling everything membrane is so wrong that the rest would be a flat line.
        figure.update_yaxes(range=[0, max(1.0, 1.05 * float(np.nanmax(middle)))])
    return _laid_out(figure, title).update_layout(margin_t=74)


def _mark(figure: go.Figure, x: float, text: str, dash: str, *, row: int, left: bool) -> None:
    """A vertical line with its name above the plot."""
    figure.add_vline(
        x=x, line={"dash": dash, "width": 1.5, "color": GREY}, annotation_text=html.escape(text),
        annotation_position=f"top {'left' if left else 'right'}", annotation_yanchor="bottom",
        annotation_yshift=14 * row, annotation_font={"size": 11, "color": ink()},
    )  # fmt: skip


def precision_recall(found: Confusion, chosen: int) -> go.Figure:
    """Precision against recall of both classes over all thresholds; the chosen one as a dot."""
    go = _plotly()
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
    return _laid_out(figure, "Precision against recall (dots: chosen)")


def calibration(found: Calibration) -> go.Figure:
    """Share of interior by predicted probability, and how many pixels each bin holds."""
    go = _plotly()
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
    return _laid_out(figure, f"Calibration: mean deviation {found.expected_error:.3f}")


def curves(
    histories: Mapping[str, Sequence[EpochRecord]], measure: str, title: str, unit: str, *,
    best: Mapping[str, int], log: bool,
) -> go.Figure:  # fmt: skip
    """A measure by epoch, training dashed and validation solid, a colour a run (two colours for one run)."""
    go = _plotly()
    figure = go.Figure()
    single = len(histories) == 1
    for (run, history), colour in zip(histories.items(), _cycle(len(histories)), strict=True):
        epochs = [one.epoch for one in history]
        name = html.escape(run)
        for part, dash in (("train", "dot"), ("validation", "solid")):
            title_of = "training" if part == "train" else "validation"
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
    return _laid_out(figure, title, height=340)


def by_epoch(
    histories: Mapping[str, Sequence[EpochRecord]], measure: str, title: str, unit: str, *, log: bool
) -> go.Figure:
    """The learning rate or the seconds by epoch."""
    go = _plotly()
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
    return _laid_out(figure, title, height=260)


def _epochs(figure: go.Figure, histories: Mapping[str, Sequence[EpochRecord]]) -> None:
    few = max(len(history) for history in histories.values()) < 8  # there is no epoch one and a half
    figure.update_xaxes(title="epoch", dtick=1 if few else None)


def _cycle(number: int) -> list[str]:
    return [RUN_COLOURS[place % len(RUN_COLOURS)] for place in range(number)]


def histogram(interior: NDArray[np.int64], membrane: NDArray[np.int64] | None) -> go.Figure:
    """Pixels by grey value; interior and membrane apart where there are labels."""
    go = _plotly()
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
    return _laid_out(figure, "Grey values of this slice", height=300)


def by_slice(
    indices: Sequence[int], values: Sequence[float], colours: Sequence[str], title: str, unit: str, chosen: int
) -> go.Figure:
    """A bar a slice, the chosen one marked."""
    figure = _plotly().Figure()
    for colour in dict.fromkeys(colours):
        bars = [(z, value) for z, value, one in zip(indices, values, colours, strict=True) if one == colour]
        hover = "slice %{customdata[0]}: %{customdata[1]:.2f} " + unit
        _add_bars(figure, *zip(*bars, strict=True), colour=colour, hover=hover, outlined=len(indices) > MOST_BARS)
    _mark_slice(figure, chosen, 1.06 * max(values, default=1.0))
    figure.update_layout(barmode="overlay", bargap=0.1 if len(indices) < 200 else 0, showlegend=False)
    figure.update_xaxes(title="slice")
    figure.update_yaxes(title=unit, rangemode="tozero")
    return _laid_out(figure, title, height=280)


def split(parts: Mapping[str, Sequence[int]], slices: int, chosen: int) -> go.Figure:
    """The stack from its first slice to its last, coloured by what each slice was used for."""
    figure = _plotly().Figure()
    for name, indices in parts.items():
        if indices:
            _add_bars(
                figure, indices, [1.0] * len(indices), colour=PART_COLOURS[name],
                name=f"{PART_TITLES[name]} ({len(indices)})", hover="slice %{customdata[0]}: " + PART_TITLES[name],
                outlined=slices > MOST_BARS,
            )  # fmt: skip
    _mark_slice(figure, chosen, 1.12)
    figure.update_layout(barmode="stack", bargap=0.06 if slices < 200 else 0, legend={"traceorder": "normal"})
    figure.update_xaxes(title="slice", range=[-0.6, slices - 0.4])
    figure.update_yaxes(visible=False, range=[0, 2.25], fixedrange=True)
    return _laid_out(figure, "The split along the stack", height=200)


MOST_BARS = 300
"""With more, all bars of a colour are one outline, which a browser drew a sixth of a second sooner for 2000 slices."""


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


def _mark_slice(figure: go.Figure, chosen: int, height: float) -> None:
    figure.add_scatter(
        x=[chosen], y=[height], mode="markers", marker={"symbol": "triangle-down", "size": 11, "color": GREY},
        hovertemplate="the chosen slice, %{x}<extra></extra>", showlegend=False,
    )  # fmt: skip


def network(parts: Sequence[NetworkPart]) -> go.Figure:
    """The U-Net: a box for each part, where it lies by level, as wide as it has channels."""
    go = _plotly()
    figure = go.Figure()
    depth = max(part.level for part in parts) + 1
    widest = max(part.channels for part in parts)
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
                font={"size": 10.5, "color": ink()},
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
    return _laid_out(figure, "Channels × height × width, parameters", height=120 + 90 * depth)


def ink() -> str:
    """The colour of text in the reader's theme."""
    return "#E8ECF1" if st.context.theme.type == "dark" else "#1B2430"


def _plotly() -> Any:
    import plotly.graph_objects as go

    return go


def _laid_out(figure: go.Figure, title: str, *, height: int = 360) -> go.Figure:
    figure.update_layout(
        title={"text": html.escape(title), "font": {"size": 15}, "x": 0, "xanchor": "left"},
        height=height,
        margin={"l": 10, "r": 10, "t": 44, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "yref": "container", "y": 0, "x": 0, "font": {"size": 11}},
        font={"color": ink()},
        hovermode="closest",
    )
    return figure
