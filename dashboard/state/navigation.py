"""The pages, and ways to them."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import streamlit as st

from dashboard.state.selection import choose, choose_run

# Not `pages`: Streamlit takes a folder of that name beside the script for a list of pages of its own.
VIEWS = Path(__file__).parents[1] / "views"
PAGES = (
    ("overview", "Overview", ":material/home:"),
    ("data", "Data", ":material/stacks:"),
    ("augmentation", "Augmentation", ":material/flip:"),
    ("training", "Training", ":material/show_chart:"),
    ("errors", "Errors", ":material/bug_report:"),
    ("confusion", "Confusion matrix", ":material/grid_on:"),
    ("compare", "Compare", ":material/compare_arrows:"),
    ("try_it", "Try it", ":material/upload_file:"),
)
COMPARED = "training others"
"""Where the session keeps the runs that the Training page compares the chosen one with."""


def view(name: str) -> Path:
    """The file of a page, for links to it."""
    return VIEWS / f"{name}.py"


def look_at(run: str, page: str, *, dataset: str | None = None) -> NoReturn:
    """Chooses a run, and what it was measured on if that is said, and goes to a page."""
    choose_run(run)
    if dataset is not None:
        choose(dataset=dataset)
    st.switch_page(view(page))


def compare(run: str, other: str) -> NoReturn:
    """Goes to the curves and settings of two runs, side by side."""
    st.session_state[COMPARED] = [other]
    look_at(run, "training")
