"""What changed from one run to another: in the slices, pixel by pixel, and in their splits and merges."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import words
from dashboard.queue import QUEUE_KEYS, queue, reported
from dashboard.state import Result, choose, counted_label, current, load_dataset, load_probability
from dashboard.viewer import OtherRun, SliceRow, viewer
from dashboard.views.reviewing import (
    Change,
    Filter,
    Judgeable,
    Judged,
    PlacesByName,
    changed_events,
    changed_rows,
    desk,
    event_pictures,
    judged,
    progress,
    take_changes,
)
from segcore.errors import SegcoreError
from segcore.evaluation import Comparison, counted_with_harm
from segcore.measures import predicted_interior
from segcore.stacks import Truth
from segcore.storage import read_only

_ADDRESS = "event"
_LIST_PX = 420
_WHICH = {"all": "Splits and merges of one run only", "gone": "Gone", "new": "New"}


def changes_section(found: Comparison, first: Result, second: Result) -> None:
    """The slices that both have with what changed in them, and splits and merges that one of the two has alone."""
    try:
        info = load_dataset(found.first.dataset).info
    except SegcoreError as error:
        st.info(f"There is nothing to look at: {words.message(error)}.", icon=":material/image_not_supported:")
        return
    pictures, places = st.columns([17, 10], gap="medium")
    # The queue, which decides what is shown, is made first; the place of the viewer before it, so that nothing moves.
    place = pictures.container(key="two runs place")
    place.empty()  # what holds nothing is not drawn
    z = _shown(found)
    with places:
        _queue(found, first, second, z)
    with place:
        _viewer(found, first, second, z, info.voxel_size_nm)


def _queue(found: Comparison, first: Result, second: Result, z: int) -> None:
    changes = found.events()
    if changes is None:
        st.caption("One of the two has splits and merges of segments, the other of a mask: these are not compared.")
        return
    one, other = words.plain(first.run.name), words.plain(second.run.name)
    left, right = st.columns([5, 2], gap="small", vertical_alignment="bottom")
    with left:
        which: str = st.selectbox(
            "Which splits and merges are listed", list(_WHICH), format_func=_WHICH.__getitem__,
            key=f"changed events {first.run.name} {second.run.name}", label_visibility="collapsed",
            help="A split is the same where the same neurite is split, a merge where two of its neurites are joined "
            f"in both. {words.HELP['harm']}",
        )  # fmt: skip
    with right, st.popover("Filter", width="stretch"):
        least_px = st.number_input("Hide those with fewer pixels than", 0, 10**6, 0, step=20, key="changed least")
        here = st.toggle("Only the slice that is shown", key="changed slice")
        undecided = st.toggle("Only those that I have not judged", key="changed undecided")
    st.caption(
        f"Gone, only in {one}: {counted_with_harm(changes.gone)}. New, only in {other}: "
        f"{counted_with_harm(changes.new)}. In both: {words.count(len(changes.in_both))}."
    )
    wanted = Filter(least_px=int(least_px), slice=z if here else None)
    listed = [event for event in changed_events(first, second, changes, wanted) if which in ("all", event.change)]
    key = f"compare queue {first.run.name} {first.folder.name} {second.run.name} {second.folder.name}"
    at = desk(first)
    report = reported(key, at.heard)
    sides = [
        (result, [event for event in listed if event.result is result]) for result in (first, second)
    ]  # fmt: skip
    take_changes(
        at, [Judgeable(result=result, places=PlacesByName(events)) for result, events in sides], report.changes
    )
    judgements = [(events, judged(result, (event.judged_at for event in events))) for result, events in sides]
    known: dict[Change, Judged] = {"gone": judgements[0][1], "new": judgements[1][1]}
    shown = [one for one in listed if not undecided or known[one.change].own(one.judged_at) is None]
    rows = changed_rows(shown, known)
    said = progress(*judgements)
    if len(shown) > len(rows):
        said += f"; the first {words.count(len(rows))} are listed"
    if report.chosen is not None:
        st.query_params[_ADDRESS] = report.chosen
    queue(
        key=key,
        rows=rows,
        version=f"{first.facts.get('evaluated')} {second.facts.get('evaluated')} {hash(tuple(row.id for row in rows))}",
        pictures=event_pictures(first),
        heard=at.heard,
        chosen=report.chosen or st.query_params.get(_ADDRESS),
        reviewer=at.reviewer,
        may_decide=not read_only(),
        progress=said,
        message=at.message,
        empty="Nothing passes the filter."
        if len(listed) < len(changes.gone) + len(changes.new)
        else "Neither has one alone.",
        least_px=_LIST_PX,
        theme=st.context.theme.type,
    )


def _viewer(found: Comparison, first: Result, second: Result, z: int, voxel: tuple[float, ...] | None) -> None:
    wrong = dict(zip(found.slices, found.values["wrong_percent"][:, 0], strict=True))
    names = dict(zip(first.evaluation.slices, first.evaluation.names, strict=True))
    changed = viewer(
        key="compare viewer",
        dataset=first.dataset,
        run=first.run.name,
        part=first.part,
        slices=[SliceRow(index=at, name=names[at], wrong_percent=float(wrong[at])) for at in found.slices],
        z=z,
        threshold=_threshold(first),
        voxel_nm=voxel[2] if voxel else None,
        mode="both",
        other=OtherRun(run=second.run.name, dataset=second.dataset, part=second.part, threshold=_threshold(second)),
        keys_left=QUEUE_KEYS,
        theme=st.context.theme.type,
    )
    if changed.slice is not None and changed.slice != z:
        st.session_state[_slice_key(found)] = changed.slice
        choose(slice=changed.slice)
        st.rerun()
    st.caption(
        f"{_counted(found, first, second, z)} Each run is shown at the threshold it chose for the fewest wrong pixels, "
        "or at its only one."
    )


def _counted(found: Comparison, first: Result, second: Result, z: int) -> str:
    wrong = [_wrong(result, z) for result in (first, second)]
    fixed, broken, both = (int(one.sum()) for one in (wrong[0] & ~wrong[1], wrong[1] & ~wrong[0], wrong[0] & wrong[1]))
    one, other = (words.plain(result.run.name) for result in (first, second))
    v_rand = found.values.get("v_rand")
    neurites = ""
    if v_rand is not None and not np.isnan(v_rand[found.slices.index(z)]).any():
        before, after = (words.decimal(float(value), 4) for value in v_rand[found.slices.index(z)])
        neurites = f"V_Rand of segments {before} in {one} and {after} in {other}; "
    return (
        f"Slice {z}: {neurites}{words.count(fixed)} pixels are right in {other} only, {words.count(broken)} in {one} "
        f"only, and {words.count(both)} are wrong in both."
    )


def _shown(found: Comparison) -> int:
    """The slice that was shown last, that of the other pages where both have it, or the one that changed most."""
    # Other pages may be about another part of the stack, and do not know all of these slices.
    for z in (st.session_state.get(_slice_key(found)), current().z):
        if z in found.slices:
            return int(z)
    values = found.values["wrong_percent"]
    return found.slices[int(np.nanargmax(np.abs(values[:, 1] - values[:, 0])))]


def _slice_key(found: Comparison) -> str:
    return f"compare slice {found.first.run} {found.second.run} {found.first.dataset} {found.first.part}"


def _threshold(result: Result) -> float:
    return result.points.get("pixel", next(iter(result.points.values())))


def _wrong(result: Result, z: int) -> NDArray[np.bool_]:
    truth = Truth.of(counted_label(result, z))
    return truth.masked(truth.interior != predicted_interior(load_probability(result, z), _threshold(result)))
