"""The splits and merges of a report, each as a card with pictures."""

from __future__ import annotations

import math

from segcore.evaluation import harm_is_known, harm_said
from segcore.measures import Event
from segcore.report.cards import card, grid, judged_so_far
from segcore.report.contents import Contents
from segcore.report.pictured import PicturedEvent
from segcore.report.sentences import counted, listed

_MOST_PARTS = 3


def places_title(contents: Contents) -> str:
    """What the section is called: which splits and merges are shown."""
    number, of_all = len(contents.places), len(contents.evaluation.events)
    if not number or number == of_all:
        return "Splits and merges"
    most = "of most harm" if harm_is_known(contents.evaluation) else "with most stray pixels"
    return f"The {counted(number, 'split or merge', 'splits and merges')} {most}"


def split_and_merge_cards(contents: Contents) -> str:
    """HTML of the cards, those of most harm first."""
    places = contents.places
    if not places:
        return "<p>No neurite was split or merged.</p>"
    about = (
        "On the left the image, on the right the same with the wrong pixels of the mask at threshold "
        f"{contents.threshold_of_places:.3f}: missed membrane blue, false membrane orange. Rings mark where the "
        "membrane between neurites is open (blue) or where a false wall cuts one (orange); at most eight are drawn. "
        "The same neurite can be part of a merge and of a split."
    )
    if not harm_is_known(contents.evaluation):
        about += (
            " Harm was not measured, so they are ordered by stray pixels: those of a split neurite outside its largest "
            "piece, or of a merging segment outside its largest neurite."
        )
    found = (_card(one, number) for number, one in enumerate(places, start=1))
    return f"<p><small>{about} {judged_so_far(places)}</small></p>{grid(found)}"


def _card(place: PicturedEvent, number: int) -> str:
    event = place.event
    harm = "" if math.isnan(event.harm) else f" {harm_said(event)}"
    return card(
        place,
        f"{number}. {event.kind.capitalize()} in slice {event.slice}",
        f", at x {event.x}, y {event.y}: {_what(event)}.{harm}",
        name=f"{event.kind} in slice {event.slice}",
    )


def _what(event: Event) -> str:
    parts = f"{listed([f'{pixels:,}' for pixels in event.overlaps_px[:_MOST_PARTS]])} px"
    smaller = len(event.overlaps_px) - _MOST_PARTS
    more = f" and {counted(smaller, 'smaller part', 'smaller parts')}" if smaller > 0 else ""
    if event.kind == "merge":
        return f"one segment holds {parts}{more} of {len(event.neurites)} neurites"
    return f"a neurite of {event.area_px:,} px lies in {len(event.segments)} segments, with {parts}{more}"
