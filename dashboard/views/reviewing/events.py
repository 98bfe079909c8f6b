"""Splits and merges, to be reviewed: those that do most harm first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import streamlit as st

from dashboard import words
from dashboard.queue import Pictures
from dashboard.state import Result, stamp
from dashboard.viewer import Place, open_layers
from dashboard.views.reviewing.items import Item
from segcore import reviews
from segcore.errors import SegcoreError
from segcore.evaluation import events_by_harm, harm_said
from segcore.measures import Event, Events


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which splits and merges are shown.

    Attributes:
        kind: `all`, `merge`, `split` or `loop`.
        least_px: those with fewer stray pixels are hidden.
        least_harm: those that are known to do less harm are hidden; 0 hides none.
        slice: index of the only slice, or None for all.
    """

    kind: str = "all"
    least_px: int = 0
    least_harm: float = 0.0
    slice: int | None = None

    def numbers_in(self, events: Events) -> list[int]:
        """The numbers, from 1, of the events that are shown."""
        columns = (events.column(name) for name in ("kind", "loop", "stray_px", "harm", "slice"))
        return [number for number, cells in enumerate(zip(*columns, strict=True), 1) if self._holds(*cells)]

    def _holds(self, kind: str, loop: bool, stray_px: int, harm: float, z: int) -> bool:
        of_kind = loop if self.kind == "loop" else self.kind == "all" or (kind == self.kind and not loop)
        large = stray_px >= self.least_px and not (self.least_harm and harm < self.least_harm)
        return of_kind and large and self.slice in (None, z)


class ListedEvent:
    """A split or merge in the list."""

    __slots__ = ("_events", "_kept", "_number", "_places")

    def __init__(self, events: Events, number: int, kept: bool, places: dict[int, reviews.Place]) -> None:
        """All events and its number among them, whether segments are those of the evaluation, and places made so far.

        What is asked of each in a list is taken from the columns; the event itself takes longer to make.
        """
        self._events, self._number, self._kept, self._places = events, number, kept, places

    @property
    def event(self) -> Event:
        """Itself."""
        return self._events[self._number - 1]

    @property
    def id(self) -> str:
        kind, z, y, x = self.key
        return f"{kind.replace(' ', '-')}-{z}-{y}-{x}"

    @property
    def harm(self) -> float:
        return float(self._events.cell("harm", self._number - 1))

    @property
    def key(self) -> tuple[str, int, int, int]:
        kind, z, y, x = map(self._cell, ("kind", "slice", "y", "x"))
        return (f"loop {kind}" if self._cell("loop") else kind, z, y, x)

    def _cell(self, name: str) -> Any:
        return self._events.cell(name, self._number - 1)

    @property
    def judged_at(self) -> reviews.Place:
        # A place checks itself, which takes longer than all the rest.
        found = self._places.get(self._number)
        if found is None:
            kind, z, y, x = self.key
            box = {name: self._cell(name) for name in ("top", "left", "bottom", "right")}
            found = self._places[self._number] = reviews.Place(kind=kind, slice=z, y=y, x=x, **box)
        return found

    def item(self) -> Item:
        event = self.event
        return Item(
            id=self.id,
            kind=event.kind,
            title=event_title(event),
            said=said(event),
            harm=event.harm,
            size_px=event.stray_px,
            place=Place(
                number=self._number,
                slice=event.slice,
                y=event.y,
                x=event.x,
                area_px=event.area_px,
                text=event_title(event),
                stays=True,
                neurites=event.neurites,
                segments=event.segments if self._kept else (),
                openings=event.openings,
                box=(event.top, event.left, event.bottom, event.right),
            ),
            judged_at=self.judged_at,
        )


