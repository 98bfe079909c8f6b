"""The sidebar's trainings: the one that runs, those that wait, and how the latest ones ended.

What changes by itself, the figures of the job that runs, is a small fragment, which looks as long as there is something
to be done. When it finds that the queue is another one, or that a run has begun to learn or is over, it has the page
drawn anew, so that lists of runs and live curves know. It is not part of another fragment: Streamlit may drop what the
outer one has drawn and still send what the inner one has, and the browser then shows nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard import words
from dashboard.state import loaders
from dashboard.state.navigation import compare, look_at
from dashboard.trainings import drawing as job_drawing
from dashboard.trainings import notices
from dashboard.trainings.actions import act, mistake
from segcore.errors import SegcoreError
from segcore.jobs import Job
from segcore.progress import duration
from segcore.runs import EpochRecord, Run, TrainingStatus, read_status, seconds_left
from segcore.storage import read_only

SECONDS_BETWEEN_LOOKS = 1.5
LATEST, LATEST_DAYS = 3, 7
"""How many of the jobs that are over are shown, and for how long."""
_PLACE = "sidebar"
_LINES = 14
Known = tuple[tuple[object, ...], ...]


def show(chosen: str | None) -> None:
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
    loaders.queue().ensure_runners()


def _panel(chosen: str | None) -> None:
    jobs = loaders.queue().jobs()
    alive = [job for job in jobs if job.active]
    waiting = [job for job in jobs if job.state == "waiting"]
    over = [] if read_only() else _latest(jobs)
    if not (alive or waiting or over):
        return
    with st.container(key="jobs", gap="xsmall"):
        mistake(_PLACE)
        drawn = _known(jobs)
        for job in alive:
            _alive(job, drawn)
        if waiting and not alive:
            _look(None, drawn)
        if waiting:
            st.caption("Waiting" if len(waiting) == 1 else f"Waiting: {len(waiting)}")
        for place, job in enumerate(waiting, start=1):
            _waiting(job, place)
        if over:
            st.caption("Lately")
        for job in over:
            _over(job, chosen)


def _known(jobs: Sequence[Job]) -> Known:
    """All of the queue that does not change by itself while a job is running."""
    return tuple((job.number, job.state, job.order, job.stop, job.concluding, _learns(job)) for job in jobs)


def _learns(job: Job) -> bool:
    if job.state != "training":
        return False
    run = loaders.latest_run(job.run)
    return run is not None and run.state == "training"


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _look(number: int | None, drawn: Known) -> None:
    """Draws the figures of a job that is alive, if there is one, as long as the queue is what it was when drawn."""
    with notices.guarded():
        jobs = loaders.queue().jobs()
        if _known(jobs) != drawn:
            st.rerun()
        for job in jobs:
            if job.number == number:
                st.html("".join(_figures(job)))


def _latest(jobs: Sequence[Job]) -> list[Job]:
    """The last word on each run of late."""
    found: list[Job] = []
    last = {job.run: job.number for job in sorted(jobs, key=lambda job: job.number)}
    since = (datetime.now(UTC) - timedelta(days=LATEST_DAYS)).isoformat(timespec="seconds")
    for job in jobs:
        if not job.open and last[job.run] == job.number and (job.ended or since) >= since:
            found.append(job)
    return found[:LATEST]


# --- one job ------------------------------------------------------------------------------------


def _alive(job: Job, drawn: Known) -> None:
    with st.container(border=True, gap="xsmall", key=f"job {job.number}"):
        _look(job.number, drawn)
        if read_only():
            return
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Stopping …" if job.stop or job.concluding else "Stop", key=f"stop {job.number}",
                icon=":material/stop_circle:", disabled=job.stop or job.concluding, on_click=act,
                args=(_PLACE, loaders.queue().stop, job.number),
                help="Ends it within seconds. Its best weights so far are kept and evaluated, and it can be resumed.",
            )  # fmt: skip
            there = loaders.latest_run(job.run) is not None
            if there and st.button("Watch", key=f"watch {job.number}", icon=":material/show_chart:"):
                look_at(job.run, "training")


def _figures(job: Job) -> list[str]:
    """How far a job is, as HTML."""
    progress, history = _followed(loaders.latest_run(job.run))
    left = seconds_left(history, progress) if job.state == "training" and not job.stop else None
    share = 0.0 if progress is None or job.state == "starting" else progress.share
    beneath = doing(job, progress)
    rows = [
        job_drawing.line(job_drawing.name(job), "" if left is None else f"{duration(left)} left"),
        job_drawing.bar(share, beneath),
    ]
    curve = [row.validation_dice for row in history]
    rows.append(job_drawing.line(beneath, f"Dice {curve[-1]:.3f}" if curve else ""))
    if len(curve) > 1:
        rows.append(job_drawing.sparkline(curve))
    return rows


def _followed(run: Run | None) -> tuple[TrainingStatus | None, list[EpochRecord]]:
    if run is None:
        return None, []
    try:
        return read_status(run), loaders.history(run)
    except SegcoreError:
        return None, []  # the Training page says what is wrong with it


def doing(job: Job, progress: TrainingStatus | None) -> str:
    """What a job that is alive does just now."""
    if job.concluding:
        return "stopped; best weights are evaluated"
    if job.stop:
        return "stopping"
    if job.state == "starting" or progress is None or progress.stage == "starting":
        return "starting"
    if job.state == "evaluating" or progress.stage == "evaluating":
        return "evaluating"
    if progress.stage == "choosing thresholds":
        return progress.stage
    return f"epoch {progress.epoch} of {progress.epochs}"


def _waiting(job: Job, place: int) -> None:
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall", key=f"job {job.number}"):
        st.html(job_drawing.line(job_drawing.name(job, f"{place} · ")), width="stretch")
        if read_only():
            return
        if place > 1:
            _icon("up", job, ":material/arrow_upward:", "Move up", loaders.queue().move_up)
        _icon("remove", job, ":material/close:", "Remove from the queue", loaders.queue().remove)


def _over(job: Job, chosen: str | None) -> None:
    run = loaders.latest_run(job.run)
    mark, colour = _MARKS[job.state]
    with st.container(gap=None, key=f"over {job.number}"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall"):
            best = f"Dice {run.info.best_dice:.3f}" if run is not None and run.info.best_epoch else ""
            st.html(job_drawing.line(job_drawing.name(job), best), width="stretch")
            _icon("remove", job, ":material/close:", "Take it off this list; the run stays", loaders.queue().remove)
        ending = f'<span style="color:{colour}">{mark}</span> {job_drawing.text(_ending(job, run))}'
        st.html(f'<div class="sg-quiet">{ending}</div>')
        if job.message and job.state != "stopped":
            st.html(f'<div class="sg-reason">{job_drawing.text(_reason(job))}</div>')
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            _follow_ups(job, run, chosen)


def _follow_ups(job: Job, run: Run | None, chosen: str | None) -> None:
    if job.state != "finished":
        st.button(
            "Retry" if job.state == "failed" else "Resume", key=f"again {job.number}", type="tertiary",
            on_click=act, args=(_PLACE, loaders.queue().again, job.number),
            kwargs={"token": f"again {job.number}"},
            help="Goes on from the last whole epoch." if run else "Begins anew: there is nothing yet to go on from.",
        )  # fmt: skip
    if run is not None:
        page = "errors" if run.evaluations() else "training"
        if st.button("Open", key=f"open {job.number}", type="tertiary"):
            look_at(job.run, page)
        other = job.started_from or chosen
        if other and other != job.run and run.history_csv.exists() and loaders.latest_run(other) is not None:
            whose = "whose weights it began with" if job.started_from else "that is chosen above"
            if st.button(
                "Compare", key=f"compare {job.number}", type="tertiary",
                help=f"Curves and settings beside those of {words.plain(other)}, {whose}.",
            ):  # fmt: skip
                compare(job.run, other)
    if job.state != "finished":
        log = st.popover("Log", key=f"log {job.number}", type="tertiary", on_change="rerun")
        if log.open:
            with log:
                st.code("\n".join(loaders.queue().log(job.number).splitlines()[-_LINES:]) or "empty", language=None)


def _icon(name: str, job: Job, icon: str, text: str, change: object) -> None:
    st.button(
        text, key=f"{name} {job.number}", icon=icon, type="tertiary", help=text, on_click=act,
        args=(_PLACE, change, job.number),
    )  # fmt: skip


_MARKS = {
    "finished": ("✓", "#009E73"),
    "stopped": ("■", "#8A8F98"),
    "failed": ("✕", "#D55E00"),
    "interrupted": ("!", "#D55E00"),
}


def _ending(job: Job, run: Run | None) -> str:
    if run is None:
        return f"{job.state} before it began" if job.state == "stopped" else job.state
    if job.state == "finished":
        return f"finished · {run.info.epochs} epochs in {duration(run.info.train_seconds)}"
    return f"{job.state} · epoch {run.info.epochs} of {run.config.train.epochs}"


def _reason(job: Job) -> str:
    # Where something lies on the server does not help who reads this.
    text = job.message.partition(": ")[2] if job.message.startswith("/") else job.message
    return text[:1].upper() + text[1:]
