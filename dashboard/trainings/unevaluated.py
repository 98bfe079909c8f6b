"""In place of figures that a run does not have yet: how it is evaluated."""

from __future__ import annotations

import streamlit as st

from dashboard import words
from dashboard.state import Result, Selection, dataset_info, evaluated_parts, is_measurable
from dashboard.trainings.actions import evaluate_button, go_on_button
from segcore.runs import Run


def needs_result(selection: Selection) -> Result:
    """The evaluation to show; where there is none, says what to do and ends the page."""
    if selection.result is not None:
        return selection.result
    if selection.run is None:
        st.info(words.no_run(), icon=":material/info:")
    else:
        offer_evaluation(selection.run, selection.dataset_name or selection.run.info.dataset)
    st.stop()


def offer_evaluation(run: Run, dataset: str) -> None:
    """Says that a run was not measured on a dataset, and what can be done about it."""
    name, on = words.plain(run.name), words.plain(dataset)
    elsewhere = [one for one in dict.fromkeys(one for one, _ in evaluated_parts(run)) if one != dataset]
    said = f"Run {name} was not evaluated on {on}."
    if elsewhere:
        said += f" It was on {words.listed([words.plain(one) for one in elsewhere])}: choose that in the sidebar."
    info = dataset_info(dataset)
    if info is None:
        st.info(f"{said} {on} is not here, so it cannot be now.", icon=":material/info:")
    elif not info.labelled:
        st.info(
            f"{said} {on} has no labels to measure against; *Try it* shows what the run predicts on images without "
            "any.", icon=":material/info:",
        )  # fmt: skip
    elif not is_measurable(run, dataset):
        st.info(f"{said} It has no network of its own that could predict other slices.", icon=":material/info:")
    else:
        st.info(said, icon=":material/info:")
        _measure(run, dataset)


def _measure(run: Run, dataset: str) -> None:
    own = dataset == run.info.dataset and run.state == "finished" and not run.is_evaluated()
    offered = go_on_button(run, "Evaluate it") if own else evaluate_button(run, dataset)
    if run.has_network and run.info.operating_points is None:
        st.caption("It has no thresholds yet: these are chosen when its training ends.")
        return
    st.caption("Or in a terminal, in the project's folder:" if offered else "In a terminal, in the project's folder:")
    st.code(f"python -m segcore evaluate {run.name} --dataset {dataset}", language="sh")
