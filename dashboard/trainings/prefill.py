"""What the training form is filled in with: a preset's settings or a run's, a free name, and what was typed since."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import words
from dashboard.state import latest_run, load_run, names_of_runs
from dashboard.trainings.draft import RANGES, Draft, draft, with_augmentation
from segcore.config import SETTINGS as CONFIG_SETTINGS
from segcore.config import RunConfig, flatten, to_dict
from segcore.jobs import JobQueue, cluster_file, device_lane, free_run_name
from segcore.presets import PRESETS, preset

LEARNING = ("train.epochs", "train.batch_size", "train.samples_at_once", "train.learning_rate", "train.seed")
NETWORK = ("model.width",)
SETTINGS = (*LEARNING, *NETWORK, *RANGES)
"""Those that are typed."""
_UNITS = {"train.batch_size": "patches", "augment.noise_level": "0 to 1"}
"""Where neither the title nor the setting itself says one."""
_NAMED, _FILLING = "train: named", "train: filling in"
_RUN = "run "


def key(name: str) -> str:
    """The key of a field in the session."""
    return f"train {name}"


def begin(names: Sequence[str], run: str | None, dataset: str | None) -> None:
    """Fills in what was never filled in, and what cannot be any more."""
    state = st.session_state
    if state.get(key("dataset")) not in names:
        state[key("dataset")] = dataset if dataset in names else names[0]
    if state.get(key("base")) not in bases(run):
        state[key("base")] = next(iter(PRESETS))
        take_over()
    elif state.get(_FILLING):
        # What was typed right before came after the click, ended that run, and brought the old values back.
        take_over()
    if state.get(key("from"), "") not in ("", *with_weights()):
        state[key("from")] = ""
    if not state.get(_NAMED):
        suggest_name()


def choose_dataset(dataset: str) -> None:
    """Chooses a dataset to train on, whatever was chosen."""
    st.session_state[key("dataset")] = dataset


def bases(run: str | None) -> list[str]:
    """The presets, the chosen run, and one that was taken over before and is still there."""
    runs = dict.fromkeys([run, str(st.session_state.get(key("base"), "")).removeprefix(_RUN)])
    return [*PRESETS, *(_RUN + name for name in runs if name and _learned(name))]


def _learned(name: str) -> bool:
    """Whether a run is there and was trained here, with settings that are its own."""
    found = latest_run(name)
    return found is not None and found.has_network


def base_title(base: str) -> str:
    return f"as {words.plain(base.removeprefix(_RUN))}" if base.startswith(_RUN) else base


def label(setting: str) -> str:
    """What a field is called, with its unit."""
    field = CONFIG_SETTINGS[setting]
    extra = field.json_schema_extra
    unit = _UNITS.get(setting) or (extra.get("unit") if isinstance(extra, dict) else None)
    title = str(field.title)
    return f"{title} ({unit})" if unit and not {"px", "±°"} & set(title.split()) else title


def config_of(base: str) -> RunConfig:
    """The settings of a preset or of a run."""
    return load_run(base.removeprefix(_RUN)).config if base.startswith(_RUN) else preset(base)


def _base() -> RunConfig:
    return config_of(st.session_state[key("base")])


def choose_base(base: str) -> None:
    """Fills in the settings of a preset or of a run, as the callback of a button."""
    st.session_state[key("base")] = base
    st.session_state[_FILLING] = True
    take_over()


def filled_in() -> None:
    """The browser has been sent what was filled in."""
    st.session_state.pop(_FILLING, None)


def take_over() -> None:
    """Takes over the settings of a preset or of a run."""
    flat = flatten(to_dict(_base()))
    for setting in (*SETTINGS, "split.protocol", "split.fold", "loss.kind"):
        st.session_state[key(setting)] = _typed(flat[setting])
    st.session_state[key("augment")] = "base"
    st.session_state.setdefault(key("from"), "")
    st.session_state[key("device")] = accelerator()  # a device that is gone is not offered
    if not st.session_state.get(_NAMED):
        suggest_name()


def _typed(value: object) -> str:
    """As somebody would type it: 25, not 25.0."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def fill_ranges() -> None:
    """Fills in the ranges of the chosen kind of augmentation."""
    flat = flatten(to_dict(with_augmentation(_base(), st.session_state[key("augment")])))
    for setting in RANGES:
        st.session_state[key(setting)] = _typed(flat[setting])


def suggest_name() -> None:
    """Fills in a free name, unless one was typed."""
    if st.session_state.get(_NAMED):
        return
    dataset: str = st.session_state[key("dataset")]
    name = free_run_name(f"{dataset[:60]}-{_base().preset}"[:90])
    if st.session_state.get(key("name")) != name:  # what is set anew, also to the same, replaces what is being typed
        st.session_state[key("name")] = name


def name_was_typed() -> None:
    st.session_state[_NAMED] = True


def forget_name() -> None:
    """The next training gets a name of its own."""
    st.session_state.pop(_NAMED, None)


def planned() -> Draft:
    """The training that the form describes now, checked."""
    state = st.session_state
    mode = state[key("augment")]
    ranges = RANGES if mode != "off" else ()
    names = (*LEARNING, "split.protocol", "split.fold", "loss.kind", *NETWORK, *ranges)
    if state[key("split.protocol")] != "kfold":
        names = tuple(name for name in names if name != "split.fold")
    return draft(
        JobQueue(),
        with_augmentation(_base(), mode),
        {name: state[key(name)] for name in names},
        dataset=state[key("dataset")],
        name=state[key("name")],
        started_from=state[key("from")],
        lane=device_lane(accelerator()),
    )


def devices() -> dict[str, str]:
    """What there is to train on, by the name that the queue knows it by."""
    found = {"auto": "GPU", "cpu": "CPU"} if device_lane() == "cuda" else {"auto": "CPU"}
    return found | ({"slurm": "cluster (SLURM)"} if cluster_file(JobQueue().models).exists() else {})


def accelerator() -> str:
    """The device that is chosen, as long as it is there."""
    chosen = str(st.session_state.get(key("device"), "auto"))
    return chosen if chosen in devices() else "auto"


def with_weights() -> list[str]:
    """The runs that a training can begin with."""
    return [name for name in names_of_runs() if (run := latest_run(name)) and run.weights.exists()]
