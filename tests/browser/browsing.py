"""The app's pages in a browser: when a page is ready, and waiting for what changes on it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
# A busy machine is no failure.
PATIENCE = 60_000
DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
MAIN = '[data-testid="stMain"]'


def sample_and_run(folder: Path, run: str) -> dict[str, str]:
    """The synthetic sample and, under this name, a copy of the run on it that comes with the program, in a folder.

    Returns:
        the environment of programs that are to find them.
    """
    from segcore.data import fetch

    environment = {"SEGCORE_DATA_DIR": str(folder / "data"), "SEGCORE_MODELS_DIR": str(folder / "models")}
    shutil.copytree(APP.parents[1] / "models" / "sample-quick", folder / "models" / run)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        fetch("sample")
    return environment


# A field hands over what was typed when it is next drawn; until then the page looks as if nothing were to come.
_HANDED_OVER = """() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)));
  setTimeout(done, 500); // a page in the background draws no frames
})"""


def settled(page: Any) -> None:
    """Waits for the script to have ended, everything to be drawn, and no exception to be shown."""
    page.evaluate(_HANDED_OVER)
    page.wait_for_selector(DONE)
    page.wait_for_selector(f"{MAIN} h1")
    page.wait_for_function(f"() => !document.querySelector('{MAIN} [data-testid=\"stSkeleton\"]')")
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.get_by_text("bug in the app").count() == 0


def wait_until(true: Callable[[], Any], seconds: float = 90) -> Any:
    """Waits until it gives something true, and returns that."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
    return found


def barriers(page: Any) -> list[str]:
    """What keeps somebody from using a page, by the rules of WCAG 2.1 A and AA; empty if nothing serious does."""
    from axe_playwright_python.sync_playwright import Axe

    rules = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    found = Axe().run(page, options=rules).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
