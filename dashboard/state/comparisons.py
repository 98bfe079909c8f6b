"""Two runs side by side, read once for as long as their evaluations stay what they are."""

from __future__ import annotations

import streamlit as st

from dashboard.state.stamps import Stamp, stamp
from segcore.evaluation import Comparison, compare
from segcore.runs import Run


def comparison(first: Run, second: Run, dataset: str | None) -> Comparison:
    """As `segcore.evaluation.compare`, with its errors."""
    key = tuple(stamp(folder) for run in (first, second) for folder in run.evaluations())
    return _comparison(str(first.folder.absolute()), str(second.folder.absolute()), dataset, key, first, second)


@st.cache_resource(max_entries=8, show_spinner=False)
def _comparison(
    one: str, other: str, dataset: str | None, key: tuple[Stamp, ...], _first: Run, _second: Run
) -> Comparison:
    return compare(_first, _second, dataset=dataset)
