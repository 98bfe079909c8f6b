"""Harm: by how much V_Rand of a slice would rise if one split or merge alone were undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segcore.measures.topology import Contingency


@dataclass(frozen=True)
class RandSums:
    """What V_Rand of a slice is made of; see `score_segments`.

    Attributes:
        both: sum of squared overlaps.
        true: sum of squared neurites.
        predicted: sum of squared segments.
    """

    both: int
    true: int
    predicted: int

    @classmethod
    def of(cls, table: Contingency) -> RandSums:
        zeros = int(table.segment_px[0])
        return cls(
            both=int((table.pixels[table.segment > 0] ** 2).sum()) + zeros,
            true=int((table.neurite_px**2).sum()),
            predicted=int((table.segment_px[1:] ** 2).sum()) + zeros,
        )

    def rise(self, both: int, predicted: int) -> float:
        """By how much V_Rand rises when two of the sums change by that; exact integers up to the division."""
        before, after = self.true + self.predicted, self.true + self.predicted + predicted
        # One division of exact integers: the difference of two V_Rand would lose its last digits.
        return 2 * ((self.both + both) * before - self.both * after) / (before * after)


def harm_of_split(sums: RandSums, overlaps_px: Sequence[int], segments_px: Sequence[int]) -> float:
    """Undone, the neurite's pixels in its other pieces go to the first one.

    Negative where the first piece also holds other neurites, and more is lost by adding to it than is won: such a split
    is worth undoing only once that merge is.

    Args:
        sums: of the slice.
        overlaps_px: pixels that the neurite shares with each piece.
        segments_px: scored pixels of each piece as a whole.
    """
    moved = overlaps_px[1:]
    both = sum(overlaps_px) ** 2 - sum(one**2 for one in overlaps_px)
    left = sum((whole - one) ** 2 - whole**2 for one, whole in zip(moved, segments_px[1:], strict=True))
    return sums.rise(both, left + (segments_px[0] + sum(moved)) ** 2 - segments_px[0] ** 2)


def harm_of_merge(sums: RandSums, overlaps_px: Sequence[int], segment_px: int) -> float:
    """Undone, each neurite but the first has its pixels of the segment as a segment of its own. Never negative.

    Args:
        sums: of the slice.
        overlaps_px: pixels that the segment shares with each neurite, those of the one that keeps it first.
        segment_px: scored pixels of the segment as a whole.
    """
    apart = overlaps_px[1:]
    return sums.rise(0, (segment_px - sum(apart)) ** 2 + sum(one**2 for one in apart) - segment_px**2)
