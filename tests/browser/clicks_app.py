"""A slow page with a field, a plain button, and one of ours; counts the clicks that each of them took."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import streamlit as st

from dashboard.clicks import pressed

st.title("Clicks")
st.session_state.setdefault("taken", {"plain": 0, "ours": 0})
st.text_input("Field", key="field")
for _ in range(20):
    time.sleep(0.1)
    st.empty()  # where Streamlit looks whether another run is wanted
if st.button("plain"):
    st.session_state.taken["plain"] += 1
if pressed("ours", key="ours"):
    st.session_state.taken["ours"] += 1
st.text(
    f"plain {st.session_state.taken['plain']}, ours {st.session_state.taken['ours']}, field {st.session_state.field}"
)
