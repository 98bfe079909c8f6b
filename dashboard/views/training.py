"""How runs learned: their curves on the same axes, the network, and in what their settings differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import notices, words
from dashboard.figures import (
    BLUE,
    GREEN,
    GREY,
    VERMILION,
    keep_zoom,
    learning_curves,
    network_chart,
    show_chart,
    swatches,
    watch_zoom,
)
from dashboard.state import COMPARED, broken_runs, current, load_history, load_run, names_of_runs
from dashboard.tables import csv_button
from dashboard.trainings import how_far, how_it_ended, is_open, show_log
from dashboard.viewer import show_previews
from dashboard.views.run_table import run_table
from segcore.config import flatten, to_dict
from segcore.errors import SegcoreError
from segcore.progress import duration
from segcore.runs import EpochRecord, Run

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_RUNS = 6
SECONDS_BETWEEN_LOOKS = 2.0
_SMOOTHINGS = (1, 3, 5, 9, 15)
_CHART = "learning curves"
_ZOOM, _DRAWN = "training zoom", "training: drawn"


def page() -> None:
    selection = current()
    notices.heading("Training", selection, of="run")
    if selection.run is None:
        st.info(words.no_run(), icon=":material/info:")
        return
    run_table(selection.run, MOST_RUNS - 1)
    if selection.run.info.outside is not None:
        st.info(
            f"**{words.plain(selection.run.name)}** is what another program predicted. Nothing is known here of how it "
            "learned.",
            icon=":material/input:",
        )
        return
    runs = _members(selection.run) if selection.run.info.members else _compared(selection.run)
    if not runs:
        return
    names = tuple(run.name for run in runs)
    if any(run.state == "training" for run in runs):
        st.fragment(_learning, run_every=SECONDS_BETWEEN_LOOKS)(names, live=True)
    else:
        _learning(names, live=False)
    with st.expander("The network", icon=":material/account_tree:"):
        _network(runs[0])
    with st.expander("Settings", icon=":material/tune:"):
        _settings(runs)


def _learning(names: tuple[str, ...], *, live: bool) -> None:
    """How far the runs are and their curves: all of the page that changes while one of them is trained."""
    with notices.guarded():
        runs = [load_run(name) for name in names]
        if live and not is_open() and not any(run.state == "training" for run in runs):
            st.rerun()  # The page as a whole, which then no longer looks again.
        for run in runs:
            _notes(run, many=len(runs) > 1)
            if run.state == "training":
                how_far(run)
        how_it_ended(runs[0])
        histories = {run.name: load_history(run) for run in runs}
        empty = [name for name, history in histories.items() if not history]
        if empty:
            st.info(f"No epoch has ended yet: {words.plain(words.listed(empty))}.")
        histories = {name: history for name, history in histories.items() if history}
        if histories:
            _curves(runs, histories)
        show_previews(runs[0], key="training previews")
        show_log(runs[0])
        if histories:
            _tables(histories)


def _members(run: Run) -> list[Run]:
    """The networks whose predictions a run averages, as many as can be drawn of those that are here."""
    here = [name for name in run.info.members if name in names_of_runs() and name not in broken_runs()]
    of_all = len(run.info.members)
    said = f"**{words.plain(run.name)}** averages the predictions of {of_all} networks and learned nothing itself. "
    if not here:
        st.info(said + "None of them is on this machine.", icon=":material/hub:")
        return []
    shown = here[:MOST_RUNS]
    which = "These are their curves" if len(shown) == of_all else f"These are the curves of {len(shown)} of them"
    st.info(said + f"{which}.", icon=":material/hub:")
    return [load_run(name) for name in shown]


def _compared(first: Run) -> list[Run]:
    broken = broken_runs()
    others = [name for name in names_of_runs() if name != first.name and name not in broken and _learned(name)]
    chosen: Sequence[str] = []
    if others:
        # One that was chosen before may be gone by now.
        kept = st.session_state.get(COMPARED, [])
        st.session_state[COMPARED] = [name for name in kept if name in others]
        chosen = st.multiselect(
            "Curves beside it",
            others,
            key=COMPARED,
            persist_state="session",
            max_selections=MOST_RUNS - 1,
            placeholder="other runs, on the same axes",
            help="Curves of several runs are drawn on the same axes; settings that differ are highlighted below.",
        )
    return [first, *(load_run(name) for name in chosen)]


def _learned(name: str) -> bool:
    info = load_run(name).info
    return not info.members and info.outside is None


def _notes(run: Run, *, many: bool) -> None:
    info, training = run.info, run.state == "training"
    said = [f"{info.epochs} {f'of {run.config.train.epochs} ' if training else ''}epochs"]
    said[0] += f" in {duration(info.train_seconds)} on {words.plain(info.device)}"
    if info.best_epoch:
        said.append(
            f"{'best so far' if training else 'weights kept'}: epoch **{info.best_epoch}**, with a validation Dice of "
            f"**{info.best_dice:.4f}**"
        )
    if training:
        said.append(":blue-badge[training now]")
    elif run.state != "finished":
        said.append(f":orange-badge[{run.state}]")
    st.markdown((f"**{words.plain(run.name)}**: " if many else "") + " · ".join(said))
    notices.about_run(run)


def _curves(runs: list[Run], histories: dict[str, list[EpochRecord]]) -> None:
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="curve settings"):
        smoothing = st.segmented_control(
            "Smoothing (epochs)", _SMOOTHINGS, format_func=lambda epochs: "off" if epochs == 1 else str(epochs),
            key="training smoothing", persist_state="session", default=1, required=True,
            help="Draws each curve as the mean of so many epochs, as many before as after, fewer towards both ends. "
            "The values themselves stay as a faint line. Off draws only these. The star, the table and the file are "
            "never smoothed.",
        )  # fmt: skip
        log = st.toggle(
            "Logarithmic", key="training log", persist_state="session", help="For loss, learning rate and epoch time."
        )
    smoothed = (
        "" if smoothing == 1
        else f"Strong: means of {smoothing} epochs. Faint, and in numbers at the pointer: the values themselves. "
    )  # fmt: skip
    st.caption(
        f"{smoothed}Dotted: training, on augmented patches. Solid: validation, on whole slices. "
        "Star: the epoch whose weights were kept. It is the best one on these very validation slices, so its figures "
        "flatter a little; test slices tell what to expect."
    )
    show_chart(
        _figure(runs, histories, log=log, smoothing=smoothing), key=_CHART, name="learning-curves",
        description="Loss, Dice, share of pixels right, learning rate and time by epoch; the table below has them all",
    )  # fmt: skip
    watch_zoom([_CHART], key=_ZOOM)
    for column, term in zip(st.columns(3), ("loss", "dice", "accuracy"), strict=True):
        column.caption(f"**{term.capitalize()}**: {words.HELP[term]}")


def _figure(runs: list[Run], histories: dict[str, list[EpochRecord]], *, log: bool, smoothing: int) -> go.Figure:
    """The chart; the same one as before until there is something new in it."""
    view = "/".join([*histories, "log" if log else "linear"])
    best = {run.name: run.info.best_epoch for run in runs}
    shown = view, smoothing, best, {name: history[-1] for name, history in histories.items()}
    drawn = st.session_state.get(_DRAWN)
    if drawn is not None and drawn[0] == shown:
        return drawn[1]
    figure = learning_curves(histories, best=best, log=log, smoothing=smoothing)
    keep_zoom(figure, _CHART, key=_ZOOM, view=view)
    st.session_state[_DRAWN] = shown, figure
    return figure


def _tables(histories: dict[str, list[EpochRecord]]) -> None:
    table = pd.DataFrame([{"run": name} | asdict(record) for name, history in histories.items() for record in history])
    with st.expander("All epochs as a table", icon=":material/table:"):
        st.dataframe(table, hide_index=True, height=320)
    csv_button("History as CSV", table, f"{'-'.join(histories)[:100]}-history.csv")


def _network(run: Run) -> None:
    st.caption(
        "A U-Net: down the left side the image gets smaller and the channels more, up the right side the reverse; "
        "arrows carry detail across."
    )
    try:
        parts = run.parts()
    except SegcoreError:
        model = run.config.model
        st.info(
            f"This run was trained before its levels were written down. It has {model.depth} levels, {model.width} "
            f"channels at the top and {words.count(run.info.parameters)} parameters."
        )
        return
    figure = network_chart(parts)
    show_chart(figure, key="network", name="network", description="The U-Net part by part")
    swatches([(BLUE, "encoder"), (GREY, "upsampling"), (VERMILION, "decoder"), (GREEN, "output")])
    table = pd.DataFrame([asdict(part) for part in parts])
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "parameters": st.column_config.NumberColumn(format="localized"),
            "multiply_adds": st.column_config.NumberColumn("multiply-adds", format="compact"),
        },
    )
    st.caption(f"{words.count(run.info.parameters)} parameters in all.")
    csv_button("Levels as CSV", table, f"{run.name}-levels.csv")


def _settings(runs: list[Run]) -> None:
    flat = {run.name: flatten(to_dict(run.config)) for run in runs}
    names = list(dict.fromkeys(key for values in flat.values() for key in values))
    table = pd.DataFrame(
        {name: [_text(values.get(key)) for key in names] for name, values in flat.items()}, index=names
    )
    table.index.name = "setting"
    differ = table.nunique(axis=1) > 1
    if len(runs) > 1:
        only = st.toggle(
            f"Only what differs ({int(differ.sum())} of {len(names)})", value=True, key="training differences"
        )
        if only:
            table, differ = table[differ], differ[differ]
        st.caption("Settings that differ are highlighted.")
    shown = table.style.apply(
        lambda row: ["background-color: rgba(230,159,0,.28)" if differ[row.name] else ""] * len(row), axis=1
    )
    st.dataframe(shown, height=min(520, 40 + 35 * max(1, len(table))))
    csv_button("Settings as CSV", table.reset_index(), f"{'-'.join(flat)[:100]}-settings.csv")


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


page()
