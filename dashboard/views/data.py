"""What there is to learn from and be judged by: the slices, the split, and how more data gets here."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import streamlit as st

from dashboard import background, charts, loaders, notices, pictures, scratch, uploads, words
from dashboard.background import Work
from dashboard.downloads import csv_button
from dashboard.selection import Selection, choose, current
from dashboard.viewer import SliceRow, viewer
from segcore.config import SplitConfig
from segcore.datasets import Check, Dataset, DatasetInfo
from segcore.errors import ConfigError, SegcoreError
from segcore.fetching import CATALOGUE, Fetchable, fetch
from segcore.importing import check_source, import_source
from segcore.splits import LeakAudit, Split, audit_split, make_split, slice_ranges
from segcore.stack import VoxelSize
from segcore.storage import read_only, safe_name
from segcore.watching import Watch

SECTIONS = {"slices": "Slices", "split": "Split and leaks", "all": "All datasets", "import": "Import"}
# Longer tables can be filtered. (Comments, because a page's loose strings are shown on it.)
_LONG = 12


def page() -> None:
    selection = current()
    st.title("Data")
    _report()
    linked = st.query_params.get("section")
    usual = "slices" if selection.dataset else "all"
    if "section" not in st.session_state:
        st.session_state["section"] = linked if linked in SECTIONS else usual
    section = st.segmented_control(
        "Section", list(SECTIONS), format_func=SECTIONS.__getitem__, required=True, key="section",
        persist_state="session", label_visibility="collapsed",
    )  # fmt: skip
    if section != linked:
        st.query_params["section"] = str(section)
    if section in ("slices", "split"):
        if selection.dataset is None:
            st.info("There is no dataset to show yet. Fetch one under “All datasets”, or import your own.")
        else:
            _about(selection.dataset)
            (_slices if section == "slices" else _split)(selection, selection.dataset)
    elif section == "import":
        _import()
    else:
        _all()


def _report() -> None:
    """What the last action said, after the page was drawn anew."""
    for text in st.session_state.pop("data news", []):
        st.success(text, icon=":material/check_circle:")


def _about(info: DatasetInfo) -> None:
    mark = " :violet-badge[synthetic]" if info.synthetic else ""
    st.subheader(f"{words.plain(info.title)}{mark}")
    labels = "with labels" if info.labelled else "without labels"
    st.markdown(
        f"{words.shape(info)}, {labels}"
        + (f" · source: {words.plain(info.source)}" if info.source else "")
        + (f" · terms: {words.plain(info.terms)}" if info.terms else "")
    )
    if info.citation:
        st.caption(f"Cite: {words.plain(info.citation)}")
    if info.synthetic:
        notices.synthetic()


# --- slices -----------------------------------------------------------------------------------


def _slices(selection: Selection, info: DatasetInfo) -> None:
    z = selection.z
    name = words.plain(info.slice_names[z])
    st.markdown(
        f"**Slice {z}** ({name})"
        + (f", **{words.percent(info.membrane_percent[z])}** membrane" if info.labelled else "")
    )
    changed = viewer(
        key="data viewer",
        dataset=info.name,
        slices=[SliceRow(index=index, name=one) for index, one in enumerate(info.slice_names)],
        z=z,
        voxel_nm=info.voxel_size_nm[2] if info.voxel_size_nm else None,
        mode="panes" if info.labelled else "single",
        theme=st.context.theme.type,
    )
    if changed.slice is not None and changed.slice != z:
        choose(slice=changed.slice)
        st.rerun()
    left, right = st.columns(2)
    with left:
        interior, membrane = loaders.histogram(info.name, z)
        charts.show(
            charts.histogram(interior, membrane), key="histogram", name=f"{info.name}-{z}-grey",
            description="Grey values of this slice",
        )  # fmt: skip
        table = pd.DataFrame({"grey value": range(256), "interior" if info.labelled else "pixels": interior})
        if membrane is not None:
            table["membrane"] = membrane
        csv_button("Grey values as CSV", table, f"{info.name}-{z}-grey-values.csv")
    with right:
        if info.labelled:
            parts = _parts_of(selection, info)
            colours = [charts.PART_COLOURS[parts[index]] if parts else charts.GREEN for index in range(info.slices)]
            figure = charts.by_slice(
                range(info.slices), info.membrane_percent, colours, "Membrane by slice", "percent of the pixels", z
            )
            charts.show(figure, key="membrane", name=f"{info.name}-membrane", description="Membrane by slice")
            if parts:
                charts.swatches(
                    [(charts.PART_COLOURS[one], charts.PART_TITLES[one]) for one in charts.PART_COLOURS
                     if one in parts.values()]
                )  # fmt: skip
            table = pd.DataFrame(
                {"slice": range(info.slices), "name": info.slice_names, "membrane %": info.membrane_percent}
            )
            csv_button("Membrane by slice as CSV", table, f"{info.name}-membrane.csv")
        else:
            st.info("This stack has no labels, so nothing can be measured on it. Models can still be tried on it.")
    _downloads(info, z)


def _downloads(info: DatasetInfo, z: int) -> None:
    stack = loaders.dataset(info.name)
    with st.container(horizontal=True):
        made: dict[str, Any] = {"Image": lambda: pictures.encoded(stack.image(z), "png")}
        if info.labelled:
            made["Mask"] = lambda: pictures.encoded(stack.label(z), "png")
            made["Superposition"] = lambda: pictures.encoded(
                pictures.membrane_over(stack.image(z), stack.label(z) > 0), "png"
            )
        for label, data in made.items():
            st.download_button(
                f"{label} (PNG)", data, f"{info.name}-{z:03d}-{label.lower()}.png", "image/png", on_click="ignore",
                icon=":material/download:",
            )  # fmt: skip


def _parts_of(selection: Selection, info: DatasetInfo) -> dict[int, str]:
    """What the run used each slice for; nothing if it was trained on another stack."""
    run = selection.run
    if run is None or run.info.dataset_fingerprint != info.fingerprint:
        return {}
    return {z: part for part in charts.PART_COLOURS for z in getattr(run.split, part)}


# --- split ------------------------------------------------------------------------------------


def _split(selection: Selection, info: DatasetInfo) -> None:
    own = bool(_parts_of(selection, info))
    options = (["run"] if own and selection.run else []) + list(words.PROTOCOLS)
    run = selection.run
    chosen = st.selectbox(
        "Which split",
        options,
        format_func=lambda one: (
            f"that of run {run.name} ({run.split.protocol})" if one == "run" and run else words.PROTOCOLS[one]
        ),
        help="What each slice is used for. The split comes before any augmentation.",
    )
    try:
        split = run.split if chosen == "run" and run else make_split(info.slices, SplitConfig(protocol=chosen))  # type: ignore[arg-type]
    except ConfigError as error:
        st.warning(words.message(error))
        return
    parts: dict[str, Any] = {name: getattr(split, name) for name in charts.PART_COLOURS}
    if split.pool:
        # A slice whose copies are in both is drawn once, as trained on.
        parts["validation"] = tuple(z for z in parts["validation"] if z not in set(parts["train"]))
    figure = charts.split(parts, info.slices, selection.z)
    charts.show(figure, key="split", name=f"{info.name}-split", description="The split along the stack")
    st.caption(
        "Training learns from neither validation nor test slices. Validation slices decide which epoch is kept, and "
        "the thresholds; test slices are looked at once, at the end."
        if not split.pool
        else "In this protocol copies of a slice are both trained on and validated with."
    )
    prints = info.slice_fingerprints
    found = run.audit_split() if chosen == "run" and run else audit_split(split, prints)
    _audit(split, found, info)
    if chosen != "run" and run is not None and not own:
        st.caption(f"Run {words.plain(run.name)} was trained on another stack ({words.plain(run.info.dataset)}).")
        seen = run.audit_slices(range(info.slices), prints)
        if seen.leaks:
            st.error(
                f"Run {words.plain(run.name)} was trained on slices {slice_ranges(seen.trained_on)} of this dataset, "
                "under another name.",
                icon=":material/warning:",
            )


def _audit(split: Split, found: LeakAudit, info: DatasetInfo) -> None:
    st.markdown("**Leak audit**", help=words.HELP["leak"])
    if found.leaks:
        st.error(
            f"**Leaks.** Slices {slice_ranges(found.trained_on)} are both trained on and judged by. Figures from them "
            "say nothing about new images.",
            icon=":material/warning:",
        )
    else:
        st.success("No validation or test slice, and no turned copy of one, is trained on.", icon=":material/verified:")
    if found.neighbours:
        st.info(f"Right beside a trained slice, so much alike: {slice_ranges(found.neighbours)}.")
    sources = {one.judged: one.source for one in found.overlaps}
    rows = []
    for z in range(info.slices):
        used = [charts.PART_TITLES[part] for part in charts.PART_COLOURS if z in getattr(split, part)]
        rows.append(
            {
                "slice": z,
                "name": info.slice_names[z],
                "used for": " and ".join(used),
                "leak": f"same pixels as trained slice {sources[z]}" if z in sources else "",
                "fingerprint": info.slice_fingerprints[z][:16],
            }
        )
    table = pd.DataFrame(rows)
    if not sources:
        table = table.drop(columns="leak")
    if len(table) > _LONG:
        table = _filtered(table)
    st.dataframe(table, hide_index=True, height=300)
    csv_button("Split as CSV", table, f"{info.name}-split.csv")


def _filtered(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the chosen parts that hold a text."""
    left, right = st.columns(2, vertical_alignment="bottom")
    uses = [one for one in table["used for"].unique() if one]
    chosen = left.pills("Used for", uses, selection_mode="multi", key="filter part")
    if chosen:
        table = table[table["used for"].isin(chosen)]
    return _holding(table, right.text_input("Find", key="filter text", placeholder="slice, name or fingerprint"))


