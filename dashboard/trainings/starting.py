"""The foot of the form: what is wrong, what the run would be worth, how long it would take, and the button.

It stays in sight however far somebody has scrolled, and grows upwards, so the button keeps its place.
"""

from __future__ import annotations

import secrets

import streamlit as st

from dashboard import words
from dashboard.state import dataset_info, load_run
from dashboard.trainings import prefill
from dashboard.trainings.draft import Draft, leak
from dashboard.trainings.keeping import keep_up
from segcore.config import SETTINGS, RunConfig
from segcore.data import DatasetInfo
from segcore.errors import SegcoreError
from segcore.jobs import JobQueue, device_lane, start_measuring, train_memory, train_seconds, why_not_measured
from segcore.progress import duration

OPEN = "train open"
_TOKEN, _MISTAKE = "train: token", "train: mistake"
# A box that hides what overflows would be the one that the foot sticks to, and it is as high as the form. A dialog lies
# outside the page, so it does not know whether that is light or dark.
START_STYLE = """<style>
[data-testid="stDialog"] div:has(>section .st-key-train-foot){overflow:clip}
[data-testid="stDialog"] :is(section,section *):has(.st-key-train-foot),.st-key-train-foot{background:inherit}
[data-testid="stLayoutWrapper"]:has(>.st-key-train-foot){position:sticky;bottom:-2rem;z-index:1}
.st-key-train-foot{padding:.75rem 0 1rem;border-top:1px solid rgba(128,128,128,.35)}
html .st-key-train-foot button:enabled{background:#0072b2;border-color:#0072b2;color:#fff}
html .st-key-train-foot button:enabled:hover{background:#005a8c;border-color:#005a8c}
</style>"""


def is_open() -> bool:
    """Whether the form is open: then the page as a whole is not drawn anew, which would disturb who is typing."""
    return bool(st.session_state.get(OPEN))


def before_starting(planned: Draft) -> None:
    """Draws the foot of a form that says this."""
    info = dataset_info(planned.dataset)
    with st.container(key="train foot", gap="xsmall"):
        _warnings(planned, info)
        said, act = st.columns([3, 1], vertical_alignment="center")
        with said:
            waits = _wrong(planned) if planned.problems or info is None else _time(planned.config, info)
        token = st.session_state.setdefault(_TOKEN, secrets.token_hex(16))
        # The token is the button's name, too: a second click is for a button that is gone, not for another training.
        act.button(
            "Start training", key=f"train start {token}", type="primary", width="stretch",
            icon=":material/play_arrow:", disabled=bool(planned.problems), on_click=_start, args=(token,),
        )  # fmt: skip
    keep_up(waits=waits)


def _warnings(planned: Draft, info: DatasetInfo | None) -> None:
    if not planned.problems and info is not None:
        begun_with = load_run(planned.started_from) if planned.started_from else None
        if text := leak(planned, info, begun_with):
            st.warning(text, icon=":material/warning:")
    if text := st.session_state.pop(_MISTAKE, None):
        st.error(text, icon=":material/error:")


def _wrong(planned: Draft) -> bool:
    """Says where something does not fit, which may be out of sight; the time is no question then."""
    called = {"name": "Name of the run"}
    fields = [called.get(one) or str(SETTINGS[one].title) for one in planned.problems if one]
    if fields:
        st.markdown(f":red[:material/error: Does not fit yet: {words.plain(words.listed(fields))}.]")
    else:
        st.markdown(f":red[:material/error: {planned.problems['']}]")
    return False


def _time(config: RunConfig, info: DatasetInfo) -> bool:
    """How long it will take, on what and with how much memory; whether that is not known yet."""
    lane = device_lane(prefill.accelerator())
    if lane == "slurm":
        st.markdown(":material/timer: Sent to the cluster, whose queue decides when it runs")
        return False
    device = "GPU" if lane == "cuda" else "CPU"
    ahead = sum(job.open and job.lane == lane for job in JobQueue().jobs())
    seconds = train_seconds(config, info, lane)
    if seconds is None:
        start_measuring(config, info, lane)
        if refused := why_not_measured(config, info, lane):
            st.markdown(f":red[:material/error: {words.plain(refused[:1].upper() + refused[1:])}.]")
            return False
        when = "measured when nothing else is trained" if ahead else "being measured …"
        said = f"Time and memory on the {device}: {when}"
    else:
        memory = train_memory(config, info, lane)
        said = f"About **{duration(seconds)}** on the {device}, {memory} (by a few steps measured here)"
    if ahead:
        said += f"; waits for {'one job' if ahead == 1 else f'{ahead} jobs'} before it"
    st.markdown(f":material/timer: {said}")
    return seconds is None


def _start(token: str) -> None:
    planned = prefill.planned()  # as it is now: the last letter may have been typed just before the click
    if planned.problems:
        return
    try:
        JobQueue().start(
            dataset=planned.dataset, config=planned.config, run=planned.name, token=token,
            started_from=planned.started_from, accelerator=prefill.accelerator(),
        )  # fmt: skip
    except SegcoreError as error:
        st.session_state[_MISTAKE] = words.message(error)
        return
    st.session_state[OPEN] = False
    st.session_state.pop(_TOKEN, None)
    prefill.forget_name()
