"""A click that something else interrupts is taken all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

APP = Path(__file__).with_name("clicks_app.py")


def clicked_and_interrupted(page, name: str, text: str) -> None:
    """Clicks on a button, and sends another message while the script that the click began has not come to it."""
    page.get_by_role("button", name=name).click()
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="running"]')
    page.wait_for_timeout(500)  # a quarter of what the page takes to come to its buttons
    field = page.get_by_role("textbox", name="Field")
    field.fill(text)
    field.press("Enter")


def test_a_click_is_taken_though_the_page_is_drawn_anew(serve, browse, tmp_path):
    with serve(APP, tmp_path) as address:
        page = browse(address)
        clicked_and_interrupted(page, "ours", "a")
        page.get_by_text("ours 1, field a").wait_for()
        page.get_by_role("button", name="ours").click()
        page.get_by_text("ours 2, field a").wait_for()
        # What this is for: when Streamlit's own takes such a click, too, ours can go.
        clicked_and_interrupted(page, "plain", "b")
        page.get_by_text("plain 0, ours 2, field b").wait_for()
