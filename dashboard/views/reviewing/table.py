"""The evaluated slices as a table, worst first."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from dashboard import words
from dashboard.state import MeasuresAt, Result, Selection, choose, range_of_slices
from dashboard.tables import csv_button
from segcore.evaluation import harm_by_slice, harm_is_known

_PICKED = "errors slice picked"


def slices_table(selection: Selection, result: Result, found: MeasuresAt) -> None:
    """Pixels at the threshold and tolerance that are chosen, and what was measured at the run's own settings."""
    each, evaluation = found.each, result.evaluation
    columns = {
        "slice": evaluation.slices,
        "name": evaluation.names,
        "wrong %": each.wrong_percent,
        "wrong pixels": each.wrong_pixels,
        "missed membrane": each.missed_membrane,
        "false membrane": each.false_membrane,
        "Dice interior": each.dice("interior"),
        "Dice membrane": each.dice("membrane"),
        "neurites": evaluation.neurites,
    }
    if harm_is_known(evaluation):
        harms = harm_by_slice(evaluation)
        columns["harm"] = [harms.get(z, 0.0) for z in evaluation.slices]
    for name, threshold in evaluation.thresholds.items():
        columns[f"V_Rand at {threshold:.3f}"] = [one.v_rand for one in evaluation.points[name]]
    if evaluation.segments:
        columns["V_Rand of segments"] = [one.v_rand for one in evaluation.segments]
    table = pd.DataFrame(columns).sort_values("wrong pixels", ascending=False)
    key = f"slices of {result.run.name} {result.folder.name}"
    if len(table) > 1:
        left, right = st.columns([3, 1], gap="medium")
        with left:
            first, last = range_of_slices(evaluation.slices, key=f"range of {key}", text="Show slices")
        with right:
            least = st.number_input("At least % wrong", 0.0, 100.0, 0.0, step=0.5, format="%.1f", key=f"least of {key}")
        # A slice without a percentage has no pixels; it stays as long as nothing is asked of it.
        table = table[table["slice"].between(first, last) & ((table["wrong %"] >= least) | (least == 0))]
    table = table.reset_index(drop=True)
    st.caption(
        f"{_shown_of(len(table), len(evaluation.slices), 'slices')} Mark a row to see the slice; click a column's name "
        "to sort. V_Rand was measured at the run's own thresholds only"
        + (", and of its segments." if evaluation.segments else ".")
    )
    st.dataframe(
        table,
        hide_index=True,
        height=min(420, 38 + 35 * len(table)),
        on_select=partial(_picked, key, tuple(table["slice"])),
        selection_mode="single-row",
        key=key,
        column_config={
            "slice": st.column_config.NumberColumn(help=words.HELP["slice"], pinned=True),
            "wrong %": st.column_config.ProgressColumn(
                help=words.HELP["wrong"],
                format="%.2f %%",
                min_value=0.0,
                max_value=float(table["wrong %"].max()) or 1.0,
            ),
            "wrong pixels": st.column_config.NumberColumn(format="localized"),
            "missed membrane": st.column_config.NumberColumn(
                "missed (px)", format="localized", help=words.HELP["missed"]
            ),
            "false membrane": st.column_config.NumberColumn("false (px)", format="localized", help=words.HELP["false"]),
            "harm": st.column_config.NumberColumn(format="%.4f", help=words.HELP["harm of slice"]),
            "Dice interior": st.column_config.NumberColumn(format="%.4f", help=words.HELP["dice"]),
            "Dice membrane": st.column_config.NumberColumn(format="%.4f", help=words.HELP["dice"]),
            **{
                name: st.column_config.NumberColumn(format="%.4f", help=words.HELP["v_rand"])
                for name in columns
                if name.startswith("V_Rand")
            },
        },
    )
    if st.session_state.pop(_PICKED, False):
        st.rerun()  # all of the page, and not only its section
    csv_button("Table as CSV", table, f"{result.run.name}-{result.dataset}-slices-{selection.threshold:.3f}.csv")


def _shown_of(shown: int, all_of_them: int, what: str) -> str:
    return "" if shown == all_of_them else f"{words.count(shown)} of {words.count(all_of_them)} {what} shown."


def _picked(key: str, slices: tuple[int, ...]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows and rows[0] < len(slices):
        choose(slice=int(slices[rows[0]]))
        st.session_state[_PICKED] = True
