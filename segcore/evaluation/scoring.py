"""Scores of probabilities against labels: every slice on its own, several at a time.

Slices are read one by one inside the worker threads, so memory does not grow with the stack. What
takes long (the watershed that thins membranes, sums over large arrays) runs outside Python's lock.
"""

from __future__ import annotations

import dataclasses
import mmap
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from segcore.errors import ConfigError, DataError
from segcore.measures.evidence import (
    CHALLENGE_THRESHOLDS,
    DISTANCE_BINS,
    PROBABILITY_VALUES,
    PixelEvidence,
    count_evidence,
    last_membrane_value,
    predicted_interior,
    threshold_after,
)
from segcore.measures.notebook_confusion import index_sums
from segcore.measures.similarity import binary_psnr_db, binary_ssim
from segcore.measures.topology import Event, SegmentationScore, components, find_events, score_segments, thin
from segcore.runs.run import OperatingPoints
from segcore.stacks.stack import StackReader
from segcore.stacks.volume import open_stack

Stack = NDArray[np.uint8] | StackReader | Path
"""Slices of 8 bits: an array or memory map (Z, H, W), an open stack, or the path of one."""

Page = NDArray[np.uint8]
Result = TypeVar("Result")

_TOPOLOGY_STEP = 0.05
_TOPOLOGY_CHANCE = 0.005


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
    progress: Callable[[], object] | None = None,
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
        progress: called after every slice.

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
    with _paired(probability, labels, slices) as read:

        def measured(position: int) -> _SliceScore:
            label, page = read(position)
            counts[position] = count_evidence(label, page)
            one = _score_slice(label, page, thresholds, events_at, slices[position])
            if not notebook_confusion:
                return one
            return dataclasses.replace(one, notebook_sums=index_sums(label, predicted_interior(page, first)))

        scores = _each(measured, len(slices), workers, progress)
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
    progress: Callable[[], object] | None = None,
) -> Evaluation:
    """The evaluation with one more operating point, from the same probabilities and labels."""
    with _paired(probability, labels, evaluation.slices) as read:

        def measured(position: int) -> PointScore:
            label, page = read(position)
            prediction = predicted_interior(page, threshold)
            return _point(label, prediction, score_segments(components(label), thin(prediction)))

        scores = _each(measured, len(evaluation.slices), workers, progress)
    return dataclasses.replace(
        evaluation,
        thresholds=evaluation.thresholds | {name: float(threshold)},
        points=evaluation.points | {name: tuple(scores)},
    )


def choose_thresholds(probability: Stack, labels: Stack, *, workers: int = 0) -> OperatingPoints:
    """The two operating points, from slices that were not trained on (validation).

    *pixel* has the fewest wrong pixels of all 256 thresholds, all slices together.

    *topology* has the highest V_Rand, mean over slices, of 0.05, 0.10 .. 0.95. With the few slices
    that decide, a single bridge that opens or closes makes the curve jump. So it is averaged over
    neighbours first, and of the thresholds that come within 0.005 of its highest point the one
    with the fewest wrong pixels is taken, and of those the one nearest to 0.5: the rest of the
    difference is chance, the pixels are not.
    Where no slice has a neurite, it is the pixel threshold.

    Both lie half-way between two 8-bit probabilities (see `threshold_after`), so that
    `q > 255 * threshold` is the same set of pixels however it is rounded.

    Args:
        probability: probability of interior times 255, one page a slice.
        labels: as many pages, 0 membrane and anything else interior.
        workers: threads; 0 for one a core.

    Raises:
        DataError: numbers of pages or sizes do not fit, or a page cannot be read.
        ConfigError: no slices.
    """
    with ExitStack() as stack:
        count = len(_opened(labels, stack))
        if not count:
            raise ConfigError("there are no slices to choose thresholds on", expected="at least one")
        read = stack.enter_context(_paired(probability, labels, range(count)))

        def counted(position: int) -> NDArray[np.int64]:
            return count_evidence(*read(position))

        evidence = PixelEvidence(np.sum(_each(counted, count, workers), axis=0)[None])

        def mean_v_rand(candidates: NDArray[np.float64]) -> NDArray[np.float64]:
            def curve(position: int) -> list[float]:
                label, page = read(position)
                neurites = components(label)
                return [score_segments(neurites, thin(predicted_interior(page, t))).v_rand for t in candidates]

            curves = np.array(_each(curve, count, workers))
            # A slice without neurites has no score at any threshold.
            scored = curves[~np.isnan(curves).any(axis=1)]
            return np.asarray(scored.mean(axis=0)) if len(scored) else np.full(len(candidates), np.nan)

        candidates = np.asarray([step * _TOPOLOGY_STEP for step in range(1, round(1 / _TOPOLOGY_STEP))])
        smooth = _smoothed(mean_v_rand(candidates))
    pixel = evidence.best_pixel_threshold()
    if np.isnan(smooth).all():
        return OperatingPoints(pixel=pixel, topology=pixel)
    as_good = candidates[smooth >= smooth.max() - _TOPOLOGY_CHANCE]
    wrong = [int(evidence.confusion(float(threshold)).wrong_pixels[0]) for threshold in as_good]
    topology = min(zip(wrong, np.abs(as_good - 0.5), as_good, strict=True))[-1]
    return OperatingPoints(pixel=pixel, topology=threshold_after(last_membrane_value(float(topology))))


