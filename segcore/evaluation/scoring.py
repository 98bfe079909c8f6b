"""Scores of probabilities against labels: every slice on its own, several at a time.

Slices are read one by one inside the worker threads, so memory does not grow with the stack. What
takes long (the watershed that thins membranes, sums over large arrays) runs outside Python's lock.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.errors import ConfigError
from segcore.measures import (
    CHALLENGE_THRESHOLDS,
    DISTANCE_BINS,
    PROBABILITY_VALUES,
    Event,
    PixelEvidence,
    SegmentationScore,
    binary_psnr_db,
    binary_ssim,
    components,
    count_evidence,
    find_events,
    index_sums,
    last_membrane_value,
    predicted_interior,
    score_segments,
    thin,
)
from segcore.progress import SILENT, Progress
from segcore.stacks import Stack, each_slice, paired


@dataclass(frozen=True, kw_only=True)
class PointScore(SegmentationScore):
    """One slice at one threshold, beyond what pixel evidence says.

    Attributes:
        ssim: structural similarity of prediction and label; nan for slices below 7 pixels a side.
        psnr_db: -10 log10(share of wrong pixels); infinite where none is wrong.
    """

    ssim: float
    psnr_db: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything measured on some slices of a stack. Tuples have an entry a slice, in the order of `slices`.

    Attributes:
        slices: indices in the dataset.
        names: their file names.
        thresholds: the operating points, by name.
        evidence: the pixel table of every slice.
        neurites: number of true neurites, 4-connected.
        points: scores by name of the operating point.
        over_thresholds: V_Rand and V_Info at the challenge's eleven thresholds, 0.0 to 1.0.
        events: splits and merges at the operating point `events_at`, worst first within a slice.
        events_at: see above.
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
    events: tuple[Event, ...]
    events_at: str
    notebook_sums: NDArray[np.int64] | None = None


def score(
    probability: Stack,
    labels: Stack,
    *,
    slices: Sequence[int],
    names: Sequence[str],
    thresholds: Mapping[str, float],
    events_at: str = "topology",
    notebook_confusion: bool = False,
    workers: int = 0,
    progress: Progress = SILENT,
) -> Evaluation:
    """Measures predicted slices against their labels.

    Args:
        probability: probability of interior times 255, one page for each entry of `slices`.
        labels: the dataset's labels, 0 membrane and anything else interior; all its slices.
        slices: index in `labels` of each page of `probability`.
        names: their names, of the same length.
        thresholds: operating points by name, such as `{"pixel": 0.5, "topology": 0.7}`; a
            threshold from a user is one more of them.
        events_at: the operating point at which splits and merges are listed; the last one if there
            is none of that name.
        notebook_confusion: also add up what the notebook's confusion matrix did.
        workers: threads; 0 for one a core.
        progress: told of every slice.

    Raises:
        DataError: numbers of pages or sizes do not fit, or a page cannot be read.
        ConfigError: no slices or thresholds, or a threshold out of range.
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
    events_at = events_at if events_at in thresholds else list(thresholds)[-1]
    first = next(iter(thresholds.values()))
    counts = np.zeros((len(slices), 2, PROBABILITY_VALUES, DISTANCE_BINS), np.int64)
    with paired(probability, labels, slices) as read:

        def measured(position: int) -> _SliceScore:
            label, page = read(position)
            counts[position] = count_evidence(label, page)
            one = _score_slice(label, page, thresholds, events_at, slices[position])
            if not notebook_confusion:
                return one
            return dataclasses.replace(one, notebook_sums=index_sums(label, predicted_interior(page, first)))

        scores = each_slice(measured, len(slices), workers, progress)
    return Evaluation(
        slices=slices,
        names=tuple(names),
        thresholds=thresholds,
        evidence=PixelEvidence(counts),
        neurites=tuple(one.neurites for one in scores),
        points={name: tuple(one.points[name] for one in scores) for name in thresholds},
        over_thresholds=tuple(one.over_thresholds for one in scores),
        events=tuple(event for one in scores for event in one.events),
        events_at=events_at,
        notebook_sums=_total([one.notebook_sums for one in scores if one.notebook_sums is not None]),
    )


def add_point(
    evaluation: Evaluation,
    name: str,
    threshold: float,
    probability: Stack,
    labels: Stack,
    *,
    workers: int = 0,
    progress: Progress = SILENT,
) -> Evaluation:
    """The evaluation with one more operating point, from the same probabilities and labels."""
    with paired(probability, labels, evaluation.slices) as read:

        def measured(position: int) -> PointScore:
            label, page = read(position)
            prediction = predicted_interior(page, threshold)
            return _point(label, prediction, score_segments(components(label), thin(prediction)))

        scores = each_slice(measured, len(evaluation.slices), workers, progress)
    return dataclasses.replace(
        evaluation,
        thresholds=evaluation.thresholds | {name: float(threshold)},
        points=evaluation.points | {name: tuple(scores)},
    )


@dataclass(frozen=True, kw_only=True)
class _SliceScore:
    neurites: int
    points: dict[str, PointScore]
    over_thresholds: tuple[SegmentationScore, ...]
    events: list[Event]
    notebook_sums: NDArray[np.int64] | None = None


def _score_slice(
    label: NDArray[np.bool_], page: NDArray[np.uint8], thresholds: Mapping[str, float], events_at: str, z: int
) -> _SliceScore:
    neurites = components(label)
    known: dict[int, SegmentationScore] = {}
    points: dict[str, PointScore] = {}
    events: list[Event] = []
    for name, threshold in thresholds.items():
        prediction = predicted_interior(page, threshold)
        segments = thin(prediction)
        found = score_segments(neurites, segments)
        known[last_membrane_value(threshold)] = found
        points[name] = _point(label, prediction, found)
        if name == events_at:
            events = find_events(neurites, segments, prediction, slice_index=z)
    for threshold in CHALLENGE_THRESHOLDS:
        value = last_membrane_value(threshold)
        if value not in known:
            known[value] = score_segments(neurites, thin(predicted_interior(page, threshold)))
    return _SliceScore(
        neurites=int(neurites.max(initial=0)),
        points=points,
        over_thresholds=tuple(known[last_membrane_value(threshold)] for threshold in CHALLENGE_THRESHOLDS),
        events=events,
    )


def _total(sums: Sequence[NDArray[np.int64]]) -> NDArray[np.int64] | None:
    return np.asarray(np.sum(sums, axis=0)) if sums else None


def _point(label: NDArray[np.bool_], prediction: NDArray[np.bool_], found: SegmentationScore) -> PointScore:
    wrong = int(np.count_nonzero(label != prediction))
    return PointScore(
        **dataclasses.asdict(found), ssim=binary_ssim(label, prediction), psnr_db=binary_psnr_db(wrong, label.size)
    )
