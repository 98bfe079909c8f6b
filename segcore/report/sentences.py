"""Numbers and lists in the sentences of a report."""

from __future__ import annotations

from collections.abc import Sequence

from segcore.runs import slice_ranges


def counted(number: int, one: str, several: str) -> str:
    """A number with its noun, such as `1 slice` or `1,200 slices`."""
    return f"{number:,} {one if number == 1 else several}"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, or `a, b and c`; empty for none."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def slices_named(indices: Sequence[int]) -> str:
    """Which slices, as `slice 4` or `slices 0-3, 7`."""
    return f"{'slice' if len(indices) == 1 else 'slices'} {slice_ranges(indices)}"


def were(indices: Sequence[int]) -> str:
    """The verb for so many."""
    return "was" if len(indices) == 1 else "were"
