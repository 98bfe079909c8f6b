"""Tables of an evaluation folder as CSV: written, and read whole or not at all."""

from __future__ import annotations

import csv
import gc
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from segcore.errors import RunError

EVALUATE_AGAIN = "what an evaluation wrote; evaluate again"

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Table:
    """The cells of a file, as text.

    Attributes:
        path: of the file.
        names: of the columns.
        cells: those of each row, as many as there are columns.
        text: what the file holds.
    """

    path: Path
    names: Sequence[str]
    cells: Sequence[Sequence[str]]
    text: str

    def rows(self) -> list[dict[str, str]]:
        """Each row by the names of its columns."""
        return [dict(zip(self.names, cells, strict=True)) for cells in self.cells]

    def made(self, make: Callable[[Mapping[str, Sequence[str]]], _Found], what: str) -> _Found:
        """What is made of the columns, by name: all rows at a time, for a hundred thousand of them take their time.

        Args:
            make: makes something of rows; a KeyError or ValueError says that one cannot be read.
            what: what a row that cannot be read is none of.

        Raises:
            RunError: a row cannot be read; it is told by its line.
        """
        try:
            with _no_search_for_cycles():
                columns = zip(*self.cells, strict=True) if self.cells else [()] * len(self.names)
                return make(dict(zip(self.names, columns, strict=True)))
        except (KeyError, ValueError) as error:
            self._refuse(make, what, error)

    def _refuse(self, make: Callable[[Mapping[str, Sequence[str]]], _Found], what: str, error: Exception) -> NoReturn:
        for at, cells in enumerate(self.cells):
            try:
                make({name: (cell,) for name, cell in zip(self.names, cells, strict=True)})
            except (KeyError, ValueError) as found:
                line = _line(self.text, at + 1)
                raise RunError(
                    f"line {line} is not {what}", path=self.path, found=found, expected=EVALUATE_AGAIN
                ) from found
        raise RunError("cannot be read", path=self.path, found=error, expected=EVALUATE_AGAIN) from error


def read_table(path: Path) -> Table:
    """The cells of a file.

    Raises:
        RunError: it is missing, damaged or cut short.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise RunError("there is no such file", path=path, expected=EVALUATE_AGAIN) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RunError("cannot be read", path=path, found=error, expected=EVALUATE_AGAIN) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        with _no_search_for_cycles():
            names, cells = next(reader, []), list(reader)
    except csv.Error as error:
        raise RunError(f"line {reader.line_num} is damaged", path=path, found=error, expected=EVALUATE_AGAIN) from error
    if {len(names)} != {len(names), *map(len, cells)}:
        at = next(at for at, row in enumerate(cells, start=1) if len(row) != len(names))
        raise RunError(f"line {_line(text, at)} is cut short or too long", path=path, expected=EVALUATE_AGAIN)
    if not text.endswith("\n"):
        raise RunError("the last line is cut short", path=path, expected=EVALUATE_AGAIN)
    return Table(path, names, cells, text)


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Among a million new objects that refer to nothing but numbers it would take as long as making them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _line(text: str, row: int) -> int:
    """The line where a row ends, from 1; the names are row 0."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    for _ in range(row + 1):
        next(reader)
    return reader.line_num


def write_table(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Writes rows with these columns; numbers that are not defined as empty cells."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: "" if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()})
