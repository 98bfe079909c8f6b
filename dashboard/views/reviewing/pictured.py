"""Splits and merges as small pictures that lead to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from urllib.parse import urlencode

from dashboard import words
from dashboard.figures import PictureCard
from dashboard.state import Result
from dashboard.viewer import MOST_OPENINGS
from dashboard.views.reviewing.events import event_id, event_pictures, event_title
from segcore.measures import Event, last_membrane_value

_PICTURE_PX = 192


def event_pictured(result: Result, events: Sequence[Event], said: Sequence[Sequence[str]]) -> list[PictureCard]:
    """A picture of each with its slice, size and harm; none where the images are not here.

    Args:
        result: the evaluation.
        events: of it.
        said: of each what else stands below its picture.
    """
    of = event_pictures(result)
    if of is None:
        return []
    stack = f"/segcore/thumbnails/{of.dataset}/{of.run}/{of.part}"
    query = {"value": last_membrane_value(of.threshold), "version": of.version, "side": _PICTURE_PX}
    address = {"run": result.run.name, "dataset": result.dataset, "part": result.part}
    found = []
    for event, more in zip(events, said, strict=True):
        at = {"kind": event.kind, "at": ",".join(f"{y},{x}" for y, x in event.openings[:MOST_OPENINGS])}
        place = f"{event.slice}/{event.top}/{event.left}/{event.bottom}/{event.right}"
        facts = [f"slice {event.slice}", f"{words.count(event.stray_px)} px"]
        if not math.isnan(event.harm):
            facts.append(f"harm {words.decimal(event.harm, 4)}")
        found.append(
            PictureCard(
                to=f"errors?{urlencode(address | {'slice': event.slice, 'event': event_id(event)})}",
                picture=f"{stack}/{place}?{urlencode(query | at)}",
                height=1,
                width=1,
                alt=f"{event_title(event)} in slice {event.slice}",
                title=event_title(event),
                text=", ".join([*facts, *more]),
            )
        )
    return found
