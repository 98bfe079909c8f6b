"""Tables as text, as a file to take away, and the rows that hold a text where there are too many to be read."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from functools import partial

import pandas as pd
import streamlit as st

LONG = 12
"""Rows; longer tables can be filtered."""


def written_table(about: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Draws a table as text, which is there with the page: one that comes later pushes everything below it down.

    Args:
        about: what it says, for screen readers.
        header: of each column; words stand in the first and in the last one, numbers between.
        rows: their cells.
    """
    head = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in header)
    body = "".join(
        f'<tr><th scope="row">{html.escape(first)}</th>{"".join(f"<td>{html.escape(one)}</td>" for one in others)}</tr>'
        for first, *others in rows
    )
    # It scrolls by itself, also by keys.
    st.html(
        f'<div class="sg-table" tabindex="0" role="group" aria-label="{html.escape(about)}"><table><thead><tr>{head}'
        f"</tr></thead><tbody>{body}</tbody></table></div>"
    )


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
