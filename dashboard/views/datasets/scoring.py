"""The form that measures what another program predicted, and makes a run of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, get_args

import streamlit as st

from dashboard import background, scratch, uploads, words
from dashboard.background import Work
from dashboard.clicks import pressed
from dashboard.state import look_at, names_of_runs
from segcore.data import DatasetInfo, open_dataset
from segcore.errors import SegcoreError
from segcore.evaluation import PredictionKind, PredictionPolarity, Scored, score_outside
from segcore.progress import Progress
from segcore.runs import slices_of
from segcore.stacks import HOLDS_SEVERAL, Axes
from segcore.storage import read_only, safe_name

_KINDS: dict[PredictionKind, str] = {
    "auto": "find out",
    "probability": "probabilities",
    "mask": "a mask of two values",
    "segments": "numbered segments",
}
_POLARITIES: dict[PredictionPolarity, str] = {
    "auto": "find out by the labels",
    "interior-white": "cell interior",
    "membrane-white": "membrane",
}
_FIELDS = {
    "--slices": "“Slices in the file”",
    "--kind": "“What the file holds”",
    "--polarity": "“Large values are”",
    "--channel": "“Channel”",
}
_STATE = "score"


def scoring_section(info: DatasetInfo) -> None:
    """Draws the form for a dataset, and below it what came of the last prediction."""
    if read_only():
        st.info(words.READ_ONLY, icon=":material/lock:")
        return
    if not info.labelled:
        st.info(f"{words.plain(info.name)} has no labels to measure a prediction against.", icon=":material/info:")
        return
    st.markdown(
        f"What nnU-Net, ilastik, Cellpose or a colleague predicted for **{words.plain(info.name)}** becomes a run that "
        "every page opens: probabilities, masks or numbered segments, a page for each slice, in any format there is."
    )
    way = st.segmented_control(
        "Where it is", ["upload", "path"], default="upload", required=True, key="score way",
        format_func={"upload": "Upload", "path": "On the computer this app runs on"}.__getitem__,
    )  # fmt: skip
    given, inside = _file(way)
    left, right = st.columns(2)
    name = left.text_input("Name of the run", key="score name", placeholder="nnunet").strip()
    kind = right.selectbox(
        "What the file holds", get_args(PredictionKind), key="score kind", format_func=_KINDS.__getitem__
    )
    left, right = st.columns(2)
    polarity = left.selectbox(
        "Large values are", get_args(PredictionPolarity), key="score polarity", format_func=_POLARITIES.__getitem__,
        disabled=kind == "segments",
    )  # fmt: skip
    axes: Axes = right.selectbox(
        "Order of the axes", list(words.AXES), key="score axes", format_func=words.AXES.__getitem__,
        help=words.HELP["axes"],
    )  # fmt: skip
    left, right, last = st.columns(3)
    slices = left.text_input("Slices in the file", key="score slices", placeholder="all, or such as 0-9, 12").strip()
    trained = right.text_input(
        "Slices it was trained on", key="score trained", placeholder="nobody knows, or such as 0-19, or none",
        help="They are not measured. Where nobody knows, every page says so beside the figures.",
    ).strip()  # fmt: skip
    channel = last.number_input(
        "Channel, from 0", 0, 15, value=None, key="score channel", placeholder="the only one, or the second of two",
        help="Only where the file has one channel for each class, as the softmax of a network has.",
    )  # fmt: skip
    work: Work | None = st.session_state.get(_STATE)
    if work is not None and work.state == "running":
        background.show(work, "score")
        return
    problem = _name_problem(name)
    if name and problem:
        left.warning(problem)
    ready = bool(given and name and not problem)
    if pressed("Score it", key="score it", disabled=not ready, type="primary", icon=":material/checklist:"):
        try:
            options = {
                "kind": kind, "polarity": polarity, "axes": axes,
                "channel": None if channel is None else int(channel),
                "slices": slices_of(slices, info.slices) if slices else None,
                "trained_on": slices_of(trained, info.slices) if trained else None,
            }  # fmt: skip
        except SegcoreError as error:
            st.error(words.message(error), icon=":material/error:")
            return
        st.session_state[_STATE] = _start(given, inside, name, info.name, options)
        st.rerun()
    if work is not None:
        _came_of(work)


def _file(way: str | None) -> tuple[Any, str]:
    """What was given: uploaded files or a path; and where in the file it is."""
    if way == "path":
        text = st.text_input(
            "Path of the prediction", key="score path", placeholder="/data/prediction.h5:probabilities"
        )
        return text.strip(), ""
    files = st.file_uploader(
        "Prediction: a stack, a volume, several pictures, or a zip of them", uploads.SUFFIXES,
        accept_multiple_files=True, key="score files",
    )  # fmt: skip
    inside = ""
    if len(files) == 1 and files[0].name.lower().endswith(tuple(HOLDS_SEVERAL)):
        inside = st.text_input("Path inside the file", key="score inside", placeholder="found, if there is one").strip()
    return files, inside


def _name_problem(name: str) -> str:
    if not name:
        return ""
    try:
        safe_name(name, "run")
    except SegcoreError as error:
        return words.message(error)
    return f"There is already a run {words.plain(name)}." if name in names_of_runs() else ""


def _start(given: Any, inside: str, name: str, dataset: str, options: dict[str, Any]) -> Work:
    if isinstance(given, str):
        return Work(
            lambda progress: score_outside(
                name, Path(given).expanduser(), open_dataset(dataset), progress=progress, **options
            )
        )
    folder = scratch.new_folder()

    def by_upload(progress: Progress) -> Scored:
        try:
            source = uploads.within(uploads.copy(given, folder, progress), inside)
            return score_outside(name, source, open_dataset(dataset), progress=progress, **options)
        except SegcoreError as error:
            found, expected = (
                None if text is None else uploads.as_named(text, folder) for text in (error.found, error.expected)
            )
            path = None if error.path is None else uploads.as_named(error.path, folder)
            raise type(error)(error.problem, path=path, found=found, expected=expected) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return Work(by_upload)


def _came_of(work: Work) -> None:
    if work.state == "cancelled":
        st.info("Cancelled. Nothing was kept.", icon=":material/info:")
    elif (problem := background.mistake(work)) is not None:
        text = str(problem)
        for option, called in _FIELDS.items():
            text = re.sub(rf"{option}(?![\w-])", called, text)
        st.error(words.plain(text), icon=":material/error:")
    else:
        found: Scored = work.result
        outside = found.run.info.outside
        st.success(
            f"Run {words.plain(found.run.name)} is here: {len(found.evaluated.evaluation.slices)} slices measured"
            + (f", read as {words.plain(outside.read_as)}." if outside is not None else "."),
            icon=":material/check_circle:",
        )
        if pressed("See its errors", key="score errors", icon=":material/bug_report:"):
            look_at(found.run.name, "errors", dataset=found.run.info.dataset)
