"""`events.csv`: a row a split or merge, with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from segcore.evaluation.tables import read_table, write_table
from segcore.measures import EVENT_COLUMNS, Column, Event, Events

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
    return Events({name: _VALUES[name](columns, name) for name in EVENT_COLUMNS})


class _Checked:
    """A column with several numbers in a cell, which are read when somebody comes to them."""

    def __init__(self, cells: Sequence[str], of: re.Pattern[str], read: Callable[[str], Any]) -> None:
        """Raises ValueError if a cell is not of that form."""
        self._cells, self._read = cells, read
        if not all(map(of.fullmatch, cells)):
            raise ValueError(f"not numbers: {next(cell for cell in cells if not of.fullmatch(cell))!r}")

    def __len__(self) -> int:
        return len(self._cells)

    def __getitem__(self, at: int) -> Any:
        return self._read(self._cells[at])


_NUMBER = "[0-9]{1,18}"
_NUMBERS = re.compile(f"({_NUMBER}( {_NUMBER})*)?")
_PLACES = re.compile(f"{_NUMBER}:{_NUMBER}( {_NUMBER}:{_NUMBER})*")


def _kinds(columns: _Columns, name: str) -> Column:
    return [*map(_KINDS.__getitem__, columns[name])]


def _wholes(columns: _Columns, name: str) -> Column:
    return [*map(int, columns[name])]


def _several(columns: _Columns, name: str) -> Column:
    return _Checked(columns[name], _NUMBERS, lambda cell: tuple(map(int, cell.split())))


# Of the following nothing was written before there were any: no loop, a harm that nobody measured, and one opening.


def _loops(columns: _Columns, name: str) -> Column:
    return [cell == "1" for cell in _cells(columns, name)]


def _harms(columns: _Columns, name: str) -> Column:
    return [float(cell) if cell else math.nan for cell in _cells(columns, name)]


def _openings(columns: _Columns, name: str) -> Column:
    written = zip(_cells(columns, name), columns["y"], columns["x"], strict=True)
    return _Checked([cell or f"{y}:{x}" for cell, y, x in written], _PLACES, _places)


def _places(cell: str) -> tuple[tuple[int, int], ...]:
    return tuple([(int(y), int(x)) for y, x in (one.split(":") for one in cell.split())])


def _cells(columns: _Columns, name: str) -> Sequence[str]:
    return columns.get(name) or [""] * len(columns["kind"])


_VALUES: Mapping[str, Callable[[_Columns, str], Column]] = {
    "kind": _kinds,
    "loop": _loops,
    "neurites": _several,
    "segments": _several,
    "overlaps_px": _several,
    "harm": _harms,
    "openings": _openings,
} | dict.fromkeys(("slice", "area_px", "stray_px", "y", "x", "top", "left", "bottom", "right"), _wholes)
"""How the values of each attribute are read."""
