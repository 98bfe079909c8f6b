"""Numbers from arrays: pixel evidence, V_Rand and V_Info, splits and merges, SSIM and PSNR.

In: labels and probabilities as arrays. Out: counts and scores. Knows no dataset and no run. May use no other room."""

from segcore.measures.evidence import (
    CHALLENGE_THRESHOLDS,
    CLASSES,
    DISTANCE_BINS,
    LARGEST_TOLERANCE_PX,
    PROBABILITY_VALUES,
    Calibration,
    ClassName,
    Confusion,
    PixelEvidence,
    best_threshold,
    boundary_distance,
    count_evidence,
    last_membrane_value,
    mean_over_slices,
    predicted_interior,
    threshold_after,
)
from segcore.measures.notebook_confusion import index_sums, notebook_percent
from segcore.measures.similarity import binary_psnr_db, binary_ssim
from segcore.measures.topology import Event, SegmentationScore, components, find_events, score_segments, thin

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
    "components",
    "count_evidence",
    "find_events",
    "index_sums",
    "last_membrane_value",
    "mean_over_slices",
    "notebook_percent",
    "predicted_interior",
    "score_segments",
    "thin",
    "threshold_after",
]
