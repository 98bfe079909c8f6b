"""What was checked when a dataset came here, in the words of the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard import words
from segcore.data import Check

# What the command line calls the fields of this page.
_FIELDS = {
    "--from": "“Another source”",
    "--name": "name",
    "--threshold-labels": "“White from grey value”",
    "--voxel-size-nm": "“Voxel”",
}


def in_the_form(text: str) -> str:
    """A message that calls options of the command line by the names of their fields, safe to draw."""
    for option, called in _FIELDS.items():
        text = text.replace(option, called)
    return words.plain(text)


def show(checks: Sequence[Check], naming: Callable[[str], str] = str) -> None:
    """Draws them, one a line; `naming` writes messages with the names the visitor knows."""
    lines = []
    for check in checks:
        icon = ":green[:material/check_circle:]" if check.passed else ":red[:material/cancel:]"
        mark = "passed" if check.passed else "failed"
        lines.append(f"{icon} **{words.plain(check.name)}** {mark}: {in_the_form(naming(check.message))}")
    st.markdown("  \n".join(lines))
