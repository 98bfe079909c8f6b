"""The datasets that are here, and those that are damaged."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import words
from dashboard.state import broken_datasets, choose, chosen, dataset_info, names_of_datasets
from dashboard.tables import LONG, csv_button, holding
from dashboard.views.datasets.arrival import show_checks


def installed_section() -> None:
    """Draws the table of them, and what was checked."""
    facts = [info for info in map(dataset_info, names_of_datasets()) if info is not None]
    st.subheader("Installed datasets")
    if facts:
        table = pd.DataFrame(
            [
                {
                    "name": info.name,
                    "title": info.title,
                    "slices": info.slices,
                    "size (px)": f"{info.height} × {info.width}",
                    "labels": "yes" if info.labelled else "no",
                    "synthetic": "yes" if info.synthetic else "no",
                    "source": info.source,
                    "terms": info.terms,
                    "since": words.when(info.created),
                }
                for info in facts
            ]
        )
        if len(table) > LONG:
            table = holding(table, st.text_input("Find", key="find dataset", placeholder="name, title or source"))
        st.dataframe(
            table, hide_index=True, key="installed datasets", selection_mode="single-cell",
            on_select=lambda: _open(list(table["name"])),
        )  # fmt: skip
        st.caption("A click on a dataset shows its slices.")
        csv_button("Datasets as CSV", table, "datasets.csv")
        checked = [info for info in facts if info.checks]
        if checked:
            with st.expander("What was checked when they came here", icon=":material/checklist:"):
                names_checked = [info.name for info in checked]
                one = st.selectbox("Checks of", names_checked) if len(checked) > 1 else names_checked[0]
                show_checks(checked[names_checked.index(one)].checks)
    else:
        st.info("No dataset is here yet.")
    for error in broken_datasets().values():
        st.error(words.message(error))


def _open(names: list[str]) -> None:
    cells = st.session_state["installed datasets"]["selection"]["cells"]
    if cells:
        for key in ("part", "slice"):
            chosen().pop(key, None)
        choose(dataset=names[cells[0][0]])
        st.session_state["section"] = "slices"
