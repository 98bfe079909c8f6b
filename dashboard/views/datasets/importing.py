"""The form that brings images from elsewhere: what it asks for, and what came of an import."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import streamlit as st

from dashboard import background, uploads, words
from dashboard.clicks import pressed
from dashboard.figures import membrane_overlay
from dashboard.state import names_of_datasets
from dashboard.views.datasets.answers import AGAIN, answers_to, show_answers
from dashboard.views.datasets.arrival import arrived, in_the_form, show_checks
from dashboard.views.datasets.import_work import Importing, start_import
from dashboard.views.datasets.suggested import suggested_name
from segcore.data import ClassValues, Dataset, LabelOptions, LabelsAre, Preview, UnlabelledSlices
from segcore.errors import SegcoreError
from segcore.stacks import HOLDS_SEVERAL, Axes, VoxelSize
from segcore.storage import read_only, safe_name

_KINDS: dict[LabelsAre, str] = {
    "auto": "find out",
    "membrane-mask": "two values: membrane and interior",
    "instances": "numbered objects",
    "classes": "several classes",
}
_UNLABELLED: dict[UnlabelledSlices, str] = {
    "ask": "ask, if there are several",
    "ignore": "ignore them",
    "keep": "keep them: they are right",
}
_NAME_IS_TAKEN = "import name is taken"
"""That the dataset of the form's name has just come here: the field is to be emptied."""


def import_section() -> None:
    """Draws the form, and below it the import that was started from what it says."""
    if read_only():
        st.info(words.READ_ONLY, icon=":material/lock:")
        return
    st.markdown(
        "A multi-page TIFF, a set of numbered images, or a zip: of `train/`, `label/`, `test/` folders, of `images/` "
        "and `masks/`, or of a stack and its labels. Everything is checked before anything is kept. Without masks the "
        "stack can be looked at and tried on a model, but not trained on."
    )
    way = st.segmented_control(
        "Where it is", ["upload", "path"], default="upload", required=True, key="import way",
        format_func={"upload": "Upload", "path": "On the computer this app runs on"}.__getitem__,
    )  # fmt: skip
    images: Any
    masks: Any
    left, right = st.columns(2)
    if way == "upload":
        images = left.file_uploader(
            "Images, or a zip of everything", uploads.SUFFIXES, accept_multiple_files=True, key="import images"
        )
        masks = right.file_uploader(
            "Masks, if they are not in the zip", uploads.SUFFIXES, accept_multiple_files=True, key="import masks"
        )
        inside = (_inside(left, "images", images), _inside(right, "masks", masks))
    else:
        images = left.text_input(
            "Path of the images, folder or zip", key="import path", placeholder="/data/stack.tif"
        ).strip()
        masks = right.text_input(
            "Path of the masks, if they are elsewhere", key="import masks path", placeholder="/data/masks.tif"
        ).strip()
        inside = ("", "")  # it is part of the path
    if st.session_state.pop(_NAME_IS_TAKEN, False):
        st.session_state["import name"] = ""
    left, right = st.columns(2)  # a new row, so that a narrow window keeps the order
    given = [images] if isinstance(images, str) else [file.name for file in images]
    # In grey and not as the field's text, which would replace what somebody types while files are on their way.
    suggestion = suggested_name([one for one in given if one], names_of_datasets())
    typed = left.text_input(
        "Name of the dataset", key="import name", placeholder=suggestion or "my-stack",
        help="Letters, digits, '.', '_' and '-'. Left empty, it is called after its files, as it says here in grey.",
    )  # fmt: skip
    name = typed.strip() or suggestion
    named = _name_will_do(left, name)
    title = right.text_input("Title (optional)", key="import title", placeholder="Mouse cortex, layer 4").strip()
    left, right = st.columns(2)
    polarity = left.selectbox(
        "Which value of the masks is cell interior", ["auto", "interior-white", "membrane-white"],
        key="import polarity",
        format_func={"auto": "find out", "interior-white": "white is interior", "membrane-white": "white is membrane"}
        .__getitem__,
    )  # fmt: skip
    white_from = right.number_input(
        "White from grey value (only for masks of more than two values)", value=None, key="import threshold",
        placeholder="not needed for two values",
        help="Masks that were resized or saved as JPEG have more than two values. From this value up they count as "
        "white.",
    )  # fmt: skip
    label_options = _label_options(polarity, white_from)
    voxel, axes = _voxel()
    form = (way, _of_files(images), _of_files(masks), inside, typed.strip(), title, label_options, voxel, axes)
    state: Importing | None = st.session_state.get("import")
    if state is not None and state.work.state == "running":
        background.show(state.work, "import", also=partial(_so_far, state))
        st.caption("It goes on when this page is closed.")
        return
    check, keep = st.columns(2)
    ready = bool(images) and voxel != "unfinished" and label_options is not None
    checking = pressed("Check only", key="import check", place=check, disabled=not ready, width="stretch")
    checking = st.session_state.pop(AGAIN, False) or checking
    keeping = pressed(
        "Check and import", key="import keep", place=keep, disabled=not (ready and named), type="primary",
        width="stretch",
        help=None if ready and named else "Needs images and a name.",
    )  # fmt: skip
    if checking or keeping:
        options: dict[str, Any] = {"label_options": label_options, "axes": axes}
        options |= {} if checking else {"voxel_size_nm": voxel, "title": title}
        st.session_state["import"] = start_import(form, images, masks, inside, name or "unnamed", checking, options)
        st.rerun()
    if state is not None and state.form == form:
        _came_of(state)


