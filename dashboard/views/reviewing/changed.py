"""Splits and merges that one of two runs has alone, to be reviewed: those that do most harm first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dashboard.queue import QueueRow
from dashboard.state import Result
from dashboard.views.reviewing.events import Filter, ListedEvent, event_id, event_items, event_pictures
from dashboard.views.reviewing.items import MOST_ROWS, Item, rows_of
from dashboard.views.reviewing.verdicts import Judged
from segcore import reviews
from segcore.measures import Event, EventChanges

Change = Literal["gone", "new"]
"""Whether the first of two runs has it alone, or the second."""


@dataclass(frozen=True, kw_only=True)
class ChangedEvent:
    """A split or merge of one run that the other has not.

    Attributes:
        listed: itself, in its own run.
        result: the evaluation that has it.
        change: `gone` if the first run has it, `new` if the second has.
    """

    listed: ListedEvent
    result: Result
    change: Change

    @property
    def id(self) -> str:
        return f"{self.change}-{self.listed.id}"

    @property
    def harm(self) -> float:
        return self.listed.harm

    @property
    def key(self) -> tuple[str, int, int, int]:
        return self.listed.key

    @property
    def judged_at(self) -> reviews.Place:
        return self.listed.judged_at

    def item(self) -> Item:
        item = self.listed.item()
        return replace(
            item,
            id=self.id,
            title=f"{item.title}, {self.change}",
            said=f"Only in {self.result.run.name}. {item.said}",
            place=replace(item.place, other=self.change == "new"),
        )


def changed_events(first: Result, second: Result, changes: EventChanges, wanted: Filter) -> list[ChangedEvent]:
    """Those of both runs that pass a filter.

    Args:
        first, second: the evaluations that were compared.
        changes: what came of it.
        wanted: which are listed.
    """
    found: list[ChangedEvent] = []
    sides: tuple[tuple[Change, Result, Sequence[Event]], ...] = (
        ("gone", first, changes.gone),
        ("new", second, changes.new),
    )
    for change, result, events in sides:
        alone = {event_id(event) for event in events}
        listed = (one for one in event_items(result, wanted) if one.id in alone)
        found += [ChangedEvent(listed=one, result=result, change=change) for one in listed]
    return sorted(found, key=lambda one: -one.harm if one.harm == one.harm else 0.0)


def changed_rows(events: Sequence[ChangedEvent], judged: Mapping[Change, Judged]) -> list[QueueRow]:
    """The first of them, with what was decided in the run that each is of, and small pictures of that run."""
    pictures = {change: event_pictures(result) for change, result in {one.change: one.result for one in events}.items()}
    rows: list[QueueRow] = []
    for one in events[:MOST_ROWS]:
        (row,) = rows_of([one], judged[one.change])
        rows.append(replace(row, pictures=pictures[one.change]))
    return rows
