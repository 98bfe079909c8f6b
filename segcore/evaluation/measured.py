"""What was measured of some slices, and every figure that follows from it.

`Evaluation` holds what cannot be computed again without the images; all else is derived from it whenever it is shown
or read, so that a measure that is added here is there for evaluations of long ago.

Pooled measures count the pixels of all slices together; means are over slices, those where the
measure is defined. Both are given and named. Values that are not defined, and the infinite PSNR of a
prediction without a wrong pixel, are None in what is made for JSON, which has no word for them.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import ConfigError
from segcore.measures import (
    CHALLENGE_THRESHOLDS,
    ERROR_PARTS,
    LARGEST_TOLERANCE_PX,
    Confusion,
    ErrorParts,
    Event,
    Events,
    NeuriteSizes,
    PixelEvidence,
    SegmentationScore,
    binary_psnr_db,
    mean_over_slices,
    notebook_percent,
    pixel_measures,
)
from segcore.runs import SegmentPoint, by_point, slice_ranges
from segcore.segments import BIASES

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class PointScore(SegmentationScore):
    """One slice at one threshold, beyond what pixel evidence says.

    Attributes:
        ssim: structural similarity of prediction and label; nan for slices below 7 pixels a side.
    """

    ssim: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything measured on some slices of a stack. Tuples have an entry a slice, in the order of `slices`.

    Scores that were not measured, because the evaluation is older than they are, are nan as those not defined are.

    Attributes:
        slices: indices in the dataset.
        names: their file names.
        thresholds: the operating points, by name.
        evidence: the pixel table of every slice.
        neurites: number of true neurites, as in `segcore.measures.true_neurites`.
        points: scores by name of the operating point.
        over_thresholds: V_Rand and V_Info at the challenge's eleven thresholds, 0.0 to 1.0.
        events: splits and merges at `events_at`, those that do most harm first within a slice.
        events_at: `segments`, or the operating point whose prediction they are of.
        segment_points: how the segments of each slice were made; empty where none were, or somebody else made them.
        segments: V_Rand and V_Info of the segments of each slice; empty where there are none.
        over_biases: those of segments made with each of `segcore.segments.BIASES`; empty where there are none.
        error_parts: wrong pixels by what they are part of, by name of the operating point; empty for an evaluation
            that is older than they are.
        neurite_sizes: what became of each neurite, at `events_at`, and its wrong pixels at each operating point; None
            for an evaluation that is older than this.
        notebook_sums: what the notebook's confusion matrix would add up, (2, 2), at the first
            operating point; None unless asked for.
    """

    slices: tuple[int, ...]
    names: tuple[str, ...]
    thresholds: dict[str, float]
    evidence: PixelEvidence
    neurites: tuple[int, ...]
    points: dict[str, tuple[PointScore, ...]]
    over_thresholds: tuple[tuple[SegmentationScore, ...], ...]
    events: Events
    events_at: str
    segment_points: tuple[SegmentPoint, ...] = ()
    segments: tuple[SegmentationScore, ...] = ()
    over_biases: tuple[tuple[SegmentationScore, ...], ...] = ()
    error_parts: dict[str, ErrorParts] = field(default_factory=dict)
    neurite_sizes: NeuriteSizes | None = None
    notebook_sums: NDArray[np.int64] | None = None


