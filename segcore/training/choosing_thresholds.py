"""Choosing the two thresholds of a run on slices it was not trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segcore.errors import ConfigError
from segcore.measures import (
    PixelEvidence,
    count_evidence,
    last_membrane_value,
    predicted_interior,
    score_segments,
    thin,
    threshold_after,
    true_neurites,
)
from segcore.runs import OperatingPoints
from segcore.stacks import Numbers, each_slice, paired

_TOPOLOGY_STEP = 0.05
_TOPOLOGY_CHANCE = 0.005


def choose_thresholds(
    probability: NDArray[np.uint8], labels: NDArray[np.uint8], numbers: Numbers | None = None, *, workers: int = 0
) -> OperatingPoints:
    """The two operating points, from slices that were not trained on (validation).

    *pixel* has the fewest wrong pixels of all 256 thresholds, all slices together.

    *topology* has the highest V_Rand, mean over slices, of 0.05, 0.10 .. 0.95. With the few slices
    that decide, a single bridge that opens or closes makes the curve jump. So it is averaged over
    neighbours first, and of the thresholds that come within 0.005 of its highest point the one
    with the fewest wrong pixels is taken, and of those the one nearest to 0.5: the rest of the
    difference is chance, the pixels are not.
    Where no slice has a neurite, it is the pixel threshold.

    Both lie half-way between two 8-bit probabilities (see `threshold_after`), so that
    `q > 255 * threshold` is the same set of pixels however it is rounded.

    Args:
        probability: probability of interior times 255, one page a slice.
        labels: as many pages of `segcore.stacks.label`; what is ignored chooses nothing.
        numbers: of the neurites, as many pages, if somebody numbered them.
        workers: threads; 0 for one a core.

    Raises:
        DataError: numbers of pages or sizes do not fit, or a page cannot be read.
        ConfigError: no slices.
    """
    count = len(labels)
    if not count:
        raise ConfigError("there are no slices to choose thresholds on", expected="at least one")
    with paired(probability, labels, range(count), numbers) as read:

        def counted(position: int) -> NDArray[np.int64]:
            truth, page = read(position)
            return count_evidence(truth.interior, page, truth.counted)

        evidence = PixelEvidence(np.sum(each_slice(counted, count, workers), axis=0)[None])

        def mean_v_rand(candidates: NDArray[np.float64]) -> NDArray[np.float64]:
            def curve(position: int) -> list[float]:
                truth, page = read(position)
                neurites = true_neurites(truth.interior, truth.numbers)
                return [
                    score_segments(neurites, thin(truth.masked(predicted_interior(page, t)))).v_rand for t in candidates
                ]

            curves = np.array(each_slice(curve, count, workers))
            # A slice without neurites has no score at any threshold.
            scored = curves[~np.isnan(curves).any(axis=1)]
            return np.asarray(scored.mean(axis=0)) if len(scored) else np.full(len(candidates), np.nan)

        candidates = np.asarray([step * _TOPOLOGY_STEP for step in range(1, round(1 / _TOPOLOGY_STEP))])
        smooth = _smoothed(mean_v_rand(candidates))
    pixel = evidence.best_pixel_threshold()
    if np.isnan(smooth).all():
        return OperatingPoints(pixel=pixel, topology=pixel)
    as_good = candidates[smooth >= smooth.max() - _TOPOLOGY_CHANCE]
    wrong = [int(evidence.confusion(float(threshold)).wrong_pixels[0]) for threshold in as_good]
    topology = min(zip(wrong, np.abs(as_good - 0.5), as_good, strict=True))[-1]
    return OperatingPoints(pixel=pixel, topology=threshold_after(last_membrane_value(float(topology))))


def _smoothed(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each value and its neighbours, those there are."""
    return np.array([curve[max(0, i - 1) : i + 2].mean() for i in range(len(curve))])
