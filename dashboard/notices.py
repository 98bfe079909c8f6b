"""What stands wherever a number leaks, flatters or comes from invented images."""

from __future__ import annotations

import streamlit as st

from dashboard import loaders, words
from dashboard.selection import Selection
from segcore.runs import Run
from segcore.splits import slice_ranges


def about_result(result: loaders.Result) -> None:
    """The leak mark of an evaluation in plain words, and whether its images are invented."""
    facts = result.facts
    if result.leaks:
        seen = facts.get("trained_on") or []
        st.error(
            f"**These figures leak.** {_slices(len(seen))} of the {words.PARTS[result.part]} shown here (or turned "
            f"copies) were trained on: {slice_ranges(seen)}. The figures say nothing about new images.",
            icon=":material/warning:",
        )
    elif facts.get("chosen_on"):
        st.warning(
            "**These figures flatter.** The epoch and the thresholds were chosen on "
            f"{_slices(len(facts['chosen_on']))} shown here. The model did not learn from them.",
            icon=":material/info:",
        )
    if facts.get("synthetic"):
        synthetic()


def about_run(run: Run) -> None:
    """The same for the figures of training: curves of a run whose validation slices were trained on."""
    audit = loaders.leak_audit(run)
    if audit.leaks:
        seen = [z for z in audit.trained_on if z in run.split.validation]
        st.error(
            f"**The validation figures leak.** {_slices(len(seen))} ({slice_ranges(seen)}) are both learned from and "
            "validated with, as copies. Validation looks better than it is.",
            icon=":material/warning:",
        )
    if run.info.synthetic:
        synthetic()


def synthetic() -> None:
    """Says that images are invented."""
    st.info(words.SYNTHETIC, icon=":material/science:")


def mark(result: loaders.Result) -> str:
    """A mark to put after a title."""
    marks = []
    if result.leaks:
        marks.append(":red-badge[:material/warning: leaks]")
    elif result.facts.get("chosen_on"):
        marks.append(":orange-badge[flatters]")
    if result.facts.get("synthetic"):
        marks.append(":violet-badge[synthetic]")
    return " ".join(marks)


def needs_result(selection: Selection) -> loaders.Result:
    """The evaluation to show; where there is none, says what to do and ends the page."""
    if selection.result is not None:
        return selection.result
    if selection.run is None:
        st.info("There is no run to show yet. The Overview says how to get one.", icon=":material/info:")
    else:
        needs_result_hint(selection.run.name, selection.dataset_name)
    st.stop()


def needs_result_hint(run: str, dataset: str | None) -> None:
    """Says how a run is evaluated."""
    on = f"on {words.plain(dataset)}" if dataset else "on any dataset"
    st.info(
        f"Run {words.plain(run)} was not evaluated {on} yet. In a terminal, in the project's folder:",
        icon=":material/info:",
    )
    st.code(f"python -m segcore evaluate {run}" + (f" --dataset {dataset}" if dataset else ""), language="sh")


def _slices(number: int) -> str:
    return "1 slice" if number == 1 else f"{number} slices"
