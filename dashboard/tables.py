"""Tables: the rows that hold a text where they are too long to be read, and a file to take away."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

LONG = 12
"""Rows; longer tables can be filtered."""


def csv_button(label: str, table: pd.DataFrame, name: str) -> None:
    """A button that gives a table as CSV, made when it is pressed."""
    st.download_button(
        label, partial(_csv, table), name, "text/csv", icon=":material/download:", on_click="ignore", key=label
    )


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def holding(table: pd.DataFrame, text: str) -> pd.DataFrame:
    """The rows in which any column holds the text, wherever it is and however it is written."""
    wanted = text.strip().casefold()
    if not wanted:
        return table
    return table[table.apply(lambda row: any(wanted in str(cell).casefold() for cell in row), axis=1)]
