"""Slice by slice, worst first: what is wrong, where, and does it matter?"""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from dashboard import charts, loaders, notices, pictures, words
from dashboard.selection import Selection, choose, current
from dashboard.viewer import SliceRow, viewer


def page() -> None:
    selection = current()
    if selection.result is None:
        st.title("Errors")
    result = notices.needs_result(selection)
    st.title(f"Errors {notices.mark(result)}")
    notices.about_result(result)
    found = loaders.at(result, selection.threshold, selection.tolerance)
    _numbers(selection, result, found)
    _viewer(selection, result, found)
    tables, downloads = st.columns([3, 1], gap="large")
    with tables:
        slices, events = st.tabs(["Slices, worst first", "Splits and merges"])
        with slices:
            _table(selection, result, found)
        with events:
            _events(result)
    with downloads:
        _downloads(selection, result)


def _numbers(selection: Selection, result: loaders.Result, found: loaders.At) -> None:
    beyond = f" farther than {selection.tolerance} px from a true boundary" if selection.tolerance else ""
    number = len(result.evaluation.slices)
    one = found.each[result.evaluation.slices.index(selection.z)]
    for title, matrix in (
        (f"Slice {selection.z}", one),
        (f"All {number} {words.PARTS[result.part]}" if number > 1 else "All", found.matrix),
    ):
        st.markdown(
            f"**{title}:** **{words.percent(charts.share(matrix.wrong_pixels, matrix.pixels))}** wrong{beyond} "
            f"({words.count(int(matrix.wrong_pixels))} of {words.count(int(matrix.pixels))} pixels): missed membrane "
            f"{words.percent(charts.share(matrix.missed_membrane, matrix.pixels))} "
            f"({words.count(int(matrix.missed_membrane))}), false membrane "
            f"{words.percent(charts.share(matrix.false_membrane, matrix.pixels))} "
            f"({words.count(int(matrix.false_membrane))})",
            help=f"{words.HELP['wrong']} {words.HELP['missed']} {words.HELP['false']}",
        )


def _viewer(selection: Selection, result: loaders.Result, found: loaders.At) -> None:
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
        theme=st.context.theme.type,
    )
    values = {"slice": changed.slice, "threshold": changed.threshold, "tolerance": changed.tolerance}
    news = {key: value for key, value in values.items() if value is not None}
    if any(news.get(key, now) != now for key, now in _shown(selection).items()):
        choose(**news)
        st.rerun()


def _shown(selection: Selection) -> dict[str, float]:
    return {"slice": selection.z, "threshold": selection.threshold, "tolerance": selection.tolerance}


def _table(selection: Selection, result: loaders.Result, found: loaders.At) -> None:
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
    table = pd.DataFrame(columns).sort_values("wrong pixels", ascending=False, ignore_index=True)
    st.caption("Click a row to see the slice. V_Rand was measured at the run's own thresholds only.")
    st.dataframe(
        table,
        hide_index=True,
        height=min(420, 38 + 35 * len(table)),
        on_select=partial(_picked, f"slices of {result.run.name} {result.folder.name}", tuple(table["slice"])),
        selection_mode="single-row",
        key=f"slices of {result.run.name} {result.folder.name}",
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
    st.download_button(
        "Table as CSV",
        partial(_csv, table),
        f"{selection.run.name if selection.run else 'run'}-{result.dataset}-slices-{selection.threshold:.3f}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def _picked(key: str, slices: tuple[int, ...]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows and rows[0] < len(slices):
        choose(slice=int(slices[rows[0]]))


def _events(result: loaders.Result) -> None:
    evaluation = result.evaluation
    events = evaluation.events
    threshold = evaluation.thresholds.get(evaluation.events_at)
    at = f"the {evaluation.events_at} threshold" + (f", {threshold:.3f}" if threshold is not None else "")
    splits = sum(event.kind == "split" for event in events)
    st.caption(
        f"At {at}: {words.count(splits)} neurites split into pieces, {words.count(len(events) - splits)} "
        "regions that hold several neurites. The largest first. Click a row to go to its slice."
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
    ).sort_values("stray (px)", ascending=False, ignore_index=True)
    st.dataframe(
        table,
        hide_index=True,
        height=420,
        on_select=partial(_picked, f"events of {result.run.name} {result.folder.name}", tuple(table["slice"])),
        selection_mode="single-row",
        key=f"events of {result.run.name} {result.folder.name}",
        column_config={
            "stray (px)": st.column_config.NumberColumn(
                help="Pixels that ended up in the wrong piece: what is not in the largest piece.", format="localized"
            ),
            "area (px)": st.column_config.NumberColumn(format="localized"),
            "y": st.column_config.NumberColumn(help="Row of the place, pixels from the top."),
            "x": st.column_config.NumberColumn(help="Column of the place, pixels from the left."),
        },
    )
    st.download_button(
        "Splits and merges as CSV", partial(_csv, table), f"{result.run.name}-{result.dataset}-events.csv", "text/csv",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _downloads(selection: Selection, result: loaders.Result) -> None:
    if selection.dataset is None:
        return
    st.markdown(f"**Download slice {selection.z}**, pixel for pixel")
    kind = st.segmented_control(
        "Format", ["png", "tiff"], default="png", required=True, format_func=str.upper, key="errors format"
    )
    for what, label in (
        ("errors", "Errors over the image"),
        ("prediction", "Prediction (interior white)"),
        ("probability", "Probability of interior"),
        ("notebook", "Notebook view"),
    ):
        stem = f"{result.run.name}-{result.dataset}-{selection.z:03d}-{what}"
        if what in ("errors", "prediction", "notebook"):
            stem += f"-{selection.threshold:.3f}"
        st.download_button(
            label,
            partial(_picture, what, kind or "png", selection, result),
            f"{stem}.{'tif' if kind == 'tiff' else 'png'}",
            f"image/{kind}",
            key=f"download {what}",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )


def _picture(what: str, kind: str, selection: Selection, result: loaders.Result) -> bytes:
    z, threshold = selection.z, selection.threshold
    probability = loaders.probability(result, z)
    if what == "probability":
        return pictures.encoded(probability, kind)
    stack = loaders.dataset(result.dataset)
    label = stack.label(z)
    predicted, expected, wrong = pictures.notebook(label, probability, threshold)
    if what == "prediction":
        return pictures.encoded(predicted, kind)
    if what == "notebook":
        return pictures.encoded(pictures.side_by_side(predicted, expected, wrong), kind)
    shown = pictures.errors(stack.image(z), label, probability, threshold, selection.tolerance)
    return pictures.encoded(shown, kind)


page()
