"""One job in the sidebar: its figures, its place in the queue, or how it ended, and the buttons beside that."""

from __future__ import annotations

import html
from collections.abc import Sequence
from urllib.parse import quote

import streamlit as st

from dashboard import words
from dashboard.clicks import pressed
from dashboard.state import compare, latest_run, load_history, look_at
from dashboard.trainings.actions import act
from segcore.errors import SegcoreError
from segcore.jobs import Job, JobQueue
from segcore.progress import duration
from segcore.runs import EpochRecord, Run, TrainingStatus, read_status, seconds_left
from segcore.storage import read_only

PLACE = "sidebar"
_LINES = 14
JOBS_STYLE = """<style>
.sg-line{display:flex;justify-content:space-between;align-items:baseline;gap:.6em;font-size:.875rem;line-height:1.45;
font-variant-numeric:tabular-nums}
.sg-line>:first-child{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;min-width:0}
.sg-line>:last-child:not(:first-child){white-space:nowrap;opacity:.75}
.sg-quiet{font-size:.8rem;line-height:1.45;opacity:.85;font-variant-numeric:tabular-nums}
.sg-reason{font-size:.8rem;line-height:1.4;overflow-wrap:anywhere;display:-webkit-box;-webkit-line-clamp:4;
-webkit-box-orient:vertical;overflow:hidden}
.sg-bar{height:5px;border-radius:3px;background:rgba(128,128,128,.25);overflow:hidden;margin:4px 0}
.sg-bar>span{display:block;height:100%;background:#2E8BCB;border-radius:3px;transition:width .6s}
.sg-spark{display:block;width:100%;height:26px;margin-top:2px}
[data-testid="stLayoutWrapper"]:has(>.st-key-running){position:sticky;top:0;bottom:0;z-index:1}
.st-key-running{background:light-dark(#f3f5f7,#1b222c);border-block:1px solid rgba(128,128,128,.35);padding-block:.5rem}
:is(.st-key-jobs,.st-key-running) [data-testid="stHtml"]{min-width:0}
.st-key-jobs [class*="st-key-over-"]{border-top:1px solid rgba(128,128,128,.25);padding-top:.35rem}
:is(.st-key-jobs,.st-key-running) [data-testid="stTooltipHoverTarget"]{display:flex}
:is(.st-key-jobs [class*="st-key-up-"],.st-key-jobs [class*="st-key-remove-"],.st-key-running .stElementContainer)
[data-testid="stMarkdownContainer"]{
position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
:is(.st-key-jobs,.st-key-running) [data-testid="stBaseButton-tertiary"],
.st-key-jobs [data-testid="stPopoverButton"]{min-height:0;
padding:1px 0;font-size:.8rem}
.st-key-jobs [data-testid="stBaseButton-tertiary"] p,.st-key-jobs [data-testid="stPopoverButton"] p{font-size:.8rem}
@media (prefers-reduced-motion:reduce){.sg-bar>span{transition:none}}
</style>"""


def alive_buttons(job: Job) -> None:
    """Stops it, or goes to the curves of a training."""
    there = job.task != "evaluate" and latest_run(job.run) is not None
    if there and pressed(
        "Watch", key=f"watch {job.number}", icon=":material/show_chart:", type="tertiary", help="Watch its curves grow."
    ):  # fmt: skip
        look_at(job.run, "training")
    st.button(
        "Stopping …" if job.stop or job.concluding else "Stop", key=f"stop {job.number}", type="tertiary",
        icon=":material/stop_circle:", disabled=job.stop or job.concluding, on_click=act,
        args=(PLACE, JobQueue().stop, job.number),
        help="Stops it within seconds. Nothing is kept of it; the run stays as it is." if job.task == "evaluate"
        else "Stops it within seconds. Its best weights so far are kept and evaluated, and it can be resumed.",
    )  # fmt: skip


def figures(job: Job) -> list[str]:
    """How far a job is, as HTML."""
    if job.task == "evaluate":
        said = "stopping" if job.stop else f"evaluating on {_text(job.dataset)}"
        return [_line(_name(job)), _line(said)]
    progress, history = _followed(latest_run(job.run))
    left = seconds_left(history, progress) if job.state == "training" and not job.stop else None
    share = 0.0 if progress is None or job.state == "starting" else progress.share
    beneath = doing(job, progress)
    rows = [
        _line(_name(job), "" if left is None else f"{duration(left)} left"),
        _bar(share, beneath),
    ]
    curve = [row.validation_dice for row in history]
    rows.append(_line(beneath, f"Dice {curve[-1]:.3f}" if curve else ""))
    if len(curve) > 1:
        rows.append(_sparkline(curve))
    return rows


def _followed(run: Run | None) -> tuple[TrainingStatus | None, list[EpochRecord]]:
    if run is None:
        return None, []
    try:
        return read_status(run), load_history(run)
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


def waiting_card(job: Job, place: int) -> None:
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall", key=f"job {job.number}"):
        st.html(_line(_name(job, f"{place} · ")), width="stretch")
        if read_only():
            return
        if place > 1:
            _icon("up", job, ":material/arrow_upward:", "Move up", JobQueue().move_up)
        _icon("remove", job, ":material/close:", "Remove from the queue", JobQueue().remove)


