"""All runs side by side, a row each; a click on one draws its curves beside the chosen run's."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import words
from dashboard.state import COMPARED, broken_runs, choose_run, headline, leak_audit, load_run, names_of_runs
from dashboard.tables import LONG, csv_button, holding
from segcore.runs import Run

_KEY = "all runs"


def run_table(chosen: Run, most: int) -> None:
    """Draws the table of the runs that can be opened; nothing where there is only the chosen one.

    Args:
        chosen: the run of the page, which is always drawn.
        most: runs that can be drawn beside it.
    """
    broken = broken_runs()
    runs = [load_run(name) for name in names_of_runs() if name not in broken]
    if len(runs) < 2:
        return
    drawn = {chosen.name, *st.session_state.get(COMPARED, [])}
    table = pd.DataFrame(
        [_row(run, drawn=run.name in drawn) for run in sorted(runs, key=lambda one: one.info.started, reverse=True)]
    )
    if len(table) > LONG:
        table = holding(table, st.text_input("Find", key="find run", placeholder="name, dataset or state"))
    st.dataframe(
        table, hide_index=True, key=_KEY, selection_mode="single-cell",
        height=min(40 + 35 * max(1, len(table)), 320),
        on_select=lambda: _draw_or_not(list(table["run"]), chosen.name, most),
        column_config={
            "drawn": st.column_config.CheckboxColumn(help="Whether its curves are drawn below."),
            "wrong pixels": st.column_config.NumberColumn(format="%.2f %%", help=words.HELP["wrong"]),
            "V_Rand of segments": st.column_config.NumberColumn(
                format="%.3f", help=f"{words.HELP['v_rand']} {words.HELP['segments']}"
            ),
            "splits": st.column_config.NumberColumn(format="localized", help="Neurites cut in two."),
            "merges": st.column_config.NumberColumn(format="localized", help="Neurites that run together."),
            "minutes": st.column_config.NumberColumn(format="%.1f", help="Spent in epochs."),
        },
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "Test slices of each run's own dataset. A click on a run draws its curves below, or takes them away; one "
            "that learned nothing itself is chosen instead."
        )
        csv_button("Runs as CSV", table, "runs.csv")


def _row(run: Run, *, drawn: bool) -> dict[str, object]:
    found = headline(run)
    return {
        "drawn": drawn,
        "run": run.name,
        "state": run.state + (", leaks" if leak_audit(run).leaks else ""),
        "dataset": run.info.dataset,
        "wrong pixels": found.wrong_percent,
        "V_Rand of segments": found.v_rand,
        "splits": found.splits,
        "merges": found.merges,
        "minutes": run.info.train_seconds / 60,
    }


def _draw_or_not(names: list[str], chosen: str, most: int) -> None:
    cells = st.session_state[_KEY]["selection"]["cells"]
    if not cells or (name := names[cells[0][0]]) == chosen:
        return
    info = load_run(name).info
    if info.members or info.outside is not None:
        choose_run(name)  # it has no curves; the page says what it is
        return
    beside = list(st.session_state.get(COMPARED, []))
    beside = [one for one in beside if one != name] if name in beside else [*beside, name][-most:]
    st.session_state[COMPARED] = beside
