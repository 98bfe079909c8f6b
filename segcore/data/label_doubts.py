"""What is odd about labels without being wrong: it is said at import, so that somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segcore.stacks import IGNORE, MEMBRANE, Page

_MUCH_MEMBRANE = 0.6
_THICK = 0.1


@dataclass(frozen=True, kw_only=True)
class SliceShares:
    """What a slice with both classes consists of.

    Attributes:
        name: of the slice.
        membrane: share of membrane, 0 to 1.
        quarters_without: of its four quarters, how many have labels but no membrane.
        thick: share of its membrane that lies in squares of 2 x 2 pixels of membrane, 0 to 1.
    """

    name: str
    membrane: float
    quarters_without: int
    thick: float


def shares_of(name: str, label: Page) -> SliceShares:
    """The shares of a label (H, W) that holds both classes; what is ignored counts in none."""
    membrane = label == MEMBRANE
    middle = label.shape[0] // 2, label.shape[1] // 2
    quarters = [half for rows in np.split(label, middle[:1]) for half in np.split(rows, middle[1:], axis=1)]
    square = membrane[1:, 1:] & membrane[:-1, 1:] & membrane[1:, :-1] & membrane[:-1, :-1]
    thick = np.zeros_like(membrane)
    for rows in (slice(1, None), slice(None, -1)):
        for columns in (slice(1, None), slice(None, -1)):
            thick[rows, columns] |= square
    return SliceShares(
        name=name,
        membrane=float(membrane.sum() / (label != IGNORE).sum()),
        quarters_without=sum(bool((one != IGNORE).any() and not (one == MEMBRANE).any()) for one in quarters),
        thick=float(thick.sum() / membrane.sum()),
    )


def doubts(slices: Sequence[SliceShares]) -> list[str]:
    """Warnings of what is odd about the labels of a stack, in words; none if nothing is."""
    usual = float(np.median([one.membrane for one in slices]))
    said = []
    odd = [f"{one.name} ({100 * one.membrane:.0f} %)" for one in slices if one.membrane > 0.5 > usual + 0.1]
    if odd:
        said.append(
            f"WARNING: much more membrane than in the others ({100 * usual:.0f} %), as if inverted: {listed(odd)}"
        )
    elif usual > _MUCH_MEMBRANE:
        said.append(f"WARNING: {100 * usual:.0f} % of a slice is membrane; is this what the labels say?")
    partly = [one.name for one in slices if one.quarters_without]
    if partly and len(partly) <= len(slices) / 2:
        said.append(
            f"WARNING: whole quarters of a slice without membrane, as if it were drawn in part: {listed(partly)}; what "
            "nobody drew can be given a value of its own, and ignored"
        )
    if np.median([one.thick for one in slices]) < _THICK:
        said.append(
            "WARNING: membrane is a line one pixel wide, as a skeleton; what is predicted will be wider, and count as "
            "wrong there"
        )
    return said


def listed(words: Sequence[str]) -> str:
    """The first five, and how many more there are."""
    return ", ".join(words[:5]) + (f" and {len(words) - 5} more" if len(words) > 5 else "")