# --- all datasets -----------------------------------------------------------------------------


def _all() -> None:
    names = loaders.names_of_datasets()
    facts = [info for info in map(loaders.info, names) if info is not None]
    st.subheader("Here")
    if facts:
        table = pd.DataFrame(
            [
                {
                    "name": info.name,
                    "title": info.title,
                    "slices": info.slices,
                    "size (px)": f"{info.height} × {info.width}",
                    "labels": "yes" if info.labelled else "no",
                    "synthetic": "yes" if info.synthetic else "no",
                    "source": info.source,
                    "terms": info.terms,
                    "since": words.when(info.created),
                }
                for info in facts
            ]
        )
        if len(table) > _LONG:
            table = _holding(table, st.text_input("Find", key="find dataset", placeholder="name, title or source"))
        st.dataframe(table, hide_index=True)
        csv_button("Datasets as CSV", table, "datasets.csv")
        checked = [info for info in facts if info.checks]
        if checked:
            with st.expander("What was checked when they came here", icon=":material/checklist:"):
                names_checked = [info.name for info in checked]
                one = st.selectbox("Checks of", names_checked) if len(checked) > 1 else names_checked[0]
                _checks(list(checked[names_checked.index(one)].checks))
    else:
        st.info("No dataset is here yet.")
    for error in loaders.broken_datasets().values():
        st.error(words.message(error))
    st.subheader("To fetch")
    missing = [item for item in CATALOGUE.values() if not all(target.name in names for target in item.targets)]
    for item in missing:
        with st.container(border=True):
            _fetchable(item)
    for item in CATALOGUE.values():
        # Another visitor, or this one, may have been waiting for it.
        if item not in missing and st.session_state.pop(f"fetch of {item.name}", None) is not None:
            st.session_state["data news"] = [f"{item.targets[0].title} is here."]
            choose(dataset=item.name)
            st.rerun()
    if not missing:
        titles = words.listed([item.targets[0].title for item in CATALOGUE.values()])
        st.caption(f":material/check: {titles} are here already.")


