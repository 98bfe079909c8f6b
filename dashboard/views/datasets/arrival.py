"""What is said of a dataset that comes here: that it is there, and what was checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import streamlit as st

from dashboard import words
from dashboard.state import choose
from segcore.data import Check

_NEWS = "data news"
# What the command line calls the fields of this page.
_FIELDS = {
    "--axes": "“Order of the axes”",
    "--from": "“Another source”",
    "--ignore-values": "“Values to ignore”",
    "--interior-values": "“Values of interior”",
    "--labels": "“Masks”",
    "--labels-are classes": "“What the masks hold”: several classes",
    "--labels-are instances": "“What the masks hold”: numbered objects",
    "--membrane-px": "“Width of membrane”",
    "--membrane-values": "“Values of membrane”",
    "--name": "name",
    "--polarity": "“Which value of the masks is cell interior”",
    "--threshold-labels": "“White from grey value”",
    "--unlabelled-slices": "“Slices whose mask holds one class only”:",
    "--voxel-size-nm": "“Voxel”",
}


def arrived(news: Sequence[str], **selection: Any) -> NoReturn:
    """Chooses the dataset and draws the page anew, which then says so."""
    st.session_state[_NEWS] = news
    choose(**selection)
    st.rerun()


def announce() -> bool:
    """What the last action said, after the page was drawn anew; whether there was anything."""
    news = st.session_state.pop(_NEWS, [])
    for text in news:
        st.success(text, icon=":material/check_circle:")
    return bool(news)


def in_the_form(text: str) -> str:
    """A message that calls options of the command line by the names of their fields, safe to draw."""
    for option, called in _FIELDS.items():
        text = re.sub(rf"{option}(?![\w-])", called, text)
    return words.plain(text)


def show_checks(checks: Sequence[Check], naming: Callable[[str], str] = str) -> None:
    """Draws them, one a line; `naming` writes messages with the names the visitor knows."""
    lines = []
    for check in checks:
        icon = ":green[:material/check_circle:]" if check.passed else ":red[:material/cancel:]"
        mark = "passed" if check.passed else "failed"
        if check.passed and "WARNING" in check.message:
            icon, mark = ":orange[:material/warning:]", "passed, but look"
        lines.append(f"{icon} **{words.plain(check.name)}** {mark}: {in_the_form(naming(check.message))}")
    st.markdown("  \n".join(lines))
