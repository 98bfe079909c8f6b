"""An evaluation in numbers: what `evaluate --json` prints, and the summary of its folder.

Pooled measures count the pixels of all slices together; means are over slices, those where the
measure is defined. Both are given and named. Values that are not defined, and the infinite PSNR of a
prediction without a wrong pixel, are None, because JSON has no word for them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from segcore.errors import ConfigError
from segcore.evaluation.scoring import Evaluation, PointScore
from segcore.measures import (
    CHALLENGE_THRESHOLDS,
    LARGEST_TOLERANCE_PX,
    Confusion,
    binary_psnr_db,
    mean_over_slices,
    notebook_percent,
)

FORMAT_VERSION = 1


def pixel_measures(confusion: Confusion) -> dict[str, Any]:
    """The pixel measures of a single confusion matrix, by name; nan where not defined."""
    counts = confusion.counts
    return {
        "pixels": int(confusion.pixels),
        "wrong_pixels": int(confusion.wrong_pixels),
        "wrong_percent": float(confusion.wrong_percent),
        "confusion": {
            "interior_as_interior": int(counts[1, 1]),
            "interior_as_membrane": int(counts[1, 0]),
            "membrane_as_interior": int(counts[0, 1]),
            "membrane_as_membrane": int(counts[0, 0]),
        },
        "dice_interior": float(confusion.dice("interior")),
        "iou_interior": float(confusion.iou("interior")),
        "dice_membrane": float(confusion.dice("membrane")),
        "iou_membrane": float(confusion.iou("membrane")),
        "binary_accuracy": float(confusion.binary_accuracy),
    }


def evaluation_object(evaluation: Evaluation, point: str, *, dataset: str, leaks: bool) -> dict[str, Any]:
    """What `evaluate --json` prints, ready for JSON.

    Pixel measures are pooled over slices, `v_rand` and `v_info` are means over slices, as the
    challenge has it. `per_slice` gives the same measures of every slice.

    Args:
        evaluation: what was measured.
        point: name of one of its operating points.
        dataset: name of the dataset.
        leaks: whether the model was trained on one of these slices, or a copy.

    Raises:
        ConfigError: there is no such operating point.
    """
    if point not in evaluation.thresholds:
        raise ConfigError("unknown operating point", found=point, expected=" or ".join(evaluation.thresholds))
    threshold, scores = evaluation.thresholds[point], evaluation.points[point]
    confusion = evaluation.evidence.confusion(threshold)
    per_slice = [
        {"slice": z, "name": name, **pixel_measures(confusion[i]), "v_rand": one.v_rand, "v_info": one.v_info}
        for i, (z, name, one) in enumerate(zip(evaluation.slices, evaluation.names, scores, strict=True))
    ]
    found: dict[str, Any] = finite(
        {
            "dataset": dataset,
            "slices_used": list(evaluation.slices),
            "operating_point": point,
            "threshold": threshold,
            **pixel_measures(confusion.pooled()),
            "v_rand": mean_over_slices([one.v_rand for one in scores]),
            "v_info": mean_over_slices([one.v_info for one in scores]),
            "leaks": leaks,
            "per_slice": per_slice,
        }
    )
    return found


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """The measures of all slices together, ready for JSON: pooled and means over slices, both named."""
    evidence = evaluation.evidence
    found: dict[str, Any] = finite(
        {
            "format_version": FORMAT_VERSION,
            "slices": list(evaluation.slices),
            "neurites": sum(evaluation.neurites),
            "operating_points": {name: _point_summary(evaluation, name) for name in evaluation.thresholds},
            "challenge_pixel_error": evidence.challenge_pixel_error(),
            "expected_calibration_error": evidence.calibration().expected_error,
            "best_over_thresholds_optimistic": {
                "note": "threshold chosen on these very slices, as the challenge does; not for comparing with "
                "numbers at a threshold chosen elsewhere",
                "v_rand": _best_over_thresholds(evaluation, "v_rand"),
                "v_info": _best_over_thresholds(evaluation, "v_info"),
            },
            "events": {
                "operating_point": evaluation.events_at,
                "splits": sum(event.kind == "split" for event in evaluation.events),
                "merges": sum(event.kind == "merge" for event in evaluation.events),
            },
        }
    )
    if evaluation.notebook_sums is not None:
        found["notebook_confusion"] = {
            "note": "the notebook's bug, kept to be shown: sums of pixel indices in place of counts, the two "
            "errors exchanged",
            "operating_point": next(iter(evaluation.thresholds)),
            "index_sums": evaluation.notebook_sums.tolist(),
            "percent": notebook_percent(evaluation.notebook_sums),
        }
    return found


def _point_summary(evaluation: Evaluation, name: str) -> dict[str, Any]:
    threshold, scores = evaluation.thresholds[name], evaluation.points[name]
    confusion = evaluation.evidence.confusion(threshold)
    pooled = pixel_measures(confusion.pooled())
    tolerant = [evaluation.evidence.confusion(threshold, px).pooled() for px in range(LARGEST_TOLERANCE_PX + 1)]
    each = [pixel_measures(confusion[i]) for i in range(len(scores))]
    means = {key: mean_over_slices([one[key] for one in each]) for key in pooled if key not in ("pixels", "confusion")}
    means |= {
        field.name: mean_over_slices([getattr(one, field.name) for one in scores]) for field in fields(PointScore)
    }
    return {
        "threshold": threshold,
        "pooled": pooled | {"psnr_db": binary_psnr_db(pooled["wrong_pixels"], pooled["pixels"])},
        "mean_over_slices": means,
        "wrong_pixels_by_tolerance_px": [int(one.wrong_pixels) for one in tolerant],
        "wrong_percent_by_tolerance_px": [float(one.wrong_percent) for one in tolerant],
    }


def _best_over_thresholds(evaluation: Evaluation, measure: str) -> dict[str, float] | None:
    curve = [
        mean_over_slices([getattr(one[i], measure) for one in evaluation.over_thresholds])
        for i in range(len(CHALLENGE_THRESHOLDS))
    ]
    if all(math.isnan(value) for value in curve):
        return None
    best = int(np.nanargmax(curve))
    return {"threshold": CHALLENGE_THRESHOLDS[best], "value": curve[best]}


def finite(value: Any) -> Any:
    """The value with None in place of numbers that are not finite, at any depth."""
    if isinstance(value, Mapping):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