def _holding(table: pd.DataFrame, text: str) -> pd.DataFrame:
    """The rows in which any column holds the text, wherever it is and however it is written."""
    wanted = text.strip().casefold()
    if not wanted:
        return table
    return table[table.apply(lambda row: any(wanted in str(cell).casefold() for cell in row), axis=1)]


class _Fetches:
    """The fetches of all visitors, so that nobody starts one a second time, and a closed tab stops none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: dict[str, Work] = {}

    def running(self, name: str) -> Work | None:
        work = self._works.get(name)
        return work if work and work.state == "running" else None

    def start(self, name: str, source: str | None) -> Work:
        with self._lock:
            work = self.running(name)
            if work is None:
                work = Work(lambda watch: fetch(name, source=source, watch=watch))
                self._works[name] = work
            return work


@st.cache_resource(show_spinner=False)
def _fetches() -> _Fetches:
    return _Fetches()


def _fetchable(item: Fetchable) -> None:
    labels = "with labels" if item.labelled else "without labels"
    st.markdown(
        f"**{item.targets[0].title}** · {item.slices} slices of {item.height} × {item.width} pixels, {labels}\n\n"
        f"{item.source} · terms: {item.terms}"
    )
    mine: Work | None = st.session_state.get(f"fetch of {item.name}")
    running = _fetches().running(item.name)
    if read_only():
        st.caption(words.READ_ONLY)
        return
    if running is not None:
        background.show(running, f"fetch {item.name}")
        st.caption("It goes on when this page is closed.")
        return
    if mine is not None and mine.state == "finished":
        # It came here while this page was being drawn.
        del st.session_state[f"fetch of {item.name}"]
        st.rerun()
    if mine is not None:
        _why_not_fetched(item, mine)
    source = None
    if not item.synthetic:
        with st.expander("No network here, or a copy at hand?", expanded=mine is not None):
            source = st.text_input(
                "Another source (optional)",
                key=f"source of {item.name}",
                persist_state="session",
                placeholder="https://mirror.example/folder or /path/to/ISBI-2012-challenge.zip",
                help="The address of a mirror (the zip, or a folder with its files), or a folder, zip or stack on the "
                "computer this app runs on. Names do not matter: the pixels are checked.",
            )
            st.caption(f"The archive is at {item.url}, for a download by other means.")
    if st.button("Make it here" if item.synthetic else "Fetch", key=f"fetch {item.name}", type="primary"):
        st.session_state[f"fetch of {item.name}"] = _fetches().start(item.name, (source or "").strip() or None)
        st.rerun()


def _why_not_fetched(item: Fetchable, work: Work) -> None:
    problem = background.mistake(work)
    if problem is None:
        st.info("Cancelled. Nothing was kept.", icon=":material/info:")
        return
    st.error(_in_the_form(str(problem)), icon=":material/error:")
    if not item.synthetic and "://" in str(problem):
        st.markdown(
            "Without a network: download the archive on another computer, bring it here, and give its path as another "
            "source below. A mirror's address will do, too."
        )


# --- import -----------------------------------------------------------------------------------

# What the command line calls the fields of this page.
_FIELDS = {
    "--from": "“Another source”",
    "--name": "name",
    "--threshold-labels": "“White from grey value”",
    "--voxel-size-nm": "“Voxel”",
}


def _in_the_form(text: str) -> str:
    """A message that calls options of the command line by the names of their fields, safe to draw."""
    for option, called in _FIELDS.items():
        text = text.replace(option, called)
    return words.plain(text)


@dataclass(frozen=True, kw_only=True)
class Importing:
    """An import under way, or what came of it.

    Attributes:
        form: what was filled in.
        only_check: whether nothing is to be installed.
        work: makes the datasets, or nothing.
        checks: those made so far.
        naming: writes messages with the names the visitor knows.
    """

    form: tuple[Any, ...]
    only_check: bool
    work: Work
    checks: list[Check]
    naming: Callable[[str], str]


def _import() -> None:
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
    else:
        images = left.text_input(
            "Path of the images, folder or zip", key="import path", placeholder="/data/stack.tif"
        ).strip()
        masks = right.text_input(
            "Path of the masks, if they are elsewhere", key="import masks path", placeholder="/data/masks.tif"
        ).strip()
    left, right = st.columns(2)  # a new row, so that a narrow window keeps the order
    name = left.text_input(
        "Name of the dataset", key="import name", help="Letters, digits, '.', '_' and '-'.", placeholder="my-stack"
    ).strip()
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
    voxel = _voxel()
    form = (way, _of_files(images), _of_files(masks), name, title, polarity, white_from, voxel)
    state: Importing | None = st.session_state.get("import")
    if state is not None and state.work.state == "running":
        background.show(state.work, "import", also=partial(_so_far, state))
        st.caption("It goes on when this page is closed.")
        return
    check, keep = st.columns(2)
    ready = bool(images) and voxel != "unfinished"
    checking = check.button("Check only", disabled=not ready, width="stretch")
    keeping = keep.button(
        "Check and import", disabled=not (ready and named), type="primary", width="stretch",
        help=None if ready and named else "Needs images and a name.",
    )  # fmt: skip
    if checking or keeping:
        options = {"polarity": polarity, "threshold_labels": white_from}
        facts = {} if checking else {"voxel_size_nm": voxel, "title": title}
        st.session_state["import"] = _start_import(form, images, masks, name or "unnamed", checking, options | facts)
        st.rerun()
    if state is not None and state.form == form:
        _came_of(state)


def _voxel() -> VoxelSize | Literal["unfinished"] | None:
    """(z, y, x) in nm, or None for what the file says."""
    columns = st.columns(3)
    sides = [
        column.number_input(
            f"{axis} of a voxel, nm (optional)", min_value=0.001, max_value=1e6, value=None, key=f"import voxel {axis}",
            placeholder="what the file says",
        )
        for column, axis in zip(columns, ("Depth (z)", "Height (y)", "Width (x)"), strict=True)
    ]  # fmt: skip
    depth, down, across = sides
    if depth and down and across:
        return depth, down, across
    if any(sides):
        st.warning("A voxel size needs all three sides, or none.")
        return "unfinished"
    return None


def _name_will_do(place: Any, name: str) -> bool:
    if not name:
        return False
    try:
        safe_name(name, "dataset")
    except SegcoreError as error:
        place.warning(words.message(error))
        return False
    if name in loaders.names_of_datasets():
        place.warning(f"There is already a dataset {words.plain(name)}. Choose another name.")
        return False
    return True


def _of_files(given: Any) -> Any:
    return given if isinstance(given, str) else tuple(file.file_id for file in given)


def _start_import(
    form: tuple[Any, ...], images: Any, masks: Any, name: str, only_check: bool, options: dict[str, Any]
) -> Importing:
    checks: list[Check] = []
    task = check_source if only_check else import_source
    if isinstance(images, str):
        places = [Path(one).expanduser() if one else None for one in (images, masks)]

        def by_path(watch: Watch) -> Any:
            assert places[0] is not None
            return task(places[0], name, labels=places[1], watch=watch, checks=checks, **options)

        return Importing(form=form, only_check=only_check, work=Work(by_path), checks=checks, naming=str)
    folder = scratch.new_folder()

    def naming(text: str) -> str:
        for part in ("images", "masks"):
            text = uploads.as_named(text, folder / part)
        return text

    def by_upload(watch: Watch) -> Any:
        try:
            source = uploads.copy(images, folder / "images", watch)
            labels = uploads.copy(masks, folder / "masks", watch) if masks else None
            return task(source, name, labels=labels, watch=watch, checks=checks, **options)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return Importing(form=form, only_check=only_check, work=Work(by_upload), checks=checks, naming=naming)


def _so_far(state: Importing) -> None:
    _checks(list(state.checks), state.naming)


def _came_of(state: Importing) -> None:
    problem = background.mistake(state.work)
    if state.work.state == "finished" and not state.only_check:
        del st.session_state["import"]
        made: list[Dataset] = state.work.result
        st.session_state["data news"] = [
            f"Dataset {words.plain(one.info.name)} is here: {words.shape(one.info)}." for one in made
        ]
        choose(dataset=made[0].info.name, slice=0)
        st.rerun()
    failed = [check for check in state.checks if not check.passed]
    if state.work.state == "cancelled":
        st.info("Cancelled. Nothing was kept.", icon=":material/info:")
    elif failed:
        st.error(
            "This cannot be imported as it is. Nothing was kept; the form is as you left it.", icon=":material/error:"
        )
    elif problem:
        st.error(_in_the_form(state.naming(str(problem))), icon=":material/error:")
    else:
        st.success("All checks passed. Nothing was imported yet.", icon=":material/check_circle:")
    _so_far(state)
    suggested = [found for check in failed if (found := _SUGGESTED.search(check.message))]
    if suggested:
        value = float(suggested[0][1])
        st.button(
            f"Count {value:g} and more as white", icon=":material/tune:",
            on_click=st.session_state.__setitem__, args=("import threshold", value),
        )  # fmt: skip


_SUGGESTED = re.compile(r"--threshold-labels (\d[\d.]*)")


def _checks(checks: list[Check], naming: Callable[[str], str] = str) -> None:
    lines = []
    for check in checks:
        icon = ":green[:material/check_circle:]" if check.passed else ":red[:material/cancel:]"
        mark = "passed" if check.passed else "failed"
        lines.append(f"{icon} **{words.plain(check.name)}** {mark}: {_in_the_form(naming(check.message))}")
    st.markdown("  \n".join(lines))


page()
