"""What there is to review: something at a place, of whatever kind, and its verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan
from typing import Any, Protocol

from dashboard import words
from dashboard.queue import QueueRow
from dashboard.viewer import Place
from dashboard.views.reviewing.verdicts import Judged
from segcore import reviews
from segcore.measures import Spot

MOST_ROWS = 1000
"""So many rows are sent to the browser at once; whoever walked through them all sees the next."""


class Listed(Protocol):
    """What stands in the list before anybody comes to it. There can be a hundred thousand, so it is little."""

    @property
    def id(self) -> str:
        """Its name in the address."""

    @property
    def harm(self) -> float:
        """By how much V_Rand of the slice would rise if it were undone; nan where nobody knows."""

    @property
    def key(self) -> tuple[str, int, int, int]:
        """That of the place that verdicts on it belong to."""

    @property
    def judged_at(self) -> reviews.Place:
        """That place."""

    def item(self) -> Item:
        """All that is known of it."""


@dataclass(frozen=True, kw_only=True)
class Item(QueueRow):
    """A row of the queue with the place that verdicts on it belong to.

    Attributes:
        judged_at: that place.
    """

    judged_at: reviews.Place

    @property
    def key(self) -> tuple[str, int, int, int]:
        return self.judged_at.key

    def item(self) -> Item:
        return self


def at_spot(spot: Spot, kind: str, *, number: int, text: str) -> dict[str, Any]:
    """Of an item that is a spot: where the viewer shows it, under this number and text, and what verdicts belong to."""
    at = {name: getattr(spot, name) for name in ("top", "left", "bottom", "right")}
    return {
        "place": Place(
            number=number, slice=spot.slice, y=spot.y, x=spot.x, area_px=spot.pixels, text=text, stays=True,
            box=(spot.top, spot.left, spot.bottom, spot.right),
        ),
        "judged_at": reviews.Place(kind=kind, slice=spot.slice, y=spot.y, x=spot.x, **at),
    }  # fmt: skip


class PlacesByName(Mapping[str, reviews.Place]):
    """The places that verdicts belong to by the ids of what is listed, made as they are looked up."""

    def __init__(self, listed: Sequence[Listed]) -> None:
        self._listed = listed

    @cached_property
    def _by_id(self) -> dict[str, Listed]:
        return {one.id: one for one in self._listed}

    def __getitem__(self, name: str) -> reviews.Place:
        return self._by_id[name].judged_at

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)


def rows_of(listed: Sequence[Listed], judged: Judged) -> list[QueueRow]:
    """The first of them, with what was decided."""
    rows: list[QueueRow] = []
    for one in listed[:MOST_ROWS]:
        item = one.item()
        own = judged.own(item.judged_at)
        others = tuple((one.reviewer, one.decision) for one in judged.others(item.judged_at))
        decision, note = (own.decision, own.note) if own else (None, "")
        rows.append(replace(item, decision=decision, note=note, others=others))
    return rows


def progress(*of: tuple[Sequence[Listed], Judged]) -> str:
    """How many of what is listed, with its verdicts, were judged by anybody, and how much of all harm."""
    done = [one for some, judged in of if judged.of_places for one in some if one.key in judged.of_places]
    number = sum(len(some) for some, _ in of)
    harm, total = _harm(done), _harm(one for some, _ in of for one in some)
    text = f"{words.count(len(done))} of {words.count(number)} reviewed"
    return f"{text}, {100 * harm / total:.0f} % of the harm" if total else text


def _harm(listed: Iterable[Listed]) -> float:
    return sum([max(0.0, harm) for harm in (one.harm for one in listed) if not isnan(harm)])
