"""Splits and merges of a run as small pictures of their places, in any order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

import streamlit as st

from dashboard import words
from dashboard.figures import PictureCard, picture_cards
from dashboard.state import Result
from dashboard.viewer import MOST_OPENINGS
from dashboard.views.datasets.shown import DECIDED, MOST_CARDS, NO_VERDICTS, VerdictsOn, kept, tag_choice, verdicts_said
from dashboard.views.reviewing import Filter, event_id, event_items, event_pictures, event_title, judged
from segcore.measures import Event, last_membrane_value
from segcore.reviews import Decision

_PICTURE_PX = 192


@dataclass(frozen=True, kw_only=True)
class EventCard:
    """A split or merge and what reviewers said of it."""

    event: Event
    judged: VerdictsOn


def _of_kind(one: EventCard, *, kind: str) -> bool:
    return one.event.loop if kind == "loop" else one.event.kind == kind and not one.event.loop


def _decided(one: EventCard, *, decision: Decision) -> bool:
    return decision in one.judged.decisions


_ORDERS: Mapping[str, tuple[str, Callable[[EventCard], float]]] = {
    "harm": ("harm, most first", lambda one: -one.event.harm),
    "size": ("stray pixels, most first", lambda one: -one.event.stray_px),
    "area": ("area of the neurite or segment, largest first", lambda one: -one.event.area_px),
    "pieces": ("neurites or pieces, most first", lambda one: -len(one.event.overlaps_px)),
    "number": ("slice", lambda one: one.event.slice),
}
_SHOWN: Mapping[str, tuple[str, Callable[[EventCard], bool]]] = {
    "all": ("all splits and merges", lambda one: True),
    "merge": ("merges", partial(_of_kind, kind="merge")),
    "split": ("splits", partial(_of_kind, kind="split")),
    "loop": ("loops inside neurites", partial(_of_kind, kind="loop")),
    "judged": ("those with verdicts", lambda one: one.judged.number > 0),
    "open": ("those without a verdict", lambda one: not one.judged.number),
    **{name: (text, partial(_decided, decision=decision)) for name, (text, decision) in DECIDED.items()},
}


def event_grid(result: Result) -> None:
    """Draws those that are asked for, in the order that is asked for."""
    cards = event_cards(result)
    if not cards:
        st.info("There are no splits and merges in this evaluation.", icon=":material/info:")
        return
    shown = [name for name, (_, fits) in _SHOWN.items() if any(map(fits, cards))]
    possible = [name for name, (_, key) in _ORDERS.items() if not all(math.isnan(key(one)) for one in cards)]
    columns = st.columns(3)
    order = kept(columns[0], "Sorted by", "sort", possible, lambda name: _ORDERS[name][0])
    which = kept(columns[1], "Shown", "show", shown, lambda name: _SHOWN[name][0])
    tag = tag_choice(columns[2], (one.judged for one in cards))
    key = _ORDERS[order][1]
    fitting = [one for one in cards if _SHOWN[which][1](one) and one.judged.has(tag)]
    fitting.sort(key=lambda one: (math.isnan(key(one)), key(one)))
    about = f"{words.count(len(fitting))} of {words.counted(len(cards), 'split or merge', 'splits and merges')}"
    if len(fitting) > MOST_CARDS:
        about += f", of which the first {words.count(MOST_CARDS)} are drawn"
    st.caption(
        f"{about}, of {words.plain(result.run.name)}. Rings mark where a membrane is open or a false wall stands; a "
        "click opens the place on the Errors page. A copied address opens the same grid."
    )
    picture_cards(_pictured(fitting[:MOST_CARDS], result))


def event_cards(result: Result) -> list[EventCard]:
    """One for each, the most harmful first."""
    items = event_items(result, Filter())
    found = judged(result, (one.judged_at for one in items)).of_places
    return [
        EventCard(event=one.event, judged=VerdictsOn.of(found[one.key]) if found and one.key in found else NO_VERDICTS)
        for one in items
    ]


def _pictured(cards: list[EventCard], result: Result) -> list[PictureCard]:
    of = event_pictures(result)
    if of is None:
        st.info("The images are not installed here, so there are no pictures.", icon=":material/info:")
        return []
    stack = f"/segcore/thumbnails/{of.dataset}/{of.run}/{of.part}"
    query = {"value": last_membrane_value(of.threshold), "version": of.version, "side": _PICTURE_PX}
    address = {"run": result.run.name, "dataset": result.dataset, "part": result.part}
    found = []
    for one in cards:
        event = one.event
        at = {"kind": event.kind, "at": ",".join(f"{y},{x}" for y, x in event.openings[:MOST_OPENINGS])}
        place = f"{event.slice}/{event.top}/{event.left}/{event.bottom}/{event.right}"
        found.append(
            PictureCard(
                to=f"errors?{urlencode(address | {'slice': event.slice, 'event': event_id(event)})}",
                picture=f"{stack}/{place}?{urlencode(query | at)}",
                height=1,
                width=1,
                alt=f"{event_title(event)} in slice {event.slice}",
                title=event_title(event),
                text=_said(one),
            )
        )
    return found


def _said(one: EventCard) -> str:
    event = one.event
    said = [f"slice {event.slice}", f"{words.count(event.stray_px)} px"]
    if not math.isnan(event.harm):
        said.append(f"harm {words.decimal(event.harm, 4)}")
    return ", ".join([*said, *verdicts_said(one.judged)])
