"""A verdict: what somebody decided about a place in an evaluation. Checked where it is made, so also where it is read.

All text in it comes from people and from files of strangers; it is text and nothing else, to be shown as such.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from segcore.errors import ConfigError

Decision = Literal["acceptable", "model error", "label error", "unsure"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
LONGEST_NAME = 80
"""Characters in a reviewer's name."""
LONGEST_NOTE = 2000
"""Characters in a note."""

_LONGEST_KIND = 40
_LONGEST_DATASET = 100
_LONGEST_FINGERPRINT = 128
_LARGEST = 2**31 - 1
_LONGEST_FOUND = 80
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters but tabs and ends of lines; halves of surrogate pairs, which no file of UTF-8 can hold."""
_TAG = re.compile(r"(?<!\S)#([^\W_][\w-]*)")
"""A word with a `#` before it, where a word begins."""
_NUMBERS = ("slice", "y", "x", "top", "left", "bottom", "right")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in an evaluation something is to be judged.

    Attributes:
        kind: what it is, such as `split`, `merge`, `wrong pixels` or `slice`; 1 to 40 printable characters.
        slice: index of the slice, from 0.
        y, x: the pixel to look at, inside the box.
        top, left, bottom, right: bounding box in pixels, `bottom` and `right` excluded.

    Raises:
        ConfigError: something else than that.
    """

    kind: str
    slice: int
    y: int
    x: int
    top: int
    left: int
    bottom: int
    right: int

    def __post_init__(self) -> None:
        check_name("kind of place", self.kind, _LONGEST_KIND)
        for name in _NUMBERS:
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= _LARGEST:
                raise ConfigError(
                    f"{name} of a place is out of range",
                    found=_short(value),
                    expected=f"a whole number, 0 to {_LARGEST}",
                )
        if not (self.top <= self.y < self.bottom and self.left <= self.x < self.right):
            raise ConfigError(
                "the pixel of a place is outside its box",
                found=f"({self.y}, {self.x})",
                expected=f"rows {self.top} to {self.bottom - 1}, columns {self.left} to {self.right - 1}",
            )

    @property
    def key(self) -> tuple[str, int, int, int]:
        """What makes it the same place: kind, slice, y and x. A box may change with the threshold."""
        return (self.kind, self.slice, self.y, self.x)


def _now() -> str:
    return datetime.now(UTC).isoformat()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a reviewer decided about a place.

    Attributes:
        place: where.
        dataset: name of the stack, 1 to 100 printable characters.
        fingerprint: of that stack's pixels, 1 to 128 printable characters.
        reviewer: who decided, 1 to 80 printable characters without spaces around them.
        decision: one of `DECISIONS`.
        note: up to 2000 characters; of the control characters only tabs and ends of lines.
        at: when, UTC, ISO 8601 as Python writes it: `2026-01-31T12:30:00+00:00`, with six digits of a second or none.

    Raises:
        ConfigError: something else than that.
    """

    place: Place
    dataset: str
    fingerprint: str
    reviewer: str
    decision: Decision
    note: str = ""
    at: str = field(default_factory=_now)

    def __post_init__(self) -> None:
        check_name("name of a dataset", self.dataset, _LONGEST_DATASET)
        check_name("fingerprint of a dataset", self.fingerprint, _LONGEST_FINGERPRINT)
        check_name("name of a reviewer", self.reviewer, LONGEST_NAME)
        if self.decision not in DECISIONS:
            raise ConfigError("unknown decision", found=_short(self.decision), expected=", ".join(DECISIONS))
        check_note(self.note)
        check_time("verdict", self.at)

    @property
    def key(self) -> tuple[str, str, tuple[str, int, int, int]]:
        """Verdicts with the same key replace each other: of the same pixels, reviewer and place."""
        return (self.fingerprint, self.reviewer, self.place.key)

    @property
    def tags(self) -> tuple[str, ...]:
        """The words of the note that begin with `#`, without it and in lower case, each once and in their order."""
        return tuple(dict.fromkeys(word.lower() for word in _TAG.findall(self.note)))


_OF_PLACE = tuple(one.name for one in fields(Place))
COLUMNS = (*_OF_PLACE, *(one.name for one in fields(Verdict) if one.name != "place"))
"""The names of a verdict's values in a table, place and all."""
NUMBERS = frozenset(_NUMBERS)
"""Those of `COLUMNS` that are whole numbers; the others are text."""


def to_row(verdict: Verdict) -> dict[str, str | int]:
    """The values of a verdict by `COLUMNS`."""
    return {name: getattr(verdict.place if name in _OF_PLACE else verdict, name) for name in COLUMNS}


def from_row(row: Mapping[str, Any]) -> Verdict:
    """The verdict of such values; `ConfigError` where one is missing, unknown or not what it should be."""
    if wrong := sorted(set(row) ^ set(COLUMNS)):
        found = ", ".join(f"{'no' if name in COLUMNS else 'unknown'} {_short(name)}" for name in wrong[:3])
        raise ConfigError("other values than those of a verdict", found=found, expected=", ".join(COLUMNS))
    place = Place(**{name: row[name] for name in _OF_PLACE})
    return Verdict(place=place, **{name: row[name] for name in COLUMNS if name not in _OF_PLACE})


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_FOUND else text[: _LONGEST_FOUND - 3] + "..."


def check_name(what: str, name: object, longest: int) -> None:
    """Raises a `ConfigError` for anything but printable characters without spaces around them, one to `longest`."""
    # Format characters are not printable: none of them can make a name look like another one.
    if not isinstance(name, str) or not 1 <= len(name) <= longest or not name.isprintable() or name != name.strip():
        expected = f"1 to {longest} printable characters without spaces around them"
        raise ConfigError(f"the {what} cannot be used", found=_short(name), expected=expected)


def check_note(note: object) -> None:
    """Raises a `ConfigError` for anything but text that can be shown and is not too long."""
    if not isinstance(note, str) or len(note) > LONGEST_NOTE:
        found = f"{len(note)} characters" if isinstance(note, str) else _short(note)
        raise ConfigError("the note cannot be used", found=found, expected=f"text of up to {LONGEST_NOTE} characters")
    if wrong := _NO_TEXT.search(note):
        raise ConfigError("the note cannot be used", found=_short(wrong[0]), expected="characters that can be shown")


def check_time(of: str, at: object) -> None:
    """Raises a `ConfigError` for anything but a time in UTC as Python writes it; `of` says of what."""
    try:
        time = datetime.fromisoformat(at) if isinstance(at, str) else None
    except ValueError:
        time = None
    # One way to write a time, so that times sort as text does.
    if time is None or time.utcoffset() != timedelta(0) or time.isoformat() != at:
        raise ConfigError(
            f"the time of a {of} cannot be used", found=_short(at), expected="UTC such as 2026-01-31T12:30:00+00:00"
        )
