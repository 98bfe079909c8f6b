"""Streamlit writes a bare value in a page's file onto the page; none stands there by mistake."""

import ast
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

import dashboard.views

PAGES = sorted(Path(dashboard.views.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_bare_value_after_the_docstring(page):
    statements = ast.parse(page.read_text(encoding="utf-8")).body[1:]
    bare = [one.lineno for one in statements if isinstance(one, ast.Expr) and not isinstance(one.value, ast.Call)]
    assert bare == []
