"""The same overlay without a viewer: the script colours the errors of a slice and shows them by `st.image`.

As fast as that can be made: pixels through one table of colours, and nothing else on the page. It is started from the
project's folder, where its imports are.
"""

import numpy as np
import streamlit as st

from dashboard.state import load_dataset, load_probability, load_result, load_run
from segcore.measures import last_membrane_value

BLUE, VERMILION, TINT = (0, 114, 178), (213, 94, 0), 0.75


@st.cache_resource
def colours() -> np.ndarray:
    """(3, 256, 3) uint8: by error (none, missed membrane, false membrane) and grey value."""
    grey = np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    mixed = [grey, *(grey * (1 - TINT) + np.array(colour) * TINT for colour in (BLUE, VERMILION))]
    return np.rint(mixed).astype(np.uint8)


st.set_page_config(layout="wide")
name = st.query_params["stack"]
stack = load_dataset(name)
found = load_result(load_run(name), name, "all")
z = st.session_state.setdefault("z", 0)
st.title(f"Slice {z}")
if st.button("Next", shortcut="Right"):
    st.session_state["z"] += 1
    st.rerun()
interior = stack.label(z) > 0
predicted = load_probability(found, z) > last_membrane_value(0.47)
error = (predicted & ~interior).astype(np.uint8) + (interior & ~predicted).astype(np.uint8) * np.uint8(2)
st.image(colours().reshape(-1, 3)[error.astype(np.uint16) * np.uint16(256) + stack.image(z)])
