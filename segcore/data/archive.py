"""Unpacking a zip from anywhere without letting it write anywhere else."""

from __future__ import annotations

import lzma
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segcore.errors import DataError
from segcore.progress import SILENT, Progress
from segcore.stacks import MAX_UNPACKED_BYTES, file_of
from segcore.storage import atomic_folder, errors_shown_at, scratch_folder

MAX_ENTRIES = 100_000
_BLOCK = 2**20
_ENCRYPTED = 0x1


def unzip(archive: Path, folder: Path, *, limit: int = MAX_UNPACKED_BYTES, progress: Progress = SILENT) -> None:
    """Unpacks a zip into a folder that must not exist yet: all of it, or nothing.

    All names are checked before the first byte is written. Resource forks that macOS adds are
    left out.

    Args:
        limit: the most bytes all files may have together, as unpacked.
        progress: told the bytes unpacked so far.

    Raises:
        DataError: if it is no zip or a damaged or encrypted one, holds links, names that lead out
            of the folder or that collide (also where case does not count), or is too large.
        StorageError: if the folder exists or the disk refuses.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            targets = _targets(archive, packed, limit)
            with atomic_folder(folder) as temporary:
                _extract(archive, packed, targets, temporary, limit, progress)
    except FileNotFoundError as error:
        raise DataError("there is no such file", path=archive, expected="a zip file") from error
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror or error})", path=archive, expected="a whole zip file"
        ) from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError) as error:
        raise DataError("damaged or no zip file", path=archive, found=error, expected="a whole zip file") from error


@contextmanager
def unpacked(
    source: Path, parent: Path, *, limit: int = MAX_UNPACKED_BYTES, progress: Progress = SILENT
) -> Iterator[Path]:
    """The source itself, or if it is a zip, a folder in `parent` it is unpacked to for a while.

    Errors about a file in that folder name the file in the zip instead.

    Raises:
        DataError: if the source is missing, or as `unzip`.
    """
    if not file_of(source).exists():
        raise DataError(
            "there is no such file or folder", path=source, expected="an image, a stack, a folder of images or a zip"
        )
    file = file_of(source)
    # NumPy's archives are zips, too, and one volume to their users.
    is_zip = source.suffix.lower() == ".zip" or (file.suffix.lower() != ".npz" and zipfile.is_zipfile(file))
    if source.is_dir() or not is_zip:
        yield source
        return
    with scratch_folder(parent) as scratch:
        folder = scratch / "unpacked"
        with errors_shown_at(source, folder):
            unzip(source, folder, limit=limit, progress=progress)
            yield folder


def _targets(archive: Path, packed: zipfile.ZipFile, limit: int) -> dict[str, zipfile.ZipInfo]:
    """The files of the archive by the relative path each is unpacked to."""
    entries = packed.infolist()
    size = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_ENTRIES:
        raise DataError(
            "too many files in the archive", path=archive, found=len(entries), expected=f"at most {MAX_ENTRIES}"
        )
    if size > limit:
        raise DataError(
            "unpacks to too much", path=archive, found=f"{size:,} bytes", expected=f"at most {limit:,} bytes"
        )
    targets: dict[str, zipfile.ZipInfo] = {}
    taken: dict[str, str] = {}
    for entry in entries:
        # Some programs on Windows write backslashes between folders; they must not hide a `..`.
        # Others begin every name with `./`.
        parts = entry.filename.replace("\\", "/").split("/")
        name = "/".join(part for part in parts if part != ".")
        if not name:
            continue
        _check_entry(archive, entry, name)
        if name.endswith("/") or name.startswith("__MACOSX/") or name.endswith("/.DS_Store"):
            continue
        key = unicodedata.normalize("NFC", name).casefold()
        if key in taken:
            raise DataError(
                "two files of one name",
                path=archive,
                found=f"{taken[key]!r} and {entry.filename!r}",
                expected="names that differ by more than case",
            )
        taken[key] = entry.filename
        targets[name] = entry
    for key, name in taken.items():
        parts = key.split("/")
        if any("/".join(parts[:depth]) in taken for depth in range(1, len(parts))):
            raise DataError(
                "a file where a folder is needed", path=archive, found=repr(name), expected="one or the other"
            )
    return targets


def _check_entry(archive: Path, entry: zipfile.ZipInfo, name: str) -> None:
    shown = repr(entry.filename[:200])
    parts = name.removesuffix("/").split("/")
    absolute = name.startswith("/") or re.match(r"[A-Za-z]:", name) is not None
    # A dot or a space at the end is dropped on Windows, so `.. ` would be `..` there.
    if absolute or any(part.rstrip(". ") == "" for part in parts) or any(ord(letter) < 32 for letter in name):
        raise DataError("a name that leads out of the archive", path=archive, found=shown, expected="plain names")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if stat.S_ISLNK(kind) else "a special file"
        raise DataError(f"{what} in the archive", path=archive, found=shown, expected="plain files and folders")
    if entry.flag_bits & _ENCRYPTED:
        raise DataError("an encrypted archive", path=archive, found=shown, expected="one without a password")


def _extract(
    archive: Path,
    packed: zipfile.ZipFile,
    targets: dict[str, zipfile.ZipInfo],
    folder: Path,
    limit: int,
    progress: Progress,
) -> None:
    unpacked = 0
    total = sum(entry.file_size for entry in targets.values())
    with progress.step("unpacking", total, "B") as say:
        for name, entry in targets.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(entry) as source, path.open("xb") as target:
                while block := source.read(_BLOCK):
                    # The sizes an archive declares need not be true.
                    unpacked += len(block)
                    if unpacked > limit:
                        raise DataError("unpacks to too much", path=archive, expected=f"at most {limit:,} bytes")
                    target.write(block)
                    say(unpacked)
