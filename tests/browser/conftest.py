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
from functools import partial
from pathlib import Path

import pytest
from browsing import PATIENCE, settled
from cells import evaluated_cells
from viewing import Page

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


@pytest.fixture(scope="session")
def context_of(chromium) -> Iterator[Callable[..., object]]:
    """Browser profiles by their options, each for the whole session.

    A fresh profile for every page would load and compile the app's scripts anew, which is most of the time of a test.
    """
    made: dict[tuple, object] = {}

    def find(**options):
        key = tuple(sorted((name, str(value)) for name, value in options.items()))
        if key not in made:
            made[key] = chromium.new_context(**options)
            made[key].set_default_timeout(PATIENCE)
        return made[key]

    yield find
    for context in made.values():
        context.close()


class Tabs:
    """Tabs of these profiles, used again: a new one compiles the app's scripts anew, which is half of a test's time."""

    def __init__(self, context_of: Callable[..., object]) -> None:
        self._context_of = context_of
        self._idle: dict[str, list[object]] = {}
        self._lent: dict[object, tuple[str, dict[str, object], list[tuple[str, Callable[..., object]]]]] = {}

    def take(self, *, fresh: bool = False, **options: object):
        """One that shows nothing; `fresh` for what cannot be undone, which is closed when it is given back."""
        key = "" if fresh else str(options)
        idle = self._idle.setdefault(key, [])
        page = idle.pop() if idle and not fresh else self._context_of(**options).new_page()
        self._lent[page] = key, options, []
        return page

    def listen(self, page, event: str, handler: Callable[..., object]) -> None:
        """As `page.on`, until it is given back."""
        page.on(event, handler)
        self._lent[page][2].append((event, handler))

    def give_back(self, page, *, whole: bool = True) -> None:
        key, options, listeners = self._lent.pop(page)
        if page.is_closed():
            return
        if not whole or not key:
            page.close()
            return
        page.goto("about:blank")  # what is shown goes, and the session with it
        for event, handler in listeners:
            page.remove_listener(event, handler)
        page.unroute_all()
        page.set_viewport_size(options["viewport"])
        page.emulate_media(color_scheme=options["color_scheme"], media="null")
        self._idle[key].append(page)


@pytest.fixture(scope="session")
def tabs(context_of) -> Tabs:
    return Tabs(context_of)


@pytest.fixture
def browse(tabs, request, artefacts):
    """Opens pages of the app; at the end none may have raised an error, opened a dialog or asked another server.

    Of a test that failed, what its pages showed then is kept.
    """
    pages, errors = [], []

    def refuse(dialog) -> None:
        errors.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open_page(url: str, *, theme: str = "light", width: int = 1400):
        page = tabs.take(viewport={"width": width, "height": 1000}, color_scheme=theme)
        pages.append(page)
        ours = ("data:", "blob:", "http://127.0.0.1:")
        tabs.listen(page, "request", lambda one: None if one.url.startswith(ours) else errors.append(one.url))
        tabs.listen(page, "pageerror", lambda error: errors.append(str(error)))
        tabs.listen(page, "dialog", refuse)
        page.goto(url)
        settled(page)
        return page

    yield open_page
    failed = FAILED in request.node.stash
    for number, page in enumerate(pages):
        if failed and not page.is_closed():
            name = re.sub(r"[^\w-]+", "-", request.node.name)[:80]
            page.screenshot(path=artefacts / f"failed-{name}-{number}.png", full_page=True)
        tabs.give_back(page, whole=not failed)
    assert not errors


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where screenshots are kept."""
    ARTEFACTS.mkdir(exist_ok=True)
    return ARTEFACTS


class Address(str):
    """Where an app is served, and by which process."""

    process: subprocess.Popen[bytes]


@contextmanager
def streamlit_server(app: Path, folder: Path, **environment: str) -> Iterator[Address]:
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
            address = Address(f"http://127.0.0.1:{port}")
            address.process = server
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


@pytest.fixture(scope="module")
def address(request, serve) -> Iterator[Address]:
    """A page with nothing but the viewer, the `APP` of a test file, over the folder of its `world`."""
    root = request.getfixturevalue("world")["root"]
    folders = {"SEGCORE_DATA_DIR": str(root / "data"), "SEGCORE_MODELS_DIR": str(root / "models")}
    with serve(request.module.APP, root, **folders) as found:
        yield found


@pytest.fixture(scope="session")
def cells_world(tmp_path_factory) -> dict[str, object]:
    """What most tests of the viewer look at; none of them changes it."""
    return evaluated_cells(tmp_path_factory.mktemp("viewer"))


@pytest.fixture
def open_page(tabs, address, request):
    """Opens that page; `before` is given it while it is empty, to come between it and the server."""
    pages = []

    def opened(
        query: str = "",
        *,
        width: int = 1280,
        theme: str = "light",
        before: Callable[[object], None] | None = None,
        **options: object,
    ) -> Page:
        options = {"viewport": {"width": width, "height": 900}, "color_scheme": theme} | options
        page = tabs.take(fresh=before is not None, **options)
        if before is not None:
            before(page)
        pages.append(Page(page, address, query, partial(tabs.listen, page)))
        return pages[-1]

    yield opened
    errors = [error for page in pages for error in page.errors]
    for page in pages:
        tabs.give_back(page.page, whole=FAILED not in request.node.stash)
    assert errors == []


@pytest.fixture(scope="session")
def serve() -> Callable[..., object]:
    """`with serve(app, folder, NAME=value) as address:` runs a Streamlit app."""
    return streamlit_server
