"""Which errors matter: places by harm beside the slice they are in, walked through and judged by keys."""

from __future__ import annotations

import math
from collections.abc import Callable

import streamlit as st

from dashboard import notices, words
from dashboard.queue import QUEUE_KEYS, QueueRow, queue, reported
from dashboard.state import MeasuresAt, Result, Selection, choose, current, measures_at
from dashboard.trainings import needs_result
from dashboard.viewer import SliceRow, viewer
from dashboard.views.reviewing import (
    BELOW_QUEUE_PX,
    Filter,
    Judgeable,
    PlacesByName,
    apart_section,
    correct_line,
    corrected_section,
    desk,
    event_items,
    files_section,
    judged,
    progress,
    rows_of,
    settings_section,
    slice_items,
    slices_table,
    take_changes,
    verdicts_section,
    what_is_listed,
)
from segcore.evaluation import harm_by_slice, harm_is_known, harm_of_first
from segcore.measures import mean_over_slices
from segcore.reviews import Place
from segcore.storage import read_only

_ADDRESS = "event"


def page() -> None:
    selection = current()
    if selection.result is None:
        notices.heading("Errors", selection)
    result = needs_result(selection)
    notices.heading("Errors", selection, notices.mark(result))
    notices.about_result(result)
    found = measures_at(result, selection.threshold, selection.tolerance)
    _headline(result, found, selection.tolerance)
    pictures, places = st.columns([17, 10], gap="medium")
    # The queue, which decides what is shown, is made first; the place of the viewer before it, so that nothing moves.
    place = pictures.container(key="errors place" if selection.dataset is not None else None)
    place.empty()  # what holds nothing is not drawn
    with places:
        _queue(selection, result, found)
    with place:
        _viewer(selection, result, found)
    _more(selection, result, found)


@st.fragment
def _more(selection: Selection, result: Result, found: MeasuresAt) -> None:
    """Sections of which only the one that is looked at is drawn."""
    info = selection.dataset
    sections: dict[str, Callable[[], None]] = {
        "Wrong pixels taken apart": lambda: apart_section(
            result, selection.tolerance, info.voxel_size_nm if info else None
        ),
        "Slices": lambda: slices_table(selection, result, found),
        "Settings": lambda: settings_section(result),
        "Verdicts": lambda: _verdicts(selection, result, found),
        "Files": lambda: files_section(selection, result),
    }
    for tab, draw in zip(
        st.tabs(list(sections), key="errors sections", on_change="rerun"), sections.values(), strict=True
    ):
        if tab.open:
            with tab, notices.guarded():
                draw()


def _verdicts(selection: Selection, result: Result, found: MeasuresAt) -> None:
    verdicts_section(result, judged(result, _places(selection, result, found)))
    if selection.dataset is not None:
        corrected_section(result, selection.threshold)


def _places(selection: Selection, result: Result, found: MeasuresAt) -> list[Place]:
    """Where there are verdicts that have a place in this evaluation, whatever threshold is chosen."""
    places = [item.judged_at for item in event_items(result, Filter())]
    if selection.dataset is not None:
        places += [item.judged_at for item in slice_items(result, found, selection.dataset)]
    return places


def _headline(result: Result, found: MeasuresAt, tolerance: int) -> None:
    """All slices in a line."""
    evaluation = result.evaluation
    number = len(evaluation.slices)
    which = f"All {number} {result.called} slices" if number > 1 else f"Slice {evaluation.slices[0]}"
    beyond = f" at least {tolerance} px from a true boundary" if tolerance else ""
    parts = [
        f"{which}: **{words.percent(float(found.matrix.wrong_percent))}** wrong{beyond} "
        f"({words.count(int(found.matrix.wrong_pixels))} of {words.count(int(found.matrix.pixels))} pixels)"
    ]
    if evaluation.segments:
        v_rand = mean_over_slices([one.v_rand for one in evaluation.segments])
        parts.append(f"V_Rand of segments **{words.decimal(v_rand)}**")
    splits = evaluation.events.column("kind").count("split")
    merges = len(evaluation.events) - splits
    at = "" if evaluation.events_at == "segments" else f" at the {evaluation.events_at} threshold"
    parts.append(f"{words.count(splits)} splits and {words.count(merges)} merges{at}")
    first = harm_of_first(evaluation, 3)
    if not math.isnan(first) and len(evaluation.events) > 3:
        parts.append(f"the first 3 do **{100 * first:.0f} %** of all harm")
    st.markdown(" · ".join(parts), help=" ".join(words.HELP[term] for term in ("wrong", "v_rand", "harm")))


