"""The sidebar's form that starts a training: prefilled, checked as it is typed, one job however often it is clicked.

It is a fragment of its own, so that a letter typed here draws nothing else anew, and nothing else draws this.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, get_args

import streamlit as st

from dashboard import notices, words
from dashboard.state import corrections, dataset_info, latest_run, load_run, names_of_datasets
from dashboard.trainings import prefill
from dashboard.trainings.draft import RANGES, Draft, leak
from segcore.config import SETTINGS, RunConfig, SplitConfig
from segcore.data import DatasetInfo, copy_name
from segcore.errors import SegcoreError
from segcore.jobs import (
    ARCHITECTURE,
    JobQueue,
    device_lane,
    start_measuring,
    train_memory,
    train_seconds,
    why_not_measured,
)
from segcore.progress import duration
from segcore.runs import Run, slice_ranges, split_of

OPEN = "train open"
SECONDS_BETWEEN_LOOKS = 2.0
_TOKEN, _STARTED, _MISTAKE = "train: token", "train: started", "train: mistake"
_UNKNOWN = "train: time is not known"
_CALLED = {
    "bce+dice": "cross-entropy + Dice",
    "bce": "cross-entropy",
    "dice": "Dice",
    "jaccard": "Jaccard",
    "blocks": "blocks: last third is test",
    "kfold": "folds: one is test",
    "bands": "bands: rows of every slice",
    "notebook": "notebook (leaks)",
}
"""What choices are called that say little by their names."""
_AUGMENTATIONS = {"base": "as in these settings", "notebook": "as in the notebook", "off": "off"}
# Columns are too wide for two of them in a sidebar. Drawn with the page: there is one place for all styles, and a
# fragment that draws its own takes it from the others.
FORM_STYLE = """<style>
.st-key-train-form [data-testid="stColumn"] { min-width: 0; flex: 1 1 0; }
</style>"""


def open_form(dataset: str) -> None:
    """Opens the form with a dataset chosen, as the callback of a button; shown from the next run of the script on."""
    prefill.choose_dataset(dataset)
    st.session_state[OPEN] = True


def show_form(run: str | None, dataset: str | None) -> None:
    """Draws the form, closed at first; it costs nothing then.

    Args:
        run: the chosen one, whose settings can be taken over.
        dataset: the chosen one, if it has labels.
    """
    looks = bool(st.session_state.get(OPEN)) and bool(st.session_state.get(_UNKNOWN))
    st.fragment(_fragment, run_every=SECONDS_BETWEEN_LOOKS if looks else None)(run, dataset, looks=looks)


def _fragment(run: str | None, dataset: str | None, *, looks: bool) -> None:
    if st.session_state.pop(_STARTED, False):
        st.rerun()  # the page as a whole: the queue has grown
    form = st.expander("Train a model", key=OPEN, on_change="rerun", icon=":material/model_training:")
    unknown = False
    if form.open:
        with form, st.container(key="train form", gap="xsmall"), notices.guarded():
            unknown = _form(run, dataset)
    st.session_state[_UNKNOWN] = unknown
    if unknown != looks:
        st.rerun()  # it looks by itself only as long as the time is being measured


def _form(run: str | None, dataset: str | None) -> bool:
    """Says whether the time it takes is not known yet."""
    names = [name for name in names_of_datasets() if (info := dataset_info(name)) and info.labelled]
    if not names:
        st.caption("A training needs a dataset with labels. The Data page fetches or imports one.")
        return False
    prefill.begin(names, run, dataset)
    planned = prefill.planned()
    # Titles as they are now: a dataset may go away before the reader chooses.
    titles = {name: _title(name) for name in names}
    st.selectbox(
        "Dataset", names, format_func=titles.__getitem__, on_change=prefill.suggest_name, **_kept("dataset")
    )  # fmt: skip
    st.selectbox(
        "Settings", prefill.bases(run), format_func=prefill.base_title, on_change=prefill.take_over, **_kept("base"),
        help="What everything below is filled in with. `quick`: a usable model in about two minutes. `standard`: the "
        "best honest result. `notebook`: as the student notebook did it, which leaks.",
    )  # fmt: skip
    st.text_input("Name of the run", live=True, on_change=prefill.name_was_typed, **_kept("name"))
    _problem(planned, "name")
    left, right = st.columns(2, gap="small", vertical_alignment="bottom")
    with left:
        _input("train.epochs")
    with right:
        more = st.toggle("More", help="Split, network, loss, augmentation and what it begins with.", **_kept("more"))
    _problem(planned, "train.epochs")
    if more:
        _more(planned)
    else:
        for setting in planned.problems:
            if setting in prefill.SETTINGS and setting != "train.epochs":
                st.markdown(f":small[{SETTINGS[setting].title}:]")
                _problem(planned, setting)
    return _before_starting(planned)


def _title(name: str) -> str:
    """A dataset's name; of a corrected copy that has the usual one, what it is."""
    made = corrections(name)
    if made is None:
        return name
    what = words.corrected(made.original, len(made.corrections))
    return what if name == copy_name(made.original) else f"{name}: {what}"


def _choice(setting: str) -> None:
    """One of a setting's choices, all of which are there."""
    field = SETTINGS[setting]
    st.selectbox(
        field.title or setting, get_args(field.annotation), help=field.description,
        format_func=lambda one: _CALLED.get(one, one), **_kept(setting),
    )  # fmt: skip


