"""Temporary files. Each lies in a folder that goes with its visitor, and at the latest with the server."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from pathlib import Path

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import background, worker
from dashboard.background import Work

_PREFIX = "segcore-"
RECONNECT_S = 15.0
"""How long a visitor whose connection broke may take to come back before what was uploaded is forgotten."""


class Visit:
    """What one visitor has here: folders, and work that nobody else waits for."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._folders: list[Path] = []
        self._works: list[Work] = []
        self._last: list[Callable[[], None]] = []
        self._over = False

    def folder(self) -> Path:
        """A new folder, which is removed when the visit ends."""
        path = new_folder()
        with self._lock:
            self._folders.append(path)
            over = self._over
        if over:
            shutil.rmtree(path, ignore_errors=True)
        return path

    def drop(self, folder: Path) -> None:
        """Removes a folder before the visit ends."""
        shutil.rmtree(folder, ignore_errors=True)
        with self._lock, suppress(ValueError):
            self._folders.remove(folder)

    def at_last(self, do: Callable[[], None]) -> None:
        """Has something done when the visit ends."""
        with self._lock:
            self._last.append(do)
            over = self._over
        if over:
            do()

    def ends(self, work: Work) -> Work:
        """Has work cancelled when the visit ends."""
        with self._lock:
            self._works = [one for one in self._works if one.state == "running"] + [work]
            over = self._over
        if over:
            work.cancel()
        return work

    def end(self) -> None:
        """The tab was closed: cancels, removes, and forgets the uploads unless the visitor comes back at once."""
        with self._lock:
            self._over = True
            works, folders, last = self._works, self._folders, self._last
            self._works, self._folders, self._last = [], [], []
        for work in works:
            work.cancel()
        threading.Thread(target=_clean_up, args=(works, folders, last), daemon=True).start()
        with suppress(RuntimeError):  # elsewhere than in the server's event loop there is no session to close
            asyncio.get_running_loop().call_later(RECONNECT_S, _close, self._session)


def visit() -> Visit:
    """That of the visitor whose page is being drawn."""
    return _visit()


@st.cache_resource(scope="session", on_release=Visit.end, show_spinner=False)
def _visit() -> Visit:
    context = get_script_run_ctx(suppress_warning=True)
    return Visit(context.session_id if context else "")


def new_folder() -> Path:
    """A new folder, which is removed when the server ends, if nobody did before."""
    return Path(tempfile.mkdtemp(dir=_root()))


@lru_cache(maxsize=1)
def _root() -> Path:
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}[0-9]*-*"):
        # A server that was killed could not clean up.
        if not _alive(int(path.name.removeprefix(_PREFIX).partition("-")[0])):
            shutil.rmtree(path, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


@asynccontextmanager
async def for_a_while(_: object) -> AsyncIterator[None]:
    """The server's life: nothing is left when it stops."""
    yield
    end_all()


@atexit.register
def end_all() -> None:
    """Ends all visits and removes all that is left. A server that is told to stop by a signal runs no exit handlers."""
    background.end_all()
    if _root.cache_info().currsize:
        shutil.rmtree(_root(), ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _clean_up(works: list[Work], folders: list[Path], last: list[Callable[[], None]]) -> None:
    for work in works:
        work.join(30)
    for do in last:
        do()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    if folders or works:
        worker.rest()  # its memory may still hold the last picture


def _close(session: str) -> None:
    server = runtime.get_instance()
    if not server.is_active_session(session):
        server.close_session(session)
        # What was made for a download Streamlit only marks the first time that nobody has it.
        server.media_file_mgr.remove_orphaned_files()
