"""`events.csv`: a row a split or merge, with its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from segcore.evaluation.tables import read_table, write_table
from segcore.measures import EVENT_COLUMNS, Event, Events

EVENTS_FILE = "events.csv"

_Columns = Mapping[str, Sequence[str]]
_TUPLES = ("neurites", "segments", "overlaps_px")
_KINDS: dict[str, Literal["split", "merge"]] = {"split": "split", "merge": "merge"}


def write_events(folder: Path, events: Sequence[Event]) -> None:
    """Writes the table. Cells with several numbers have spaces between them, openings are `y:x`."""
    rows = []
    for event in events:
        row = {name: getattr(event, name) for name in EVENT_COLUMNS}
        row |= {name: " ".join(map(str, row[name])) for name in _TUPLES}
        row["openings"] = " ".join(f"{y}:{x}" for y, x in event.openings)
        rows.append(row | {"loop": int(event.loop)})
    write_table(folder / EVENTS_FILE, rows, EVENT_COLUMNS)


def read_events(folder: Path) -> Events:
    """The events of the table.

    Raises:
        RunError: it is missing or damaged, or a row is not an event.
    """
    return read_table(folder / EVENTS_FILE).made(_events, "an event")


def _events(columns: _Columns) -> Events:
    return Events({name: [*_VALUES[name](columns, name)] for name in EVENT_COLUMNS})


def _kinds(columns: _Columns, name: str) -> Iterable[Any]:
    return map(_KINDS.__getitem__, columns[name])


def _wholes(columns: _Columns, name: str) -> Iterable[Any]:
    return map(int, columns[name])


def _several(columns: _Columns, name: str) -> Iterable[Any]:
    return (tuple(map(int, cell.split())) if " " in cell else _one(cell) for cell in columns[name])


def _one(cell: str) -> tuple[int, ...]:
    return (int(cell),) if cell else ()


# Of the following nothing was written before there were any: no loop, a harm that nobody measured, and one opening.


def _loops(columns: _Columns, name: str) -> Iterable[Any]:
    return (cell == "1" for cell in _cells(columns, name))


def _harms(columns: _Columns, name: str) -> Iterable[Any]:
    return (float(cell) if cell else math.nan for cell in _cells(columns, name))


def _openings(columns: _Columns, name: str) -> Iterable[Any]:
    for y, x, cell in zip(columns["y"], columns["x"], _cells(columns, name), strict=True):
        if " " in cell:
            yield tuple([(int(down), int(across)) for down, across in [one.split(":") for one in cell.split()]])
        else:
            down, across = cell.split(":") if cell else (y, x)
            yield ((int(down), int(across)),)


def _cells(columns: _Columns, name: str) -> Sequence[str]:
    return columns.get(name) or [""] * len(columns["kind"])


_VALUES: dict[str, Callable[[_Columns, str], Iterable[Any]]] = {
    "kind": _kinds,
    "loop": _loops,
    "neurites": _several,
    "segments": _several,
    "overlaps_px": _several,
    "harm": _harms,
    "openings": _openings,
} | dict.fromkeys(("slice", "area_px", "stray_px", "y", "x", "top", "left", "bottom", "right"), _wholes)
"""How the values of each attribute are read."""
