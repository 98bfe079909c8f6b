"""Splits and merges, to be reviewed: those that do most harm first."""

from __future__ import annotations

import math
from dataclasses import dataclass

import streamlit as st

from dashboard import words
from dashboard.state import Result, stamp
from dashboard.viewer import Place
from dashboard.views.reviewing.items import Item
from segcore import reviews
from segcore.evaluation import events_by_harm
from segcore.measures import Event


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which splits and merges are shown.

    Attributes:
        kind: `all`, `merge`, `split` or `loop`.
        least_px: those with fewer stray pixels are hidden.
        slice: index of the only slice, or None for all.
    """

    kind: str = "all"
    least_px: int = 0
    slice: int | None = None

    def holds(self, event: Event) -> bool:
        """Whether an event is shown."""
        if self.kind == "loop":
            of_kind = event.loop
        else:
            of_kind = self.kind == "all" or (event.kind == self.kind and not event.loop)
        return of_kind and event.stray_px >= self.least_px and self.slice in (None, event.slice)


def event_items(result: Result, wanted: Filter) -> list[Item]:
    """Those that pass the filter."""
    return [
        item
        for event, item in _items(str(result.folder.absolute()), stamp(result.folder), result)
        if wanted.holds(event)
    ]


@st.cache_resource(max_entries=8, show_spinner=False)
def _items(folder: str, key: object, _result: Result) -> list[tuple[Event, Item]]:
    # Numbers of a prediction at a threshold are not those of the segments that are kept.
    kept = _result.evaluation.events_at == "segments"
    events = events_by_harm(_result.evaluation)
    return [(event, _item(event, number, kept)) for number, event in enumerate(events, start=1)]


def _item(event: Event, number: int, kept: bool) -> Item:
    return Item(
        id=f"{'loop-' if event.loop else ''}{event.kind}-{event.slice}-{event.y}-{event.x}",
        kind=event.kind,
        title=title(event),
        said=said(event),
        harm=event.harm,
        size_px=event.stray_px,
        place=Place(
            number=number,
            slice=event.slice,
            y=event.y,
            x=event.x,
            area_px=event.area_px,
            text=title(event),
            stays=True,
            neurites=event.neurites,
            segments=event.segments if kept else (),
            openings=event.openings,
            box=(event.top, event.left, event.bottom, event.right),
        ),
        judged_at=reviews.Place(
            kind=f"{'loop ' if event.loop else ''}{event.kind}",
            slice=event.slice,
            y=event.y,
            x=event.x,
            top=event.top,
            left=event.left,
            bottom=event.bottom,
            right=event.right,
        ),
    )


def title(event: Event) -> str:
    """An event in a few words."""
    if event.loop:
        loops = len(event.overlaps_px) - 1
        what = "1 loop" if loops == 1 else f"{loops} loops"
        return f"{what} {'joined' if event.kind == 'merge' else 'cut out'}"
    if event.kind == "merge":
        return f"merge of {len(event.neurites)}"
    return f"split in {len(event.segments)}"


def said(event: Event) -> str:
    """What is known of an event, in plain words."""
    sizes = words.listed([words.count(one) for one in event.overlaps_px[:4]])
    if len(event.overlaps_px) > 4:
        sizes = ", ".join(words.count(one) for one in event.overlaps_px[:4]) + ", …"
    inner = words.listed([words.count(one) for one in event.overlaps_px[1:4]])
    place = f"x {event.x}, y {event.y}"
    many = f"{len(event.openings)} places, first at {place}" if len(event.openings) > 1 else f"one place, {place}"
    if event.loop and event.kind == "merge":
        first = (
            f"Slice {event.slice}: loops inside one neurite, such as organelles ({inner} px), are labelled as neurites "
            f"of their own and were not kept apart from it, at {place}."
        )
    elif event.loop:
        first = f"Slice {event.slice}: loops inside a neurite ({inner} px) became segments of their own, at {place}."
    elif event.kind == "merge":
        first = (
            f"Slice {event.slice}: {len(event.neurites)} neurites ({sizes} px) in one segment; the membrane is open "
            f"at {many}."
        )
    else:
        first = (
            f"Slice {event.slice}: a neurite of {words.count(event.area_px)} px in {len(event.segments)} segments "
            f"({sizes} px); a false wall crosses it at {many}."
        )
    return f"{first} {_harm(event)}"


def _harm(event: Event) -> str:
    if math.isnan(event.harm):
        return "How much harm it does is not known: the evaluation is older than that measure."
    if event.harm < 0:
        return (
            f"Undone alone, V_Rand of the slice would fall by {-event.harm:.4f}: the largest piece also holds other "
            "neurites, so undo that merge first."
        )
    return f"Undone, V_Rand of the slice would rise by {event.harm:.4f}."
