"""What each slice is used for, and whether a slice that is judged was learned from."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import words
from dashboard.figures import PART_COLOURS, show_chart, split_chart
from dashboard.state import Selection, corrections
from dashboard.tables import LONG, csv_button, holding
from segcore.checked import from_dict
from segcore.config import RunConfig, SplitConfig
from segcore.data import DatasetInfo
from segcore.errors import ConfigError
from segcore.runs import LeakAudit, Overlap, Run, Split, audit_split, row_range, slice_ranges, split_of


def split_section(selection: Selection, info: DatasetInfo) -> None:
    """Draws the section of the split: the run's, or what another protocol would give."""
    run = selection.run
    own = run is not None and _is_own(run, info)
    options = (["run"] if own else []) + list(words.PROTOCOLS)
    chosen = st.selectbox(
        "Which split",
        options,
        format_func=lambda one: (
            f"that of run {run.name} ({run.split.protocol})" if one == "run" and run else words.PROTOCOLS[one]
        ),
        help="What each slice is used for. The split comes before any augmentation.",
    )
    try:
        split = (
            run.split
            if chosen == "run" and run
            else split_of(info, RunConfig(split=from_dict(SplitConfig, {"protocol": chosen})))
        )
    except ConfigError as error:
        st.warning(words.message(error))
        return
    if split.bands is not None:
        _in_bands(split, run.audit_split() if chosen == "run" and run else audit_split(split, info.slice_fingerprints))
        return
    parts: dict[str, Any] = {name: getattr(split, name) for name in PART_COLOURS}
    if split.pool:
        # A slice whose copies are in both is drawn once, as trained on.
        parts["validation"] = tuple(z for z in parts["validation"] if z not in set(parts["train"]))
    figure = split_chart(parts, info.slices, selection.z, info.borders)
    show_chart(figure, key="split", name=f"{info.name}-split", description="The split along the stack")
    st.caption(
        "Training learns from neither validation nor test slices. Validation slices decide which epoch is kept, and "
        "the thresholds; test slices are looked at once, at the end."
        if not split.pool
        else "In this protocol copies of a slice are both trained on and validated with."
    )
    if info.volumes and not split.pool:
        st.caption(
            "Each volume is divided by itself, unless one is too short for that; dashed lines stand between them."
        )
    prints = info.slice_fingerprints
    found = run.audit_split() if chosen == "run" and run else audit_split(split, prints)
    _audit(split, found, info)
    if chosen != "run" and run is not None and not own:
        st.caption(f"Run {words.plain(run.name)} was trained on another stack ({words.plain(run.info.dataset)}).")
        seen = run.audit_slices(range(info.slices), prints, info.borders)
        for slices, how in (
            (seen.trained_here, "was trained on slices {} of this dataset, under another name."),
            (seen.trained_before, "began with weights that had been trained on slices {} of this dataset."),
        ):
            if slices:
                text = f"Run {words.plain(run.name)} {how.format(slice_ranges(slices))}"
                st.error(text, icon=":material/warning:")
        if seen.chosen_on:
            st.warning(
                f"Slices {slice_ranges(seen.chosen_on)} of this dataset chose epochs or thresholds of run "
                f"{words.plain(run.name)}" + (", or of weights it began with." if run.inherited.validated else "."),
                icon=":material/info:",
            )


def _in_bands(split: Split, found: LeakAudit) -> None:
    """A split inside the slices: which rows of every slice each part has."""
    bands = split.bands
    assert bands is not None
    table = pd.DataFrame(
        [
            {"part": words.PARTS[part], "rows": row_range(rows).removeprefix("rows "), "height (px)": rows[1] - rows[0]}
            for part, rows in (("train", bands.train), ("validation", bands.validation), ("test", bands.test))
        ]
    )
    st.dataframe(table, hide_index=True)
    st.caption(
        f"Of every slice that is labelled. Between training and validation {bands.gap_px} rows are left out, as many "
        "as the network sees, so that no pixel that is learned from is made of one that is judged."
    )
    if found.leaks or found.chosen_on:
        st.error(
            "**Leaks.** The weights that the run began with had been trained on these slices, or chosen on them.",
            icon=":material/warning:",
        )
    else:
        st.info(
            "No row that is judged is trained on. But they are rows of the very slices that are: another slice may "
            "be segmented worse.",
            icon=":material/info:",
        )


def parts_of(selection: Selection, info: DatasetInfo) -> dict[int, str]:
    """What the run used each slice for; nothing if it was trained on another stack."""
    run = selection.run
    if run is None or not _is_own(run, info) or run.split.bands is not None:
        return {}
    return {z: part for part in PART_COLOURS for z in getattr(run.split, part)}


def _is_own(run: Run, info: DatasetInfo) -> bool:
    """Whether the run was trained on this stack, with these labels or others."""
    if run.info.dataset_fingerprint == info.fingerprint:
        return True
    made = corrections(info.name)
    return run.is_own(info.fingerprint, info.slice_fingerprints, "" if made is None else made.original_fingerprint)


def _audit(split: Split, found: LeakAudit, info: DatasetInfo) -> None:
    st.markdown("**Leak audit**", help=words.HELP["leak"])
    if found.leaks:
        said = ["**Leaks.**"]
        if found.trained_here:
            said.append(f"Slices {slice_ranges(found.trained_here)} are both trained on and judged by.")
        if found.trained_before:
            said.append(
                f"Slices {slice_ranges(found.trained_before)} are judged by, and the weights that the run began with "
                "had been trained on them."
            )
        st.error(" ".join([*said, "Figures from them say nothing about new images."]), icon=":material/warning:")
    else:
        st.success("No validation or test slice, and no turned copy of one, is trained on.", icon=":material/verified:")
    if found.chosen_on:
        st.warning(
            f"**Flatters.** Epochs or thresholds were chosen on test slices {slice_ranges(found.chosen_on)}.",
            icon=":material/info:",
        )
    if found.near_misses and found.gap_px is None:
        st.info(found.near_misses)
    seen = {one.judged: _seen(one) for one in found.overlaps}
    rows = []
    for z in range(info.slices):
        used = [words.PARTS[part] for part in PART_COLOURS if z in getattr(split, part)]
        rows.append(
            {
                "slice": z,
                "name": info.slice_names[z],
                "used for": " and ".join(used),
                "leak": seen.get(z, ""),
                "fingerprint": info.slice_fingerprints[z][:16],
            }
        )
    table = pd.DataFrame(rows)
    if not seen:
        table = table.drop(columns="leak")
    if len(table) > LONG:
        table = _filtered(table)
    st.dataframe(table, hide_index=True, height=300)
    csv_button("Split as CSV", table, f"{info.name}-split.csv")


def _seen(overlap: Overlap) -> str:
    """Where a judged slice was seen before, for a cell of the table."""
    how = {"train": "trained", "validation": "validated"}[overlap.seen_in]
    said = [] if overlap.source is None else [f"same pixels as {how} slice {overlap.source}"]
    if overlap.inherited:
        said.append(f"{how} on before, by the weights the run began with")
    return "; ".join(said)


def _filtered(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the chosen parts that hold a text."""
    left, right = st.columns(2, vertical_alignment="bottom")
    uses = [one for one in table["used for"].unique() if one]
    chosen = left.pills("Used for", uses, selection_mode="multi", key="filter part")
    if chosen:
        table = table[table["used for"].isin(chosen)]
    return holding(table, right.text_input("Find", key="filter text", placeholder="slice, name or fingerprint"))
