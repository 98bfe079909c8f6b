"""Choosing how segments are made, on slices that a run was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.errors import ConfigError
from segcore.measures import pieces_within, score_segments, true_neurites
from segcore.runs import SegmentPoint
from segcore.segments import BIASES, SMALLEST_PX, cut, find_basins
from segcore.stacks import Numbers, each_slice, paired

SMOOTHINGS_PX = (1.0, 2.0)
_CHANCE = 0.005


@dataclass(frozen=True, kw_only=True)
class SegmentChoice:
    """What was chosen, and how much that says.

    Attributes:
        point: see `SegmentPoint`.
        v_rand, v_info: of the slices it was chosen on, there.
        flat: how many of the points tried are as good, as far as these slices can tell.
    """

    point: SegmentPoint
    v_rand: float
    v_info: float
    flat: int


def choose_segments(
    probability: NDArray[np.uint8], labels: NDArray[np.uint8], numbers: Numbers | None = None, *, workers: int = 0
) -> SegmentChoice | None:
    """The smoothing and the bias with the highest V_Rand of segments, mean over slices, on a grid.

    With few slices the curve over the bias is jagged and its top is flat. It is averaged over neighbours first; of the
    points within 0.005 of the highest those within 0.005 of their highest V_Info are as good, and the one in their
    middle, by the bias, is taken. Of the smoothings the one whose point there has the higher V_Rand + V_Info.

    Args:
        probability: probability of interior times 255, one page a slice.
        labels: as many pages of `segcore.stacks.label`; what is ignored chooses nothing.
        numbers: of the neurites, as many pages, if somebody numbered them.
        workers: threads; 0 for one a core.

    Returns:
        None where no slice has a neurite.

    Raises:
        DataError: numbers of pages or sizes do not fit, or a page cannot be read.
        ConfigError: no slices.
    """
    count = len(labels)
    if not count:
        raise ConfigError("there are no slices to choose segments on", expected="at least one")
    with paired(probability, labels, range(count), numbers) as read:

        def curves(position: int) -> list[list[tuple[float, float]]]:
            truth, page = read(position)
            neurites = true_neurites(truth.interior, truth.numbers)
            found = []
            for smoothing in SMOOTHINGS_PX:
                basins = find_basins(page, smoothing)
                cuts = (pieces_within(cut(basins, bias), truth.counted) for bias in BIASES)
                scores = [score_segments(neurites, one) for one in cuts]
                found.append([(one.v_rand, one.v_info) for one in scores])
            return found

        measured = np.array(each_slice(curves, count, workers))  # slices, smoothings, biases, 2
    scored = measured[~np.isnan(measured).any(axis=(1, 2, 3))]
    if not len(scored):
        return None
    mean = scored.mean(axis=0)
    choices = [_middle(smoothing, *curve.T) for smoothing, curve in zip(SMOOTHINGS_PX, mean, strict=True)]
    return max(choices, key=lambda one: one.v_rand + one.v_info)


def _middle(smoothing: float, v_rand: NDArray[np.float64], v_info: NDArray[np.float64]) -> SegmentChoice:
    """The middle of the biases that are as good as the best, as far as can be told."""
    rand, info = _smoothed(v_rand), _smoothed(v_info)
    good = np.flatnonzero(rand >= rand.max() - _CHANCE)
    good = good[info[good] >= info[good].max() - _CHANCE]
    chosen = good[len(good) // 2]
    return SegmentChoice(
        point=SegmentPoint(smoothing_px=smoothing, bias=BIASES[chosen], smallest_px=SMALLEST_PX),
        v_rand=float(v_rand[chosen]),
        v_info=float(v_info[chosen]),
        flat=len(good),
    )


def _smoothed(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each value and its neighbours, those there are."""
    return np.array([curve[max(0, i - 1) : i + 2].mean() for i in range(len(curve))])
