"""What the reader has chosen, kept in the URL, so that a copied link opens the same view."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard.state.evaluations import Result, evaluated_parts
from dashboard.state.runs import load_run
from segcore.data import DatasetInfo
from segcore.errors import SegcoreError
from segcore.runs import Run

KEYS = ("run", "dataset", "part", "slice", "threshold", "tolerance")
_STATE, _WRITTEN = "selection", "selection: addresses written"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a page shows. None where there is nothing to choose from.

    Attributes:
        run: the chosen run.
        dataset: facts of the chosen dataset, or None if it is not installed.
        dataset_name: its name, installed or not.
        part: which slices of it.
        result: the evaluation of run, dataset and part.
        z: index of the chosen slice.
        threshold: 0 to 1.
        tolerance: 0 to 5 px.
    """

    run: Run | None = None
    dataset: DatasetInfo | None = None
    dataset_name: str | None = None
    part: str = "test"
    result: Result | None = None
    z: int = 0
    threshold: float = 0.5
    tolerance: int = 0


def chosen() -> dict[str, Any]:
    """What this session has chosen so far; values are of the right type, but may name what is gone."""
    state: dict[str, Any] = st.session_state.setdefault(_STATE, {})
    return state


def read_address() -> None:
    """Takes what a link says; what this session wrote itself says nothing new."""
    written: list[dict[str, str]] = st.session_state.setdefault(_WRITTEN, [])
    found = {key: st.query_params[key] for key in KEYS if key in st.query_params}
    if found and found not in written:
        state = chosen()
        state.clear()
        state.update(parsed(found))
        written.append(found)


def write_address(selection: Selection, *, keep: Sequence[str] = ()) -> None:
    """Puts the selection into the URL; of what else is there, only the names in `keep` stay."""
    values = {
        "run": selection.run.name if selection.run else None,
        "dataset": selection.dataset_name,
        "part": selection.part if selection.result else None,
        "slice": str(selection.z) if selection.dataset or selection.result else None,
        "threshold": f"{selection.threshold:.3f}" if selection.result else None,
        "tolerance": str(selection.tolerance) if selection.result else None,
    }
    address = {key: value for key, value in values.items() if value is not None}
    written: list[dict[str, str]] = st.session_state.setdefault(_WRITTEN, [])
    if address not in written:
        # A rerun may still come with an address from before the last few.
        del written[:-50]
        written.append(address)
    others = {key: st.query_params[key] for key in keep if key in st.query_params}
    if dict(st.query_params) != others | address:
        st.query_params.from_dict(others | address)


def parsed(values: Mapping[str, str]) -> dict[str, Any]:
    """The parts of an address that make sense by themselves."""
    found: dict[str, Any] = {key: values[key] for key in ("run", "dataset", "part") if key in values}
    for key, most in (("slice", 10**7), ("tolerance", 5)):
        text = values.get(key, "")
        if text.isascii() and text.isdigit() and len(text) < 9 and int(text) <= most:
            found[key] = int(text)
    try:
        threshold = float(values.get("threshold", "nan"))
    except ValueError:
        threshold = math.nan
    if 0 <= threshold <= 1:
        found["threshold"] = threshold
    return found


def choose(**values: Any) -> None:
    """Changes the selection; shown from the next run of the script on."""
    chosen().update(values)


def switch_run(name: str, *, keep_threshold: bool = False) -> None:
    """Chooses another run and stays at the slice, if that run was measured on it, too: so two runs are flickered.

    Args:
        name: of the other run.
        keep_threshold: whether it is shown at the threshold that is chosen now, and not at its own.
    """
    before = dict(chosen())
    choose_run(name)
    try:
        parts = evaluated_parts(load_run(name))
    except SegcoreError:
        return  # the page says what is wrong with it
    if (before.get("dataset"), before.get("part")) in parts:
        kept = ("dataset", "part", "slice", *(["threshold"] if keep_threshold else []))
        choose(**{key: before[key] for key in kept if key in before})


def choose_run(name: str) -> None:
    """Chooses another run, with its own dataset, slices and thresholds."""
    for key in ("dataset", "part", "slice", "threshold"):
        chosen().pop(key, None)
    choose(run=name)


def range_of_slices(slices: Sequence[int], *, key: str, text: str, about: str | None = None) -> tuple[int, int]:
    """Lets the reader choose the first and the last of some slices; nothing to choose where there is one."""
    if len(slices) == 1:
        return slices[0], slices[0]
    first, last = st.select_slider(text, list(slices), value=(slices[0], slices[-1]), key=key, help=about)
    return int(first), int(last)


def current() -> Selection:
    """What the page that is being drawn shows."""
    found: Selection = st.session_state["selection: current"]
    return found


def set_current(selection: Selection) -> None:
    st.session_state["selection: current"] = selection
