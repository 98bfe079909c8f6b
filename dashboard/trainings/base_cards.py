"""What a training can be filled in with, as cards side by side: the presets, and the settings of a run."""

from __future__ import annotations

import streamlit as st

from dashboard.state import dataset_info
from dashboard.trainings import prefill
from segcore.config import RunConfig
from segcore.jobs import device_lane, train_seconds
from segcore.progress import duration

_FOR = {
    "quick": "A usable model within minutes, to see how everything works.",
    "standard": "The best honest result on slices that it has never seen.",
    "notebook": "As the student notebook did it. It leaks, so its figures flatter.",
}
_FOR_RUN = "The settings of this run, to repeat it or to change one of them."
CARDS_STYLE = """<style>
.st-key-train-bases{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,230px),1fr));gap:.75rem}
.st-key-train-bases>*,.st-key-train-bases>*>*{width:100%;height:100%}
[class*="st-key-train-card-"]{position:relative}
[class*="st-key-train-card-"] p{font-size:.875rem;line-height:1.4}
[class*="st-key-train-card-"]>:last-child{margin-top:auto}
[class*="st-key-train-card-"] button::after{content:"";position:absolute;inset:0;border-radius:inherit}
[class*="st-key-train-card-"]:has(button:hover:enabled,button:focus-visible),
[class*="st-key-train-card-"]:has(button:disabled){border-color:currentcolor}
</style>"""


def base_cards(run: str | None) -> None:
    """Draws a card for each; a click on one fills in all settings."""
    chosen, dataset = st.session_state[prefill.key("base")], st.session_state[prefill.key("dataset")]
    with st.container(key="train bases"):
        for base in prefill.bases(run):
            with st.container(border=True, gap="xsmall", key=f"train card {base}"):
                _card(base, dataset, chosen=base == chosen)


def _card(base: str, dataset: str, *, chosen: bool) -> None:
    config, title = prefill.config_of(base), prefill.base_title(base)
    st.markdown(f"**{title}**  \n{_FOR.get(base, _FOR_RUN)}")
    st.caption(f"{_size(config)}  \n:material/timer: {_time(config, dataset)}")
    st.button(
        "Chosen" if chosen else f"Choose {title}", key=f"train base {base}", disabled=chosen, width="stretch",
        icon=":material/check:" if chosen else None, on_click=prefill.choose_base, args=(base,),
    )  # fmt: skip


def _size(config: RunConfig) -> str:
    train = config.train
    patches = f"patches of {train.patch_px} px" if train.patch_px else "whole slices"
    return f"{train.epochs} epochs · {patches} · width {config.model.width} features"


def _time(config: RunConfig, dataset: str) -> str:
    lane, info = device_lane(prefill.accelerator()), dataset_info(dataset)
    seconds = train_seconds(config, info, lane) if info is not None and lane != "slurm" else None
    if seconds is None:
        return "time not measured yet"
    return f"about {duration(seconds)} on the {'GPU' if lane == 'cuda' else 'CPU'}"
