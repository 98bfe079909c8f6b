"""Splits and merges of a run as small pictures of their places, in any order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st

from dashboard import words
from dashboard.figures import picture_cards
from dashboard.state import Result
from dashboard.views.datasets.by_value import CardMeasure, known, range_choice
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


_MEASURES: Mapping[str, CardMeasure[EventCard]] = {
    "harm": CardMeasure(title="harm", value=lambda one: one.event.harm, digits=4),
    "size": CardMeasure(title="stray pixels", value=lambda one: one.event.stray_px),
    "area": CardMeasure(
        title="area of the neurite or segment", value=lambda one: one.event.area_px, first="largest", unit=" px"
    ),
    "pieces": CardMeasure(title="neurites or pieces", value=lambda one: len(one.event.overlaps_px)),
    "number": CardMeasure(title="slice", value=lambda one: one.event.slice, first=""),
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
    columns = st.container(key="two-grid-choices").columns(3)
    order = kept(columns[0], "Sorted by", "sort", known(_MEASURES, cards), lambda name: _MEASURES[name].order)
    which = kept(columns[1], "Shown", "show", shown, lambda name: _SHOWN[name][0])
    tag = tag_choice(columns[2], (one.judged for one in cards))
    within = range_choice(_MEASURES, cards)
    fitting = [one for one in cards if _SHOWN[which][1](one) and one.judged.has(tag) and within.has(one)]
    fitting.sort(key=_MEASURES[order].key)
    about = f"{words.count(len(fitting))} of {words.counted(len(cards), 'split or merge', 'splits and merges')}{within}"
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
