"""What there is to review: something at a place, of whatever kind, and its verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboard import words
from dashboard.queue import QueueRow
from dashboard.viewer import Place
from dashboard.views.reviewing.verdicts import Judged
from segcore import reviews

MOST_ROWS = 1000
"""So many rows are sent to the browser at once; whoever walked through them all sees the next."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something to review.

    Attributes:
        id: its name in the address, the same in the next evaluation if the place is.
        kind: `merge` or `split`, which has a colour, or another word.
        title: what it is, in two or three words.
        said: what is known of it, in a sentence or two.
        harm: by how much V_Rand of the slice would rise if it were undone; nan where nobody knows.
        size_px: pixels that are wrong, or in the wrong part.
        place: where the viewer goes.
        judged_at: where verdicts on it are.
    """

    id: str
    kind: str
    title: str
    said: str
    harm: float
    size_px: int
    place: Place
    judged_at: reviews.Place


def rows_of(items: Sequence[Item], judged: Judged) -> list[QueueRow]:
    """The first of them as rows of the queue, with what was decided."""
    rows = []
    for item in items[:MOST_ROWS]:
        own = judged.own(item.judged_at)
        rows.append(
            QueueRow(
                id=item.id,
                kind=item.kind,
                title=item.title,
                said=item.said,
                harm=item.harm,
                size_px=item.size_px,
                place=item.place,
                decision=own.decision if own else None,
                note=own.note if own else "",
                others=tuple((one.reviewer, one.decision) for one in judged.others(item.judged_at)),
            )
        )
    return rows


def progress(items: Iterable[Item], judged: Judged) -> str:
    """How many of them were judged by anybody, and how much of their harm."""
    items = list(items)
    done = [item for item in items if judged.own(item.judged_at) or judged.others(item.judged_at)]
    harm, of = (sum(max(0.0, one.harm) for one in some if one.harm == one.harm) for some in (done, items))
    text = f"{words.count(len(done))} of {words.count(len(items))} reviewed"
    return f"{text}, {100 * harm / of:.0f} % of the harm" if of else text
