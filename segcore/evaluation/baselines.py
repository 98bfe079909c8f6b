"""What a prediction has to be compared with: what anybody gets without a network, on the very same labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from segcore.evaluation.measured import Evaluation
from segcore.measures import NeuriteSizes


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Figures of a prediction that was made without looking at an image.

    Attributes:
        wrong_percent: wrong pixels in percent of all that count; nan where none counts.
        dice_interior: pooled over all pixels; nan where there is no interior.
        v_rand, v_info: mean over the slices where they are defined; nan where they are not known.
    """

    wrong_percent: float
    dice_interior: float
    v_rand: float
    v_info: float


def all_interior(evaluation: Evaluation) -> Baseline:
    """Everything is called interior, so all neurites of a slice are one segment."""
    membrane, interior = _classes(evaluation)[:2]
    total = membrane + interior
    v_rand, v_info = _one_segment(evaluation.neurite_sizes)
    return Baseline(
        wrong_percent=100 * membrane / total if total else math.nan,
        dice_interior=2 * interior / (2 * interior + membrane) if interior else math.nan,
        v_rand=v_rand,
        v_info=v_info,
    )


def moved_boundaries(evaluation: Evaluation) -> Baseline:
    """Membrane one pixel thicker on both sides: the interior that touches it by an edge or a corner is lost to it.

    Neurites stay what they are, apart from those that vanish or fall apart where they are that thin; how many do is not
    known from the tables, so nothing is said of V_Rand and V_Info.
    """
    membrane, interior, beside = _classes(evaluation)
    total = membrane + interior
    return Baseline(
        wrong_percent=100 * beside / total if total else math.nan,
        dice_interior=2 * (interior - beside) / (2 * interior - beside) if interior else math.nan,
        v_rand=math.nan,
        v_info=math.nan,
    )


def _classes(evaluation: Evaluation) -> tuple[int, int, int]:
    """Pixels of membrane, of interior, and of interior right beside membrane, over all slices."""
    membrane, interior = evaluation.evidence.pooled().counts[0].sum(1)
    return int(membrane.sum()), int(interior.sum()), int(interior[0])


def _one_segment(sizes: NeuriteSizes | None) -> tuple[float, float]:
    """V_Rand and V_Info, mean over slices, of slices that are one segment each.

    V_Rand is 2 S / (S + n^2), S the sum of squared neurites. One segment tells nothing about which of several neurites
    a pixel is of, so V_Info is 0; of a single neurite it is 1.
    """
    if sizes is None:
        return math.nan, math.nan
    v_rand, v_info = [], []
    for z in np.unique(sizes.slice):
        areas = sizes.area_px[(sizes.slice == z) & (sizes.neurite > 0)].astype(np.float64)
        if areas.size:
            squares = float((areas**2).sum())
            v_rand.append(2 * squares / (squares + float(areas.sum()) ** 2))
            v_info.append(1.0 if areas.size == 1 else 0.0)
    return (float(np.mean(v_rand)), float(np.mean(v_info))) if v_rand else (math.nan, math.nan)
