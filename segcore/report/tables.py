"""Tables of a report as HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, words: bool = False) -> str:
    """A table that scrolls by itself where it is wider than the page; with `words` all of it begins on the left."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    of = ' class="words"' if words else ""
    many = " many" if len(header) > 5 and not words else ""
    return f'<div class="wide{many}"><table{of}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def or_dash(value: float | None, digits: int, unit: str = "") -> str:
    """A number as the text of a cell; a dash where it is not known."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}{unit}"