def _inside(column: Any, what: str, files: Any) -> str:
    """Where the stack is in an HDF5 file, which can hold several; asked for only where there is such a file."""
    if len(files) != 1 or not files[0].name.lower().endswith(tuple(HOLDS_SEVERAL)):
        return ""
    said: str = column.text_input(
        f"Path of the {what} inside the file (if it holds several)", key=f"import {what} inside",
        placeholder="volumes/raw", help="What the file holds is listed when it is checked.",
    )  # fmt: skip
    return said.strip()


def _label_options(polarity: Any, white_from: float | None) -> LabelOptions | None:
    """What the masks hold; None, and a message, where what was typed will not do."""
    left, *others = st.columns(3)
    kind = left.selectbox(
        "What the masks hold", list(_KINDS), key="import kind", format_func=_KINDS.__getitem__,
        help="Numbered objects: every neurite has a number of its own, as CREMI, cellpose and micro-sam write them; "
        "membrane is drawn between them. Several classes: say which values are membrane and which interior.",
    )  # fmt: skip
    membrane_px, texts = 2, ["", ""]
    if kind == "instances":
        membrane_px = others[0].number_input(
            "Width of membrane, px", 1, 20, 2, key="import membrane px",
            help="How wide membrane is drawn where two numbers meet.",
        )  # fmt: skip
    elif kind == "classes":
        texts = [
            column.text_input(f"Values of {name}", key=f"import {name} values", placeholder="0, 3")
            for column, name in zip(others, ("membrane", "interior"), strict=True)
        ]
    left, right = st.columns(2)
    ignored = left.text_input(
        "Values to ignore (optional)",
        key="import ignore values",
        placeholder="-1, 255",
        help="Pixels of these values are neither membrane nor interior: not learned from, and in no figure.",
    )
    unlabelled = right.selectbox(
        "Slices whose mask holds one class only", list(_UNLABELLED), key="import unlabelled",
        format_func=_UNLABELLED.__getitem__,
        help="Often nobody labelled them. Ignored slices stay in the dataset, but nothing is learned from them and no "
        "figure counts them.",
    )  # fmt: skip
    try:
        membrane, interior, ignore = (
            tuple(_number(one) for one in text.replace(",", " ").split()) for text in (*texts, ignored)
        )
    except ValueError:
        st.warning("Values are numbers with commas between them.")
        return None
    if kind == "classes" and not (membrane and interior):
        return None
    try:
        return LabelOptions(
            polarity=polarity,
            threshold_labels=white_from,
            labels_are=kind,
            class_values=ClassValues(membrane=membrane, interior=interior, ignore=ignore),
            membrane_px=membrane_px,
            unlabelled_slices=unlabelled,
        )
    except SegcoreError as error:
        st.warning(in_the_form(str(error)))
        return None


