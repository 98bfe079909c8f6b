"""What a click does to the queue of trainings. One that comes too late, or cannot be, says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard import words
from segcore.errors import SegcoreError
from segcore.jobs import Job, JobQueue
from segcore.runs import Run
from segcore.storage import read_only

_MISTAKE = "jobs: mistake at "


def act(place: str, change: Callable[..., object], *args: Any, **kwargs: Any) -> None:
    """Changes the queue, as the callback of a button; what went wrong is kept for `mistake` at the same place."""
    try:
        change(*args, **kwargs)
    except SegcoreError as error:
        st.session_state[_MISTAKE + place] = words.message(error)


def mistake(place: str) -> None:
    """Shows what the last click did not bring about."""
    if text := st.session_state.pop(_MISTAKE + place, None):
        st.error(text, icon=":material/error:")


def go_on_button(run: Run, label: str) -> bool:
    """A button that puts going on with a run into the queue; says instead that it is there. False where it cannot be.

    A run that was trained to its end is evaluated.
    """
    if read_only():
        return False
    if (job := _open_job(run.name)) is not None:
        _said_of(job)
        return True
    # The same for every click, so that a double click, and a second visitor's, change nothing; another one after each
    # job, for one that was killed leaves the run as it found it.
    latest = max((job.number for job in JobQueue().jobs() if job.run == run.name), default=0)
    token = f"go on with {run.name} from epoch {run.info.epochs}, {run.info.ended}, after job {latest}"
    st.button(
        label, key=f"go on {run.name}", icon=":material/resume:", on_click=act,
        args=("page", JobQueue().resume, run.name), kwargs={"token": token},
    )  # fmt: skip
    mistake("page")
    return True


def evaluate_button(run: Run, dataset: str) -> bool:
    """A button that puts measuring a run on a dataset into the queue; says instead that the run is busy.

    False, without a button, where it cannot be measured there.
    """
    if read_only():
        return False
    if (job := _open_job(run.name)) is not None:
        _said_of(job)
        return True
    try:
        JobQueue().check_evaluation(run.name, dataset)
    except SegcoreError:
        return False
    latest = max((job.number for job in JobQueue().jobs() if job.run == run.name), default=0)
    st.button(
        f"Evaluate {words.plain(run.name)} on {words.plain(dataset)}", key=f"evaluate {run.name} {dataset}",
        icon=":material/checklist:", on_click=act, args=("page", JobQueue().evaluate, run.name, dataset),
        kwargs={"token": f"evaluate {run.name} on {dataset} after job {latest}"},
        help="Measures what the run predicts against the labels, in the background.",
    )  # fmt: skip
    mistake("page")
    return True


def _said_of(job: Job) -> None:
    waits = "waits in the queue" if job.state == "waiting" else "is being worked on"
    st.info(f"Run {words.plain(job.run)} {waits}; the sidebar shows how far it is.", icon=":material/hourglass_top:")


def _open_job(run: str) -> Job | None:
    """The job that trains or evaluates a run, or waits for it."""
    return next((job for job in JobQueue().jobs() if job.open and job.run == run), None)
