"""Keeps a dialog up to date while something is waited for, and what was typed right before the key Escape closed it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


def keep_up(*, waits: bool) -> None:
    """Has the dialog it is drawn in drawn anew every other second, if it waits for something.

    A fragment that looks by itself can do neither: one in a dialog may vanish with it, and one beside it can only have
    the whole page drawn anew, which takes the cursor from who is typing.
    """
    _component()(key="keep up", data={"waits": waits}, on_looked_change=_nothing)


@cache
def _component() -> Any:
    return st.components.v2.component(
        "segcore_keeping", js=Path(__file__).with_name("keeping.js").read_text(encoding="utf-8")
    )


def _nothing() -> None:
    """Streamlit takes a trigger only with a callback."""