def _number(text: str) -> float:
    # As a float, a large whole number is another one.
    return int(text) if text.lstrip("+-").isdecimal() else float(text)


def _voxel() -> tuple[VoxelSize | Literal["unfinished"] | None, Axes]:
    """(z, y, x) in nm, or None for what the file says; and which axes the file has."""
    *columns, last = st.columns(4)
    axes: Axes = last.selectbox(
        "Order of the axes", list(words.AXES), key="import axes", format_func=words.AXES.__getitem__,
        help=words.HELP["axes"],
    )  # fmt: skip
    sides = [
        column.number_input(
            f"{axis} of a voxel, nm (optional)", min_value=0.001, max_value=1e6, value=None, key=f"import voxel {axis}",
            placeholder="what the file says",
        )
        for column, axis in zip(columns, ("Depth (z)", "Height (y)", "Width (x)"), strict=True)
    ]  # fmt: skip
    depth, down, across = sides
    if depth and down and across:
        return (depth, down, across), axes
    if any(sides):
        st.warning("A voxel size needs all three sides, or none.")
        return "unfinished", axes
    return None, axes


def _name_will_do(place: Any, name: str) -> bool:
    if not name:
        return False
    try:
        safe_name(name, "dataset")
    except SegcoreError as error:
        place.warning(words.message(error))
        return False
    if name in names_of_datasets():
        place.warning(f"There is already a dataset {words.plain(name)}. Choose another name.")
        return False
    return True


def _of_files(given: Any) -> Any:
    return given if isinstance(given, str) else tuple(file.file_id for file in given)


def _so_far(state: Importing) -> None:
    show_checks(list(state.checks), state.naming)


def _came_of(state: Importing) -> None:
    problem = background.mistake(state.work)
    if state.work.state == "finished" and not state.only_check:
        del st.session_state["import"]
        st.session_state[_NAME_IS_TAKEN] = True
        made: list[Dataset] = state.work.result
        news = [f"Dataset {words.plain(one.info.name)} is here: {words.shape(one.info)}." for one in made]
        arrived(news, dataset=made[0].info.name, slice=0)
    failed = [check for check in state.checks if not check.passed]
    if state.work.state == "cancelled":
        st.info("Cancelled. Nothing was kept.", icon=":material/info:")
    elif failed:
        st.error(
            "This cannot be imported as it is. Nothing was kept; the form is as you left it.", icon=":material/error:"
        )
    elif problem:
        st.error(in_the_form(state.naming(str(problem))), icon=":material/error:")
    else:
        st.success("All checks passed. Nothing was imported yet.", icon=":material/check_circle:")
    _so_far(state)
    for preview in state.previews:
        _show(preview)
    uploaded = state.form[0] == "upload"
    places = {what: f"import {key} inside" for what, key in (("images", "images"), ("labels", "masks"))}
    show_answers(answers_to(state.checks if state.only_check else failed, places if uploaded else {}))


def _show(preview: Preview) -> None:
    """The image, and what would be membrane in it."""
    shown = {"Image": preview.image}
    if preview.label is not None:
        shown["With the membrane of its label"] = membrane_overlay(preview.image, preview.label)
    st.markdown(f"**{words.plain(preview.dataset)}**, slice {words.plain(preview.slice_name)}")
    for column, (title, picture) in zip(st.columns(2), shown.items(), strict=False):
        column.image(picture, caption=title, width="stretch")
