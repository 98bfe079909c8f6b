"""`reviews.sqlite` of a run: opened, checked, read and changed, and what SQLite says told in one line.

The table is a log: a verdict adds a row, and taking it back marks that row; nothing else is ever changed or deleted.
Each change is a transaction that is on the disk when it returns. Every call opens the file anew, so threads and
processes share nothing but the file, and SQLite's own locks order them. In WAL mode these locks are memory of one
machine: several machines must not write one file, on whatever disk.

The file appears whole, with its table, under its name. So an empty or half file is never one that is being made.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from segcore.errors import RunError, StorageError
from segcore.reviews.verdict import COLUMNS, NUMBERS
from segcore.storage import alone_beside, atomic_file, read_only, storage_errors

FILE = "reviews.sqlite"
VERSION = 1
_APPLICATION = 0x53656752
"""Tells the file from other programs' databases: `SegR`."""
_WAIT_SECONDS = 30.0
"""For other writers; each takes some milliseconds."""
_LOOKS = 1000
"""Until a file that others write, and nobody can lock here, was read between two of their changes."""

NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
"""`COLUMNS` in SQL, where `left` and `right` are words of the language."""
_SCHEMA = (
    "CREATE TABLE verdicts (number INTEGER PRIMARY KEY AUTOINCREMENT, "
    + ", ".join(f'"{name}" {"INTEGER" if name in NUMBERS else "TEXT"} NOT NULL' for name in COLUMNS)
    + ", taken_back TEXT)",
    "CREATE INDEX verdicts_by_place ON verdicts (fingerprint, reviewer, kind, slice, y, x)",
)
_DAMAGED = "the file of verdicts is damaged"
_WHAT_HELPS = (
    "what reviewing wrote; move it and the files beside it that begin with its name away, then import what was exported"
)


