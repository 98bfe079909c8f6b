"""The splits and merges of a report, each as a card with pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from segcore.measures import Event
from segcore.report.cards import card, grid, judged_so_far
from segcore.report.pictured import PicturedEvent


def split_and_merge_cards(places: Sequence[PicturedEvent], threshold: float) -> str:
    """HTML of the cards, in the order that is given.

    Args:
        places: events with their pictures.
        threshold: of the mask that the pictures show.
    """
    if not places:
        return "<p>No neurite was split or merged.</p>"
    about = (
        f"On the left the image, on the right the same with the wrong pixels of the mask at threshold {threshold:.3f}: "
        "missed membrane blue, false membrane orange. Rings mark where the membrane between neurites is open (blue) or "
        "where a false wall cuts one (orange); at most eight are drawn. The same neurite can be part of a merge and of "
        "a split."
    )
    found = (_card(one, number) for number, one in enumerate(places, start=1))
    return f"<p><small>{about} {judged_so_far(places)}</small></p>{grid(found)}"


def _card(place: PicturedEvent, number: int) -> str:
    event = place.event
    harm = "" if math.isnan(event.harm) else f" Undone, V_Rand of the slice rises by {event.harm:.4f}."
    return card(
        place,
        f"{number}. {event.kind.capitalize()} in slice {event.slice}",
        f", at x {event.x}, y {event.y}: {_what(event)}.{harm}",
        name=f"{event.kind} in slice {event.slice}",
    )


def _what(event: Event) -> str:
    parts = " and ".join(f"{pixels:,}" for pixels in event.overlaps_px[:3])
    more = f" and {len(event.overlaps_px) - 3} more" if len(event.overlaps_px) > 3 else ""
    if event.kind == "merge":
        return f"one segment holds {parts} px{more} of {len(event.neurites)} neurites"
    return f"a neurite of {event.area_px:,} px lies in {len(event.segments)} segments, with {parts} px{more}"
