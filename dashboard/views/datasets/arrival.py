"""A dataset that has come: it is chosen, and what there is to say waits until the page is drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import streamlit as st

from dashboard.state.selection import choose

_NEWS = "data news"


def arrived(news: Sequence[str], **selection: Any) -> NoReturn:
    """Chooses the dataset and draws the page anew, which then says so."""
    st.session_state[_NEWS] = news
    choose(**selection)
    st.rerun()


def announce() -> None:
    """What the last action said, after the page was drawn anew."""
    for text in st.session_state.pop(_NEWS, []):
        st.success(text, icon=":material/check_circle:")
