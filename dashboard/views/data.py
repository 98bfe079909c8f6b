"""What there is to learn from and be judged by: the slices, the split, and how more data gets here."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import charts, loaders, notices, pictures, uploads, words
from dashboard.downloads import csv_button
from dashboard.selection import Selection, choose, current
from dashboard.viewer import SliceRow, viewer
from segcore.config import SplitConfig
from segcore.datasets import Check, DatasetInfo, data_root
from segcore.errors import ConfigError, SegcoreError
from segcore.fetching import CATALOGUE, fetch
from segcore.importing import check_source, import_source
from segcore.splits import LeakAudit, Split, audit, make_split, slice_ranges

SECTIONS = {"slices": "Slices", "split": "Split and leaks", "all": "All datasets", "import": "Import"}
PROTOCOLS = {
    "blocks": "Blocks: the last third is held out as test",
    "kfold": "Folds: three blocks, one held out",
    "notebook": "Notebook: copies first, split at random afterwards (leaks)",
}


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
    options = (["run"] if own and selection.run else []) + list(PROTOCOLS)
    run = selection.run
    chosen = st.selectbox(
        "Which split",
        options,
        format_func=lambda one: (
            f"that of run {run.name} ({run.split.protocol})" if one == "run" and run else PROTOCOLS[one]
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
    st.caption(f"Test slices are looked at once, at the end. {words.HELP['validation']}")
    prints = info.slice_fingerprints
    found = run.audit_split() if chosen == "run" and run else _trained(audit(split, prints, _judged(split), prints))
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


def _judged(split: Split) -> list[int]:
    return sorted({*split.validation, *split.test})


def _trained(found: LeakAudit) -> LeakAudit:
    return LeakAudit(
        overlaps=tuple(one for one in found.overlaps if one.seen_in == "train"), neighbours=found.neighbours
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
    st.dataframe(table, hide_index=True, height=300)
    csv_button("Split as CSV", table, f"{info.name}-split.csv")


# --- all datasets -----------------------------------------------------------------------------


def _all() -> None:
    names = loaders.names_of_datasets()
    facts = [info for info in map(loaders.info, names) if info is not None]
    st.subheader("Here")
    if facts:
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "name": info.name,
                        "title": info.title,
                        "slices": info.slices,
                        "size (px)": f"{info.height} × {info.width}",
                        "labels": info.labelled,
                        "synthetic": info.synthetic,
                        "source": info.source,
                        "terms": info.terms,
                        "since": words.when(info.created),
                    }
                    for info in facts
                ]
            ),
            hide_index=True,
        )
        for info in facts:
            if info.checks:
                with st.expander(f"Checks of {words.plain(info.name)} when it came here", icon=":material/checklist:"):
                    _checks(list(info.checks))
    else:
        st.info("No dataset is here yet.")
    for error in loaders.broken_datasets().values():
        st.error(words.message(error))
    st.subheader("To be had")
    for item in CATALOGUE.values():
        there = [target.name for target in item.targets if target.name in names]
        with st.container(border=True):
            st.markdown(
                f"**{item.name}** · {item.slices} slices of {item.height} × {item.width} pixels · {item.source} · "
                f"terms: {item.terms}"
            )
            if len(there) == len(item.targets):
                st.caption(":material/check: here already")
            elif words.read_only():
                st.caption(words.READ_ONLY)
            elif st.button("Make it here" if item.synthetic else "Fetch", key=f"fetch {item.name}"):
                _fetch(item.name)


def _fetch(name: str) -> None:
    """Fetches in a thread and says how far it is."""
    failed: list[Exception] = []

    def work() -> None:
        try:
            fetch(name)
        except Exception as error:
            failed.append(error)

    before = {path.name for path in data_root().glob(".*")}
    thread = threading.Thread(target=work, daemon=True)
    started = time.monotonic()
    thread.start()
    with st.status(f"Getting {name} …", expanded=True) as status:
        line = st.empty()
        while thread.is_alive():
            line.write(f"{_arrived(before):.1f} MB on disk, {time.monotonic() - started:.0f} s")
            thread.join(0.5)
        if failed:
            status.update(label=f"Could not get {name}", state="error")
            for error in failed:
                if not isinstance(error, SegcoreError):
                    raise error
                st.error(words.message(error))
            return
    st.session_state["data news"] = [f"Dataset {name} is here."]
    choose(dataset=name)
    st.rerun()


def _arrived(before: set[str]) -> float:
    """Megabytes in the hidden folders that are new."""
    sizes = [0]
    for place in data_root().glob(".*"):
        if place.name not in before and place.is_dir():
            for path in place.rglob("*"):
                try:
                    sizes.append(path.stat().st_size)
                except OSError:
                    continue
    return sum(sizes) / 1e6


# --- import -----------------------------------------------------------------------------------


def _import() -> None:
    if words.read_only():
        st.info(words.READ_ONLY, icon=":material/lock:")
        return
    st.markdown(
        "A multi-page TIFF, a set of numbered images, or a zip: of `train/`, `label/`, `test/` folders, of `images/` "
        "and `masks/`, or of a stack and its labels. Everything is checked before anything is kept."
    )
    way = st.segmented_control(
        "Where it is", ["upload", "path"], default="upload", required=True, key="import way",
        format_func={"upload": "Upload", "path": "On this computer"}.__getitem__,
    )  # fmt: skip
    sources: list[Any] = []
    labels: list[Any] = []
    left, right = st.columns(2)
    kinds = [*uploads.SUFFIXES, "zip"]
    if way == "upload":
        sources = left.file_uploader(
            "Images (or a zip of everything)", kinds, accept_multiple_files=True, key="import images"
        )
        labels = right.file_uploader(
            "Masks, if they are not in the zip", kinds, accept_multiple_files=True, key="import masks"
        )
        there = bool(sources)
    else:
        source = left.text_input("Path of the images, folder or zip", key="import path", placeholder="/data/stack.tif")
        masks = right.text_input("Path of the masks, if they are elsewhere", key="import masks path")
        there = bool(source.strip())
    name = left.text_input(
        "Name of the dataset", key="import name", help="Letters, digits, '.', '_' and '-'.", placeholder="my-stack"
    )
    polarity = right.selectbox(
        "Which value of the masks is cell interior", ["auto", "interior-white", "membrane-white"],
        key="import polarity",
        format_func={"auto": "find out", "interior-white": "white is interior", "membrane-white": "white is membrane"}
        .__getitem__,
    )  # fmt: skip
    title = left.text_input("Title (optional)", key="import title")
    depth, down, across = right.columns(3)
    sides = [
        column.number_input(
            f"Voxel {axis}, nm", 0.0, 1e6, 0.0, key=f"import voxel {axis}", help="0: what the file says."
        )
        for column, axis in ((depth, "z"), (down, "y"), (across, "x"))
    ]
    voxel = (sides[0], sides[1], sides[2]) if all(sides) else None
    if any(sides) and voxel is None:
        st.warning("A voxel size needs all three sides, or none.")
    check, keep = st.columns([1, 1])
    checking = check.button("Check only", disabled=not there, width="stretch")
    keeping = keep.button("Check and import", disabled=not (there and name.strip()), type="primary", width="stretch")
    if not (checking or keeping):
        return
    try:
        with ExitStack() as files:
            if way == "upload":
                path = files.enter_context(uploads.on_disk(sources))
                masks_path = files.enter_context(uploads.on_disk(labels)) if labels else None
            else:
                path = Path(source.strip()).expanduser()
                masks_path = Path(masks.strip()).expanduser() if masks.strip() else None
            with st.spinner("Checking …" if checking else "Checking and importing …", show_time=True):
                if checking:
                    _checks(check_source(path, name.strip() or "unnamed", labels=masks_path, polarity=polarity))
                    return
                made = import_source(
                    path, name.strip(), labels=masks_path, polarity=polarity, voxel_size_nm=voxel, title=title.strip()
                )
    except SegcoreError as error:
        st.error(words.message(error), icon=":material/error:")
        return
    st.session_state["data news"] = [
        f"Dataset {words.plain(one.info.name)} is here: {words.shape(one.info)}." for one in made
    ]
    choose(dataset=made[0].info.name)
    st.rerun()


def _checks(checks: list[Check]) -> None:
    for check in checks:
        icon = ":material/check_circle:" if check.passed else ":material/cancel:"
        mark = "passed" if check.passed else "**failed**"
        st.markdown(f"{icon} {words.plain(check.name)}: {mark}. {words.plain(check.message)}")


page()
