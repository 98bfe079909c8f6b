"""Whether another run does better than the chosen one on the same slices, and whether that is more than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard import notices, words
from dashboard.clicks import pressed
from dashboard.figures import (
    BROKEN,
    FIXED,
    GREY,
    WRONG_IN_BOTH,
    PictureCard,
    changes_overlay,
    picture_cards,
    show_chart,
    slice_chart,
    small_picture,
    swatches,
)
from dashboard.state import (
    broken_runs,
    choose,
    comparison,
    counted_label,
    current,
    load_dataset,
    load_probability,
    load_result,
    load_run,
    look_at,
    names_of_runs,
)
from dashboard.tables import csv_button
from dashboard.viewer import open_layers
from dashboard.views.reviewing import event_id, event_title
from segcore.errors import SegcoreError
from segcore.evaluation import BLOCK, MEASURES, Comparison, Difference, Measure, Side
from segcore.measures import Event, Interval, last_membrane_value, predicted_interior
from segcore.runs import Run, slice_ranges
from segcore.stacks import Truth

# Names the other run in the address.
_WITH = "with"
MOST_EVENTS = 9


def page() -> None:
    selection = current()
    notices.heading("Compare", selection)
    if selection.run is None:
        st.info(words.no_run(), icon=":material/info:")
        return
    other = _other(selection.run)
    if other is None:
        return
    try:
        found = comparison(selection.run, other, selection.result.dataset if selection.result else None)
    except SegcoreError as error:
        st.info(f"{words.message(error)}.", icon=":material/info:")
        return
    for side in (found.first, found.second):
        for warning in side.warnings:
            st.warning(f"{words.plain(warning[:1].upper() + warning[1:])}.", icon=":material/warning:")
    st.markdown(f"**{words.plain(found.verdict())}**")
    st.caption(
        f"{len(found.slices)} slices of {words.plain(found.first.dataset)} that both were measured on "
        f"({slice_ranges(found.slices)}). A difference is {words.plain(found.second.run)} less "
        f"{words.plain(found.first.run)}."
    )
    rows = found.differences()
    _table(found, rows)
    measure = st.selectbox(
        "Slice by slice", [row.measure for row in rows], format_func=lambda name: MEASURES[name].title,
        key=_key("measure", found), index=_usual(rows),
    )  # fmt: skip
    _slice_by_slice(found, measure)
    _events(found, {one.name: one for one in (selection.run, other)})
    _pixels(found, selection.run, other)


def _other(run: Run) -> Run | None:
    """The run that the chosen one is compared with: that of the address, or the first there is."""
    broken = broken_runs()
    names = [name for name in names_of_runs() if name != run.name and name not in broken]
    names = [name for name in names if load_run(name).evaluations()]
    if not names:
        st.info("There is no other run that was evaluated. Two are needed to be compared.", icon=":material/info:")
        return None
    key, linked = "compare with", st.query_params.get(_WITH)
    if st.session_state.get(key) not in names:
        st.session_state[key] = linked if linked in names else names[0]
    chosen: str = st.selectbox(
        f"{run.name} is compared with", names, key=key, persist_state="session",
        help="Another run that was measured on the same slices against the same labels, whatever their dataset is "
        "called.",
    )  # fmt: skip
    if chosen != linked:
        st.query_params[_WITH] = chosen
    return load_run(chosen)


def _key(what: str, found: Comparison) -> str:
    """Names a choice of this comparison: the slices and measures of another are others."""
    return f"compare {what} {found.first.run} {found.second.run} {found.first.dataset} {found.first.part}"


def _usual(rows: tuple[Difference, ...]) -> int:
    """The measure that matters most of those in which the two differ at all."""
    names = [row.measure for row in rows if row.by_slice.low != row.by_slice.high]
    name = next((one for one in ("v_rand", "wrong_percent", *names) if one in names), rows[0].measure)
    return [row.measure for row in rows].index(name)


def _table(found: Comparison, rows: tuple[Difference, ...]) -> None:
    # As text, which is there with the page: a table that comes later would push everything below it down.
    one, other = (words.plain(side.run) for side in (found.first, found.second))
    lines = [
        f"| mean over slices | {one} | {other} | difference | 95 % interval, by slice | by blocks of {BLOCK} | |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        measure = MEASURES[row.measure]
        said = f"{other} is {'better' if row.better else 'worse'}" if row.sure else "not told apart"
        values = " | ".join(_number(value, measure) for value in (row.first, row.second))
        lines.append(
            f"| {measure.title} | {values} | {_number(row.by_slice.mean, measure, signed=True)} "
            f"| {_range(row.by_slice, measure)} | {_range(row.by_block, measure)} | {said} |"
        )
    st.markdown("\n".join(lines))
    st.caption(
        "An interval says where the mean difference would lie in 95 of 100 sets of slices like these. Neighbouring "
        f"slices look alike and fail alike, which drawing them in blocks of {BLOCK} allows for. Two runs are told "
        "apart where neither interval holds 0. Pixels are counted at the threshold each run chose for itself."
    )
    table = pd.DataFrame(
        [
            {
                "measure": MEASURES[row.measure].title,
                found.first.run: row.first,
                found.second.run: row.second,
                "difference": row.by_slice.mean,
                "low by slice": row.by_slice.low,
                "high by slice": row.by_slice.high,
                f"low by blocks of {BLOCK}": row.by_block.low,
                f"high by blocks of {BLOCK}": row.by_block.high,
            }
            for row in rows
        ]
    )
    csv_button("Differences as CSV", table, f"{found.first.run}-{found.second.run}.csv")


def _number(value: float, measure: Measure, *, signed: bool = False) -> str:
    return f"{value:{'+' if signed else ''}.{measure.digits}f}{measure.unit}"


def _range(interval: Interval, measure: Measure) -> str:
    return f"{interval.low:+.{measure.digits}f} to {interval.high:+.{measure.digits}f}"


def _slice_by_slice(found: Comparison, name: str) -> None:
    measure, values = MEASURES[name], found.values[name]
    apart = values[:, 1] - values[:, 0]
    gains = apart > 0 if measure.higher_is_better else apart < 0
    known = [at for at in range(len(apart)) if not math.isnan(apart[at])]
    if not any(apart[at] for at in known):
        st.caption(f"The two runs do not differ in {measure.title} in any of the slices.")
        return
    colours = [FIXED if gains[at] else GREY if apart[at] == 0 else BROKEN for at in known]
    show_chart(
        slice_chart(
            [found.slices[at] for at in known], [float(apart[at]) for at in known], colours,
            f"Difference in {measure.title}", measure.unit.strip() or "difference", current().z,
        ),
        key="compare slices", name="difference-by-slice", description=f"Difference in {measure.title} by slice",
    )  # fmt: skip
    swatches([(FIXED, f"{found.second.run} is better in this slice"), (BROKEN, f"{found.first.run} is better in it")])
    table = pd.DataFrame(
        {
            "slice": found.slices,
            found.first.run: values[:, 0],
            found.second.run: values[:, 1],
            "difference": apart,
        }
    )
    with st.expander("Slice by slice as a table", icon=":material/table:"):
        st.dataframe(table, hide_index=True, height=320)
        csv_button("Slices as CSV", table, f"{found.first.run}-{found.second.run}-{name}.csv")


def _events(found: Comparison, runs: Mapping[str, Run]) -> None:
    """Splits and merges that one of the two has alone, the most harmful first."""
    if not (said := found.events_said()):
        return
    st.subheader("Splits and merges", help=words.HELP["harm"])
    st.markdown(words.plain(said))
    changes = found.events()
    assert changes is not None
    st.caption(
        "A split is the same where the same neurite is split, a merge where two of its neurites are joined in both. "
        f"Those with most harm come first, and {MOST_EVENTS} are drawn; a click opens one on the Errors page."
    )
    columns = st.container(key="two events").columns(2, gap="large")
    for column, side, events in zip(columns, (found.first, found.second), (changes.gone, changes.new), strict=True):
        with column:
            st.markdown(f"**{words.count(len(events))} only in {words.plain(side.run)}**")
            picture_cards(_event_cards(runs[side.run], side, events[:MOST_EVENTS]))


def _event_cards(run: Run, side: Side, events: Sequence[Event]) -> list[PictureCard]:
    result = load_result(run, side.dataset, side.part)
    layers = open_layers(side.dataset, run.name, side.part)
    threshold = result.points.get(side.evaluation.events_at, next(iter(result.points.values())))
    cards = []
    for event in events:
        query = {
            "kind": event.kind, "value": last_membrane_value(threshold), "version": layers.version, "side": 192,
            "at": ",".join(f"{y},{x}" for y, x in event.openings[:8]),
        }  # fmt: skip
        address = {"run": run.name, "dataset": side.dataset, "part": side.part, "slice": event.slice}
        place = f"{event.slice}/{event.top}/{event.left}/{event.bottom}/{event.right}"
        harm = "" if math.isnan(event.harm) else f", harm {words.decimal(event.harm, 4)}"
        cards.append(
            PictureCard(
                to=f"errors?{urlencode(address | {'event': event_id(event)})}",
                picture=f"/segcore/thumbnails/{side.dataset}/{run.name}/{side.part}/{place}?{urlencode(query)}",
                height=1,
                width=1,
                alt=f"{event_title(event)} in slice {event.slice}",
                title=event_title(event),
                text=f"slice {event.slice}, {words.count(event.stray_px)} px{harm}",
            )
        )
    return cards


def _pixels(found: Comparison, one: Run, other: Run) -> None:
    """What became right, what became wrong and what is wrong in both, in one slice."""
    st.subheader("Pixel by pixel")
    z: int = st.select_slider("Slice", found.slices, value=_shown(found), key=_key("slice", found))
    choose(slice=z)
    wrong = [
        _wrong(run, side.dataset, side.part, z)
        for run, side in zip((one, other), (found.first, found.second), strict=True)
    ]
    fixed, broken, both = wrong[0] & ~wrong[1], wrong[1] & ~wrong[0], wrong[0] & wrong[1]
    image = load_dataset(found.first.dataset).image(z)
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.image(
            small_picture(changes_overlay(image, fixed, broken, both), 900), width="stretch",
            alt=f"Slice {z}: pixels that are right in one run only, and those that are wrong in both",
        )  # fmt: skip
    with right:
        swatches(
            [
                (FIXED, f"right in {found.second.run} only: {words.count(int(fixed.sum()))} pixels"),
                (BROKEN, f"right in {found.first.run} only: {words.count(int(broken.sum()))} pixels"),
                (WRONG_IN_BOTH, f"wrong in both: {words.count(int(both.sum()))} pixels"),
            ]
        )
        st.caption("Each run at the threshold it chose for the fewest wrong pixels, or at its only one.")
        for run, side in ((one, found.first), (other, found.second)):
            if pressed(f"Errors of {run.name} in this slice", key=f"errors of {run.name}", icon=":material/search:"):
                look_at(run.name, "errors", dataset=side.dataset)


def _shown(found: Comparison) -> int:
    """The slice of the sidebar where both have it, or the one that changed most."""
    z = current().z
    if z in found.slices:
        return z
    values = found.values["wrong_percent"]
    return found.slices[int(np.nanargmax(np.abs(values[:, 1] - values[:, 0])))]


def _wrong(run: Run, dataset: str, part: str, z: int) -> NDArray[np.bool_]:
    result = load_result(run, dataset, part)
    threshold = result.points.get("pixel", next(iter(result.points.values())))
    truth = Truth.of(counted_label(result, z))
    return truth.masked(truth.interior != predicted_interior(load_probability(result, z), threshold))


page()
