"""Splits and merges of a run as small pictures of their places, in any order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st

from dashboard import words
from dashboard.figures import picture_cards
from dashboard.state import Result
from dashboard.views.datasets.shown import DECIDED, MOST_CARDS, NO_VERDICTS, VerdictsOn, kept, tag_choice, verdicts_said
from dashboard.views.reviewing import Filter, event_items, event_pictured, judged
from segcore.measures import Event
from segcore.reviews import Decision


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
    drawn = fitting[:MOST_CARDS]
    cards_of = event_pictured(result, [one.event for one in drawn], [verdicts_said(one.judged) for one in drawn])
    if drawn and not cards_of:
        st.info("The images are not installed here, so there are no pictures.", icon=":material/info:")
    picture_cards(cards_of)


def event_cards(result: Result) -> list[EventCard]:
    """One for each, the most harmful first."""
    items = event_items(result, Filter())
    found = judged(result, (one.judged_at for one in items)).of_places
    return [
        EventCard(event=one.event, judged=VerdictsOn.of(found[one.key]) if found and one.key in found else NO_VERDICTS)
        for one in items
    ]
