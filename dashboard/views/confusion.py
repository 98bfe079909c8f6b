"""Which class is taken for which, over all slices or some, at one threshold and over all of them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import notices, words
from dashboard.figures import (
    THRESHOLDS,
    calibration_chart,
    confusion_tables,
    neurites_chart,
    precision_recall_chart,
    show_chart,
    threshold_chart,
)
from dashboard.state import Result, Selection, current, pooled_evidence, range_of_slices, sweep_thresholds
from dashboard.tables import csv_button
from dashboard.trainings import needs_result
from segcore.measures import (
    CHALLENGE_THRESHOLDS,
    CLASSES,
    DISTANCE_BINS,
    Confusion,
    last_membrane_value,
    mean_over_slices,
)


def page() -> None:
    selection = current()
    if selection.result is None:
        notices.heading("Confusion matrix", selection)
    result = needs_result(selection)
    notices.heading("Confusion matrix", selection, notices.mark(result))
    notices.about_result(result)
    first, last = range_of_slices(
        result.evaluation.slices,
        key=f"range of {result.run.name} {result.folder.name}",
        text="Slices counted",
        about="Everything on this page counts the pixels of these slices together.",
    )
    sweep = sweep_thresholds(result, selection.tolerance, first, last)
    value = last_membrane_value(selection.threshold)
    matrix = sweep[value]
    _matrices(selection, result, matrix, first, last)
    _in_words(matrix)
    _curves(selection, result, sweep, value, first, last)


def _matrices(selection: Selection, result: Result, matrix: Confusion, first: int, last: int) -> None:
    forgiven = f", {words.forgiven(selection.tolerance)}" if selection.tolerance else ""
    counted = sum(first <= z <= last for z in result.evaluation.slices)
    st.subheader(
        f"{words.percent(float(matrix.wrong_percent))} of the pixels are wrong "
        f"({words.count(int(matrix.wrong_pixels))} of {words.count(int(matrix.pixels))})",
        help=words.HELP["wrong"],
    )
    st.caption(
        f"{counted} {result.called} slices of {words.plain(result.dataset)} counted together, threshold "
        f"{selection.threshold:.3f}{forgiven}."
    )
    counts = matrix.counts
    shares = {
        "Percent of all labelled pixels": matrix.percent(),
        "Percent of each labelled class": matrix.percent("row"),
        "Percent of each predicted class": matrix.percent("column"),
    }
    with st.container(key="confusion tables"):
        confusion_tables(shares, counts)
    table = pd.DataFrame(
        [
            {"label": true, "predicted": predicted, "pixels": int(counts[row, column])}
            | {title.lower(): float(values[row, column]) for title, values in shares.items()}
            for row, true in enumerate(CLASSES)
            for column, predicted in enumerate(CLASSES)
        ]
    )
    csv_button("Matrix as CSV", table, f"{result.run.name}-{result.dataset}-confusion.csv")


def _in_words(matrix: Confusion) -> None:
    missed, false = int(matrix.missed_membrane), int(matrix.false_membrane)
    of_class = matrix.percent("row")
    missed_share, false_share = float(of_class[0, 1]), float(of_class[1, 0])
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        st.markdown(
            f"**Missed membrane: {words.count(missed)} pixels.** Of all true membrane, {words.percent(missed_share)} "
            "was called interior. Where that opens a membrane from side to side, **two neurites are merged** into one. "
            "A higher threshold makes this rarer.",
        )
    with right.container(border=True, height="stretch"):
        st.markdown(
            f"**False membrane: {words.count(false)} pixels.** Of all true interior, {words.percent(false_share)} was "
            "called membrane. Where that crosses a neurite, **it is split**. A lower threshold makes this rarer.",
        )
    if missed != false:
        more, less = ("Missed", "false") if missed > false else ("False", "missed")
        st.caption(
            f"{more} membrane is the more frequent of the two here ({words.count(max(missed, false))} against "
            f"{words.count(min(missed, false))} pixels of {less} membrane). Counts do not say whether a membrane was "
            "really opened: most wrong pixels lie along boundaries. See splits and merges on the Errors page."
        )


def _curves(selection: Selection, result: Result, sweep: Confusion, value: int, first: int, last: int) -> None:
    st.subheader("Over all thresholds")
    evidence = pooled_evidence(result, first, last)
    st.caption(
        "Solid line: the threshold chosen in the sidebar. Dashed: the run's own thresholds"
        + (", chosen on validation slices. " if result.run.info.operating_points else ". ")
        + "Stars: the best on **these very slices**, which is optimistic and shown for comparison only."
        + (f" With {words.forgiven(selection.tolerance)}." if selection.tolerance else "")
    )
    calibration = evidence.calibration()
    measure = st.segmented_control(
        "Overlap", ["dice", "iou"], default="dice", required=True, key="confusion measure", persist_state="session",
        format_func={"dice": "Dice", "iou": "IoU"}.__getitem__, help=f"{words.HELP['dice']} {words.HELP['iou']}",
    )  # fmt: skip
    sweep_chart = partial(threshold_chart, sweep, chosen=selection.threshold, points=result.points)
    title = "Dice" if measure == "dice" else "IoU"
    rows = st.columns(2), st.columns(2), st.columns(2, vertical_alignment="center")
    with rows[0][0]:
        show_chart(
            sweep_chart("wrong", "Wrong pixels by threshold", "percent of all labelled pixels"),
            key="sweep wrong", name="wrong-by-threshold", description="Wrong pixels by threshold",
        )  # fmt: skip
    with rows[0][1]:
        show_chart(
            sweep_chart(measure or "dice", f"{title} of each class by threshold", f"{title}, 0 to 1"),
            key="sweep overlap", name=f"{measure}-by-threshold", description=f"{title} by threshold",
        )  # fmt: skip
    with rows[1][0]:
        _neurites(selection, result, first, last)
    with rows[1][1]:
        show_chart(
            precision_recall_chart(sweep, value),
            key="precision recall", name="precision-recall", description="Precision against recall",
        )  # fmt: skip
        st.caption(f"Precision: {words.HELP['precision'].lower()} Recall: {words.HELP['recall'].lower()}")
    with rows[2][0]:
        show_chart(
            calibration_chart(calibration),
            key="calibration", name="calibration", description="Calibration curve",
        )  # fmt: skip
    near, far = (evidence.of_distances(*px).calibration().expected_error for px in ((0, 1), (2, DISTANCE_BINS - 1)))
    with rows[2][1]:
        st.caption(
            f"{words.HELP['calibration']} It is the same at every threshold and tolerance. Mean error "
            f"{words.decimal(calibration.expected_error)}: {words.decimal(near)} less than 2 px from a true boundary, "
            f"{words.decimal(far)} farther away."
        )
    table = pd.DataFrame(
        {
            "threshold": np.round(THRESHOLDS, 5),
            "wrong pixels": sweep.wrong_pixels,
            "wrong percent": sweep.wrong_percent,
            "missed membrane": sweep.missed_membrane,
            "false membrane": sweep.false_membrane,
        }
        | {
            f"{name} {key}": getattr(sweep, key)(name)
            for name in CLASSES
            for key in ("dice", "iou", "precision", "recall")
        }
    )
    calibrated = pd.DataFrame(
        {
            "mean probability": calibration.mean_probability,
            "share interior": calibration.interior_fraction,
            "pixels": calibration.pixels,
        }
    )
    with st.container(horizontal=True):
        csv_button("Curves as CSV", table, f"{result.run.name}-{result.dataset}-thresholds.csv")
        csv_button("Calibration as CSV", calibrated, f"{result.run.name}-{result.dataset}-calibration.csv")


def _neurites(selection: Selection, result: Result, first: int, last: int) -> None:
    """V_Rand and V_Info over the threshold, under the wrong pixels and on the same axis."""
    evaluation = result.evaluation
    counted = [at for at, z in enumerate(evaluation.slices) if first <= z <= last]

    def means(measure: str) -> list[float]:
        return [
            mean_over_slices([getattr(evaluation.over_thresholds[at][place], measure) for at in counted])
            for place in range(len(CHALLENGE_THRESHOLDS))
        ]

    segments = None
    if evaluation.segments:
        scores = [evaluation.segments[at] for at in counted]
        segments = mean_over_slices([one.v_rand for one in scores]), mean_over_slices([one.v_info for one in scores])
    show_chart(
        neurites_chart(
            means("v_rand"), means("v_info"), chosen=selection.threshold, points=result.points, segments=segments
        ),
        key="sweep neurites", name="neurites-by-threshold",
        description="V_Rand and V_Info by threshold, and those of segments",
    )  # fmt: skip
    st.caption(
        "Means over the slices, at the eleven thresholds of the ISBI 2012 challenge; a tolerance changes nothing here. "
        + ("Grey: segments, which are cut from the whole probability." if segments else "")
    )


page()
