"""What the Training page shows of a run besides its curves: how far it is, what it sees, how it ended, its log."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import words
from dashboard.state import load_history
from dashboard.trainings.actions import go_on_button
from segcore.progress import duration
from segcore.runs import Run, TrainingStatus, read_status, seconds_left

_LINES = 14


def how_far(run: Run) -> None:
    """A bar with the stage and the time that is left, the device, and the memory it takes."""
    progress = read_status(run)
    if progress is None:
        st.progress(0.0, "Starting …")
        return
    left = seconds_left(load_history(run), progress)
    said = stage(progress) + (f" · about {duration(left)} left" if left is not None else "")
    st.progress(progress.share, said)
    memory = f" · {progress.memory_mb:,.0f} MB of memory at most" if progress.memory_mb else ""
    st.caption(f":material/memory: {words.plain(run.info.device)}{memory}")


def stage(progress: TrainingStatus) -> str:
    """What a training does now, in words."""
    where = f"Epoch {progress.epoch} of {progress.epochs}"
    return {
        "starting": "Starting",
        "training": f"{where}, step {progress.step} of {progress.steps}",
        "validating": f"{where}, validating",
        "choosing thresholds": "Choosing thresholds",
        "evaluating": "Evaluating",
    }[progress.stage]


def how_it_ended(run: Run) -> None:
    """Why a run did not get to its end, and a button that goes on with it."""
    if run.state == "failed":
        st.error(f"**It failed.** {words.plain(run.info.message)}", icon=":material/error:")
    elif run.state == "interrupted":
        st.warning(
            f"It was interrupted after epoch {run.info.epochs} of {run.config.train.epochs}.", icon=":material/pause:"
        )
    if run.state in ("failed", "interrupted"):
        go_on_button(run, "Retry" if run.state == "failed" else "Resume")


def show_log(run: Run) -> None:
    """The last lines of its log; open where it says what went wrong."""
    text = _last_lines(run.log, _LINES)
    if not text:
        return
    with st.expander("Log, its last lines", icon=":material/notes:", expanded=run.state == "failed"):
        st.code(text, language=None, wrap_lines=True)


def _last_lines(path: Path, lines: int) -> str:
    """The end of a log; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
