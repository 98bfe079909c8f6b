"""The three values of a label: membrane, interior, and *ignore*, where nothing is known or nothing is wanted.

What is ignored is not learned from and counts in no figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MEMBRANE, IGNORE, INTERIOR = 0, 128, 255


def only_rows(labels: NDArray[np.uint8], rows: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Labels (.., H, W) that are ignored outside of some rows, as a copy; themselves if there is nothing to leave out.

    Args:
        labels: of the three values.
        rows: the first row and the first one after the last; None for all.
    """
    if rows is None or rows == (0, labels.shape[-2]):
        return labels
    kept = np.full(labels.shape, IGNORE, np.uint8)
    kept[..., rows[0] : rows[1], :] = labels[..., rows[0] : rows[1], :]
    return kept


@dataclass(frozen=True)
class Truth:
    """What a label says of each pixel.

    Attributes:
        interior: (H, W), True where it is interior.
        counted: (H, W), True where it is interior or membrane; None where that is everywhere.
        numbers: (H, W) uint32, which neurite a pixel belongs to, 0 for none; None where nobody numbered them.
    """

    interior: NDArray[np.bool_]
    counted: NDArray[np.bool_] | None = None
    numbers: NDArray[np.uint32] | None = None

    @classmethod
    def of(cls, label: NDArray[np.uint8] | NDArray[np.bool_], numbers: NDArray[np.uint32] | None = None) -> Truth:
        """Of a label (H, W): of the three values above, any other for interior; or true for interior."""
        if label.dtype == bool:
            return cls(label.astype(bool, copy=False), None, numbers)
        ignored = label == IGNORE
        interior = label != MEMBRANE
        return cls(interior & ~ignored, ~ignored, numbers) if ignored.any() else cls(interior, None, numbers)

    def masked(self, plane: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A plane (H, W), False where nothing counts: as if the slice ended there."""
        return plane if self.counted is None else plane & self.counted
