"""Numbers from arrays: pixel evidence, V_Rand and V_Info, splits and merges, SSIM and PSNR.

In: labels and probabilities as arrays. Out: counts and scores. Knows no dataset and no run. May use no other room."""

from segcore.measures.bootstrap import Interval, bootstrap_mean
from segcore.measures.changed_events import EventChanges, event_changes
from segcore.measures.confusion import CLASSES, ClassName, Confusion, mean_over_slices, pixel_measures
from segcore.measures.error_parts import (
    ERROR_PARTS,
    ErrorPart,
    ErrorParts,
    count_error_parts,
    error_part_of_pixels,
)
from segcore.measures.event_columns import EVENT_COLUMNS, Column, Events
from segcore.measures.events import MIN_OVERLAP_FRACTION, MIN_OVERLAP_PX, Event, belonging, find_events
from segcore.measures.evidence import (
    DISTANCE_BINS,
    LARGEST_TOLERANCE_PX,
    PROBABILITY_VALUES,
    Calibration,
    PixelEvidence,
    boundary_distance,
    count_evidence,
)
from segcore.measures.neurite_sizes import (
    NEURITE_FATES,
    NeuriteFate,
    NeuriteSizes,
    SizeGroup,
    by_quartile,
    count_by_territory,
    joined_neurites,
    measure_neurites,
)
from segcore.measures.notebook import binary_psnr_db, binary_ssim, index_sums, notebook_percent
from segcore.measures.suspects import Suspect, find_suspects
from segcore.measures.threshold_values import (
    CHALLENGE_THRESHOLDS,
    best_threshold,
    last_membrane_value,
    predicted_interior,
    threshold_after,
)
from segcore.measures.topology import (
    SegmentationScore,
    contingency,
    grown,
    pieces_within,
    score_segments,
    thin,
    true_neurites,
)
from segcore.measures.wrong_pixels import Spot, spot_of, wrong_pixels_at, wrong_regions

__all__ = [
    "CHALLENGE_THRESHOLDS",
    "CLASSES",
    "DISTANCE_BINS",
    "ERROR_PARTS",
    "EVENT_COLUMNS",
    "LARGEST_TOLERANCE_PX",
    "MIN_OVERLAP_FRACTION",
    "MIN_OVERLAP_PX",
    "NEURITE_FATES",
    "PROBABILITY_VALUES",
    "Calibration",
    "ClassName",
    "Column",
    "Confusion",
    "ErrorPart",
    "ErrorParts",
    "Event",
    "EventChanges",
    "Events",
    "Interval",
    "NeuriteFate",
    "NeuriteSizes",
    "PixelEvidence",
    "SegmentationScore",
    "SizeGroup",
    "Spot",
    "Suspect",
    "belonging",
    "best_threshold",
    "binary_psnr_db",
    "binary_ssim",
    "bootstrap_mean",
    "boundary_distance",
    "by_quartile",
    "contingency",
    "count_by_territory",
    "count_error_parts",
    "count_evidence",
    "error_part_of_pixels",
    "event_changes",
    "find_events",
    "find_suspects",
    "grown",
    "index_sums",
    "joined_neurites",
    "last_membrane_value",
    "mean_over_slices",
    "measure_neurites",
    "notebook_percent",
    "pieces_within",
    "pixel_measures",
    "predicted_interior",
    "score_segments",
    "spot_of",
    "thin",
    "threshold_after",
    "true_neurites",
    "wrong_pixels_at",
    "wrong_regions",
]
