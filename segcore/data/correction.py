"""A correction of a label: pixels of a slice that get another one, who said so, when and why.

It holds the pixels themselves, so that it means the same whatever becomes of the evaluation it was made in. All text in
it comes from people and from files of strangers; it is text and nothing else, to be shown as such.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from segcore.errors import ConfigError
from segcore.reviews import LONGEST_NAME, Place, check_name, check_note, check_time
from segcore.stacks import IGNORE, INTERIOR, MEMBRANE

Become = Literal["ignore", "membrane", "interior"]
Run = tuple[int, int, int]
"""Pixels side by side: their row, the first column, and the first one after the last."""

VALUE_OF: dict[Become, int] = {"ignore": IGNORE, "membrane": MEMBRANE, "interior": INTERIOR}


def _now() -> str:
    return datetime.now(UTC).isoformat()


@dataclass(frozen=True, kw_only=True)
class Correction:
    """Pixels of a slice that get another label.

    What they become is said by its name, and not as "the other one", so that it does not depend on what other
    corrections did to the same pixels.

    Attributes:
        place: what it is about: kind, slice, the pixel to look at, and the box of the place.
        become: the label that the pixels get.
        runs: the pixels, row by row from left to right; they may lie beyond the box.
        reviewer: who decided it, as in a verdict.
        note: as in a verdict.
        at: when, UTC, ISO 8601 as Python writes it.

    Raises:
        ConfigError: something else than that.
    """

    place: Place
    become: Become
    runs: tuple[Run, ...]
    reviewer: str
    note: str = ""
    at: str = field(default_factory=_now)

    def __post_init__(self) -> None:
        if self.become not in get_args(Become):
            raise ConfigError(
                "pixels cannot become that", found=repr(self.become)[:80], expected=" or ".join(get_args(Become))
            )
        _check_runs(self.runs)
        check_name("name of a reviewer", self.reviewer, LONGEST_NAME)
        check_note(self.note)
        check_time("correction", self.at)

    @cached_property
    def pixels(self) -> int:
        """How many they are."""
        return sum(last - first for _, first, last in self.runs)

    def mask(self, height: int, width: int) -> npt.NDArray[np.bool_]:
        """True where they are, (H, W).

        Raises:
            ConfigError: some lie outside of a slice of this size.
        """
        if any(row >= height or last > width for row, _, last in self.runs):
            raise ConfigError(
                "a correction has pixels outside of the slice",
                found=f"row {self.runs[-1][0]}, column {max(last for _, _, last in self.runs) - 1}",
                expected=f"{height} x {width} pixels",
            )
        found = np.zeros((height, width), bool)
        for row, first, last in self.runs:
            found[row, first:last] = True
        return found


@dataclass(frozen=True, kw_only=True)
class Corrections:
    """What a corrected copy is, as it is kept in the copy.

    Attributes:
        format_version: of the file.
        original: name of the dataset that it is a copy of.
        original_fingerprint: of that dataset, labels and all.
        corrections: in the order in which they are made; of two that are about one pixel the later counts.
    """

    format_version: int = 1
    original: str
    original_fingerprint: str
    corrections: tuple[Correction, ...] = ()

    def of_place(self, place: Place) -> Correction | None:
        """The correction about a place, if there is one."""
        return next((one for one in self.corrections if one.place.key == place.key), None)

    @property
    def slices(self) -> tuple[int, ...]:
        """The slices with a correction, in order."""
        return tuple(sorted({one.place.slice for one in self.corrections}))


def runs_of(mask: npt.NDArray[np.bool_]) -> tuple[Run, ...]:
    """The pixels of a mask (H, W) as runs."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, first = np.nonzero(edges == 1)
    _, last = np.nonzero(edges == -1)
    return tuple(zip(rows.tolist(), first.tolist(), last.tolist(), strict=True))


def _check_runs(runs: Any) -> None:
    if not isinstance(runs, tuple) or not runs:
        raise ConfigError("a correction without pixels", found=repr(runs)[:80], expected="at least one")
    end = (-1, 0)
    for run in runs:
        if not isinstance(run, tuple) or len(run) != 3 or any(type(one) is not int or one < 0 for one in run):
            raise ConfigError("that is no run of pixels", found=repr(run)[:80], expected="row, first, last column + 1")
        row, first, last = run
        if first >= last or (row, first) < end:
            raise ConfigError(
                "the pixels of a correction are not in order", found=repr(run), expected="each pixel once, row by row"
            )
        end = (row, last)
