"""Verdicts as files for others: CSV for spreadsheets, JSON for programs. What is written comes back to the character.

Spreadsheet programs execute a cell that begins with `=`, `+`, `-` or `@`, also after spaces. So an apostrophe stands
before these in CSV, at the beginning of a text and after everything that a program may take for the beginning of a
cell: a comma, semicolon, tab, quotation mark or end of line. Where apostrophes stood there already, there is one more.
Reading takes one away there, and only there. CSV begins with a mark of UTF-8, by which these programs know it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segcore.errors import ConfigError, DataError
from segcore.reviews.verdict import COLUMNS, NUMBERS, Verdict, from_row, to_row

_FORMAT = "segcore reviews"
_VERSION = 1
_EXPECTED = "verdicts that were exported as CSV or JSON"
_LARGEST_BYTES = 256 * 2**20

_CELL_BEGINS = r'(?:^|(?<=[,;\t\r\n"]))'
# Spaces of any kind may stand before it, but for those that begin a cell themselves.
_FORMULA = r"'*[^\S\t\r\n]*[=+\-@＝＋－＠]"
_UNMARKED = re.compile(rf"{_CELL_BEGINS}(?={_FORMULA})")
_MARKED = re.compile(rf"{_CELL_BEGINS}'(?={_FORMULA})")
_WHOLE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of the verdicts in a file.

    Attributes:
        taken: how many were new here.
        known: how many were here before.
        not_newer: how many were left out, because their reviewers have decided about these places since.
    """

    taken: int
    known: int
    not_newer: int


def to_csv(verdicts: Sequence[Verdict]) -> bytes:
    """A table with a row a verdict, UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(COLUMNS)
    for verdict in verdicts:
        row = to_row(verdict).values()
        writer.writerow([_UNMARKED.sub("'", value) if isinstance(value, str) else value for value in row])
    return text.getvalue().encode("utf-8-sig")


def to_json(verdicts: Sequence[Verdict]) -> bytes:
    """An object that says what it is, with a list of verdicts, UTF-8."""
    value = {"format": _FORMAT, "format_version": _VERSION, "verdicts": [to_row(one) for one in verdicts]}
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def verdicts_in(path: Path) -> list[Verdict]:
    """The verdicts in a file that `to_csv` or `to_json` made; by its content it is known which.

    Raises:
        DataError: it cannot be read, is something else, or has an entry that is no verdict.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", path=path, expected=_EXPECTED) from error
    if len(content) > _LARGEST_BYTES:
        found = f"more than {_LARGEST_BYTES // 2**20} MB"
        raise DataError("not a file of verdicts", path=path, found=found, expected=_EXPECTED)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"other bytes than text in UTF-8 in line {line}"
        raise DataError("not a file of verdicts", path=path, found=found, expected=_EXPECTED) from error
    is_json = text.lstrip()[:1] in ("{", "[")
    rows = _rows_of_json(text, path) if is_json else _rows_of_csv(text, path)
    verdicts = []
    for where, row in rows:
        try:
            verdicts.append(from_row(row))
        except ConfigError as error:
            raise DataError(
                f"{where} is not a verdict: {error.problem}", path=path, found=error.found, expected=error.expected
            ) from error
    return verdicts


def _rows_of_json(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        found = f"{error.msg} in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "other content"
        raise DataError("damaged file", path=path, found=found, expected=_EXPECTED) from error
    if not isinstance(value, dict) or value.get("format") != _FORMAT or not isinstance(value.get("verdicts"), list):
        raise DataError("not a file of verdicts", path=path, found="other JSON", expected=_EXPECTED)
    version = value.get("format_version")
    if type(version) is not int or not 1 <= version <= _VERSION:
        raise DataError(
            "verdicts of another format",
            path=path,
            found=f"format {str(version)[:20]}",
            expected=f"format {_VERSION}; update segcore",
        )
    for number, row in enumerate(value["verdicts"], start=1):
        if not isinstance(row, dict):
            raise DataError(
                f"entry {number} is not a verdict", path=path, found=type(row).__name__, expected="an object"
            )
        yield f"entry {number}", row


def _rows_of_csv(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if sorted(header) != sorted(COLUMNS):
            found = repr(",".join(header)[:80]) + " in line 1" if header else "nothing"
            raise DataError("not a file of verdicts", path=path, found=found, expected=",".join(COLUMNS))
        for cells in reader:
            if not cells:  # spreadsheet programs leave empty lines at the end
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"line {reader.line_num} is not a verdict",
                    path=path,
                    found=f"{len(cells)} cells",
                    expected=f"{len(header)}",
                )
            cell_of = dict(zip(header, cells, strict=True))
            yield f"line {reader.line_num}", {name: _value(name, cell) for name, cell in cell_of.items()}
    except csv.Error as error:
        raise DataError(f"line {reader.line_num} is damaged", path=path, found=error, expected=_EXPECTED) from error


def _value(name: str, cell: str) -> str | int:
    if name not in NUMBERS:
        return _MARKED.sub("", cell)
    return int(cell) if _WHOLE.fullmatch(cell) else cell
