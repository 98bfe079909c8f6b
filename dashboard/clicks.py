"""Buttons whose click is taken also where the page is drawn anew before the script comes to them.

A message that reaches the server while the script runs, such as an uploader's second one about the same files, ends
that run, and Streamlit forgets a click that it had not come to yet. Callbacks are called before the script begins.
"""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

_FRESH_S = 10.0
"""Seconds for which a click waits for its button to be drawn: after that nobody expects anything of it."""


def pressed(label: str, *, key: str, place: Any = st, disabled: bool = False, **options: Any) -> bool:
    """Draws a button; whether it was clicked since it was drawn last.

    Args:
        label, key, disabled: of the button.
        place: a column or container to draw it in.
        options: others that `st.button` takes.
    """
    kept = f"pressed {key}"
    place.button(label, key=key, disabled=disabled, on_click=_keep, args=(kept,), **options)
    at = st.session_state.pop(kept, None)
    return not disabled and at is not None and time.monotonic() - at < _FRESH_S


def _keep(kept: str) -> None:
    st.session_state[kept] = time.monotonic()
