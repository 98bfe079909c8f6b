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
        v_rand: mean over the slices where it is defined; nan where it is not known.
    """

    wrong_percent: float
    dice_interior: float
    v_rand: float


def all_interior(evaluation: Evaluation) -> Baseline:
    """Everything is called interior, so all neurites of a slice are one segment."""
    membrane, interior = _classes(evaluation)[:2]
    total = membrane + interior
    return Baseline(
        wrong_percent=100 * membrane / total if total else math.nan,
        dice_interior=2 * interior / (2 * interior + membrane) if interior else math.nan,
        v_rand=_one_segment(evaluation.neurite_sizes),
    )


def moved_boundaries(evaluation: Evaluation) -> Baseline:
    """Membrane one pixel thicker on both sides: the interior that touches it by an edge or a corner is lost to it.

    Neurites stay what they are, apart from those that vanish or fall apart where they are that thin; how many do is not
    known from the tables, so nothing is said of V_Rand.
    """
    membrane, interior, beside = _classes(evaluation)
    total = membrane + interior
    return Baseline(
        wrong_percent=100 * beside / total if total else math.nan,
        dice_interior=2 * (interior - beside) / (2 * interior - beside) if interior else math.nan,
        v_rand=math.nan,
    )


def _classes(evaluation: Evaluation) -> tuple[int, int, int]:
    """Pixels of membrane, of interior, and of interior right beside membrane, over all slices."""
    membrane, interior = evaluation.evidence.pooled().counts[0].sum(1)
    return int(membrane.sum()), int(interior.sum()), int(interior[0])


def _one_segment(sizes: NeuriteSizes | None) -> float:
    """V_Rand, mean over slices, of slices that are one segment each: 2 S / (S + n^2), S the sum of squared neurites."""
    if sizes is None:
        return math.nan
    found = []
    for z in np.unique(sizes.slice):
        areas = sizes.area_px[(sizes.slice == z) & (sizes.neurite > 0)].astype(np.float64)
        if areas.size:
            squares = float((areas**2).sum())
            found.append(2 * squares / (squares + float(areas.sum()) ** 2))
    return float(np.mean(found)) if found else math.nan
