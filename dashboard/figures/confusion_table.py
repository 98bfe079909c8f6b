"""Confusion matrices as tables: true class down, predicted class across."""

from __future__ import annotations

import html
from collections.abc import Mapping

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.figures.colours import FALSE, GREY, MISSED
from segcore.measures import CLASSES

_ERRORS = {(0, 1): ("missed membrane", MISSED), (1, 0): ("false membrane", FALSE)}


def confusion_tables(shares: Mapping[str, NDArray[np.float64]], counts: NDArray[np.int64]) -> None:
    """Draws matrices in percent, with counts, side by side where there is room.

    The right cells are grey and the wrong ones in the colours of their error, the stronger the more.

    Args:
        shares: (2, 2) percent by what they are of; nan where there is nothing to share.
        counts: (2, 2) pixels.
    """
    tables = "".join(_table(title, values, counts) for title, values in shares.items())
    # On a phone they are beside each other, too, and leafed through: also by keys.
    st.html(f'<div class="sg-tables" tabindex="0" role="group" aria-label="Confusion matrix">{tables}</div>')


def _table(title: str, shares: NDArray[np.float64], counts: NDArray[np.int64]) -> str:
    heads = "".join(f'<th scope="col" style="{_HEAD}">predicted<br>{name}</th>' for name in CLASSES)
    rows = "".join(
        f'<tr><th scope="row" style="{_HEAD}">labelled<br>{name}</th>'
        + "".join(_cell(true, predicted, shares, counts) for predicted in range(2))
        + "</tr>"
        for true, name in enumerate(CLASSES)
    )
    return (
        f'<table style="{_TABLE}"><caption style="{_CAPTION}">{html.escape(title)}</caption>'
        f'<thead><tr><td style="width:5.5rem"></td>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _cell(true: int, predicted: int, shares: NDArray[np.float64], counts: NDArray[np.int64]) -> str:
    error, colour = _ERRORS.get((true, predicted), ("right", GREY))
    share = float(shares[true, predicted])
    text, strength = ("–", 0.0) if np.isnan(share) else (f"{share:.2f} %", (share / 100) ** 0.5)
    shade = f"color-mix(in srgb, {colour} {15 + 45 * strength:.0f}%, transparent)"
    return (
        f'<td style="{_CELL};background:{shade}"><b style="font-size:1.05rem">{text}</b>'
        f"<br>{int(counts[true, predicted]):,} px<br>{error}</td>"
    )


_TABLE = (
    "flex:1 1 18.5rem;width:18.5rem;max-width:30rem;table-layout:fixed;border-collapse:separate;border-spacing:2px;"
    "font-size:.8125rem;line-height:1.45;font-variant-numeric:tabular-nums"
)
_CAPTION = "text-align:left;font-size:.9375rem;font-weight:600;padding-bottom:.25rem"
_HEAD = "font-weight:400;text-align:center;padding:.25rem"
_CELL = "text-align:center;padding:.75rem .25rem;border-radius:.375rem"
