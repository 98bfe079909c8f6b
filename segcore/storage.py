"""Writing files and folders whole or not at all, and saying in one line why a disk refused."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from segcore.errors import SegcoreError, StorageError
from segcore.posix import lock_folder

_REASONS: dict[int | None, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free space on this disk"),
    errno.EDQUOT: ("the disk quota is used up", "free space within the quota"),
    errno.EFBIG: ("the file would be larger than this system allows", "a higher limit on file sizes"),
    errno.EACCES: ("no permission to write here", "a folder you may write to"),
    errno.EPERM: ("no permission to write here", "a folder you may write to"),
    errno.EROFS: ("the disk is read-only", "a folder you may write to"),
    errno.EEXIST: ("there is already something of this name", "a name that is not taken"),
    errno.ENOTEMPTY: ("there is already something of this name", "a name that is not taken"),
    errno.EISDIR: ("there is a folder of this name", "a file, or a name that is not taken"),
    errno.ENOTDIR: ("a part of this path is a file", "a path through folders"),
    errno.ENAMETOOLONG: ("the name is too long", "a shorter name"),
    # numpy reports a short write without an error number.
    None: ("writing stopped half way", "enough free space on this disk"),
}
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{12}\.part", re.DOTALL)
_WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def read_only() -> bool:
    """Whether nothing is to be written here: `SEGCORE_READ_ONLY` is set, and not to 0, false, no or off."""
    return os.environ.get("SEGCORE_READ_ONLY", "").strip().lower() not in ("", "0", "false", "no", "off")


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns what the operating system says while `path` is written into a `StorageError` about it."""
    try:
        yield
    except OSError as error:
        unknown = (f"cannot be written ({error.strerror})", None)
        problem, expected = _REASONS.get(error.errno, unknown)
        raise StorageError(problem, path=path, expected=expected) from error