def read(path: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    """The rows that a query finds; none where there is no file yet.

    Also from a folder that cannot be written, though SQLite keeps its locks in a file beside the database.

    Raises:
        RunError: the file is damaged, of another program, or of a newer version.
        StorageError: it cannot be opened, or others keep it for too long.
    """
    with _read_errors(path):
        if not _is_there(path):
            return []
        for _ in range(_LOOKS):
            try:
                if _may_lock(path):
                    with closing(_connected(path, "mode=rw")) as connection:
                        return _asked(connection, path, query, values)
            except sqlite3.OperationalError as error:
                if _primary(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                    raise
            found = _read_without_locks(path, query, values)
            if found is not None:
                return found
    raise StorageError("it changes while it is read", path=path, expected="to try again")


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction, alone among all writers, in a file that is made if it is missing.

    What was done in the block is on the disk once the block was left without an error, and was never done otherwise.

    Raises:
        RunError: the file is damaged, of another program, or of a newer version, or there is no such run folder.
        StorageError: it cannot be written, or others keep it for too long.
    """
    if read_only():
        raise StorageError(
            "verdicts are not written here", path=path, found="SEGCORE_READ_ONLY is set", expected="a place to write to"
        )
    with _write_errors(path):
        if not _is_there(path):
            _make(path)
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        with closing(_connected(path, "mode=rw")) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            _check(connection, path)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def is_there(path: Path) -> bool:
    """Whether there is such a file; `RunError` where there is something else, or only what belongs beside it."""
    with _read_errors(path):
        return _is_there(path)


def _is_there(path: Path) -> bool:
    changes = _size(_changes(path))  # looked for first, because the file comes first when there is a new one
    if path.is_file():
        if path.stat().st_size == 0:
            raise RunError(_DAMAGED, path=path, found="an empty file", expected=_WHAT_HELPS)
        return True
    if os.path.lexists(path):
        raise RunError("not a file of verdicts", path=path, found="something else of this name", expected=_WHAT_HELPS)
    if not path.parent.is_dir():
        raise RunError("there is no such run folder", path=path.parent, expected="the folder of a run")
    if changes:
        # SQLite would take these for changes of a new file, and spoil it.
        raise RunError(
            "the file of verdicts is gone, and its latest changes are still here",
            path=_changes(path),
            expected="both of them, or neither; put the file back or move this one away",
        )
    return False


def _make(path: Path) -> None:
    with alone_beside(path):
        if path.exists():  # somebody was faster
            return
        with atomic_file(path) as making, closing(_connected(making, "mode=rwc")) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")


def _connected(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=_WAIT_SECONDS, isolation_level=None
    )
    # A file from a stranger runs nothing and is believed nothing.
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _asked(connection: sqlite3.Connection, path: Path, query: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
    connection.execute("BEGIN")
    _check(connection, path)
    found = connection.execute(query, values).fetchall()
    connection.execute("COMMIT")
    return found


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Whether the file is one of ours and sound, with this table and nothing else: no trigger, no view."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION:
        raise RunError("not a file of verdicts", path=path, found="a database of another program", expected=_WHAT_HELPS)
    if version > VERSION:
        raise RunError(
            "the verdicts were written by a newer segcore",
            path=path,
            found=f"format {version}",
            expected=f"format {VERSION} or older; update segcore",
        )
    there = connection.execute("SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'").fetchall()
    if version != VERSION or {text for (text,) in there} != set(_SCHEMA):
        raise RunError(_DAMAGED, path=path, found=f"other tables, format {version}", expected=_WHAT_HELPS)
    # Some milliseconds for ten thousand verdicts; without it the end of a file could be missing unnoticed.
    (faults,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if faults != "ok":
        raise RunError(_DAMAGED, path=path, found=_shown(faults), expected=_WHAT_HELPS)


def _may_lock(path: Path) -> bool:
    """Whether to try it with locks, for which SQLite needs a file beside it.

    Who may not write the database may be allowed to make that file, and would leave it behind; then the owner of the
    database could not write any more. One that is there belongs to a writer.
    """
    return os.access(path, os.W_OK) or path.with_name(path.name + "-shm").exists()


def _read_without_locks(path: Path, query: str, values: tuple[str, ...]) -> list[tuple[Any, ...]] | None:
    """Reads a file beside which nothing can be written, as one that does not change.

    Somebody else may be allowed to write it, though: None where it changed meanwhile, whatever was read then.
    """
    before = _state(path)
    try:
        with _fixed(path) as connection:
            found = _asked(connection, path, query, values)
    except (sqlite3.Error, UnicodeDecodeError, RunError, OSError):
        if _state(path) == before:
            raise
        return None
    return found if _state(path) == before else None


@contextmanager
def _fixed(path: Path) -> Iterator[sqlite3.Connection]:
    """Opens it without locks. What a killed writer has left in the log of changes counts too; that needs a copy."""
    if not _size(_changes(path)):
        with closing(_connected(path, "mode=ro&immutable=1")) as connection:
            yield connection
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(_changes(path), _changes(copy))
        with closing(_connected(copy, "mode=rw")) as connection:
            yield connection


def _changes(path: Path) -> Path:
    """Where SQLite keeps what was committed and is not in the file yet."""
    return path.with_name(path.name + "-wal")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _state(path: Path) -> tuple[tuple[int, int, int] | None, ...]:
    states: list[tuple[int, int, int] | None] = []
    for one in (path, _changes(path)):
        try:
            state = one.stat()
        except FileNotFoundError:
            states.append(None)
        else:
            states.append((state.st_ino, state.st_size, state.st_mtime_ns))
    return tuple(states)


def _primary(error: sqlite3.Error) -> int | None:
    """SQLite's code for what went wrong, without the details in its higher bits."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """Turns what SQLite and the system say while the file is read into an error about it."""
    try:
        with _sqlite_errors(path, "to read it", "a file you may read"):
            yield
    except OSError as error:
        raise StorageError(f"cannot be read ({error.strerror})", path=path, expected="a file you may read") from error


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """The same while it is written."""
    with storage_errors(path), _sqlite_errors(path, "to write here", "a folder you may write to"):
        yield


@contextmanager
def _sqlite_errors(path: Path, what: str, allowed: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        said = _shown(str(error))
        match _primary(error):
            case sqlite3.SQLITE_FULL:
                raise StorageError("the disk is full", path=path, expected="free space on this disk") from error
            case sqlite3.SQLITE_IOERR:
                expected = "free space on this disk, and one without faults"
                raise StorageError(f"the disk refused ({said})", path=path, expected=expected) from error
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                raise StorageError(f"no permission {what} ({said})", path=path, expected=allowed) from error
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
                raise StorageError(f"others keep it busy ({said})", path=path, expected="to try again") from error
            case _:
                raise RunError(_DAMAGED, path=path, found=said, expected=_WHAT_HELPS) from error
    except UnicodeDecodeError as error:
        raise RunError(_DAMAGED, path=path, found="bytes that are no text", expected=_WHAT_HELPS) from error


def _shown(said: str) -> str:
    """What SQLite says may quote a damaged file: nothing of it is to steer a terminal."""
    return "".join(one if one.isprintable() else " " for one in said[:200])
