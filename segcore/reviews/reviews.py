"""The verdicts of a run on one dataset: written down, taken back, looked at, given to others and taken from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from segcore.errors import ConfigError, DataError, RunError
from segcore.reviews import database
from segcore.reviews.database import FILE, NAMES
from segcore.reviews.exchange import Imported, to_csv, to_json, verdicts_in
from segcore.reviews.verdict import COLUMNS, Verdict, from_row, to_row
from segcore.storage import atomic_file

_VALUES = ", ".join(f":{name}" for name in COLUMNS)
_ADD = f"INSERT INTO verdicts ({NAMES}) VALUES ({_VALUES})"
_SAME = f"SELECT 1 FROM verdicts WHERE ({NAMES}) = ({_VALUES})"
_IN_FORCE_SINCE = """
    SELECT at FROM verdicts WHERE taken_back IS NULL AND fingerprint = :fingerprint AND reviewer = :reviewer
        AND kind = :kind AND slice = :slice AND y = :y AND x = :x ORDER BY number DESC LIMIT 1
"""
_IN_FORCE = f"""
    SELECT {NAMES} FROM verdicts WHERE number IN (
        SELECT max(number) FROM verdicts WHERE taken_back IS NULL GROUP BY fingerprint, reviewer, kind, slice, y, x
    ) {{which}} ORDER BY number
"""
_LATEST_CHANGE = f"""
    SELECT number, {NAMES} FROM verdicts WHERE taken_back IS NULL AND fingerprint = ? AND reviewer = ?
        ORDER BY number DESC LIMIT 1
"""


class Reviews:
    """What reviewers decided about one dataset in the evaluations of a run.

    Any number of threads and processes of one machine may use it at once. Without a verdict there is no file.

    Args:
        folder: of the run.
        fingerprint: of the dataset's pixels. Verdicts on other pixels are kept, and shown apart.

    Raises:
        RunError: here and in every method: there is no such folder, or what it holds as verdicts is damaged, of another
            program or of a newer version.
        StorageError: in every method: the file cannot be read, or not written where the method writes.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.path = folder / FILE
        self.fingerprint = fingerprint
        database.is_there(self.path)

    @classmethod
    def of_evaluation(cls, folder: Path, facts: Mapping[str, Any]) -> Self:
        """Those on the data of an evaluation, by what it says of these: of a corrected copy those on the original.

        So they outlive the corrections that are made because of them.
        """
        return cls(folder, str(facts.get("original_fingerprint") or facts.get("dataset_fingerprint", "")))

    def put(self, verdict: Verdict) -> None:
        """Writes a verdict down; it is on the disk when this returns.

        It replaces what its reviewer decided about the same place before, until it is taken back.

        Raises:
            DataError: it is about other pixels than these.
        """
        if verdict.fingerprint != self.fingerprint:
            raise DataError(
                "the verdict is about other pixels than those of this dataset",
                found=verdict.fingerprint,
                expected=self.fingerprint,
            )
        with database.changing(self.path) as connection:
            connection.execute(_ADD, to_row(verdict))

    def undo(self, reviewer: str) -> Verdict | None:
        """Takes back a reviewer's latest verdict on this dataset that was not taken back yet.

        What it had replaced is in force again. A verdict that was imported is taken back like any other.

        Returns:
            what was taken back; None where nothing is left.
        """
        if not database.is_there(self.path):
            return None
        with database.changing(self.path) as connection:
            row = connection.execute(_LATEST_CHANGE, (self.fingerprint, reviewer)).fetchone()
            if row is None:
                return None
            number, *values = row
            taken_back = self._verdict(values)
            connection.execute(
                "UPDATE verdicts SET taken_back = ? WHERE number = ?", (datetime.now(UTC).isoformat(), number)
            )
        return taken_back

    def latest(self) -> tuple[Verdict, ...]:
        """The verdict in force of each reviewer on each place of this dataset, in the order they were written down."""
        return self._found(_IN_FORCE.format(which="AND fingerprint = ?"), self.fingerprint)

    def of_other_data(self) -> tuple[Verdict, ...]:
        """The verdicts in force on other pixels, such as an earlier version of the dataset."""
        return self._found(_IN_FORCE.format(which="AND fingerprint <> ?"), self.fingerprint)

    def csv_bytes(self) -> bytes:
        """The verdicts in force, of all datasets, as CSV; see `segcore.reviews.exchange`."""
        return to_csv(self._found(_IN_FORCE.format(which="")))

    def json_bytes(self) -> bytes:
        """The same as JSON."""
        return to_json(self._found(_IN_FORCE.format(which="")))

    def export_csv(self, path: Path) -> None:
        """Writes the verdicts in force, of all datasets, as CSV; whole or not at all."""
        _write(path, self.csv_bytes())

    def export_json(self, path: Path) -> None:
        """The same as JSON."""
        _write(path, self.json_bytes())

    def import_verdicts(self, path: Path) -> Imported:
        """Takes the verdicts of a file of CSV or JSON that was exported, all of them or, on an error, none.

        A verdict that was ever here, in force, replaced or taken back, is not taken again, so importing a file twice is
        importing it once. One that is not newer than what its reviewer has decided about the place here is left out.

        Raises:
            DataError: the file is no such file, or one of its verdicts is none.
        """
        # In the order of time, so that of several on one place the newest is in force.
        verdicts = sorted(verdicts_in(path), key=lambda one: one.at)
        if not verdicts:
            return Imported(taken=0, known=0, not_newer=0)
        with database.changing(self.path) as connection:
            return _take(connection, verdicts)

    def _found(self, query: str, *values: str) -> tuple[Verdict, ...]:
        return tuple(map(self._verdict, database.read(self.path, query, *values)))

    def _verdict(self, values: Sequence[Any]) -> Verdict:
        try:
            return from_row(dict(zip(COLUMNS, values, strict=True)))
        except ConfigError as error:
            raise RunError(
                f"the file of verdicts is damaged: {error.problem}",
                path=self.path,
                found=error.found,
                expected=error.expected,
            ) from error


def _take(connection: sqlite3.Connection, verdicts: Sequence[Verdict]) -> Imported:
    taken = known = not_newer = 0
    for verdict in verdicts:
        row = to_row(verdict)
        if connection.execute(_SAME, row).fetchone() is not None:
            known += 1
            continue
        here = connection.execute(_IN_FORCE_SINCE, row).fetchone()
        if here is not None and verdict.at <= here[0]:
            not_newer += 1
            continue
        connection.execute(_ADD, row)
        taken += 1
    return Imported(taken=taken, known=known, not_newer=not_newer)


def _write(path: Path, content: bytes) -> None:
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)