@contextmanager
def atomic_file(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Gives a path in a hidden folder beside `path`; what was written there becomes `path` if all went well.

    A file that was there before is replaced at once and stays untouched on an error. Missing
    parent folders are made, and taken away again on an error. Errors of the operating system
    become `StorageError`s, so a reader used inside has to turn its own into others.

    Args:
        lasting: whether it is to be on the disk, and not in its cache, before it gets its name. What
            can be made again at any time is written faster without.
    """
    with storage_errors(path), _parents(path), _unfinished(path, tidy=lasting) as folder:
        temporary = folder / path.name
        yield temporary
        if lasting:
            _sync(temporary)
        os.replace(temporary, path)
        if lasting:
            _sync(path.parent)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Gives a new empty folder beside `path`, which becomes `path` if all went well, and all in it is on the disk.

    Raises:
        StorageError: if `path` exists already, or cannot be written. Nothing is left then.
    """
    with storage_errors(path), _parents(path):
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        with _unfinished(path) as temporary:
            with errors_shown_at(path, temporary):
                yield temporary
            for one in (*temporary.rglob("*"), temporary):
                _sync(one)
            os.rename(temporary, path)
            _sync(path.parent)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Gives a new empty folder beside `path`, which takes the place of `path`, and of all in it, if all went well.

    The new folder is complete, and on the disk, before the old one is moved aside, and the old one is back in its place
    if the exchange fails. Two that replace one folder have to take turns, in `alone_beside`; whoever does so first
    calls `recover_folder`.

    Raises:
        StorageError: if it cannot be written. The old folder is as it was then.
    """
    fresh, old = _exchanged(path)
    with storage_errors(path):
        shutil.rmtree(fresh, ignore_errors=True)
        with atomic_folder(fresh) as making, errors_shown_at(path, making):
            yield making
        try:
            if path.exists():
                os.rename(path, old)
            os.rename(fresh, path)
        except BaseException:
            recover_folder(path)
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        _sync(path.parent)
        shutil.rmtree(old, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Undoes an exchange by `replacing_folder` that was cut off between its two renamings."""
    _, old = _exchanged(path)
    if old.exists() and not path.exists():
        os.rename(old, path)
    shutil.rmtree(old, ignore_errors=True)


def _exchanged(path: Path) -> tuple[Path, Path]:
    """Where the new folder is made, and the old one moved aside."""
    return path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Gives a new empty hidden folder in `parent` and removes it afterwards, whatever happens."""
    with ExitStack() as made:
        with storage_errors(parent), _parents(parent / "scratch"):
            made.callback(_remove_if_empty, parent)
            temporary = made.enter_context(_unfinished(parent / "scratch"))
        yield temporary


@contextmanager
def errors_shown_at(shown: Path, real: Path) -> Iterator[None]:
    """Makes errors about a file below `real`, which will be gone, name it below `shown` instead."""
    try:
        yield
    except SegcoreError as error:
        if error.path is None or not Path(error.path).is_relative_to(real):
            raise
        path = shown / Path(error.path).relative_to(real)
        raise type(error)(error.problem, path=path, found=error.found, expected=error.expected) from error


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, whole or not at all. Not-a-number is a `ValueError`."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic_file(path) as temporary:
        # A file name may hold bytes that are no text; JSON has an escape for what is left of them then.
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))


def read_json(path: Path, kind: type[SegcoreError]) -> Any:
    """The value in a JSON file; a missing, unreadable or damaged file is an error of the given kind."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise kind("there is no such file", path=path, expected="the file that belongs here") from error
    except OSError as error:
        raise kind(f"cannot be read ({error.strerror})", path=path, expected="a file of JSON") from error
    except (ValueError, RecursionError) as error:
        found = f"{error.msg} in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "other content"
        raise kind("damaged file", path=path, found=found, expected="JSON") from error


def safe_name(name: str, what: str) -> str:
    """The name itself if it is a safe folder name on every system.

    Args:
        name: what a user typed.
        what: what it names, for the message, such as `dataset`.

    Raises:
        StorageError: for anything but 1 to 100 letters, digits, `.`, `_` and `-` that begin with
            a letter or digit and do not end with a dot, and for names Windows keeps for devices.
    """
    if not _SAFE.fullmatch(name) or name.endswith(".") or _WINDOWS_DEVICES.fullmatch(name):
        raise StorageError(
            f"the {what} name is not a safe folder name",
            found=repr(name[:120]),
            expected="1 to 100 letters, digits, '.', '_' or '-', beginning with a letter or a digit",
        )
    return name


@contextmanager
def alone_beside(path: Path) -> Iterator[None]:
    """Lets one process, or thread, at a time replace `path`; the others wait for their turn.

    Makes missing parent folders, and errors, as `atomic_file` does. Where the system has no locks
    on folders, nobody waits.
    """
    with storage_errors(path), _parents(path):
        held = lock_folder(path.parent, wait=True)
        try:
            yield
        finally:
            if held is not None:
                os.close(held)


@contextmanager
def _unfinished(path: Path, *, tidy: bool = True) -> Iterator[Path]:
    """Gives a new hidden folder beside `path`, and removes what is left of it.

    It is locked meanwhile, as a sign that its maker lives. With `tidy`, what makers have left that
    were killed goes first.
    """
    if tidy:
        _remove_leftovers(path.parent)
    temporary, held = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}.part"), None
    try:
        while not temporary.exists():  # somebody may take it for a leftover before it is locked
            if held is not None:
                os.close(held)
            temporary.mkdir()
            held = lock_folder(temporary, wait=True)
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if held is not None:
            os.close(held)


def _remove_leftovers(folder: Path) -> None:
    """Removes the unfinished folders here whose makers are gone."""
    with suppress(OSError):
        for path in [folder / name for name in os.listdir(folder) if _UNFINISHED.fullmatch(name)]:
            held = lock_folder(path, wait=False)
            if held is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(held)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _sync(path: Path) -> None:
    """Has the disk keep a file, or the names in a folder, before it goes on."""
    if path.is_dir():
        # Not every system opens folders, and not every disk syncs them.
        with suppress(OSError):
            _sync_opened(path)
    elif path.is_file():
        _sync_opened(path)


def _sync_opened(path: Path) -> None:
    held = os.open(path, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


@contextmanager
def _parents(path: Path) -> Iterator[None]:
    """Makes the missing parent folders of `path`; on an error those it made go away again."""
    missing = [folder for folder in path.parents if not folder.exists()]
    if not next(folder for folder in path.parents if folder not in missing).is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise
