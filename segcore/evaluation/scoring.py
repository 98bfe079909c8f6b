"""Scores of probabilities against labels: every slice on its own, several at a time.

Slices are read one by one inside the worker threads, so memory does not grow with the stack. What
takes long (the watershed that thins membranes, sums over large arrays) runs outside Python's lock.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.errors import ConfigError
from segcore.evaluation.measured import Evaluation, PointScore
from segcore.measures import (
    CHALLENGE_THRESHOLDS,
    DISTANCE_BINS,
    PROBABILITY_VALUES,
    ErrorParts,
    Event,
    Events,
    NeuriteSizes,
    PixelEvidence,
    SegmentationScore,
    binary_ssim,
    boundary_distance,
    count_by_territory,
    count_error_parts,
    count_evidence,
    error_part_of_pixels,
    find_events,
    grown,
    index_sums,
    joined_neurites,
    last_membrane_value,
    measure_neurites,
    pieces_within,
    predicted_interior,
    score_segments,
    thin,
    true_neurites,
)
from segcore.progress import SILENT, Progress
from segcore.runs import SegmentPoint
from segcore.segments import BIASES, cut, find_basins
from segcore.stacks import Numbers, Stack, Truth, each_slice, paired

KeepSegments = Callable[[int, NDArray[np.int32]], None]
ReadSegments = Callable[[int], NDArray[np.int32]]


def score(
    probability: Stack,
    labels: Stack,
    *,
    slices: Sequence[int],
    names: Sequence[str],
    thresholds: Mapping[str, float],
    numbers: Numbers | None = None,
    segment_points: Sequence[SegmentPoint] = (),
    given_segments: ReadSegments | None = None,
    keep_segments: KeepSegments | None = None,
    notebook_confusion: bool = False,
    workers: int = 0,
    progress: Progress = SILENT,
) -> Evaluation:
    """Measures predicted slices against their labels.

    Args:
        probability: probability of interior times 255, one page for each entry of `slices`.
        labels: the dataset's labels, of all its slices; what they ignore counts in no figure.
        slices: index in `labels` of each page of `probability`.
        names: their names, of the same length.
        thresholds: operating points by name, such as `{"pixel": 0.5, "topology": 0.7}`; a
            threshold from a user is one more of them.
        numbers: of the neurites, of all slices of the dataset, if somebody numbered them.
        segment_points: how the segments of each slice are made and measured too, if they are. Splits and merges are
            those of the segments then, else of the prediction at `topology`, or the last threshold.
        given_segments: gives the numbered segments of a page, by its position and to any thread, where somebody else
            made them; then none are made.
        keep_segments: given the segments of each page, by its position, in any order and from any thread.
        notebook_confusion: also add up what the notebook's confusion matrix did.
        workers: threads; 0 for one a core.
        progress: told of every slice.

    Raises:
        DataError: numbers of pages or sizes do not fit, or a page cannot be read.
        ConfigError: no slices or thresholds, a threshold out of range, or settings of segments for some slices only.
    """
    slices, thresholds = tuple(int(z) for z in slices), {name: float(t) for name, t in thresholds.items()}
    if not slices:
        raise ConfigError("there are no slices to evaluate", expected="at least one")
    if len(set(slices)) < len(slices):
        raise ConfigError("a slice is to be evaluated twice", found=list(slices))
    if not thresholds:
        raise ConfigError("there are no thresholds to evaluate at", expected="at least one")
    for threshold in thresholds.values():
        last_membrane_value(threshold)
    if segment_points and len(segment_points) != len(slices):
        raise ConfigError("settings of segments for other slices", found=len(segment_points), expected=len(slices))
    has_segments = bool(segment_points) or given_segments is not None
    events_at = "segments" if has_segments else "topology" if "topology" in thresholds else list(thresholds)[-1]
    first = next(iter(thresholds.values()))
    counts = np.zeros((len(slices), 2, PROBABILITY_VALUES, DISTANCE_BINS), np.int64)
    with paired(probability, labels, slices, numbers) as read:

        def measured(position: int) -> _SliceScore:
            truth, page = read(position)
            counts[position] = count_evidence(truth.interior, page, truth.counted)
            neurites = true_neurites(truth.interior, truth.numbers)
            segments = None
            if given_segments is not None:
                segments = _score_of_given(truth, neurites, given_segments(position))
            elif segment_points:
                segments = _score_of_segments(truth, neurites, page, segment_points[position])
            if segments is not None and keep_segments is not None:
                keep_segments(position, segments.labels)
            one = _score_slice(truth, neurites, page, thresholds, events_at, segments, slices[position])
            if not notebook_confusion:
                return one
            sums = index_sums(truth.interior, predicted_interior(page, first), truth.counted)
            return dataclasses.replace(one, notebook_sums=sums)

        scores = each_slice(measured, len(slices), workers, progress)
    return Evaluation(
        slices=slices,
        names=tuple(names),
        thresholds=thresholds,
        evidence=PixelEvidence(counts),
        neurites=tuple(one.neurites for one in scores),
        points={name: tuple(one.points[name] for one in scores) for name in thresholds},
        over_thresholds=tuple(one.over_thresholds for one in scores),
        events=Events.of(event for one in scores for event in one.events),
        events_at=events_at,
        segment_points=() if given_segments is not None else tuple(segment_points),
        segments=tuple(one.segments for one in scores if one.segments is not None),
        over_biases=tuple(one.over_biases for one in scores if one.over_biases),
        error_parts={name: ErrorParts(np.stack([one.error_parts[name] for one in scores])) for name in thresholds},
        neurite_sizes=joined_neurites([one.neurite_sizes for one in scores]),
        notebook_sums=_total([one.notebook_sums for one in scores if one.notebook_sums is not None]),
    )


def add_point(
    evaluation: Evaluation,
    name: str,
    threshold: float,
    probability: Stack,
    labels: Stack,
    *,
    numbers: Numbers | None = None,
    workers: int = 0,
    progress: Progress = SILENT,
) -> Evaluation:
    """The evaluation with one more operating point, from the same probabilities and labels."""
    with paired(probability, labels, evaluation.slices, numbers) as read:

        def measured(position: int) -> tuple[PointScore, NDArray[np.int64], NDArray[np.int64]]:
            truth, page = read(position)
            prediction = truth.masked(predicted_interior(page, threshold))
            neurites = true_neurites(truth.interior, truth.numbers)
            thinned, territories = thin(prediction), grown(neurites, truth.interior)
            point = _point(truth.interior, prediction, score_segments(neurites, thinned))
            wrong = error_part_of_pixels(truth.interior, neurites, prediction, thinned, territories, truth.counted)
            parts = count_error_parts(wrong, boundary_distance(truth.interior, truth.counted))
            return point, parts, count_by_territory(territories, int(neurites.max(initial=0)) + 1, wrong > 0)

        scores = each_slice(measured, len(evaluation.slices), workers, progress)
    sizes = evaluation.neurite_sizes
    return dataclasses.replace(
        evaluation,
        thresholds=evaluation.thresholds | {name: float(threshold)},
        points=evaluation.points | {name: tuple(point for point, _, _ in scores)},
        error_parts=evaluation.error_parts | {name: ErrorParts(np.stack([parts for _, parts, _ in scores]))},
        neurite_sizes=None
        if sizes is None
        else sizes.with_wrong(name, np.concatenate([wrong_px for _, _, wrong_px in scores])),
    )


@dataclass(frozen=True)
class _SegmentScore:
    """Segments of a slice.

    Attributes:
        labels: as they are kept.
        pieces: as they are measured, ended where the label is to be ignored.
        score: how good they are.
        over_biases: how good they would be with other biases, of the same basins.
    """

    labels: NDArray[np.int32]
    pieces: NDArray[np.int32]
    score: SegmentationScore
    over_biases: tuple[SegmentationScore, ...]


@dataclass(frozen=True, kw_only=True)
class _SliceScore:
    neurites: int
    points: dict[str, PointScore]
    over_thresholds: tuple[SegmentationScore, ...]
    events: list[Event]
    error_parts: dict[str, NDArray[np.int64]]
    neurite_sizes: NeuriteSizes
    segments: SegmentationScore | None = None
    over_biases: tuple[SegmentationScore, ...] = ()
    notebook_sums: NDArray[np.int64] | None = None


def _score_of_segments(
    truth: Truth, neurites: NDArray[np.int32], page: NDArray[np.uint8], point: SegmentPoint
) -> _SegmentScore:
    basins = find_basins(page, point.smoothing_px)
    segments = cut(basins, point.bias, point.smallest_px)
    pieces = pieces_within(segments, truth.counted)
    others = (cut(basins, bias, point.smallest_px) for bias in BIASES)
    return _SegmentScore(
        segments,
        pieces,
        score_segments(neurites, pieces),
        tuple(score_segments(neurites, pieces_within(one, truth.counted)) for one in others),
    )


def _score_of_given(truth: Truth, neurites: NDArray[np.int32], given: NDArray[np.int32]) -> _SegmentScore:
    """What is a segment is as with neurites: a connected piece of one number, here grown over the membrane between."""
    pieces = true_neurites(given > 0, given.astype(np.uint32))
    labels = grown(pieces, given > 0)
    within = pieces_within(labels, truth.counted)
    return _SegmentScore(labels, within, score_segments(neurites, within), ())


def _score_slice(
    truth: Truth,
    neurites: NDArray[np.int32],
    page: NDArray[np.uint8],
    thresholds: Mapping[str, float],
    events_at: str,
    segments: _SegmentScore | None,
    z: int,
) -> _SliceScore:
    """Prediction and label both end where the label is to be ignored.

    Events are of the segments if there are any. Where the membrane is open, which tells their places, shows at the
    first threshold then.
    """
    territories, distance = grown(neurites, truth.interior), boundary_distance(truth.interior, truth.counted)
    known: dict[int, SegmentationScore] = {}
    points: dict[str, PointScore] = {}
    parts: dict[str, NDArray[np.int64]] = {}
    wrong: dict[str, NDArray[np.bool_]] = {}
    pieces = None if segments is None else segments.pieces
    shown_at = next(iter(thresholds)) if pieces is not None else events_at
    for name, threshold in thresholds.items():
        prediction = truth.masked(predicted_interior(page, threshold))
        thinned = thin(prediction)
        found = score_segments(neurites, thinned)
        known[last_membrane_value(threshold)] = found
        points[name] = _point(truth.interior, prediction, found)
        of_part = error_part_of_pixels(truth.interior, neurites, prediction, thinned, territories, truth.counted)
        parts[name] = count_error_parts(of_part, distance)
        wrong[name] = of_part > 0
        if name == shown_at:
            shown, compared = prediction, thinned if pieces is None else pieces
    events = find_events(neurites, compared, shown, slice_index=z)
    for threshold in CHALLENGE_THRESHOLDS:
        value = last_membrane_value(threshold)
        if value not in known:
            known[value] = score_segments(neurites, thin(truth.masked(predicted_interior(page, threshold))))
    return _SliceScore(
        neurites=int(neurites.max(initial=0)),
        points=points,
        over_thresholds=tuple(known[last_membrane_value(threshold)] for threshold in CHALLENGE_THRESHOLDS),
        events=events,
        error_parts=parts,
        neurite_sizes=measure_neurites(neurites, compared, territories, wrong, events, truth.counted, slice_index=z),
        segments=None if segments is None else segments.score,
        over_biases=() if segments is None else segments.over_biases,
    )


def _total(sums: Sequence[NDArray[np.int64]]) -> NDArray[np.int64] | None:
    return np.asarray(np.sum(sums, axis=0)) if sums else None


def _point(label: NDArray[np.bool_], prediction: NDArray[np.bool_], found: SegmentationScore) -> PointScore:
    return PointScore(**dataclasses.asdict(found), ssim=binary_ssim(label, prediction))
