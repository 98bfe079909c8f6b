"""The form that starts a training: prefilled, checked as it is typed, one job however often it is clicked.

It is a dialog, and so a fragment of its own: a letter typed here draws nothing else anew. It is open as long as the
session says so; whatever draws the page anew opens it again with all that was typed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import streamlit as st

from dashboard import notices, words
from dashboard.state import corrections, dataset_info, latest_run, names_of_datasets
from dashboard.trainings import prefill
from dashboard.trainings.base_cards import CARDS_STYLE, base_cards
from dashboard.trainings.draft import RANGES, Draft
from dashboard.trainings.starting import OPEN, START_STYLE, before_starting, is_open
from segcore.config import SETTINGS, RunConfig, SplitConfig
from segcore.data import copy_name
from segcore.jobs import ARCHITECTURE
from segcore.runs import Run, slice_ranges, split_of

_CHOSEN = "train: chosen"
_LEFT = "train: left for import"
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
# Drawn with the page: there is one place for all styles, and a fragment that draws its own takes it from the others.
FORM_STYLE = f"""{CARDS_STYLE}{START_STYLE}<style>
.st-key-train-what,.st-key-train-groups{{display:grid;gap:1rem 2rem;align-items:start;
grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr))}}
.st-key-train-groups [data-testid="stColumn"]{{min-width:0;flex:1 1 0}}
</style>"""


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """What the page shows: a run, and a dataset if it has labels."""

    run: str | None
    dataset: str | None


def open_form(dataset: str | None = None) -> None:
    """Opens the form, with a dataset chosen if one is given, as the callback of a button."""
    if dataset is not None:
        prefill.choose_dataset(dataset)
    st.session_state[OPEN] = True


def _close() -> None:
    st.session_state[OPEN] = False


def form_button(run: str | None, dataset: str | None) -> None:
    """Draws the button that opens the form.

    Args:
        run: the chosen one, whose settings can be taken over.
        dataset: the chosen one, if it has labels.
    """
    st.session_state[_CHOSEN] = _Chosen(run=run, dataset=dataset)
    st.button(
        "Train a model", key="open training form", icon=":material/model_training:", width="stretch", on_click=open_form
    )


def show_form() -> None:
    """Draws the form where it is open.

    This comes first of all that a page draws: until a dialog is drawn anew the browser takes it off the page, and with
    it the cursor of who is typing.
    """
    if is_open():
        _dialog()


@st.dialog("Train a model", width="large", icon=":material/model_training:", on_dismiss=_close)
def _dialog() -> None:
    if not is_open():
        st.rerun()  # It was sent: the page as a whole, for the queue has grown.
    chosen: _Chosen = st.session_state.get(_CHOSEN, _Chosen(run=None, dataset=None))
    with st.container(key="train form"), notices.guarded():
        _form(chosen.run, chosen.dataset)


def _own_images() -> None:
    """The way to images that are no dataset yet."""
    st.button(
        "Bring images of your own", key="train own images", type="tertiary", icon=":material/upload:", on_click=_leave
    )


def _leave() -> None:
    _close()
    st.session_state[_LEFT] = True


def left_for_import() -> bool:
    """Whether the form was just left for images that are no dataset yet."""
    return bool(st.session_state.pop(_LEFT, False))


def _form(run: str | None, dataset: str | None) -> None:
    names = [name for name in names_of_datasets() if (info := dataset_info(name)) and info.labelled]
    if not names:
        st.caption("A training needs a dataset with labels.")
        _own_images()
        return
    prefill.begin(names, run, dataset)
    planned = prefill.planned()
    # Titles as they are now: a dataset may go away before the reader chooses.
    titles = {name: _title(name) for name in names}
    with st.container(key="train what"):
        with st.container(gap=None):
            st.selectbox(
                "Dataset", names, format_func=titles.__getitem__, on_change=prefill.suggest_name, **_kept("dataset")
            )  # fmt: skip
            _own_images()
        with st.container(gap=None):
            st.text_input("Name of the run", live=True, on_change=prefill.name_was_typed, **_kept("name"))
            _problem(planned, "name")
    base_cards(run)
    with st.container(key="train groups"):
        with st.container(gap="xsmall"):
            st.markdown("**Learning**")
            _fields(prefill.LEARNING, planned)
            _device()
        with st.container(gap="xsmall"):
            st.markdown("**Slices and network**")
            _split(planned)
            _fields(prefill.NETWORK, planned, beside="loss.kind")
            _begin_with(planned)
        with st.container(gap="xsmall"):
            st.markdown("**Augmentation**")
            _augmentation(planned)
    prefill.filled_in()
    before_starting(planned)


def _title(name: str) -> str:
    """A dataset's name; of a corrected copy that has the usual one, what it is."""
    made = corrections(name)
    if made is None:
        return name
    what = words.corrected(made.original, len(made.corrections))
    return what if name == copy_name(made.original) else f"{name}: {what}"


# --- groups of fields ---------------------------------------------------------------------------


def _split(planned: Draft) -> None:
    _choice("split.protocol")
    if st.session_state[prefill.key("split.protocol")] == "kfold":
        titles = _folds(planned)
        if st.session_state.get(prefill.key("split.fold")) not in titles:
            st.session_state[prefill.key("split.fold")] = "0"
        st.selectbox("Fold held out as test", list(titles), format_func=titles.__getitem__, **_kept("split.fold"))


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


def _augmentation(planned: Draft) -> None:
    st.selectbox(
        "Kind", list(_AUGMENTATIONS), format_func=_AUGMENTATIONS.__getitem__, on_change=prefill.fill_ranges,
        help="How slices are varied while learning. The Augmentation page shows what it does.", **_kept("augment"),
    )  # fmt: skip
    if st.session_state[prefill.key("augment")] != "off":
        _fields(RANGES, planned)


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


def _device() -> None:
    devices = prefill.devices()
    if len(devices) > 1:
        st.selectbox("Device", list(devices), format_func=devices.__getitem__, **_kept("device"))


# --- fields -------------------------------------------------------------------------------------


def _kept(name: str) -> dict[str, Any]:
    # Kept while the form is closed, and on the next page.
    return {"key": prefill.key(name), "persist_state": "session"}


def _choice(setting: str) -> None:
    """One of a setting's choices, all of which are there."""
    field = SETTINGS[setting]
    st.selectbox(
        field.title or setting, get_args(field.annotation), help=field.description,
        format_func=lambda one: _CALLED.get(one, one), **_kept(setting),
    )  # fmt: skip


def _input(setting: str) -> None:
    field = SETTINGS[setting]
    st.text_input(prefill.label(setting), live=True, help=field.description, **_kept(setting))


def _fields(settings: Sequence[str], planned: Draft, *, beside: str | None = None) -> None:
    """Two in a row, and what is wrong with them beneath; a choice beside the last one."""
    for at in range(0, len(settings), 2):
        pair = settings[at : at + 2]
        left, right = st.columns(2, gap="small")
        for column, setting in zip((left, right), pair, strict=False):
            with column:
                _input(setting)
        if len(pair) == 1 and beside:
            with right:
                _choice(beside)
        for setting in pair:
            _problem(planned, setting)


def _problem(planned: Draft, what: str) -> None:
    # Its place is always there: fields that move down lose what is being typed into them.
    place = st.empty()
    if what in planned.problems:
        place.markdown(f":small[:red[{planned.problems[what]}]]")
