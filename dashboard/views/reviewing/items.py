"""What there is to review: something at a place, of whatever kind, and its verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dashboard import words
from dashboard.queue import QueueRow
from dashboard.views.reviewing.verdicts import Judged
from segcore import reviews

MOST_ROWS = 1000
"""So many rows are sent to the browser at once; whoever walked through them all sees the next."""


@dataclass(frozen=True, kw_only=True)
class Item(QueueRow):
    """A row of the queue with the place that verdicts on it belong to.

    Attributes:
        judged_at: that place.
    """

    judged_at: reviews.Place


def rows_of(items: Sequence[Item], judged: Judged) -> list[QueueRow]:
    """The first of them, with what was decided."""
    rows: list[QueueRow] = []
    for item in items[:MOST_ROWS]:
        own = judged.own(item.judged_at)
        others = tuple((one.reviewer, one.decision) for one in judged.others(item.judged_at))
        decision, note = (own.decision, own.note) if own else (None, "")
        rows.append(replace(item, decision=decision, note=note, others=others))
    return rows


def progress(items: Iterable[Item], judged: Judged) -> str:
    """How many of them were judged by anybody, and how much of their harm."""
    items = list(items)
    done = [item for item in items if judged.own(item.judged_at) or judged.others(item.judged_at)]
    harm, of = (sum(max(0.0, one.harm) for one in some if one.harm == one.harm) for some in (done, items))
    text = f"{words.count(len(done))} of {words.count(len(items))} reviewed"
    return f"{text}, {100 * harm / of:.0f} % of the harm" if of else text