def _queue(selection: Selection, result: Result, found: MeasuresAt) -> None:
    key = f"errors queue {result.run.name} {result.folder.name}"
    listing = what_is_listed(selection, result, found)
    listed = listing.listed
    at = desk(result)
    report = reported(key, at.heard)
    take_changes(at, [Judgeable(result=result, places=PlacesByName(listed))], report.changes)
    known = judged(result, (item.judged_at for item in listed))
    everything = listed
    if listing.undecided:
        listed = [item for item in listed if known.own(item.judged_at) is None]
    if report.chosen is not None:
        st.query_params[_ADDRESS] = report.chosen
    rows = rows_of(listed, known)
    chosen = report.chosen or st.query_params.get(_ADDRESS) or _first(rows, selection.z)
    said = progress((listed, known))
    if len(listed) > len(rows):
        said += f"; the first {words.count(len(rows))} are listed"
    queue(
        key=key,
        rows=rows,
        version=f"{result.facts.get('evaluated')} {hash(tuple(row.id for row in rows))}",
        pictures=listing.pictures,
        heard=at.heard,
        chosen=chosen,
        reviewer=known.reviewer,
        may_decide=not read_only(),
        progress=said,
        message=at.message,
        empty=listing.empty,
        below_px=0 if read_only() else BELOW_QUEUE_PX,
        theme=st.context.theme.type,
    )
    place = next((one.item() for one in everything if one.id == chosen), None)
    verdict = None if place is None else known.own(place.judged_at)
    correct_line(result, chosen, place, verdict, selection.threshold, selection.tolerance)


def _first(rows: list[QueueRow], z: int) -> str | None:
    """The row to begin with, unless a link led to another slice."""
    return rows[0].id if rows and rows[0].place.slice == z else None


def _viewer(selection: Selection, result: Result, found: MeasuresAt) -> None:
    if selection.dataset is None:
        st.info(
            f"The images of {words.plain(result.dataset)} are not installed here, so there is nothing to look at; the "
            "numbers come from the evaluation. The Data page fetches or imports datasets.",
            icon=":material/image_not_supported:",
        )
        return
    evaluation = result.evaluation
    voxel = selection.dataset.voxel_size_nm
    harms = harm_by_slice(evaluation) if harm_is_known(evaluation) else None
    changed = viewer(
        key="errors viewer",
        dataset=result.dataset,
        run=result.run.name,
        part=result.part,
        slices=[
            SliceRow(index=z, name=name, wrong_percent=float(wrong), harm=None if harms is None else harms.get(z, 0.0))
            for z, name, wrong in zip(evaluation.slices, evaluation.names, found.each.wrong_percent, strict=True)
        ],
        z=selection.z,
        threshold=selection.threshold,
        tolerance=selection.tolerance,
        voxel_nm=voxel[2] if voxel else None,
        points={name: round(value, 3) for name, value in result.points.items()},
        keys_left=QUEUE_KEYS,
        fits_window=True,
        theme=st.context.theme.type,
    )
    values = {"slice": changed.slice, "threshold": changed.threshold, "tolerance": changed.tolerance}
    news = {key: value for key, value in values.items() if value is not None}
    if any(news.get(key, now) != now for key, now in _shown(selection).items()):
        choose(**news)
        st.rerun()


def _shown(selection: Selection) -> dict[str, float]:
    return {"slice": selection.z, "threshold": selection.threshold, "tolerance": selection.tolerance}


page()
