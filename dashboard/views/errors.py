"""Slice by slice, worst first: what is wrong, where, and does it matter?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import notices, words
from dashboard.figures import error_overlay, notebook_pictures, picture_file, segments_picture, side_by_side
from dashboard.state import (
    MeasuresAt,
    Result,
    Selection,
    choose,
    counted_label,
    current,
    load_dataset,
    load_probability,
    load_segments,
    measures_at,
    range_of_slices,
)
from dashboard.tables import csv_button
from dashboard.trainings import needs_result
from dashboard.viewer import Place, SliceRow, viewer
from segcore.measures import Event


def page() -> None:
    selection = current()
    if selection.result is None:
        st.title("Errors")
    result = needs_result(selection)
    st.title(f"Errors {notices.mark(result)}")
    notices.about_result(result)
    found = measures_at(result, selection.threshold, selection.tolerance)
    _numbers(selection, result, found)
    _viewer(selection, result, found)
    _downloads(selection, result)
    slices, events = st.tabs(["Slices, worst first", "Splits and merges"])
    with slices:
        _table(selection, result, found)
    with events:
        _events(result)


def _numbers(selection: Selection, result: Result, found: MeasuresAt) -> None:
    beyond = f" at least {selection.tolerance} px from a true boundary" if selection.tolerance else ""
    number = len(result.evaluation.slices)
    which = words.SLICES[result.part]
    one = found.each[result.evaluation.slices.index(selection.z)]
    with st.container(gap="xxsmall"):
        for title, matrix in (
            (f"Slice {selection.z}", one),
            (f"All {number} {which} slices" if number > 1 else "All", found.matrix),
        ):
            percent = matrix.percent()
            st.markdown(
                f"**{title}:** **{words.percent(float(matrix.wrong_percent))}** wrong{beyond} "
                f"({words.count(int(matrix.wrong_pixels))} of {words.count(int(matrix.pixels))} pixels): missed "
                f"membrane {words.percent(float(percent[0, 1]))} ({words.count(int(matrix.missed_membrane))}), false "
                f"membrane {words.percent(float(percent[1, 0]))} ({words.count(int(matrix.false_membrane))})",
                help=f"{words.HELP['wrong']} {words.HELP['missed']} {words.HELP['false']}",
            )


def _viewer(selection: Selection, result: Result, found: MeasuresAt) -> None:
    if selection.dataset is None:
        st.info(
            f"The images of {words.plain(result.dataset)} are not installed here, so there is nothing to look at; the "
            "numbers below come from the evaluation. The Data page fetches or imports datasets.",
            icon=":material/image_not_supported:",
        )
        return
    evaluation = result.evaluation
    voxel = selection.dataset.voxel_size_nm
    changed = viewer(
        key="errors viewer",
        dataset=result.dataset,
        run=result.run.name,
        part=result.part,
        slices=[
            SliceRow(index=z, name=name, wrong_percent=float(wrong))
            for z, name, wrong in zip(evaluation.slices, evaluation.names, found.each.wrong_percent, strict=True)
        ],
        z=selection.z,
        threshold=selection.threshold,
        tolerance=selection.tolerance,
        voxel_nm=voxel[2] if voxel else None,
        points={name: round(value, 3) for name, value in result.points.items()},
        place=st.session_state.get(_PLACE),
        theme=st.context.theme.type,
    )
    values = {"slice": changed.slice, "threshold": changed.threshold, "tolerance": changed.tolerance}
    news = {key: value for key, value in values.items() if value is not None}
    if any(news.get(key, now) != now for key, now in _shown(selection).items()):
        choose(**news)
        st.rerun()


def _shown(selection: Selection) -> dict[str, float]:
    return {"slice": selection.z, "threshold": selection.threshold, "tolerance": selection.tolerance}


def _table(selection: Selection, result: Result, found: MeasuresAt) -> None:
    each, evaluation = found.each, result.evaluation
    columns = {
        "slice": evaluation.slices,
        "name": evaluation.names,
        "wrong %": each.wrong_percent,
        "wrong pixels": each.wrong_pixels,
        "missed membrane": each.missed_membrane,
        "false membrane": each.false_membrane,
        "Dice interior": each.dice("interior"),
        "Dice membrane": each.dice("membrane"),
        "neurites": evaluation.neurites,
    }
    for name, threshold in evaluation.thresholds.items():
        columns[f"V_Rand at {threshold:.3f}"] = [one.v_rand for one in evaluation.points[name]]
    if evaluation.segments:
        columns["V_Rand of segments"] = [one.v_rand for one in evaluation.segments]
    table = pd.DataFrame(columns).sort_values("wrong pixels", ascending=False)
    key = f"slices of {result.run.name} {result.folder.name}"
    if len(table) > 1:
        left, right = st.columns([3, 1], gap="medium")
        with left:
            first, last = range_of_slices(evaluation.slices, key=f"range of {key}", text="Show slices")
        with right:
            least = st.number_input("At least % wrong", 0.0, 100.0, 0.0, step=0.5, format="%.1f", key=f"least of {key}")
        # A slice without a percentage has no pixels; it stays as long as nothing is asked of it.
        table = table[table["slice"].between(first, last) & ((table["wrong %"] >= least) | (least == 0))]
    table = table.reset_index(drop=True)
    st.caption(
        f"{_shown_of(len(table), len(evaluation.slices), 'slices')} Click a row to see the slice, a column's name to "
        "sort. V_Rand was measured at the run's own thresholds only"
        + (", and of its segments." if evaluation.segments else ".")
    )
    st.dataframe(
        table,
        hide_index=True,
        height=min(420, 38 + 35 * len(table)),
        on_select=partial(_picked, key, tuple(table["slice"])),
        selection_mode="single-row",
        key=key,
        column_config={
            "slice": st.column_config.NumberColumn(help=words.HELP["slice"], pinned=True),
            "wrong %": st.column_config.ProgressColumn(
                help=words.HELP["wrong"],
                format="%.2f %%",
                min_value=0.0,
                max_value=float(table["wrong %"].max()) or 1.0,
            ),
            "wrong pixels": st.column_config.NumberColumn(format="localized"),
            "missed membrane": st.column_config.NumberColumn(
                "missed (px)", format="localized", help=words.HELP["missed"]
            ),
            "false membrane": st.column_config.NumberColumn("false (px)", format="localized", help=words.HELP["false"]),
            "Dice interior": st.column_config.NumberColumn(format="%.4f", help=words.HELP["dice"]),
            "Dice membrane": st.column_config.NumberColumn(format="%.4f", help=words.HELP["dice"]),
            **{
                name: st.column_config.NumberColumn(format="%.4f", help=words.HELP["v_rand"])
                for name in columns
                if name.startswith("V_Rand")
            },
        },
    )
    csv_button("Table as CSV", table, f"{result.run.name}-{result.dataset}-slices-{selection.threshold:.3f}.csv")


_PLACE = "errors place"


def _picked_event(key: str, events: tuple[Event, ...]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    before: Place | None = st.session_state.get(_PLACE)
    number = before.number + 1 if before else 1
    if rows and rows[0] < len(events):
        event = events[rows[0]]
        choose(slice=event.slice)
        st.session_state[_PLACE] = Place(
            number=number, slice=event.slice, y=event.y, x=event.x, area_px=event.area_px, text=event.kind
        )
    elif before is not None and not rows:
        # A second click takes the mark off the row; what is wanted is to see the place again.
        choose(slice=before.slice)
        st.session_state[_PLACE] = replace(before, number=number)


def _shown_of(shown: int, all_of_them: int, what: str) -> str:
    return "" if shown == all_of_them else f"{words.count(shown)} of {words.count(all_of_them)} {what} shown."


def _picked(key: str, slices: tuple[int, ...]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows and rows[0] < len(slices):
        choose(slice=int(slices[rows[0]]))


def _events(result: Result) -> None:
    evaluation = result.evaluation
    events = evaluation.events
    threshold = evaluation.thresholds.get(evaluation.events_at)
    at = f"the {evaluation.events_at} threshold" + (f", {threshold:.3f}" if threshold is not None else "")
    splits = sum(event.kind == "split" for event in events)
    st.caption(
        f"At {at}: {words.count(splits)} neurites split into pieces, {words.count(len(events) - splits)} "
        "regions that hold several neurites. The largest first. Click a row to see the place."
    )
    if not events:
        return
    table = pd.DataFrame(
        {
            "what": [event.kind for event in events],
            "slice": [event.slice for event in events],
            "y": [event.y for event in events],
            "x": [event.x for event in events],
            "area (px)": [event.area_px for event in events],
            "stray (px)": [event.stray_px for event in events],
            "neurites": [len(event.neurites) for event in events],
            "pieces": [len(event.segments) for event in events],
        }
    ).sort_values("stray (px)", ascending=False)
    key = f"events of {result.run.name} {result.folder.name}"
    left, right = st.columns([1, 2], gap="medium")
    with left:
        kind = st.segmented_control(
            "Show", ["all", "split", "merge"], default="all", required=True, key=f"kind of {key}",
            format_func={"all": "Both", "split": "Splits", "merge": "Merges"}.__getitem__,
        )  # fmt: skip
    with right:
        first, last = range_of_slices(evaluation.slices, key=f"range of {key}", text="In slices")
    table = table[table["slice"].between(first, last) & ((table["what"] == kind) | (kind == "all"))]
    picked = partial(_picked_event, key, tuple(events[at] for at in table.index))
    table = table.reset_index(drop=True)
    if len(table) < len(events):
        st.caption(_shown_of(len(table), len(events), "splits and merges"))
    st.dataframe(
        table,
        hide_index=True,
        height=420,
        on_select=picked,
        selection_mode="single-row",
        key=key,
        column_config={
            "stray (px)": st.column_config.NumberColumn(
                help="Pixels that ended up in the wrong piece: what is not in the largest piece.", format="localized"
            ),
            "area (px)": st.column_config.NumberColumn(format="localized"),
            "y": st.column_config.NumberColumn(help="Row of the place, pixels from the top."),
            "x": st.column_config.NumberColumn(help="Column of the place, pixels from the left."),
        },
    )
    csv_button("Splits and merges as CSV", table, f"{result.run.name}-{result.dataset}-events.csv")


def _downloads(selection: Selection, result: Result) -> None:
    if selection.dataset is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Slice {selection.z} as a file, pixel for pixel:", width="content")
        kind = st.segmented_control(
            "Format", ["png", "tiff"], default="png", required=True, format_func=str.upper, key="errors format",
            label_visibility="collapsed",
        )  # fmt: skip
        for what, label in (
            ("errors", "Errors"),
            ("prediction", "Prediction"),
            ("probability", "Probability"),
            ("notebook", "Notebook view"),
            *([("segments", "Segments")] if result.evaluation.segments else []),
        ):
            stem = f"{result.run.name}-{result.dataset}-{selection.z:03d}-{what}"
            if what not in ("probability", "segments"):
                stem += f"-{selection.threshold:.3f}"
            st.download_button(
                label,
                partial(_picture, what, kind or "png", selection, result),
                f"{stem}.{'tif' if kind == 'tiff' else 'png'}",
                f"image/{kind}",
                key=f"download {what}",
                icon=":material/download:",
                on_click="ignore",
                help=_FILES[what],
            )


_FILES = {
    "errors": "The image with its wrong pixels in colour, at the threshold and tolerance in the sidebar.",
    "prediction": "Interior white, membrane black, at the threshold in the sidebar.",
    "probability": "Probability of interior, 0 black to 255 white.",
    "notebook": "Predicted, expected, and the prediction with every wrong pixel in red, side by side.",
    "segments": "The image with each segment in a colour; their numbers are in segments.tif of the evaluation.",
}


def _picture(what: str, kind: str, selection: Selection, result: Result) -> bytes:
    z, threshold = selection.z, selection.threshold
    probability = load_probability(result, z)
    if what == "probability":
        return picture_file(probability, kind)
    stack = load_dataset(result.dataset)
    if what == "segments":
        return picture_file(segments_picture(stack.image(z), load_segments(result, z)), kind)
    label = counted_label(result, z)
    predicted, expected, wrong = notebook_pictures(label, probability, threshold)
    if what == "prediction":
        return picture_file(predicted, kind)
    if what == "notebook":
        return picture_file(side_by_side(predicted, expected, wrong), kind)
    shown = error_overlay(stack.image(z), label, probability, threshold, selection.tolerance)
    return picture_file(shown, kind)


page()
