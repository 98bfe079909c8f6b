"""Two runs side by side, read once for as long as their evaluations stay what they are."""

from __future__ import annotations

import streamlit as st

from dashboard.state.stamps import Stamp, stamp
from segcore.evaluation import Comparison, compare, may_be_compared
from segcore.runs import Run


def comparison(first: Run, second: Run, dataset: str | None) -> Comparison:
    """As `segcore.evaluation.compare`, with its errors."""
    return _comparison(*_key(first, second, dataset), first, second)


def comparable(first: Run, second: Run, dataset: str | None) -> bool:
    """As `segcore.evaluation.may_be_compared`."""
    return _comparable(*_key(first, second, dataset), first, second)


def _key(first: Run, second: Run, dataset: str | None) -> tuple[str, str, str | None, tuple[Stamp, ...]]:
    stamps = tuple(stamp(folder) for run in (first, second) for folder in run.evaluations())
    return str(first.folder.absolute()), str(second.folder.absolute()), dataset, stamps


@st.cache_resource(max_entries=8, show_spinner=False)
def _comparison(
    one: str, other: str, dataset: str | None, key: tuple[Stamp, ...], _first: Run, _second: Run
) -> Comparison:
    return compare(_first, _second, dataset=dataset)


@st.cache_data(max_entries=1024, show_spinner=False)
def _comparable(one: str, other: str, dataset: str | None, key: tuple[Stamp, ...], _first: Run, _second: Run) -> bool:
    return may_be_compared(_first, _second, dataset=dataset)
