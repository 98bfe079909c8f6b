"""Numbers from arrays: pixel evidence, V_Rand and V_Info, splits and merges, SSIM and PSNR.

In: labels and probabilities as arrays. Out: counts and scores. Knows no dataset and no run. May use no other room."""

from segcore.measures.confusion import CLASSES, ClassName, Confusion, mean_over_slices, pixel_measures
from segcore.measures.events import Event, find_events
from segcore.measures.evidence import (
    DISTANCE_BINS,
    LARGEST_TOLERANCE_PX,
    PROBABILITY_VALUES,
    Calibration,
    PixelEvidence,
    boundary_distance,
    count_evidence,
)
from segcore.measures.notebook import binary_psnr_db, binary_ssim, index_sums, notebook_percent
from segcore.measures.threshold_values import (
    CHALLENGE_THRESHOLDS,
    best_threshold,
    last_membrane_value,
    predicted_interior,
    threshold_after,
)
from segcore.measures.topology import SegmentationScore, pieces_within, score_segments, thin, true_neurites

__all__ = [
    "CHALLENGE_THRESHOLDS",
    "CLASSES",
    "DISTANCE_BINS",
    "LARGEST_TOLERANCE_PX",
    "PROBABILITY_VALUES",
    "Calibration",
    "ClassName",
    "Confusion",
    "Event",
    "PixelEvidence",
    "SegmentationScore",
    "best_threshold",
    "binary_psnr_db",
    "binary_ssim",
    "boundary_distance",
    "count_evidence",
    "find_events",
    "index_sums",
    "last_membrane_value",
    "mean_over_slices",
    "notebook_percent",
    "pieces_within",
    "pixel_measures",
    "predicted_interior",
    "score_segments",
    "thin",
    "threshold_after",
    "true_neurites",
]
