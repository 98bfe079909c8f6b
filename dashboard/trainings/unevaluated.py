"""In place of figures that a run does not have yet: how it is evaluated."""

from __future__ import annotations

import streamlit as st

from dashboard import words
from dashboard.state import Result, Selection, dataset_info
from dashboard.trainings.actions import go_on_button
from segcore.runs import Run


def needs_result(selection: Selection) -> Result:
    """The evaluation to show; where there is none, says what to do and ends the page."""
    if selection.result is not None:
        return selection.result
    if selection.run is None:
        st.info(words.no_run(), icon=":material/info:")
    else:
        offer_evaluation(selection.run, selection.dataset_name)
    st.stop()


def offer_evaluation(run: Run, dataset: str | None) -> None:
    """Says how a run is evaluated, and does it where that is a matter of one click."""
    on = f"on {words.plain(dataset)}" if dataset else "on any dataset"
    st.info(f"Run {words.plain(run.name)} was not evaluated {on} yet.", icon=":material/info:")
    own = dataset in (None, run.info.dataset) and run.state == "finished" and not run.is_evaluated()
    offered = own and dataset_info(run.info.dataset) is not None and go_on_button(run, "Evaluate it")
    st.caption("Or in a terminal, in the project's folder:" if offered else "In a terminal, in the project's folder:")
    st.code(f"python -m segcore evaluate {run.name}" + (f" --dataset {dataset}" if dataset else ""), language="sh")
