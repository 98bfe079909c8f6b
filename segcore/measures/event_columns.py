"""Splits and merges as columns, for there can be a hundred thousand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import itemgetter
from typing import Any, overload

from segcore.measures.events import Event

EVENT_COLUMNS = tuple(field.name for field in fields(Event))


class Events(Sequence[Event]):
    """A sequence of events that is kept as a list for each of their attributes.

    An event is made when somebody comes to it: as objects a hundred thousand take longer to make than all the rest of
    opening an evaluation. So whoever counts or orders all of them reads columns. Equal to any sequence of the same
    events.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Values by the names of all attributes of `Event`, in one order.

        Raises:
            KeyError: an attribute has no column.
            ValueError: columns have different lengths.
        """
        self._columns = {name: columns[name] for name in EVENT_COLUMNS}
        if len(lengths := {*map(len, self._columns.values())}) > 1:
            raise ValueError(f"columns of {' and '.join(map(str, sorted(lengths)))} events")

    @classmethod
    def of(cls, events: Iterable[Event]) -> Events:
        """The same events as columns."""
        if isinstance(events, Events):
            return events
        every = list(events)
        return cls({name: [getattr(event, name) for event in every] for name in EVENT_COLUMNS})

    def column(self, name: str) -> Sequence[Any]:
        """An attribute of all events, in their order."""
        return self._columns[name]

    def ordered(self, order: Sequence[int]) -> Events:
        """These of the events, in this order."""
        if len(order) < 2:  # of which `itemgetter` makes no tuple
            return Events({name: [column[at] for at in order] for name, column in self._columns.items()})
        pick = itemgetter(*order)
        return Events({name: pick(column) for name, column in self._columns.items()})

    def __len__(self) -> int:
        return len(self._columns["kind"])

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> Events: ...
    def __getitem__(self, at: int | slice) -> Event | Events:
        found: dict[str, Any] = {name: column[at] for name, column in self._columns.items()}
        return Events(found) if isinstance(at, slice) else Event(**found)

    def __iter__(self) -> Iterator[Event]:
        for row in zip(*self._columns.values(), strict=True):
            yield Event(**dict(zip(EVENT_COLUMNS, row, strict=True)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((*self,))

    def __repr__(self) -> str:
        return f"Events({[*self]!r})"
