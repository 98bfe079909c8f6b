"""Tables that are too long to be read: the rows that hold a text."""

from __future__ import annotations

import pandas as pd

LONG = 12
"""Rows; longer tables can be filtered."""


def holding(table: pd.DataFrame, text: str) -> pd.DataFrame:
    """The rows in which any column holds the text, wherever it is and however it is written."""
    wanted = text.strip().casefold()
    if not wanted:
        return table
    return table[table.apply(lambda row: any(wanted in str(cell).casefold() for cell in row), axis=1)]
