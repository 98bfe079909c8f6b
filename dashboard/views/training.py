"""How runs learned: their curves on the same axes, the network, and in what their settings differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import charts, loaders, notices, words
from dashboard.selection import current
from segcore import config as configuration
from segcore.errors import SegcoreError
from segcore.runs import EpochRecord, Run

MOST_RUNS = 6


def page() -> None:
    selection = current()
    st.title("Training")
    if selection.run is None:
        st.info("There is no run to show yet. The Overview says how to get one.", icon=":material/info:")
        return
    runs = _compared(selection.run)
    for run in runs:
        _notes(run, many=len(runs) > 1)
    histories = {run.name: loaders.history(run) for run in runs}
    empty = [name for name, history in histories.items() if not history]
    if empty:
        st.info(f"No epoch has ended yet: {words.plain(words.listed(empty))}.")
    histories = {name: history for name, history in histories.items() if history}
    if histories:
        _curves(runs, histories)
        _tables(histories)
    _network(selection.run)
    _settings(runs)


def _compared(first: Run) -> list[Run]:
    broken = loaders.broken_runs()
    others = [name for name in loaders.names_of_runs() if name != first.name and name not in broken]
    chosen: Sequence[str] = []
    if others:
        chosen = st.multiselect(
            "Compare with",
            others,
            key="training others",
            persist_state="session",
            max_selections=MOST_RUNS - 1,
            placeholder="other runs, on the same axes",
            help="Curves of several runs are drawn on the same axes; settings that differ are highlighted below.",
        )
    return [first, *(loaders.run(name) for name in chosen)]


def _notes(run: Run, *, many: bool) -> None:
    info = run.info
    name = f"**{words.plain(run.name)}**: " if many else ""
    kept = f"weights of epoch **{info.best_epoch}** were kept, with validation Dice **{info.best_dice:.4f}**"
    st.markdown(
        f"{name}{info.epochs} epochs in {words.duration(info.train_seconds)} on {words.plain(info.device)}"
        + (f"; {kept}" if info.best_epoch else "")
        + ("" if info.state == "finished" else f" · :orange-badge[{info.state}] {words.plain(info.message)}")
    )
    notices.about_run(run)


def _curves(runs: list[Run], histories: dict[str, list[EpochRecord]]) -> None:
    log = st.toggle(
        "Logarithmic", key="training log", persist_state="session", help="For loss, learning rate and epoch time."
    )
    best = {run.name: run.info.best_epoch for run in runs}
    st.caption(
        "Dotted: training. Solid: validation. Star: the epoch whose weights were kept. Training figures come from "
        "augmented patches, validation figures from whole slices."
    )
    for column, (measure, title, unit, term) in zip(
        st.columns(3),
        (
            ("loss", "Loss", "loss (no unit)", "loss"),
            ("dice", "Dice of interior at 0.5", "Dice, 0 to 1", "dice"),
            ("accuracy", "Binary accuracy at 0.5", "share of pixels, 0 to 1", "accuracy"),
        ),
        strict=True,
    ):
        with column:
            figure = charts.curves(histories, measure, title, unit, best=best, log=log and measure == "loss")
            charts.show(figure, key=f"curve {measure}", name=measure, description=f"{title} by epoch")
            st.caption(words.HELP[term])
    for column, (measure, title, unit) in zip(
        st.columns(2),
        (("learning_rate", "Learning rate", "learning rate"), ("seconds", "Time of an epoch", "seconds")),
        strict=True,
    ):
        with column:
            figure = charts.by_epoch(histories, measure, title, unit, log=log)
            charts.show(figure, key=f"curve {measure}", name=measure, description=f"{title} by epoch")


def _tables(histories: dict[str, list[EpochRecord]]) -> None:
    table = pd.DataFrame([{"run": name} | asdict(record) for name, history in histories.items() for record in history])
    with st.expander(f"All epochs as a table ({len(table)})", icon=":material/table:"):
        st.dataframe(table, hide_index=True, height=320)
    st.download_button(
        "History as CSV",
        partial(_csv, table),
        f"{'-'.join(histories)}-history.csv"[:120],
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _network(run: Run) -> None:
    st.subheader("The network", help="A U-Net: down the left side the image gets smaller and the channels more, up "
                 "the right side the reverse; arrows carry detail across.")  # fmt: skip
    try:
        levels = loaders.levels(run)
    except SegcoreError:
        model = run.config.model
        st.info(
            f"This run was trained before its levels were written down. It has {model.depth} levels, {model.width} "
            f"channels at the top and {words.count(run.info.parameters)} parameters."
        )
        return
    figure = charts.network(levels)
    charts.show(figure, key="network", name="network", description="The U-Net part by part")
    charts.swatches(
        [(charts.BLUE, "encoder"), (charts.GREY, "upsampling"), (charts.VERMILION, "decoder"), (charts.GREEN, "output")]
    )
    table = pd.DataFrame([asdict(level) for level in levels])
    with st.expander("As a table", icon=":material/table:"):
        st.dataframe(
            table,
            hide_index=True,
            column_config={
                "parameters": st.column_config.NumberColumn(format="localized"),
                "multiply_adds": st.column_config.NumberColumn("multiply-adds", format="compact"),
            },
        )
        st.caption(f"{words.count(int(table['parameters'].sum()))} parameters in all.")


def _settings(runs: list[Run]) -> None:
    st.subheader("Settings")
    flat = {run.name: configuration.flatten(configuration.to_dict(run.config)) for run in runs}
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
    st.download_button(
        "Settings as CSV", partial(_csv, table.reset_index()), "settings.csv", "text/csv", icon=":material/download:",
        on_click="ignore",
    )  # fmt: skip


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


page()
