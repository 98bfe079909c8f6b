"""Splits and merges as columns, for there can be a hundred thousand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Protocol, overload

from segcore.measures.events import Event

EVENT_COLUMNS = tuple(field.name for field in fields(Event))


class Column(Protocol):
    """A value for each event: a list, or what makes one when somebody comes to it."""

    def __len__(self) -> int: ...
    def __getitem__(self, at: int, /) -> Any: ...


class Events(Sequence[Event]):
    """A sequence of events that is kept as a list for each of their attributes.

    An event is made when somebody comes to it: as objects a hundred thousand take longer to make than all the rest of
    opening an evaluation. So whoever counts or orders all of them reads columns. Whoever needs the objects comes back
    to them with every click, so each is made once, and kept with the columns: about 0.7 KB. Equal to any sequence of
    the same events.
    """

    __slots__ = ("_columns", "_made", "_rows")

    def __init__(
        self,
        columns: Mapping[str, Column],
        rows: Sequence[int] | None = None,
        made: dict[int, Event] | None = None,
    ) -> None:
        """Events of columns.

        Args:
            columns: values by the names of all attributes of `Event`.
            rows: which of them these events have, in their order; all by default.
            made: the events that were made of these columns so far, by row, to which others are added.

        Raises:
            KeyError: an attribute has no column.
            ValueError: columns have different lengths.
        """
        self._columns = {name: columns[name] for name in EVENT_COLUMNS}
        lengths = {*map(len, self._columns.values())}
        if len(lengths) > 1:
            raise ValueError(f"columns of {' and '.join(map(str, sorted(lengths)))} events")
        self._rows: Sequence[int] = range(*lengths) if rows is None else rows
        self._made: dict[int, Event] = {} if made is None else made

    @classmethod
    def of(cls, events: Iterable[Event]) -> Events:
        """The same events as columns."""
        if isinstance(events, Events):
            return events
        every = list(events)
        columns = {name: [getattr(event, name) for event in every] for name in EVENT_COLUMNS}
        return cls(columns, made=dict(enumerate(every)))

    def column(self, name: str) -> list[Any]:
        """An attribute of all events, in their order."""
        column = self._columns[name]
        return [column[row] for row in self._rows]

    def cell(self, name: str, at: int) -> Any:
        """An attribute of one event, which is not made for it."""
        return self._columns[name][self._rows[at]]

    def ordered(self, order: Iterable[int]) -> Events:
        """These of the events, in this order."""
        return Events(self._columns, [self._rows[at] for at in order], self._made)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> Events: ...
    def __getitem__(self, at: int | slice) -> Event | Events:
        if isinstance(at, slice):
            return Events(self._columns, self._rows[at], self._made)
        return self._event(self._rows[at])

    def __iter__(self) -> Iterator[Event]:
        return map(self._event, self._rows)

    def _event(self, row: int) -> Event:
        found = self._made.get(row)
        if found is None:
            made = Event(**{name: column[row] for name, column in self._columns.items()})
            # Somebody else may have made it meanwhile.
            found = self._made.setdefault(row, made)
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((*self,))

    def __repr__(self) -> str:
        return f"Events({[*self]!r})"