def over_card(job: Job, chosen: str | None) -> None:
    run = latest_run(job.run)
    mark, colour = _MARKS[job.state]
    with st.container(gap=None, key=f"over {job.number}"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall"):
            trained = job.task != "evaluate" and run is not None and run.info.best_epoch
            best = f"Dice {run.info.best_dice:.3f}" if run is not None and trained else ""
            st.html(_line(_name(job), best), width="stretch")
            _icon("remove", job, ":material/close:", "Take it off this list; the run stays", JobQueue().remove)
        ending = f'<span style="color:{colour}">{mark}</span> {_text(_ending(job, run))}'
        st.html(f'<div class="sg-quiet">{ending}</div>')
        if job.message and job.state != "stopped":
            st.html(f'<div class="sg-reason">{_text(_reason(job))}</div>')
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            _follow_ups(job, run, chosen)


def _follow_ups(job: Job, run: Run | None, chosen: str | None) -> None:
    if job.state != "finished":
        evaluates = job.task == "evaluate"
        help_text = "Goes on from the last whole epoch." if run else "Begins anew: there is nothing yet to go on from."
        st.button(
            "Retry" if job.state == "failed" or evaluates else "Resume", key=f"again {job.number}", type="tertiary",
            on_click=act, args=(PLACE, JobQueue().again, job.number),
            kwargs={"token": f"again {job.number}"}, help="Measures it from the beginning." if evaluates else help_text,
        )  # fmt: skip
    if run is not None:
        page = "errors" if run.evaluations() else "training"
        if pressed("Open", key=f"open {job.number}", type="tertiary"):
            look_at(job.run, page, dataset=job.dataset if job.task == "evaluate" else None)
        other = job.started_from or chosen
        if other and other != job.run and run.history_csv.exists() and latest_run(other) is not None:
            whose = "whose weights it began with" if job.started_from else "that is chosen above"
            if pressed(
                "Compare", key=f"compare {job.number}", type="tertiary",
                help=f"Curves and settings beside those of {words.plain(other)}, {whose}.",
            ):  # fmt: skip
                compare(job.run, other)
    if job.state != "finished":
        log = st.popover("Log", key=f"log {job.number}", type="tertiary", on_change="rerun")
        if log.open:
            with log:
                st.code("\n".join(JobQueue().log(job.number).splitlines()[-_LINES:]) or "empty", language=None)


def _icon(name: str, job: Job, icon: str, text: str, change: object) -> None:
    st.button(
        text, key=f"{name} {job.number}", icon=icon, type="tertiary", help=text, on_click=act,
        args=(PLACE, change, job.number),
    )  # fmt: skip


_MARKS = {
    "finished": ("✓", "#009E73"),
    "stopped": ("■", "#8A8F98"),
    "failed": ("✕", "#D55E00"),
    "interrupted": ("!", "#D55E00"),
}


def _ending(job: Job, run: Run | None) -> str:
    if job.task == "evaluate":
        return f"evaluated on {job.dataset}" if job.state == "finished" else f"evaluation on {job.dataset} {job.state}"
    if run is None:
        return f"{job.state} before it began" if job.state == "stopped" else job.state
    if job.state == "finished":
        return f"finished · {run.info.epochs} epochs in {duration(run.info.train_seconds)}"
    return f"{job.state} · epoch {run.info.epochs} of {run.config.train.epochs}"


def _reason(job: Job) -> str:
    # Where something lies on the server does not help who reads this.
    text = job.message.partition(": ")[2] if job.message.startswith("/") else job.message
    return text[:1].upper() + text[1:]


# --- lines, bars and curves, as HTML ---------------------------------------------------------


def _text(said: str) -> str:
    """What comes from files, safe in HTML."""
    return html.escape("".join(one if one.isprintable() else " " for one in said))


def _line(left: str, right: str = "") -> str:
    """HTML at the left, which is cut where it is too long, and at the right, which is not."""
    return f'<div class="sg-line"><span>{left}</span>' + (f"<span>{right}</span></div>" if right else "</div>")


def _name(job: Job, before: str = "") -> str:
    """The name of a job's run; bold if nothing stands before it."""
    run = _text(job.run)
    return f'<span title="{run}">{before}{run}</span>' if before else f'<b title="{run}">{run}</b>'


def _bar(share: float, doing: str) -> str:
    """How much is done, 0 to 1, and for screen readers what that is."""
    percent = round(100 * share)
    return (
        f'<div class="sg-bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}" '
        f'aria-label="{html.escape(doing)}"><span style="width:{100 * share:.1f}%"></span></div>'
    )


def _sparkline(values: Sequence[float]) -> str:
    """The validation Dice by epoch, from its lowest to its highest value."""
    step = max(1, len(values) // 100)
    shown = [*values[:-1:step], values[-1]]
    low, high = min(shown), max(shown)
    places = [
        (100 * at / (len(shown) - 1), 22 - 20 * ((value - low) / (high - low) if high > low else 0.5))
        for at, value in enumerate(shown)
    ]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    picture = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 24" preserveAspectRatio="none">'
        f'<polyline points="{points}" fill="none" stroke="#E69F00" stroke-width="1.6" '
        'vector-effect="non-scaling-stroke" stroke-linejoin="round"/></svg>'
    )
    return (
        f'<img class="sg-spark" src="data:image/svg+xml,{quote(picture)}" '
        f'alt="Validation Dice by epoch, from {values[0]:.3f} to {values[-1]:.3f}">'
    )
