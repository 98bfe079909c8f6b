"""Pixel evidence: one small table of counts a slice, from which every pixel measure follows exactly.

For every slice the table counts pixels by true class, 8-bit probability of interior, and distance
to the nearest true boundary. Confusion matrices, Dice, IoU, curves, calibration and "wrong by more
than so many pixels" are sums over it, for any threshold and tolerance, without the images.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import ConfigError, RunError
from segcore.measures.confusion import Confusion, ratio
from segcore.measures.threshold_values import CHALLENGE_THRESHOLDS, best_threshold, last_membrane_value
from segcore.storage import atomic_file

PROBABILITY_VALUES = 256
DISTANCE_BINS = 6
LARGEST_TOLERANCE_PX = DISTANCE_BINS - 1

_FORMAT_VERSION = 1
_FAR = DISTANCE_BINS * DISTANCE_BINS
# Squared distance (capped at 36) to bin: floor(sqrt) - 1, and 5 for everything from 6 pixels on.
_BIN_OF_SQUARE = np.array([max(0, int(np.sqrt(square)) - 1) for square in range(_FAR + 1)], dtype=np.uint8)


def boundary_distance(label_interior: NDArray[np.bool_], counted: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """How far each pixel is from the nearest true boundary, in whole pixels, 0 to 5.

    Equal to floor(Euclidean distance to the nearest pixel of the other class) - 1, clipped to 5: 0
    for the pixels that touch the other class by an edge or a corner, 5 for 6 pixels and more. A
    slice of one class has no boundary and is 5 everywhere.

    Only distances below six pixels matter, so this looks along rows, then along columns, five
    pixels each way, on squared distances in bytes; two full distance transforms take many times as
    long.

    Args:
        label_interior: (H, W), True where the label is interior.
        counted: (H, W), False where a pixel is in no class, and makes no boundary; all are in one if None.

    Returns:
        (H, W) uint8; of no meaning where a pixel is in no class.
    """
    interior = np.asarray(label_interior, dtype=bool)
    # Each pixel is 0 away from its own class, so the sum is the distance to the other one.
    membrane = ~interior
    if counted is not None:
        interior, membrane = interior & counted, membrane & counted
    square = np.minimum(_capped_square(interior) + _capped_square(membrane), np.uint8(_FAR))
    return np.asarray(_BIN_OF_SQUARE[square])


def _capped_square(members: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Squared distance to the nearest True pixel, capped at 36, uint8."""
    here = np.where(members, np.uint8(0), np.uint8(_FAR))
    along_rows = here.copy()
    for step in range(1, min(DISTANCE_BINS, here.shape[1])):
        farther = here + np.uint8(step * step)
        np.minimum(along_rows[:, step:], farther[:, :-step], out=along_rows[:, step:])
        np.minimum(along_rows[:, :-step], farther[:, step:], out=along_rows[:, :-step])
    nearest = along_rows.copy()
    for step in range(1, min(DISTANCE_BINS, here.shape[0])):
        farther = along_rows + np.uint8(step * step)
        np.minimum(nearest[step:], farther[:-step], out=nearest[step:])
        np.minimum(nearest[:-step], farther[step:], out=nearest[:-step])
    return nearest


