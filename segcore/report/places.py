"""The splits and merges of a report, each as a card with pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from segcore.report.contents import PicturedEvent


def split_and_merge_cards(places: Sequence[PicturedEvent], threshold: float) -> str:
    """HTML of the cards, in the order that is given.

    Args:
        places: events with their pictures.
        threshold: of the mask that the pictures show.
    """
    if not places:
        return "<p>No neurite was split or merged.</p>"
    found = []
    for number, one in enumerate(places, start=1):
        event = one.event
        parts = " and ".join(f"{pixels:,}" for pixels in event.overlaps_px[:3])
        more = f" and {len(event.overlaps_px) - 3} more" if len(event.overlaps_px) > 3 else ""
        what = (
            f"one segment holds {parts} px{more} of {len(event.neurites)} neurites"
            if event.kind == "merge"
            else f"a neurite of {event.area_px:,} px lies in {len(event.segments)} segments, with {parts} px{more}"
        )
        harm = "" if math.isnan(event.harm) else f" Undone, V_Rand of the slice rises by {event.harm:.4f}."
        name = f"{event.kind} in slice {event.slice}"
        picture = (
            f'<div class="both"><img src="{one.plain}" alt="the image"><img src="{one.picture}" alt="{name}"></div>'
            if one.picture
            else ""
        )
        verdicts = "".join(
            f"<p><strong>{escape(verdict.decision)}</strong>, {escape(verdict.reviewer)}"
            + (f": {escape(verdict.note)}" if verdict.note else "")
            + "</p>"
            for verdict in one.verdicts
        )
        found.append(
            f"<article>{picture}<p><strong>{number}. {event.kind.capitalize()} in slice {event.slice}</strong>, at x "
            f"{event.x}, y {event.y}: {what}.{harm}</p>{verdicts}</article>"
        )
    about = (
        f"On the left the image, on the right the same with the wrong pixels of the mask at threshold {threshold:.3f}: "
        "missed membrane blue, false membrane orange. Rings mark where the membrane between neurites is open (blue) or "
        "where a false wall cuts one (orange); at most eight are drawn. The same neurite can be part of a merge and of "
        "a split."
    )
    judged = sum(bool(one.verdicts) for one in places)
    so_far = f"{judged} of these {len(places)} were judged by reviewers." if judged else "Nobody judged them yet."
    return f'<p><small>{about} {so_far}</small></p><div class="places">{"".join(found)}</div>'
