"""What a reader uploads: written to a scratch folder under a safe name, and opened as a stack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from segcore.data import unpacked
from segcore.errors import DataError, SegcoreError
from segcore.progress import SILENT, Progress
from segcore.stacks import (
    IMAGE_SUFFIXES,
    VOLUME_SUFFIXES,
    Axes,
    StackReader,
    in_number_order,
    is_container,
    open_pictures,
    open_stack,
    picture_names,
    reordered,
)
from segcore.storage import storage_errors

_USUAL = ("tif", "tiff", "zip", "png", "jpg", "jpeg")
# Only the first few are seen beside the button.
SUFFIXES = (*_USUAL, *sorted({suffix.lstrip(".").lower() for suffix in IMAGE_SUFFIXES | VOLUME_SUFFIXES} - set(_USUAL)))
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_BLOCK = 1 << 20
MOST_PIXELS = 8192 * 8192
MOST_PIXELS_IN_ALL = 10**9
MOST_UNPACKED_BYTES = 2 * MOST_PIXELS_IN_ALL
"""What the archive of a visitor may unpack to; `segcore import` takes more."""


class Upload(Protocol):
    """What `st.file_uploader` gives."""

    name: str
    size: int

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...


def safe_file_name(name: str) -> str:
    """A file name that stays in its folder: the last part of it, of plain letters and digits, its ending kept."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return _UNSAFE.sub("_", last).lstrip("._")[-100:] or "upload"


def as_named(text: str, folder: Path) -> str:
    """A message about files in `folder` with the names they were uploaded under, without the folder."""
    return text.replace(f"{folder}/upload/", "").replace(f"{folder}/upload", "the upload").replace(f"{folder}/", "")


def copy(files: Sequence[Upload], folder: Path, progress: Progress = SILENT) -> Path:
    """Writes an upload into a new folder, under names that are safe there.

    Returns:
        the file, or the folder with the files where there are several.

    Raises:
        StorageError: if the disk refuses.
    """
    place = folder if len(files) == 1 else folder / "upload"
    total = sum(file.size for file in files)
    written = 0
    with storage_errors(folder), progress.step("copying", total, "B") as say:
        place.mkdir(parents=True, exist_ok=True)
        for number, file in enumerate(files):
            path = place / safe_file_name(file.name)
            if path.exists():
                path = place / f"{number}-{path.name}"
            file.seek(0)
            with path.open("wb") as target:
                while block := file.read(_BLOCK):
                    target.write(block)
                    written += len(block)
                    say(written)
    return path if len(files) == 1 else place


@contextmanager
def stack_in(
    path: Path, folder: Path, inside: str = "", axes: Axes = "zyx", progress: Progress = SILENT
) -> Iterator[StackReader]:
    """The images of an upload as one stack: a picture, a TIFF, several pictures, or a zip of one of these.

    Smaller pictures are padded; `sizes` of the stack says how large each was.

    Args:
        path: where `copy` wrote it in `folder`.
        inside: where the stack is in a file that can hold several.
        axes: of the stack, in the order in which they lie in its file.

    Raises:
        DataError: if they cannot be read, or are more than `MOST_PIXELS` or `MOST_PIXELS_IN_ALL`.
        StorageError: if the disk refuses.
    """
    with (
        _errors_as_named(folder),
        unpacked(path, folder, limit=MOST_UNPACKED_BYTES, progress=progress) as place,
        _opened(_only_one(place), inside) as opened,
    ):
        # Before axes are changed, for which the whole stack is copied.
        if opened.height * opened.width * len(opened) > MOST_PIXELS_IN_ALL:
            raise DataError(
                "the stack is too large to try here",
                found=f"{len(opened)} slices of {opened.height} x {opened.width} pixels",
                expected=f"at most {MOST_PIXELS_IN_ALL:,} pixels in all; `segcore predict` takes any",
            )
        stack = reordered(opened, axes)
        if stack.height * stack.width > MOST_PIXELS:
            raise DataError(
                "the slices are too large to try here",
                found=f"{stack.height} x {stack.width} pixels",
                expected=f"at most {MOST_PIXELS:,} pixels a slice, such as 8192 x 8192; `segcore predict` takes any",
            )
        yield stack


def _opened(place: Path, inside: str) -> StackReader:
    if not place.is_dir() or is_container(place):
        return open_stack(within(place, inside))
    names = picture_names(place)
    try:
        names = in_number_order(names, place)
    except DataError:
        names = sorted(names)  # any order will do, where nothing is told of neighbours
    return open_pictures([place / name for name in names], smaller="zero") if names else open_stack(place)


def within(file: Path, inside: str) -> Path:
    """A path that goes on inside a file, if there is anything to go on with."""
    return Path(f"{file}:{inside}") if inside else file


@contextmanager
def _errors_as_named(folder: Path) -> Iterator[None]:
    try:
        yield
    except SegcoreError as error:
        path, found, expected = (
            None if text is None else as_named(text, folder) for text in (error.path, error.found, error.expected)
        )
        raise type(error)(error.problem, path=path, found=found, expected=expected) from error


def _only_one(path: Path) -> Path:
    """Where the images are: archives often hold one folder with everything, or one file."""
    while path.is_dir() and not is_container(path):
        inside = [one for one in path.iterdir() if not one.name.startswith((".", "__MACOSX"))]
        if len(inside) != 1:
            break
        path = inside[0]
    return path
