"""What a reader uploads: written to a scratch folder under a safe name for as long as it is needed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from segcore.errors import SegcoreError
from segcore.numbering import IMAGE_SUFFIXES

SUFFIXES = tuple(sorted({suffix.lstrip(".").lower() for suffix in IMAGE_SUFFIXES}))
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_BLOCK = 1 << 20


class Upload(Protocol):
    """What `st.file_uploader` gives."""

    name: str

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...


def safe_file_name(name: str) -> str:
    """A file name that stays in its folder: the last part of it, of plain letters and digits, its ending kept."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return _UNSAFE.sub("_", last).lstrip("._")[-100:] or "upload"


@contextmanager
def on_disk(files: Sequence[Upload]) -> Iterator[Path]:
    """The path of an upload: the file, or a folder with the files where there are several.

    Errors raised inside name the file without the folder it was in, which is gone afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="segcore-") as place:
        folder = Path(place)
        paths = []
        for number, file in enumerate(files):
            path = folder / safe_file_name(file.name)
            if path.exists():
                path = folder / f"{number}-{path.name}"
            file.seek(0)
            with path.open("wb") as target:
                _copy(file, target)
            paths.append(path)
        try:
            yield paths[0] if len(paths) == 1 else folder
        except SegcoreError as error:
            if error.path is None or place not in error.path:
                raise
            inside = error.path.partition(place)[2].lstrip("/") or "the upload"
            raise type(error)(error.problem, path=inside, found=error.found, expected=error.expected) from error


def _copy(source: Upload, target: BinaryIO) -> None:
    while block := source.read(_BLOCK):
        target.write(block)