def _more(planned: Draft) -> None:
    _choice("split.protocol")
    if st.session_state[prefill.key("split.protocol")] == "kfold":
        titles = _folds(planned)
        if st.session_state.get(prefill.key("split.fold")) not in titles:
            st.session_state[prefill.key("split.fold")] = "0"
        st.selectbox("Fold held out as test", list(titles), format_func=titles.__getitem__, **_kept("split.fold"))
    _choice("loss.kind")
    _fields(prefill.MORE, planned)
    st.selectbox(
        "Augmentation", list(_AUGMENTATIONS), format_func=_AUGMENTATIONS.__getitem__, on_change=prefill.fill_ranges,
        help="How slices are varied while learning. The Augmentation page shows what it does.", **_kept("augment"),
    )  # fmt: skip
    if st.session_state[prefill.key("augment")] != "off":
        _fields(RANGES, planned)
    _begin_with(planned)
    devices = prefill.devices()
    if len(devices) > 1:
        st.selectbox("Device", list(devices), format_func=devices.__getitem__, **_kept("device"))


def _before_starting(planned: Draft) -> bool:
    """What is wrong, what it will be worth, how long it will take; and the button."""
    _problem(planned, "")
    unknown = False
    info = dataset_info(planned.dataset)
    if not planned.problems and info is not None:
        begun_with = load_run(planned.started_from) if planned.started_from else None
        if text := leak(planned, info, begun_with):
            st.warning(text, icon=":material/warning:")
        unknown = _time(planned.config, info)
    if text := st.session_state.pop(_MISTAKE, None):
        st.error(text, icon=":material/error:")
    token = st.session_state.setdefault(_TOKEN, secrets.token_hex(16))
    # The token is the button's name, too: a second click is for a button that is gone, not for another training.
    st.button(
        "Start training", key=f"train start {token}", type="primary", width="stretch", icon=":material/play_arrow:",
        disabled=bool(planned.problems), on_click=_start, args=(token,),
    )  # fmt: skip
    return unknown


def _time(config: RunConfig, info: DatasetInfo) -> bool:
    """How long it will take, on what and with how much memory; whether that is not known yet."""
    lane = device_lane(prefill.accelerator())
    if lane == "slurm":
        st.caption(":material/timer: Sent to the cluster, whose queue decides when it runs")
        return False
    device = "GPU" if lane == "cuda" else "CPU"
    ahead = sum(job.open and job.lane == lane for job in JobQueue().jobs())
    seconds = train_seconds(config, info, lane)
    if seconds is None:
        start_measuring(config, info, lane)
        if refused := why_not_measured(config, info, lane):
            st.warning(f"{words.plain(refused[:1].upper() + refused[1:])}.", icon=":material/warning:")
            return False
        when = "measured when nothing else is trained" if ahead else "being measured …"
        said = f"Time and memory on the {device}: {when}"
    else:
        memory = train_memory(config, info, lane)
        said = f"About **{duration(seconds)}** on the {device}, {memory} (by a few steps measured here)"
    if ahead:
        said += f"; waits for {'one job' if ahead == 1 else f'{ahead} jobs'} before it"
    st.caption(f":material/timer: {said}")
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
    st.session_state[_STARTED] = True
    st.session_state[OPEN] = False
    st.session_state.pop(_TOKEN, None)
    prefill.forget_name()


# --- fields -------------------------------------------------------------------------------------


def _kept(name: str) -> dict[str, Any]:
    # Kept while the form is closed, and on the next page.
    return {"key": prefill.key(name), "persist_state": "session"}


def _input(setting: str) -> None:
    field = SETTINGS[setting]
    st.text_input(str(field.title), live=True, help=field.description, **_kept(setting))


def _fields(settings: Sequence[str], planned: Draft) -> None:
    """Two in a row, and what is wrong with them beneath."""
    for at in range(0, len(settings), 2):
        pair = settings[at : at + 2]
        for column, setting in zip(st.columns(2, gap="small"), pair, strict=False):
            with column:
                _input(setting)
        for setting in pair:
            _problem(planned, setting)


def _problem(planned: Draft, what: str) -> None:
    # Its place is always there: fields that move down lose what is being typed into them.
    place = st.empty()
    if what in planned.problems:
        place.markdown(f":small[:red[{planned.problems[what]}]]")


def _folds(planned: Draft) -> dict[str, str]:
    """The folds by number, with the slices that each would hold out."""
    info = dataset_info(planned.dataset)
    titles = {}
    for fold in range(planned.config.split.folds):
        slices = ""
        if info is not None:
            wanted = SplitConfig(protocol="kfold", folds=planned.config.split.folds, fold=fold)
            slices = f": slices {slice_ranges(split_of(info, RunConfig(split=wanted)).test)}"
        titles[str(fold)] = f"{fold + 1} of {planned.config.split.folds}{slices}"
    return titles


def _begin_with(planned: Draft) -> None:
    model = planned.config.model

    def fits(run: Run | None) -> bool:
        own = run.config.model if run else None
        return own is not None and all(getattr(own, key) == getattr(model, key) for key in ARCHITECTURE)

    names = prefill.with_weights()
    titles = {"": "none (random)"} | {
        name: name if fits(latest_run(name)) else f"{name} (another network)" for name in names
    }
    st.selectbox(
        "Begin with the weights of", sorted(titles, key=lambda name: ("(another" in titles[name], name)),
        format_func=titles.__getitem__, **_kept("from"),
        help="Only the weights of a network of the same width, depth and normalisation fit.",
    )  # fmt: skip