def evaluation_object(evaluation: Evaluation, point: str, *, dataset: str, leaks: bool | None) -> dict[str, Any]:
    """What `evaluate --json` prints, ready for JSON.

    Pixel measures are pooled over slices, `v_rand` and `v_info` are means over slices, as the
    challenge has it. `per_slice` gives the same measures of every slice.

    Args:
        evaluation: what was measured.
        point: name of one of its operating points.
        dataset: name of the dataset.
        leaks: whether the model was trained on one of these slices, or a copy; None where nobody knows.

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
            "segments": _segments_object(evaluation),
            "per_slice": per_slice,
        }
    )
    return found


def _segments_object(evaluation: Evaluation) -> dict[str, Any] | None:
    """Means over slices, and how the segments were made.

    That is null where it is not the same for all slices, which are listed by it then, and where somebody else made
    them.
    """
    if not evaluation.segments:
        return None
    made = by_point(evaluation.slices, evaluation.segment_points) if evaluation.segment_points else ()
    means = {
        score.name: mean_over_slices([getattr(one, score.name) for one in evaluation.segments])
        for score in fields(SegmentationScore)
    }
    if len(made) == 1:
        return means | asdict(made[0].point)
    unknown = dict.fromkeys(field.name for field in fields(SegmentPoint))
    return means | unknown | ({"of_slices": [asdict(one) for one in made]} if made else {})


def how_made(evaluation: Evaluation) -> str:
    """With which settings segments were made, as text: of all slices, or which slices with which."""
    if not evaluation.segment_points:
        return "as they were given"
    made = by_point(evaluation.slices, evaluation.segment_points)
    texts = [f"smoothing {one.point.smoothing_px:g} px, bias {one.point.bias:g}" for one in made]
    if len(made) == 1:
        return texts[0]
    ranges = (slice_ranges(one.slices) for one in made)
    return "; ".join(f"{text} in slices {which}" for text, which in zip(texts, ranges, strict=True))


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
                "splits": evaluation.events.column("kind").count("split"),
                "merges": evaluation.events.column("kind").count("merge"),
                "loops": sum(evaluation.events.column("loop")),
                "harm": _sum([max(harm, 0.0) for harm in evaluation.events.column("harm")]),
            },
        }
    )
    if evaluation.segments:
        found["segments"] = finite(_segments_object(evaluation))
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
    each = [pixel_measures(confusion[i]) | _scores(confusion[i], one) for i, one in enumerate(scores)]
    means = {key: mean_over_slices([one[key] for one in each]) for key in each[0] if key not in ("pixels", "confusion")}
    return {
        "threshold": threshold,
        "pooled": pooled | {"psnr_db": binary_psnr_db(pooled["wrong_pixels"], pooled["pixels"])},
        "mean_over_slices": means,
        "wrong_pixels_by_tolerance_px": [int(one.wrong_pixels) for one in tolerant],
        "wrong_percent_by_tolerance_px": [float(one.wrong_percent) for one in tolerant],
    } | _parts_summary(evaluation.error_parts.get(name))


def _parts_summary(parts: ErrorParts | None) -> dict[str, Any]:
    if parts is None:
        return {}
    by_tolerance = [
        {part: int(pixels.sum()) for part, pixels in parts.wrong(px).items()} for px in range(LARGEST_TOLERANCE_PX + 1)
    ]
    return {"wrong_pixels_by_part_and_tolerance_px": by_tolerance}


def _scores(confusion: Confusion, scores: PointScore) -> dict[str, float]:
    return asdict(scores) | {"psnr_db": binary_psnr_db(int(confusion.wrong_pixels), int(confusion.pixels))}


def slice_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The measures of every slice, a row a slice; nan where not defined."""
    confusions = {name: evaluation.evidence.confusion(t) for name, t in evaluation.thresholds.items()}
    counts = events_by_slice(evaluation)
    harms = harm_by_slice(evaluation)
    rows = []
    for i, (z, name) in enumerate(zip(evaluation.slices, evaluation.names, strict=True)):
        row: dict[str, Any] = {"slice": z, "name": name, "neurites": evaluation.neurites[i]}
        row["pixels"] = int(next(iter(confusions.values())).pixels[i])
        for point, confusion in confusions.items():
            measures = pixel_measures(confusion[i])
            del measures["pixels"]
            measures |= measures.pop("confusion") | _scores(confusion[i], evaluation.points[point][i])
            row |= {f"{point}_{key}": value for key, value in measures.items()}
            if point in evaluation.error_parts:
                wrong = evaluation.error_parts[point].wrong()
                row |= {f"{point}_{part}_pixels": int(wrong[part][i]) for part in ERROR_PARTS}
        if evaluation.segments:
            row |= {f"segments_{key}": value for key, value in asdict(evaluation.segments[i]).items()}
        row |= {"splits": counts[z, "split"], "merges": counts[z, "merge"], "harm": harms.get(z, 0.0)}
        for threshold, found in zip(CHALLENGE_THRESHOLDS, evaluation.over_thresholds[i], strict=True):
            row |= {f"at_{threshold}_{key}": value for key, value in asdict(found).items()}
        if evaluation.over_biases:
            for bias, found in zip(BIASES, evaluation.over_biases[i], strict=True):
                row |= {f"bias_{bias}_{key}": value for key, value in asdict(found).items()}
        rows.append(row)
    return rows


def harm_by_slice(evaluation: Evaluation) -> dict[int, float]:
    """The harm of all events of a slice together, of those slices that have any; nan where it was not measured."""
    found: dict[int, list[float]] = {}
    events = evaluation.events
    for z, harm in zip(events.column("slice"), events.column("harm"), strict=True):
        found.setdefault(z, []).append(harm)
    return {z: _sum([max(harm, 0.0) for harm in harms]) for z, harms in found.items()}


def events_by_slice(evaluation: Evaluation) -> Counter[tuple[int, str]]:
    """How many splits and merges each slice has, by slice and kind."""
    return Counter(zip(evaluation.events.column("slice"), evaluation.events.column("kind"), strict=True))


def harm_is_known(evaluation: Evaluation) -> bool:
    """Whether the harm of every split and merge was measured, so that they can be ranked by it.

    False where there are none, and of an older evaluation.
    """
    return bool(evaluation.events) and not any(map(math.isnan, evaluation.events.column("harm")))


def events_by_harm(evaluation: Evaluation) -> Events:
    """The events of all slices, those that do most harm first; where it was not measured, by their stray pixels."""
    events = evaluation.events
    keys = [
        (0.0 if math.isnan(harm) else -harm, -stray_px)
        for harm, stray_px in zip(events.column("harm"), events.column("stray_px"), strict=True)
    ]
    return events.ordered(sorted(range(len(keys)), key=keys.__getitem__))


def harm_said(event: Event) -> str:
    """What undoing a split or merge would do to its slice, as a sentence."""
    if math.isnan(event.harm):
        return "How much harm it does is not known: the evaluation is older than that measure."
    if event.harm < 0:
        return (
            f"Undone alone, V_Rand of the slice would fall by {-event.harm:.4f}: the largest piece also holds other "
            "neurites, so undo that merge first."
        )
    return f"If it were undone, V_Rand of the slice would rise by {event.harm:.4f}."


def harm_of_first(evaluation: Evaluation, number: int) -> float:
    """How much of all harm the events that do most of it hold, 0 to 1; nan where there is none or it is unknown.

    Splits that are not worth undoing alone do none.
    """
    harms = [max(harm, 0.0) for harm in evaluation.events.column("harm")]
    total = _sum(harms)
    return _sum(heapq.nlargest(number, harms)) / total if total > 0 else math.nan


def _sum(values: list[float]) -> float:
    # Exactly rounded, so that the order of events does not show in the last digit.
    return math.fsum(values)


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
