"""Which splits and merges of one prediction another one of the same slices has, too."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from segcore.measures.events import Event


@dataclass(frozen=True, kw_only=True)
class EventChanges:
    """Splits and merges of two predictions, each the most harmful first.

    Attributes:
        gone: those of the first that the second has not.
        new: those of the second that the first has not.
        in_both: those of the first that the second has, too, however its parts lie.
    """

    gone: tuple[Event, ...]
    new: tuple[Event, ...]
    in_both: tuple[Event, ...]


def event_changes(first: Sequence[Event], second: Sequence[Event]) -> EventChanges:
    """Compares what became of the true neurites of the same slices.

    A split is the same where the same neurite is split. A merge is the same where two of its neurites are in one
    segment in both; loops are compared with loops only.

    Args:
        first, second: found with the same labels, so that numbers mean the same neurites.
    """
    gone, in_both = _told_apart(first, second)
    new, _ = _told_apart(second, first)
    return EventChanges(gone=_by_harm(gone), new=_by_harm(new), in_both=_by_harm(in_both))


def _told_apart(events: Sequence[Event], others: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """Those that are not among the others, and those that are."""
    of_neurite = _by_neurite(others)
    alone: list[Event] = []
    shared: list[Event] = []
    for event in events:
        (shared if _is_among(event, of_neurite) else alone).append(event)
    return alone, shared


_Place = tuple[str, bool, int, int]


def _by_neurite(events: Sequence[Event]) -> Mapping[_Place, list[int]]:
    """By kind, loop, slice and neurite the events that the neurite is in."""
    found: dict[_Place, list[int]] = defaultdict(list)
    for at, event in enumerate(events):
        for neurite in event.neurites:
            found[event.kind, event.loop, event.slice, neurite].append(at)
    return found


def _is_among(event: Event, of_neurite: Mapping[_Place, list[int]]) -> bool:
    together = Counter(
        at for neurite in event.neurites for at in of_neurite.get((event.kind, event.loop, event.slice, neurite), ())
    )
    needed = 1 if event.kind == "split" else 2
    return any(shared >= needed for shared in together.values())


def _by_harm(events: Iterable[Event]) -> tuple[Event, ...]:
    # Where harm is not known, by size.
    return tuple(
        sorted(events, key=lambda one: (-(one.harm if one.harm == one.harm else 0.0), -one.stray_px, one.slice))
    )
