"""Tables to take away."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st


def csv_button(label: str, table: pd.DataFrame, name: str) -> None:
    """A button that gives a table as CSV, made when it is pressed."""
    st.download_button(
        label, partial(_csv, table), name, "text/csv", icon=":material/download:", on_click="ignore", key=label
    )


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()