def count_evidence(
    label_interior: NDArray[np.bool_], probability_q: NDArray[np.uint8], counted: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """The table of one slice.

    Args:
        label_interior: (H, W), True where the label is interior.
        probability_q: (H, W) uint8, probability of interior times 255.
        counted: (H, W), False where a pixel is in no class and counts nowhere; all count if None.

    Returns:
        (2, 256, 6) int64: pixels by true class (membrane, interior), probability, boundary distance.
    """
    interior = np.asarray(label_interior, dtype=bool)
    cell = interior.astype(np.intp)
    cell *= PROBABILITY_VALUES
    cell += probability_q
    cell *= DISTANCE_BINS
    cell += boundary_distance(interior, counted)
    if counted is not None:
        cell = cell[counted]
    shape = (2, PROBABILITY_VALUES, DISTANCE_BINS)
    counts = np.bincount(cell.ravel(), minlength=2 * PROBABILITY_VALUES * DISTANCE_BINS)
    return counts.reshape(shape).astype(np.int64, copy=False)


@dataclass(frozen=True)
class Calibration:
    """How often pixels of a given probability are interior.

    Attributes:
        pixels: int64 (bins,).
        mean_probability: (bins,), nan where a bin is empty.
        interior_fraction: (bins,), nan where a bin is empty.
        expected_error: mean over pixels of the absolute difference of the two (the expected
            calibration error of Naeini et al. 2015); nan without pixels.
    """

    pixels: NDArray[np.int64]
    mean_probability: NDArray[np.float64]
    interior_fraction: NDArray[np.float64]
    expected_error: float


@dataclass(frozen=True, eq=False)
class PixelEvidence:
    """The tables of some slices.

    Attributes:
        counts: int64 (slices, 2, 256, 6): pixels by true class (membrane, interior), 8-bit
            probability of interior, and distance to the nearest true boundary (0 .. 4, 5 and more).
    """

    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        expected = (2, PROBABILITY_VALUES, DISTANCE_BINS)
        if self.counts.ndim != 4 or self.counts.shape[1:] != expected:
            raise ValueError(f"pixel evidence has shape {self.counts.shape}, expected (slices, 2, 256, 6)")

    def __len__(self) -> int:
        return len(self.counts)

    def subset(self, slices: Sequence[int] | NDArray[np.intp]) -> PixelEvidence:
        """The tables of some slices, by position."""
        return PixelEvidence(self.counts[np.asarray(slices, dtype=np.intp)])

    def pooled(self) -> PixelEvidence:
        """All slices as one."""
        return PixelEvidence(self.counts.sum(axis=0, keepdims=True))

    def of_distances(self, first_px: int, last_px: int) -> PixelEvidence:
        """Only the pixels that lie so far from the nearest true boundary, both ends included; 5 is 5 and more."""
        counts = np.zeros_like(self.counts)
        counts[..., first_px : last_px + 1] = self.counts[..., first_px : last_px + 1]
        return PixelEvidence(counts)

    @cached_property
    def _up_to(self) -> NDArray[np.int64]:
        """(slices, 2, 256, 7): pixels with at most this probability, and in bins from this one on."""
        cumulative = np.zeros((*self.counts.shape[:3], DISTANCE_BINS + 1), dtype=np.int64)
        np.cumsum(self.counts, axis=2, out=cumulative[..., :-1])
        for nearest in reversed(range(DISTANCE_BINS)):
            cumulative[..., nearest] += cumulative[..., nearest + 1]
        return cumulative

    def confusion(self, threshold: float, tolerance_px: int = 0) -> Confusion:
        """A confusion matrix a slice.

        Args:
            threshold: 0 to 1; interior where the probability is above it.
            tolerance_px: 0 to 5. Wrong pixels less than this far from a true boundary (bins below
                `tolerance_px`) are forgiven, that is, counted as right. 0 forgives nothing; 1
                forgives those that touch the boundary.

        Returns:
            Counts of shape (slices, 2, 2).
        """
        value = last_membrane_value(threshold)
        return self._confusion(slice(value, value + 1), tolerance_px, squeeze=True)

    def sweep(self, tolerance_px: int = 0) -> Confusion:
        """A confusion matrix a slice for every 8-bit threshold.

        Returns:
            Counts of shape (slices, 256, 2, 2); entry k calls probabilities up to k membrane, which
            is `threshold_after(k)`.
        """
        return self._confusion(slice(None), tolerance_px, squeeze=False)

    def _confusion(self, values: slice, tolerance_px: int, *, squeeze: bool) -> Confusion:
        if tolerance_px not in range(DISTANCE_BINS):
            raise ConfigError(
                "tolerance out of range", found=tolerance_px, expected=f"0 to {LARGEST_TOLERANCE_PX} whole pixels"
            )
        up_to = self._up_to
        true = up_to[:, :, -1, 0]  # (slices, 2)
        counted = up_to[:, :, -1, tolerance_px]
        low = up_to[:, :, values, tolerance_px]  # predicted membrane, beyond the tolerance
        missed = counted[:, 0, None] - low[:, 0]
        false = low[:, 1]
        counts = np.empty((*missed.shape, 2, 2), dtype=np.int64)
        counts[..., 0, 0] = true[:, 0, None] - missed
        counts[..., 0, 1] = missed
        counts[..., 1, 0] = false
        counts[..., 1, 1] = true[:, 1, None] - false
        return Confusion(counts[:, 0] if squeeze else counts)

    def best_pixel_threshold(self, tolerance_px: int = 0) -> float:
        """The threshold with the fewest wrong pixels, all slices together; see `best_threshold`."""
        return best_threshold(-self.pooled().sweep(tolerance_px)[0].wrong_pixels)

    def challenge_pixel_error(self, thresholds: Sequence[float] = CHALLENGE_THRESHOLDS) -> float:
        """The ISBI 2012 challenge's pixel error: 1 - the largest F-score of interior over thresholds.

        Pooled over slices. This is not the share of wrong pixels: 0.06 here is about 9.5 % wrong.
        nan where there is no interior at all.
        """
        values = [last_membrane_value(threshold) for threshold in thresholds]
        f_score = self.pooled().sweep()[0].dice("interior")[values]
        return 1 - float(np.nanmax(f_score)) if not np.isnan(f_score).all() else float("nan")

    def calibration(self, bins: int = 10) -> Calibration:
        """Predicted probability against the share of interior, all slices together, in equal steps."""
        by_value = self.counts.sum(axis=(0, 3))  # (2, 256)
        probability = np.arange(PROBABILITY_VALUES) / 255
        bin_of = np.minimum((probability * bins).astype(np.intp), bins - 1)

        def total(weights: NDArray[Any]) -> NDArray[np.float64]:
            return np.bincount(bin_of, weights=weights, minlength=bins).astype(np.float64)

        pixels = total(by_value.sum(axis=0))
        predicted, interior = total(by_value.sum(axis=0) * probability), total(by_value[1])
        return Calibration(
            pixels=pixels.astype(np.int64),
            mean_probability=ratio(predicted, pixels),
            interior_fraction=ratio(interior, pixels),
            expected_error=float(ratio(np.abs(predicted - interior).sum(), pixels.sum())),
        )

    def save(self, path: Path) -> None:
        """Writes an .npz file, whole or not at all.

        Raises:
            StorageError: it cannot be written.
        """
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, format_version=np.int64(_FORMAT_VERSION), counts=self.counts)

    @classmethod
    def load(cls, path: Path) -> PixelEvidence:
        """Reads what `save` wrote.

        Raises:
            RunError: the file is missing, damaged, of a newer format, or not pixel evidence.
        """
        again = "the file that an evaluation writes; evaluate again"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                version, counts = archive["format_version"], archive["counts"]
        except FileNotFoundError:
            raise RunError("pixel evidence is missing", path=path, expected=again) from None
        # An .npy file in place of an .npz one loads as a plain array, on which `with` is a TypeError.
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise RunError("pixel evidence cannot be read", path=path, found=error, expected=again) from error
        if version.shape != () or version.dtype.kind not in "iu" or version < 1:
            raise RunError("pixel evidence has no valid format version", path=path, expected=again)
        if version > _FORMAT_VERSION:
            raise RunError("pixel evidence is of a newer format", path=path, found=version, expected=_FORMAT_VERSION)
        shape = (2, PROBABILITY_VALUES, DISTANCE_BINS)
        if counts.ndim != 4 or counts.shape[1:] != shape or counts.dtype != np.int64 or (counts < 0).any():
            raise RunError(
                "pixel evidence is not a table of counts",
                path=path,
                found=f"{counts.dtype} {counts.shape}",
                expected="int64 (slices, 2, 256, 6), none negative",
            )
        return cls(counts)
