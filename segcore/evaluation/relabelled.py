"""What a stored prediction comes to when it is measured against other labels of the same slices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.data import Dataset
from segcore.errors import DataError, RunError
from segcore.evaluation.folder import SEGMENTS
from segcore.evaluation.measured import Evaluation
from segcore.measures import (
    Event,
    Events,
    PixelEvidence,
    SegmentationScore,
    count_evidence,
    find_events,
    pieces_within,
    predicted_interior,
    score_segments,
    thin,
    true_neurites,
)
from segcore.progress import SILENT, Progress
from segcore.runs import Rows
from segcore.stacks import Truth, each_slice, only_rows, open_stack, stored_page


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """What a prediction comes to with one set of labels. Tuples have an entry a slice, those of the evaluation.

    Attributes:
        evidence: the pixel table of every slice.
        scores: V_Rand and V_Info of the segments, or of the prediction at the operating point of the events.
        events: splits and merges of the same.
    """

    evidence: PixelEvidence
    scores: tuple[SegmentationScore, ...]
    events: Events


def stored_scores(evaluation: Evaluation) -> LabelScores:
    """Those that an evaluation has, with the labels that it was measured against."""
    scores = evaluation.segments if evaluation.events_at == "segments" else evaluation.points[evaluation.events_at]
    only = tuple(
        SegmentationScore(
            v_rand=one.v_rand, rand_precision=one.rand_precision, rand_recall=one.rand_recall, v_info=one.v_info
        )
        for one in scores
    )
    return LabelScores(evidence=evaluation.evidence, scores=only, events=evaluation.events)


def scores_with(
    evaluation: Evaluation,
    folder: Path,
    labels: Dataset,
    slices: Collection[int],
    *,
    rows: Rows | None = None,
    workers: int = 0,
    progress: Progress = SILENT,
) -> LabelScores:
    """Measures the stored probability and segments of some slices anew, and takes what is stored of the others.

    It is what an evaluation against these labels would give, as far as the prediction is the same.

    Args:
        evaluation: with the folder that it lies in.
        folder: with `probability.tif`, and `segments.tif` where the events are those of segments.
        labels: a dataset with the same slices and other labels.
        slices: those to be measured anew; of the others the labels have to be those of the evaluation.
        rows: the rows that are counted, where those are not all.
        workers: threads; 0 for one a core.
        progress: told of every slice.

    Raises:
        RunError: the prediction is missing or damaged, or is none of these slices.
        DataError: the labels cannot be read.
    """
    positions = [at for at, z in enumerate(evaluation.slices) if z in slices]
    stored = stored_scores(evaluation)
    if not positions:
        return stored
    kept = evaluation.events_at == "segments"
    # Where a membrane is open shows at the first threshold for segments, as it did when they were evaluated.
    threshold = next(iter(evaluation.thresholds.values())) if kept else evaluation.thresholds[evaluation.events_at]
    with ExitStack() as files:
        probability = _pages(files, folder / "probability.tif", evaluation, labels)
        segments = _pages(files, folder / SEGMENTS, evaluation, labels) if kept else None

        def measured(number: int) -> tuple[NDArray[np.int64], SegmentationScore, list[Event]]:
            at = positions[number]
            pieces = None if segments is None else segments(at).astype(np.int32)
            return _measured(labels, evaluation.slices[at], rows, threshold, probability(at), pieces)

        found = dict(zip(positions, each_slice(measured, len(positions), workers, progress), strict=True))
    counts = evaluation.evidence.counts.copy()
    for at, (table, _, _) in found.items():
        counts[at] = table
    events: dict[int, list[Event]] = {z: [] for z in evaluation.slices}
    for event in stored.events:
        events[event.slice].append(event)
    events |= {evaluation.slices[at]: of_slice for at, (_, _, of_slice) in found.items()}
    return LabelScores(
        evidence=PixelEvidence(counts),
        scores=tuple(found[at][1] if at in found else one for at, one in enumerate(stored.scores)),
        events=Events.of(event for z in evaluation.slices for event in events[z]),
    )


def _pages(files: ExitStack, path: Path, evaluation: Evaluation, labels: Dataset) -> Callable[[int], NDArray[Any]]:
    """Gives a function that reads a page of what was predicted, from any thread."""
    try:
        stack = files.enter_context(open_stack(path))
    except DataError as error:
        raise RunError(
            "what was predicted is missing or damaged", path=path, found=error.problem, expected="evaluate again"
        ) from error
    size = len(evaluation.slices), labels.info.height, labels.info.width
    if (len(stack), stack.height, stack.width) != size or max(evaluation.slices) >= labels.info.slices:
        raise RunError(
            "the prediction is of other slices than the labels",
            path=path,
            found=f"{len(stack)} slices of {stack.height} x {stack.width} pixels",
            expected=f"{size[0]} slices of {size[1]} x {size[2]} pixels",
        )
    lock = threading.Lock()

    def read(at: int) -> NDArray[Any]:
        with lock:
            return stack.read(at)

    return read


def _measured(
    labels: Dataset,
    z: int,
    rows: Rows | None,
    threshold: float,
    page: NDArray[np.uint8],
    segments: NDArray[np.int32] | None,
) -> tuple[NDArray[np.int64], SegmentationScore, list[Event]]:
    """One slice, as `segcore.evaluation.scoring` measures it."""
    numbers = None if labels.numbers is None else stored_page(labels.numbers, z)
    truth = Truth.of(only_rows(labels.label(z), rows), numbers)
    neurites = true_neurites(truth.interior, truth.numbers)
    prediction = truth.masked(predicted_interior(page, threshold))
    pieces = thin(prediction) if segments is None else pieces_within(segments, truth.counted)
    return (
        count_evidence(truth.interior, page, truth.counted),
        score_segments(neurites, pieces),
        find_events(neurites, pieces, prediction, slice_index=z),
    )
