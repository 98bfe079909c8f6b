"""The sidebar's trainings: the one that runs, those that wait, and how the latest ones ended.

What changes by itself, the figures of the job that runs, is a small fragment, which looks as long as there is something
to be done. When it finds that the queue is another one, or that a run has begun to learn or is over, it has the page
drawn anew, so that lists of runs and live curves know; while the form is open, that waits until it is closed. It is not
part of another fragment: Streamlit may drop what the outer one has drawn and still send what the inner one has, and the
browser then shows nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard import notices
from dashboard.state import latest_run
from dashboard.trainings.actions import mistake
from dashboard.trainings.card import PLACE, alive_buttons, figures, over_card, waiting_card
from dashboard.trainings.starting import is_open
from segcore.jobs import Job, JobQueue
from segcore.storage import read_only

SECONDS_BETWEEN_LOOKS = 1.5
LATEST, LATEST_DAYS = 3, 7
"""How many of the jobs that are over are shown, and for how long."""
Known = tuple[tuple[object, ...], ...]


def show_jobs(chosen: str | None) -> None:
    """Draws the panel.

    Args:
        chosen: the run that the page shows, which a new one may be compared with.
    """
    if not read_only():
        _go_on()
    with notices.guarded():
        _panel(chosen)


@st.cache_resource(scope="session", show_spinner=False)
def _go_on() -> None:
    """Jobs that waited when the machine was switched off, or their starter was killed, go on."""
    JobQueue().ensure_runners()


def _panel(chosen: str | None) -> None:
    jobs = JobQueue().jobs()
    alive = [job for job in jobs if job.active]
    waiting = [job for job in jobs if job.state == "waiting"]
    over = [] if read_only() else _latest(jobs)
    if not (alive or waiting or over):
        return
    mistake(PLACE)
    drawn = _known(jobs)
    if alive:
        # Of the sidebar itself, so that it stays in sight from the first to the last of what stands there.
        with st.container(key="running", gap="xsmall"):
            for job in alive:
                _alive(job, drawn)
    elif waiting:
        _look(None, drawn)
    if not (waiting or over):
        return
    with st.container(key="jobs", gap="xsmall"):
        if waiting:
            st.caption("Waiting" if len(waiting) == 1 else f"Waiting: {len(waiting)}")
        for place, job in enumerate(waiting, start=1):
            waiting_card(job, place)
        if over:
            st.caption("Ended lately")
        for job in over:
            over_card(job, chosen)


def _known(jobs: Sequence[Job]) -> Known:
    """All of the queue that does not change by itself while a job is running."""
    return tuple((job.number, job.state, job.order, job.stop, job.concluding, _learns(job)) for job in jobs)


def _learns(job: Job) -> bool:
    if job.state != "training":
        return False
    run = latest_run(job.run)
    return run is not None and run.state == "training"


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _look(number: int | None, drawn: Known) -> None:
    """Draws the figures of a job that is alive, if there is one, as long as the queue is what it was when drawn."""
    with notices.guarded():
        jobs = JobQueue().jobs()
        if _known(jobs) != drawn and not is_open():
            st.rerun()
        for job in jobs:
            if job.number == number:
                st.html("".join(figures(job)))


def _latest(jobs: Sequence[Job]) -> list[Job]:
    """The last word on each run of late."""
    found: list[Job] = []
    last = {job.run: job.number for job in sorted(jobs, key=lambda job: job.number)}
    since = (datetime.now(UTC) - timedelta(days=LATEST_DAYS)).isoformat(timespec="seconds")
    for job in jobs:
        if not job.open and last[job.run] == job.number and (job.ended or since) >= since:
            found.append(job)
    return found[:LATEST]


def _alive(job: Job, drawn: Known) -> None:
    with st.container(horizontal=True, wrap=False, vertical_alignment="top", gap="xsmall", key=f"job {job.number}"):
        with st.container():
            _look(job.number, drawn)
        if not read_only():
            alive_buttons(job)
