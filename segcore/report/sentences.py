"""Numbers and lists in the sentences of a report."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, one: str, several: str) -> str:
    """A number with its noun, such as `1 slice` or `1,200 slices`."""
    return f"{number:,} {one if number == 1 else several}"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, or `a, b and c`; empty for none."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""
