"""Every wrong pixel is one thing: of a boundary, of a merge, of a split, or of an object missed or invented.

What opens a membrane or cuts a neurite is told from what only moves a boundary by where it lies. Membrane falls to the
neurites around it and leaves a line of one pixel between them (`thin`). Where a pixel of that line was called interior,
in a piece that belongs to the neurites on both sides, the membrane is open, and the missed membrane whose nearest
pixel of the line this is belongs to the merge. The same with prediction and label exchanged gives the splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from segcore.measures.events import MIN_OVERLAP_FRACTION, MIN_OVERLAP_PX, belonging
from segcore.measures.evidence import DISTANCE_BINS
from segcore.measures.topology import IntArray, LabelImage, components, contingency

ErrorPart = Literal["thin", "thick", "merge", "split", "invented", "missed"]
ERROR_PARTS: tuple[ErrorPart, ...] = ("thin", "thick", "merge", "split", "invented", "missed")
"""In the order of their codes, from 1: missed membrane of a boundary, false membrane of a boundary, missed membrane
that joins neurites, false membrane that cuts one, a piece within membrane, a neurite of which nothing was found."""


@dataclass(frozen=True)
class ErrorParts:
    """Wrong pixels of slices by part and by distance to the nearest true boundary.

    Attributes:
        counts: int64 (slices, parts, distances), parts as in `ERROR_PARTS`.
    """

    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.counts.shape[1:] != (len(ERROR_PARTS), DISTANCE_BINS) or (self.counts < 0).any():
            raise ValueError(f"error parts of shape {self.counts.shape}")

    def wrong(self, tolerance: int = 0) -> dict[str, IntArray]:
        """Wrong pixels (slices,) of each part, and `near` for what a tolerance in pixels forgives.

        Only the boundary's parts are forgiven: what joins or cuts neurites, and whole objects, matter however near they
        are. Together they are all wrong pixels.
        """
        found = {name: self.counts[:, at].sum(1) for at, name in enumerate(ERROR_PARTS)}
        near = np.zeros(len(self.counts), np.int64)
        for name in ("thin", "thick"):
            forgiven = self.counts[:, ERROR_PARTS.index(name), :tolerance].sum(1)
            found[name] -= forgiven
            near += forgiven
        return found | {"near": near}

    def forgiven_though(self, tolerance: int) -> IntArray:
        """Pixels (slices,) within a tolerance that join or cut neurites all the same, or are an object's."""
        return np.asarray(self.counts[:, 2:, :tolerance].sum((1, 2)))


def error_part_of_pixels(
    interior: NDArray[np.bool_],
    neurites: LabelImage,
    prediction: NDArray[np.bool_],
    thinned: LabelImage,
    territories: LabelImage,
    counted: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """What each pixel of a slice is: 0 where it is right or not counted, else 1 and up as in `ERROR_PARTS`. (H, W).

    Args:
        interior: (H, W), the label.
        neurites: (H, W), `true_neurites`.
        prediction: (H, W), True where predicted interior; False where nothing counts.
        thinned: (H, W), `thin(prediction)`.
        territories: (H, W), the neurites `grown` into the membrane: 0 on the lines between them.
        counted: (H, W), False where the label is to be ignored; None where everything counts.
    """
    missed, false = ~interior & prediction, interior & ~prediction
    if counted is not None:
        missed &= counted
        false &= counted
    pieces = components(prediction)
    table = contingency(neurites, pieces)
    neurite, piece, _ = belonging(table, MIN_OVERLAP_PX, MIN_OVERLAP_FRACTION)
    columns = int(pieces.max(initial=0)) + 1
    together = np.unique(neurite * columns + piece)

    def belong(numbers: IntArray, of: IntArray) -> NDArray[np.bool_]:
        return np.isin(numbers.astype(np.int64) * columns + of, together)

    found = np.zeros(interior.shape, np.uint8)
    found[missed], found[false] = 1, 2
    true_walls = territories == 0
    line = np.flatnonzero(true_walls & missed)
    low, high = _sides(territories, line)
    at = pieces.ravel()[line].astype(np.int64)
    found[_reached(missed, true_walls, line[(low != high) & belong(low, at) & belong(high, at)])] = 3
    false_walls = thinned == 0
    line = np.flatnonzero(false_walls & false)
    low, high = _sides(thinned, line)
    at = neurites.ravel()[line].astype(np.int64)
    found[_reached(false, false_walls, line[(low != high) & belong(at, low) & belong(at, high)])] = 4
    return _with_objects(found, interior, neurites, prediction, pieces, missed, false)


def _with_objects(
    found: NDArray[np.uint8],
    interior: NDArray[np.bool_],
    neurites: LabelImage,
    prediction: NDArray[np.bool_],
    pieces: LabelImage,
    missed: NDArray[np.bool_],
    false: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """With the pieces that hold no interior, and the neurites that hold no predicted interior."""
    real = np.zeros(int(pieces.max(initial=0)) + 1, bool)
    real[pieces[interior & prediction]] = True
    seen = np.zeros(int(neurites.max(initial=0)) + 1, bool)
    seen[neurites[interior & prediction]] = True
    found[missed & ~real[pieces]] = 5
    found[false & ~seen[neurites] & (neurites > 0)] = 6
    return found


def _sides(labels: LabelImage, line: IntArray) -> tuple[IntArray, IntArray]:
    """The lowest and the highest number, but 0, of the eight pixels around each of these, given by flat index."""
    width = labels.shape[1]
    padded = np.pad(labels.astype(np.int64), 1)
    y, x = np.divmod(line, width)
    around = np.stack([padded[y + dy, x + dx] for dy in range(3) for dx in range(3)])
    nobody = np.iinfo(np.int64).max
    low = np.where(around == 0, nobody, around).min(0, initial=nobody)
    return np.where(low == nobody, 0, low), around.max(0, initial=0)


def _reached(wrong: NDArray[np.bool_], lines: NDArray[np.bool_], open_at: IntArray) -> NDArray[np.bool_]:
    """Where wrong pixels have one of these, given by flat index, as their nearest pixel of the lines. (H, W)."""
    if not len(open_at):
        return np.zeros(wrong.shape, bool)
    is_open = np.zeros(wrong.size, bool)
    is_open[open_at] = True
    nearest = scipy.ndimage.distance_transform_edt(~lines, return_distances=False, return_indices=True)
    return np.asarray(wrong & is_open.reshape(wrong.shape)[tuple(nearest)])


def count_error_parts(found: NDArray[np.uint8], distance: NDArray[np.uint8]) -> NDArray[np.int64]:
    """A row of `ErrorParts.counts` (parts, distances) from what each pixel is and its `boundary_distance`."""
    keys = found.astype(np.int64) * DISTANCE_BINS + distance
    counts = np.bincount(keys.ravel(), minlength=(len(ERROR_PARTS) + 1) * DISTANCE_BINS)
    return counts.reshape(-1, DISTANCE_BINS)[1:]
