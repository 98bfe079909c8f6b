"""A dataset at a glance: its slices, or the splits and merges of a run in it; the address keeps which and how."""

from __future__ import annotations

import streamlit as st

from dashboard.state import Selection
from dashboard.views.datasets.event_grid import event_grid
from dashboard.views.datasets.shown import forget_choices
from dashboard.views.datasets.slice_grid import slice_grid
from segcore.data import DatasetInfo

_OF = {"slices": "Slices", "errors": "Splits and merges"}
_ADDRESS = "of"


def grid_section(selection: Selection, info: DatasetInfo) -> None:
    """Draws pictures of the slices, or of what went wrong in them."""
    result = selection.result if selection.result is not None and selection.result.dataset == info.name else None
    of: str | None = "slices"
    if result is not None and result.evaluation.events:
        linked = st.query_params.get(_ADDRESS)
        st.session_state.setdefault("grid of", linked if linked in _OF else "slices")
        of = st.segmented_control(
            "Pictures of", list(_OF), format_func=_OF.__getitem__, required=True, key="grid of",
            persist_state="session", on_change=forget_choices, label_visibility="collapsed",
        )  # fmt: skip
        if of != (linked or "slices"):
            st.query_params[_ADDRESS] = str(of)
    if result is not None and of == "errors":
        event_grid(result)
    else:
        slice_grid(selection, info, result)