def _smoothed(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each value and its neighbours, those there are."""
    return np.array([curve[max(0, i - 1) : i + 2].mean() for i in range(len(curve))])


@dataclass(frozen=True, kw_only=True)
class _SliceScore:
    neurites: int
    points: dict[str, PointScore]
    over_thresholds: tuple[SegmentationScore, ...]
    events: list[Event]
    notebook_sums: NDArray[np.int64] | None = None


def _score_slice(
    label: NDArray[np.bool_], page: Page, thresholds: Mapping[str, float], events_at: str, z: int
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


def _each(
    task: Callable[[int], Result], count: int, workers: int, progress: Callable[[], object] | None = None
) -> list[Result]:
    """The task's results for 0 .. count - 1, in order."""
    workers = min(workers or _cores(), count)
    results: list[Result] = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        # One worker is this thread: simpler to follow, and to interrupt.
        for result in map(task, range(count)) if workers <= 1 else pool.map(task, range(count)):
            results.append(result)
            if progress is not None:
                progress()
    return results


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _paired(
    probability: Stack, labels: Stack, slices: Sequence[int]
) -> Iterator[Callable[[int], tuple[NDArray[np.bool_], Page]]]:
    """Gives a function that reads label and probability of the slice at a position."""
    with ExitStack() as stack:
        predicted, true = _opened(probability, stack), _opened(labels, stack)
        if len(predicted) != len(slices):
            raise DataError("probabilities and slices differ in number", found=len(predicted), expected=len(slices))
        for z in slices:
            if not 0 <= z < len(true):
                raise DataError("there is no label for a slice", found=f"slice {z}", expected=f"0 to {len(true) - 1}")

        def read(position: int) -> tuple[NDArray[np.bool_], Page]:
            label, page = true.read(slices[position]), predicted.read(position)
            if label.shape != page.shape:
                raise DataError(
                    f"probability and label of slice {slices[position]} differ in size",
                    found=page.shape,
                    expected=label.shape,
                )
            return label != 0, page

        yield read


@dataclass(frozen=True)
class _Pages:
    """Slices of 8 bits that any thread may read."""

    count: int
    read: Callable[[int], Page]

    def __len__(self) -> int:
        return self.count


def _opened(source: Stack, stack: ExitStack) -> _Pages:
    if isinstance(source, Path):
        source = stack.enter_context(open_stack(source))
    if source.dtype not in (np.uint8, np.bool_):
        raise DataError("not a stack of 8 bits", found=source.dtype, expected="uint8")
    if isinstance(source, StackReader):
        reader, lock = source, threading.Lock()

        def read_locked(z: int) -> Page:
            with lock:
                return reader.read(z)

        return _Pages(len(reader), read_locked)
    array = source
    if array.ndim != 3:
        raise DataError("not a stack of slices", found=f"shape {array.shape}", expected="(Z, H, W)")
    return _Pages(len(array), _mapped_reader(array) or (lambda z: np.asarray(array[z])))


def _mapped_reader(array: NDArray[Any]) -> Callable[[int], Page] | None:
    """Reads pages of a whole memory map from its file.

    Pages touched through the map would stay in memory and count as the process's; None for
    anything but a whole map.
    """
    # A view of a map has the map as its base, and an offset that is not its own.
    if not isinstance(array, np.memmap) or not isinstance(array.base, mmap.mmap) or not array.flags.c_contiguous:
        return None
    path, start, shape, dtype = array.filename, array.offset, array.shape[1:], array.dtype
    pixels = shape[0] * shape[1]

    def read(z: int) -> Page:
        flat: Page = np.fromfile(path, dtype, count=pixels, offset=start + z * pixels * dtype.itemsize)
        if flat.size != pixels:
            raise DataError(f"slice {z} is cut short", path=path, found=flat.size, expected=f"{pixels} pixels")
        return flat.reshape(shape)

    return read
