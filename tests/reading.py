"""Pages of the app, run without a browser, and what a reader finds on them."""

from __future__ import annotations

import pytest
from waiting import REPOSITORY

pytest.importorskip("streamlit", reason="streamlit is not installed")
from streamlit.testing.v1 import AppTest

APP = REPOSITORY / "dashboard" / "app.py"
PAGES = ("overview", "data", "augmentation", "training", "errors", "confusion", "compare", "try_it")


def opened(page: str, **address: str) -> AppTest:
    test = AppTest.from_file(str(APP), default_timeout=120)
    for key, value in address.items():
        test.query_params[key] = value
    return test.switch_page(f"views/{page}.py").run()


def text_of(test: AppTest) -> str:
    """Everything a reader can read, in one string."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success", "metric")
    return "\n".join(f"{getattr(one, 'label', '')} {one.value}" for kind in kinds for one in getattr(test, kind))


def bugs(test: AppTest) -> list[str]:
    """What a reader must never see: a traceback, or the notice that stands in its place."""
    return [
        one.value for one in (*test.exception, *test.error) if one in test.exception or "bug in the app" in one.value
    ]