class ListedEvents(Sequence[ListedEvent]):
    """Splits and merges, those that do most harm first; each is made as somebody comes to it.

    A hundred thousand small objects would take a tenth of a second, and Python's search for cycles among them longer.
    """

    def __init__(self, events: Events, numbers: Sequence[int], kept: bool, places: dict[int, reviews.Place]) -> None:
        """All of them, the numbers from 1 of those that are listed, and what `ListedEvent` takes."""
        self._events, self._numbers, self._kept, self._places = events, numbers, kept, places

    def that_pass(self, wanted: Filter) -> ListedEvents:
        """All those that pass a filter."""
        if wanted == Filter():
            return self
        return ListedEvents(self._events, wanted.numbers_in(self._events), self._kept, self._places)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> ListedEvent: ...
    @overload
    def __getitem__(self, at: slice) -> ListedEvents: ...
    def __getitem__(self, at: int | slice) -> ListedEvent | ListedEvents:
        if isinstance(at, slice):
            return ListedEvents(self._events, self._numbers[at], self._kept, self._places)
        return self._made(self._numbers[at])

    def __iter__(self) -> Iterator[ListedEvent]:
        return map(self._made, self._numbers)

    def _made(self, number: int) -> ListedEvent:
        return ListedEvent(self._events, number, self._kept, self._places)


def event_items(result: Result, wanted: Filter) -> ListedEvents:
    """Those that pass the filter."""
    return _listed(str(result.folder.absolute()), stamp(result.folder), result).that_pass(wanted)


@st.cache_resource(max_entries=8, show_spinner=False)
def _listed(folder: str, key: object, _result: Result) -> ListedEvents:
    # Numbers of a prediction at a threshold are not those of the segments that are kept.
    kept = _result.evaluation.events_at == "segments"
    events = events_by_harm(_result.evaluation)
    return ListedEvents(events, range(1, len(events) + 1), kept, {})


def event_pictures(result: Result) -> Pictures | None:
    """What their small pictures are of, at the threshold that openings were found at; None without images."""
    try:
        version = open_layers(result.dataset, result.run.name, result.part).version
    except SegcoreError:
        return None  # the viewer says what is wrong
    points = result.points
    return Pictures(
        dataset=result.dataset, run=result.run.name, part=result.part, version=version, tolerance=0,
        threshold=points.get(result.evaluation.events_at, next(iter(points.values()))),
    )  # fmt: skip


def event_id(event: Event) -> str:
    """What it is called in addresses."""
    return f"{'loop-' if event.loop else ''}{event.kind}-{event.slice}-{event.y}-{event.x}"


def event_title(event: Event) -> str:
    """An event in a few words."""
    if event.loop:
        loops = len(event.overlaps_px) - 1
        what = words.counted(loops, "loop", "loops")
        return f"{what} {'joined' if event.kind == 'merge' else 'cut out'}"
    if event.kind == "merge":
        return f"merge of {len(event.neurites)}"
    return f"split in {len(event.segments)}"


def said(event: Event) -> str:
    """What is known of an event, in plain words."""
    sizes = words.listed([words.count(one) for one in event.overlaps_px[:4]])
    if len(event.overlaps_px) > 4:
        sizes = ", ".join(words.count(one) for one in event.overlaps_px[:4]) + ", …"
    inner = words.listed([words.count(one) for one in event.overlaps_px[1:4]])
    place = f"x {event.x}, y {event.y}"
    many = f"{len(event.openings)} places, first at {place}" if len(event.openings) > 1 else f"one place, {place}"
    if event.loop and event.kind == "merge":
        first = (
            f"Slice {event.slice}: loops inside one neurite, such as organelles ({inner} px), are labelled as neurites "
            f"of their own and were not kept apart from it, at {place}."
        )
    elif event.loop:
        first = f"Slice {event.slice}: loops inside a neurite ({inner} px) became segments of their own, at {place}."
    elif event.kind == "merge":
        first = (
            f"Slice {event.slice}: {len(event.neurites)} neurites ({sizes} px) in one segment; the membrane is open "
            f"at {many}."
        )
    else:
        first = (
            f"Slice {event.slice}: a neurite of {words.count(event.area_px)} px in {len(event.segments)} segments "
            f"({sizes} px); a false wall crosses it at {many}."
        )
    return f"{first} {harm_said(event)}"
