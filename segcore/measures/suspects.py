"""Label suspects: places where a prediction is sure, beyond the tolerance of any boundary, that the label is wrong.

Like confident learning (Northcutt et al. 2021, Journal of Artificial Intelligence Research 70:1373), which also asks
predictions of what was not trained on, but for places: a pixel alone proves nothing, as nobody draws a boundary to the
pixel. So membrane that was labelled counts only where none is predicted near it, and the other way round.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from segcore.measures.threshold_values import predicted_interior
from segcore.measures.topology import LabelImage, pieces_within, score_segments, true_neurites
from segcore.measures.wrong_pixels import Spot, spot_of

SURE = 0.93
"""A probability of a class from which a pixel counts as sure; chosen in benchmarks/label_suspects.py."""
TOLERANCE_PX = 3
"""Membrane nearer than this to membrane of the other side is the same one, drawn elsewhere."""
SMALLEST_PX = 6
"""Fewer sure pixels make no place."""
MOST = 60
"""Places of a slice whose gain is worked out: the largest."""

_TOUCHING = np.ones((3, 3), bool)


@dataclass(frozen=True, kw_only=True)
class Suspect(Spot):
    """A place where the label may be wrong, as the pixels that are in doubt.

    Attributes:
        labelled_membrane: whether membrane was labelled where none is predicted, or else the other way round.
        v_rand_gain: by how much V_Rand of the slice's segments would rise if the label said there what is predicted.
        pixels_gain: by how much the share of right pixels of the slice would.
        gain: how much of the slice's score hangs on it, 0 to 2: what V_Rand would gain of what it lacks, and these
            pixels of all wrong ones.
    """

    labelled_membrane: bool
    v_rand_gain: float
    pixels_gain: float
    gain: float


def find_suspects(
    interior: NDArray[np.bool_],
    probability: NDArray[np.uint8],
    segments: LabelImage,
    counted: NDArray[np.bool_] | None = None,
    numbers: NDArray[np.uint32] | None = None,
    *,
    threshold: float = 0.5,
    slice_index: int = 0,
) -> list[Suspect]:
    """The suspects of a slice, those on which most hangs first.

    Args:
        interior: (H, W), True where the label is interior.
        probability: (H, W) uint8, probability of interior times 255, of a network that never saw the slice.
        segments: (H, W), those predicted, numbered from 1.
        counted: (H, W), False where the label is to be ignored; None where everything counts.
        numbers: (H, W), whose piece a pixel is, where neurites are numbered.
        threshold: above which a pixel is predicted interior.
        slice_index: of the slice.
    """
    counts = np.ones(interior.shape, bool) if counted is None else counted
    predicted = predicted_interior(probability, threshold)
    pieces = pieces_within(np.asarray(segments, dtype=np.int32), counted)
    before = score_segments(true_neurites(interior, numbers), pieces).v_rand
    all_wrong = int(((interior != predicted) & counts).sum())
    found: list[Suspect] = []
    for labelled in (True, False):
        membrane, other = (~interior, ~predicted) if labelled else (~predicted, ~interior)
        sure = probability >= SURE * 255 if labelled else probability <= (1 - SURE) * 255
        wrong = (membrane & ~other) & counts
        core = wrong & sure & (_distance(other) > TOLERANCE_PX)
        near = scipy.ndimage.binary_dilation(core, _TOUCHING, iterations=TOLERANCE_PX) if core.any() else core
        places, number = scipy.ndimage.label(near & wrong, _TOUCHING)
        sizes = np.bincount(places[core], minlength=number + 1)
        chosen = [at for at in np.argsort(-sizes, kind="stable")[:MOST].tolist() if at and sizes[at] >= SMALLEST_PX]
        boxes = scipy.ndimage.find_objects(places)
        for at in chosen:
            # Numbers say whose a pixel is, which a prediction of membrane does not: only pixels are gained there.
            after = before
            if numbers is None:
                after = score_segments(true_neurites(interior ^ (places == at)), pieces).v_rand
            gain = 0.0 if np.isnan(after) or np.isnan(before) else float(after - before)
            of_missing = min(1.0, max(gain, 0.0) / (1 - before)) if before < 1 else 0.0
            spot = spot_of(places, at, boxes[at - 1], slice_index)
            found.append(
                Suspect(
                    **asdict(spot),
                    labelled_membrane=labelled,
                    v_rand_gain=gain,
                    pixels_gain=spot.pixels / max(1, int(counts.sum())),
                    gain=of_missing + spot.pixels / max(1, all_wrong),
                )
            )
    return sorted(found, key=lambda one: -one.gain)


def _distance(membrane: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each pixel to the nearest membrane, px; infinite where there is none."""
    if not membrane.any():
        return np.full(membrane.shape, np.inf)
    return np.asarray(scipy.ndimage.distance_transform_edt(~membrane))
