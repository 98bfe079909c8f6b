"""Confusion matrices as tables."""

from __future__ import annotations

import re

import numpy as np
from streamlit.testing.v1 import AppTest


def drawn(shares: list[list[float]], counts: list[list[int]], title: str) -> str:
    def page(shares: list[list[float]], counts: list[list[int]], title: str) -> None:
        import numpy as np

        from dashboard.figures.confusion_table import confusion_tables

        confusion_tables({title: np.array(shares, float)}, np.array(counts))

    app = AppTest.from_function(page, args=(shares, counts, title)).run()
    assert not app.exception
    return str(app.get("html")[0].proto.body)


def cells(table: str) -> list[str]:
    found = re.findall(r"<td[^>]*>(.*?)</td>", table)[1:]  # the first is the empty corner
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", one)).strip() for one in found]


def test_every_cell_says_its_share_its_count_and_its_error() -> None:
    table = drawn([[10.0, 2.5], [7.5, 80.0]], [[1000, 250], [750, 8000]], "Of all pixels")
    assert cells(table) == [
        "10.00 % 1,000 px right",
        "2.50 % 250 px missed membrane",
        "7.50 % 750 px false membrane",
        "80.00 % 8,000 px right",
    ]
    heads = re.findall(r'<th scope="(\w+)"[^>]*>(.+?)</th>', table)
    assert heads == [
        ("col", "predicted<br>membrane"),
        ("col", "predicted<br>interior"),
        ("row", "labelled<br>membrane"),
        ("row", "labelled<br>interior"),
    ]


def test_what_has_no_share_is_a_dash() -> None:
    table = drawn([[np.nan, np.nan], [0.0, 100.0]], [[0, 0], [0, 4]], "Of each row")
    assert cells(table)[:2] == ["– 0 px right", "– 0 px missed membrane"]


def test_a_title_is_text() -> None:
    assert "<caption" in (table := drawn([[0, 0], [0, 0]], [[0, 0], [0, 0]], "<b>a</b>"))
    assert "&lt;b&gt;a&lt;/b&gt;</caption>" in table
