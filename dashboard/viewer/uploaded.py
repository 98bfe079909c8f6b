"""Stacks that visitors brought, each under a name that nobody can guess, for as long as the visit lasts."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from segcore.runs import SegmentPoint

UPLOADED = "~"
"""What their names begin with, and no dataset's does."""

_STACKS: dict[str, UploadedStack] = {}
_LOCK = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class UploadedStack:
    """A stack with what a run says of it.

    Attributes:
        folder: with `images.tif` and `probability.tif`, 8 bits each; it goes when the visit ends.
        shape: slices, height and width.
        segment_point: how segments are made of the probability; None for none.
    """

    folder: Path
    shape: tuple[int, int, int]
    segment_point: SegmentPoint | None


def name_uploaded(stack: UploadedStack) -> str:
    """The name under which it is found, in the place of a dataset's."""
    name = f"{UPLOADED}{secrets.token_urlsafe(16)}"
    with _LOCK:
        _STACKS[name] = stack
    return name


def uploaded_stack(name: str) -> UploadedStack | None:
    """That of a name; None if there is none, or not any more."""
    with _LOCK:
        return _STACKS.get(name)


def drop_uploaded(name: str) -> UploadedStack | None:
    """Forgets a name, and gives what it was that of."""
    with _LOCK:
        return _STACKS.pop(name, None)
