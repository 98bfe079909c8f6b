"""What each slice is used for, and whether a slice that is judged was learned from."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import words
from dashboard.figures import PART_COLOURS, show_chart, split_chart
from dashboard.state import Selection
from dashboard.tables import LONG, csv_button, holding
from segcore.config import SplitConfig, from_dict
from segcore.data import DatasetInfo
from segcore.errors import ConfigError
from segcore.runs import LeakAudit, Split, audit_split, make_split, slice_ranges


def split_section(selection: Selection, info: DatasetInfo) -> None:
    """Draws the section of the split: the run's, or what another protocol would give."""
    own = bool(parts_of(selection, info))
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
        split = (
            run.split
            if chosen == "run" and run
            else make_split(info.slices, from_dict(SplitConfig, {"protocol": chosen}))
        )
    except ConfigError as error:
        st.warning(words.message(error))
        return
    parts: dict[str, Any] = {name: getattr(split, name) for name in PART_COLOURS}
    if split.pool:
        # A slice whose copies are in both is drawn once, as trained on.
        parts["validation"] = tuple(z for z in parts["validation"] if z not in set(parts["train"]))
    figure = split_chart(parts, info.slices, selection.z)
    show_chart(figure, key="split", name=f"{info.name}-split", description="The split along the stack")
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


def parts_of(selection: Selection, info: DatasetInfo) -> dict[int, str]:
    """What the run used each slice for; nothing if it was trained on another stack."""
    run = selection.run
    if run is None or run.info.dataset_fingerprint != info.fingerprint:
        return {}
    return {z: part for part in PART_COLOURS for z in getattr(run.split, part)}


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
        used = [words.PARTS[part] for part in PART_COLOURS if z in getattr(split, part)]
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
    if len(table) > LONG:
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
    return holding(table, right.text_input("Find", key="filter text", placeholder="slice, name or fingerprint"))
