"""Wrong pixels taken apart: how many only move a boundary, and how many join or cut neurites."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import words
from dashboard.figures import error_parts_chart, show_chart
from dashboard.state import Result
from dashboard.tables import csv_button
from dashboard.views.reviewing.sizes import sizes_section
from segcore.measures import DISTANCE_BINS, ErrorPart

PARTS: dict[ErrorPart | str, tuple[str, str]] = {
    "near": ("near a boundary", "Within the tolerance of a true boundary, and neither joins nor cuts neurites."),
    "thin": ("membrane too thin", "Missed membrane that leaves the membrane closed."),
    "thick": ("membrane too thick", "False membrane that leaves the neurite whole."),
    "merge": ("opens a membrane", "Missed membrane where two neurites are joined."),
    "split": ("cuts a neurite", "False membrane where a neurite is cut."),
    "missed": ("neurite missed", "Neurites of which not one pixel was found."),
    "invented": ("neurite invented", "Pieces called interior that lie within membrane as a whole."),
}


def apart_section(result: Result, tolerance: int, voxel_size_nm: tuple[float, ...] | None) -> None:
    """The parts of the wrong pixels, over all slices and of each, at a threshold with a name.

    Args:
        result: the evaluation.
        tolerance: in px, that is chosen.
        voxel_size_nm: (z, y, x) of the dataset, if it is known.
    """
    evaluation = result.evaluation
    if not evaluation.error_parts:
        st.info(
            "This evaluation is older than this measure; evaluate the run again to have it.", icon=":material/info:"
        )
        return
    names = [name for name in evaluation.thresholds if name in evaluation.error_parts]
    picked = st.segmented_control(
        "At the threshold", names, default=names[0], required=True, key="apart at",
        format_func=lambda name: f"{name} {evaluation.thresholds[name]:.3f}",
        help="Measured at the thresholds that the run chose, for the prediction at a threshold and not for segments.",
    )  # fmt: skip
    point = picked or names[0]
    parts = evaluation.error_parts[point]
    wrong = parts.wrong(tolerance)
    pixels = {name: int(wrong[name].sum()) for name in PARTS}
    total = sum(pixels.values())
    forgiven = int(parts.forgiven_though(tolerance).sum())
    st.caption(
        f"Every one of the {words.count(total)} wrong pixels is exactly one of these. Tolerance {tolerance} px."
        + (
            f" {words.count(forgiven)} pixels lie within it, but open a membrane, cut a neurite or belong to one that "
            "was missed or invented: they are not forgiven here. Percentages of wrong pixels elsewhere forgive them."
            if forgiven
            else ""
        )
    )
    shown = [name for name in PARTS if pixels[name] or name != "near"]
    st.dataframe(
        pd.DataFrame(
            {
                "wrong pixels that are": [PARTS[name][0] for name in shown],
                "pixels": [pixels[name] for name in shown],
                "share": [100 * pixels[name] / total if total else float("nan") for name in shown],
                "meaning": [PARTS[name][1] for name in shown],
            }
        ),
        hide_index=True,
        column_config={
            "pixels": st.column_config.NumberColumn(format="localized"),
            "share": st.column_config.NumberColumn(format="%.1f %%"),
        },
    )
    show_chart(
        error_parts_chart(evaluation.slices, {name: (PARTS[name][0], wrong[name]) for name in shown}),
        key="apart by slice",
        name=f"{result.run.name}-{result.dataset}-error-parts",
        description="Wrong pixels of each slice, stacked by what they are part of.",
    )
    _by_distance(result, evaluation.thresholds[point])
    sizes_section(result, point, voxel_size_nm)
    table = pd.DataFrame({"slice": evaluation.slices} | {PARTS[name][0]: wrong[name] for name in PARTS})
    csv_button("Parts of the errors as CSV", table, f"{result.run.name}-{result.dataset}-error-parts-{point}.csv")


def _by_distance(result: Result, threshold: float) -> None:
    """How many pixels are wrong near true boundaries, and how many far from them."""
    evidence = result.evaluation.evidence.pooled()
    at = [evidence.of_distances(px, px).confusion(threshold)[0] for px in range(DISTANCE_BINS)]
    table = pd.DataFrame(
        {
            "px from a true boundary": [*(str(px) for px in range(DISTANCE_BINS - 1)), f"{DISTANCE_BINS - 1} and more"],
            "pixels": [int(one.pixels) for one in at],
            "wrong": [int(one.wrong_pixels) for one in at],
            "wrong %": [float(one.wrong_percent) for one in at],
        }
    )
    st.markdown("**By distance to the nearest true boundary**")
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "pixels": st.column_config.NumberColumn(format="localized"),
            "wrong": st.column_config.NumberColumn(format="localized"),
            "wrong %": st.column_config.NumberColumn(format="%.2f %%"),
        },
    )
