"""A real Chromium and real Streamlit servers; tests that need them are skipped where there is no Chromium."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browsing import PATIENCE, settled

REPOSITORY = Path(__file__).parents[2]
ARTEFACTS = REPOSITORY / "artefacts"
FAILED = pytest.StashKey[bool]()
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    """A browser for the whole session."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        path = shutil.which("chromium") or shutil.which("chromium-browser") or driver.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("no Chromium: run playwright install chromium, or install the system's package chromium")
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def browse(chromium, request, artefacts):
    """Opens pages of the app; at the end none may have raised an error or opened a dialog.

    Of a test that failed, what its pages showed then is kept.
    """
    contexts, errors = [], []

    def refuse(dialog) -> None:
        errors.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open_page(url: str, *, theme: str = "light", width: int = 1400):
        context = chromium.new_context(viewport={"width": width, "height": 1000}, color_scheme=theme)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", refuse)
        page.goto(url)
        settled(page)
        return page

    yield open_page
    for number, context in enumerate(contexts):
        if FAILED in request.node.stash and context.pages:
            name = re.sub(r"[^\w-]+", "-", request.node.name)[:80]
            context.pages[-1].screenshot(path=artefacts / f"failed-{name}-{number}.png", full_page=True)
        context.close()
    assert not errors


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where screenshots are kept."""
    ARTEFACTS.mkdir(exist_ok=True)
    return ARTEFACTS


@contextmanager
def streamlit_server(app: Path, folder: Path, **environment: str) -> Iterator[str]:
    """Runs an app from `folder` until the end of the block; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "server.port": port, "server.address": "127.0.0.1", "server.headless": "true", "runner.postScriptGC": "false",
        "server.fileWatcherType": "none", "browser.gatherUsageStats": "false",
    }  # fmt: skip
    command = [sys.executable, "-m", "streamlit", "run", str(app)]
    command += [f"--{name}={value}" for name, value in options.items()]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=os.environ | environment)
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(300):
                if server.poll() is not None:
                    pytest.fail((folder / "server.log").read_text())
                try:
                    urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            else:
                pytest.fail("the server did not start within 30 seconds")
            yield address
        finally:
            server.terminate()
            server.wait(10)


@pytest.fixture(scope="session")
def serve() -> Callable[..., object]:
    """`with serve(app, folder, NAME=value) as address:` runs a Streamlit app."""
    return streamlit_server
