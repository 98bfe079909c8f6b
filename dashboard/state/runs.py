"""Runs, their curves and leak audits, each read once and again when its files change."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import streamlit as st

from dashboard.state.stamps import Stamp, stamp
from segcore.errors import SegcoreError
from segcore.runs import EpochRecord, LeakAudit, Run, models_root, open_run, run_names


def names_of_runs() -> list[str]:
    """Every folder that holds a run, whole or not."""
    return run_names()


def load_run(name: str) -> Run:
    """A run; `RunError` if it is damaged."""
    folder = models_root() / name
    return _run(str(models_root().absolute()), name, stamp(folder))


@st.cache_resource(max_entries=64, show_spinner=False)
def _run(root: str, name: str, key: Stamp) -> Run:
    return open_run(name, root=Path(root))


def broken_runs() -> dict[str, SegcoreError]:
    """What is wrong with the runs that cannot be opened, by name."""
    found = {}
    for name in names_of_runs():
        try:
            load_run(name)
        except SegcoreError as error:
            found[name] = error
    return found


def load_history(of: Run) -> list[EpochRecord]:
    """The epochs of a run so far."""
    try:
        status = of.history_csv.stat()
    except OSError:
        return []
    return _history(str(of.folder.absolute()), (status.st_size, status.st_mtime_ns), of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _history(folder: str, key: tuple[int, int], _of: Run) -> list[EpochRecord]:
    return _of.history()


def leak_audit(of: Run) -> LeakAudit:
    """Whether the run's own validation and test slices were trained on."""
    return _audit(str(of.folder.absolute()), stamp(of.folder), of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _audit(folder: str, key: Stamp, _of: Run) -> LeakAudit:
    return _of.audit_split()


def latest_run(name: str) -> Run | None:
    """A run, or None as long as there is nothing of it, or nothing whole."""
    with suppress(SegcoreError):
        return load_run(name)
    return None
