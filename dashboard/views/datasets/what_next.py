"""What can be done with a dataset, a click each."""

from __future__ import annotations

import streamlit as st

from dashboard import words
from dashboard.clicks import pressed
from dashboard.state import evaluated_parts, look_at
from dashboard.trainings import evaluate_button, open_form
from segcore.data import DatasetInfo
from segcore.runs import Run
from segcore.storage import read_only


def next_steps(info: DatasetInfo, run: Run | None, *, look: bool = False) -> None:
    """Training on it, measuring the chosen run on it or seeing how that went, and with `look` its slices."""
    with st.container(horizontal=True, gap="small"):
        if look:
            st.button("Look at its slices", key="look at arrived", icon=":material/visibility:", on_click=_show_slices)
        if not info.labelled:
            return
        if not read_only():
            st.button(
                "Train on it", key=f"train on {info.name}", icon=":material/model_training:", on_click=open_form,
                args=(info.name,), help="Opens *Train a model* with this dataset chosen.",
            )  # fmt: skip
        if run is None:
            return
        if any(name == info.name for name, _ in evaluated_parts(run)):
            if pressed(
                f"Errors of {words.plain(run.name)} on it", key=f"errors on {info.name}", icon=":material/bug_report:"
            ):
                look_at(run.name, "errors", dataset=info.name)
        else:
            evaluate_button(run, info.name)


def _show_slices() -> None:
    st.session_state["section"] = "slices"
