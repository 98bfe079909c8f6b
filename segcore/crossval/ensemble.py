"""One run that has, for every slice, the mean probability of the networks that never saw it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segcore.crossval.plan import Plan
from segcore.crossval.results import CrossValidation, results_of
from segcore.data import Dataset
from segcore.errors import RunError
from segcore.evaluation import Evaluated, evaluate_prediction, read_evaluation, write_card
from segcore.measures import threshold_after
from segcore.progress import SILENT, Progress
from segcore.runs import (
    OperatingPoints,
    Run,
    RunInfo,
    Seen,
    SegmentPoint,
    Split,
    by_point,
    create_run,
    now,
    open_run,
    run_names,
    versions,
)
from segcore.stacks import StackWriter, open_stack
from segcore.storage import scratch_folder


def ensemble_of(
    plan: Plan, runs: Sequence[Run], dataset: Dataset, *, progress: Progress = SILENT
) -> tuple[Run, Evaluated, CrossValidation]:
    """Makes the run of all predictions, or makes it anew, evaluates it and keeps the results beside it.

    For each slice the probabilities of the networks whose test part it is in are averaged, and its segments are made
    with what these chose on their validation slices, the mean where they are several: networks differ in what they
    call probable, and nobody chose on a slice that is judged so.

    An operating point is one number in every table and on every page, so all slices have the same thresholds, the mean
    of those that the networks chose. These thus depend a little on slices that one of the networks validated with,
    which the leak audit of the run says.

    Args:
        plan: of the cross-validation.
        runs: its runs, in the order of its members, trained and evaluated.
        dataset: what they were trained on.
        progress: told how far the measuring is.

    Raises:
        RunError: if an evaluation is missing or damaged, or a run of the name is something else.
        StorageError: if it cannot be written.
    """
    results = results_of(
        plan.name, [(run, member.fold, member.seed) for run, member in zip(runs, plan.members, strict=True)]
    )
    run = _run(plan, runs, dataset, results)
    folder = run.evaluation(dataset.info.name)
    with scratch_folder(folder.parent) as scratch:
        probability = _averaged(scratch / "probability.tif", runs, run.split.test, dataset)
        found = evaluate_prediction(run, dataset, probability, part="test", slices=run.split.test, progress=progress)
    results.save(run.folder)
    write_card(run, dataset, found)
    return run, found, results


def _run(plan: Plan, runs: Sequence[Run], dataset: Dataset, results: CrossValidation) -> Run:
    first = runs[0]
    judged = results.slices
    info = RunInfo(
        state="finished",
        dataset=plan.dataset,
        dataset_fingerprint=first.info.dataset_fingerprint,
        synthetic=first.info.synthetic,
        seed=first.info.seed,
        started=min(run.info.started for run in runs),
        ended=max(run.info.ended or "" for run in runs) or now(),
        device=first.info.device,
        versions=versions(),
        parameters=first.info.parameters,
        train_seconds=sum(run.info.train_seconds for run in runs),
        operating_points=_points(runs, results.slices),
        members=tuple(run.name for run in runs),
    )
    if plan.ensemble in run_names():
        there = open_run(plan.ensemble)
        if not there.info.members or there.split.test != judged or there.info.dataset != plan.dataset:
            raise RunError("the run is no ensemble of these", path=there.folder, expected="another --name")
        return there.update(**{name: getattr(info, name) for name in _RENEWED})
    split = Split(
        protocol="crossval",
        slices=dataset.info.slices,
        train=(),
        validation=(),
        gap=tuple(z for z in range(dataset.info.slices) if z not in judged),
        test=judged,
        borders=dataset.info.borders,
    )
    prints = first.slice_fingerprints
    # Duplicates in the stack are trained on and judged in one run, which each of them says.
    leaked = {z for run in runs for z in run.audit_split().trained_on if z in run.split.test}
    seen = Seen(
        trained=tuple(dict.fromkeys(prints[z] for z in sorted(leaked))),
        validated=tuple(dict.fromkeys(prints[z] for run in runs for z in run.split.validation)),
    )
    config = replace(first.config, split=replace(first.config.split, fold=0))
    return create_run(plan.ensemble, config=config, split=split, info=info, slice_fingerprints=prints, inherited=seen)


_RENEWED = ("started", "ended", "versions", "train_seconds", "operating_points", "members")


def _points(runs: Sequence[Run], slices: Sequence[int]) -> OperatingPoints:
    points = [run.info.operating_points for run in runs]
    known = [one for one in points if one is not None]
    if len(known) < len(runs):
        missing = next(run for run, one in zip(runs, points, strict=True) if one is None)
        raise RunError("the run has no thresholds yet", path=missing.folder, expected="a run trained to its end")
    found = _segment_points(runs, slices)
    made = by_point(slices, found) if found else ()
    return OperatingPoints(
        pixel=_between([one.pixel for one in known]),
        topology=_between([one.topology for one in known]),
        segments=made[0].point if len(made) == 1 else None,
        segments_of_slices=made if len(made) > 1 else (),
    )


def _segment_points(runs: Sequence[Run], slices: Sequence[int]) -> list[SegmentPoint]:
    """What the runs chose whose test slice each is; where none of these could choose, what the others did.

    Nothing where no run chose any.
    """
    chosen = [(run.split.test, run.info.operating_points and run.info.operating_points.segments) for run in runs]
    known = [(test, point) for test, point in chosen if point]
    every = [point for _, point in known]
    return [_mean_point([point for test, point in known if z in test] or every) for z in slices] if every else []


def _mean_point(points: Sequence[SegmentPoint]) -> SegmentPoint:
    """The mean of each setting; of the bias in whole percent, as it is shown and can be set."""
    return SegmentPoint(
        smoothing_px=statistics.fmean(one.smoothing_px for one in points),
        bias=round(statistics.fmean(one.bias for one in points), 2),
        smallest_px=round(statistics.fmean(one.smallest_px for one in points)),
    )


def _between(thresholds: Sequence[float]) -> float:
    """Their mean, moved to the middle between two values of the probability as it is stored."""
    return threshold_after(int(np.floor(255 * statistics.fmean(thresholds))))


def _averaged(path: Path, runs: Sequence[Run], slices: Sequence[int], dataset: Dataset) -> Path:
    """A stack of a page a slice: the mean over the runs whose test slice it is."""
    pages: dict[int, list[tuple[Path, int]]] = {z: [] for z in slices}
    for run in runs:
        folder = run.evaluation(dataset.info.name)
        evaluation, _ = read_evaluation(folder)
        for page, z in enumerate(evaluation.slices):
            pages[z].append((folder / "probability.tif", page))
    info = dataset.info
    size = info.voxel_size_nm
    with StackWriter(
        path, height=info.height, width=info.width, slices=len(slices),
        voxel_size_nm=None if size is None else (size[0], size[1], size[2]),
    ) as writer:  # fmt: skip
        for z in slices:
            writer.write(_mean([_page(file, page) for file, page in pages[z]]))
    return path


def _page(path: Path, page: int) -> NDArray[np.uint8]:
    with open_stack(path) as stack:
        return np.asarray(stack.read(page), dtype=np.uint8)


def _mean(pages: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    total = np.sum(pages, axis=0, dtype=np.int64)
    return np.asarray((2 * total + len(pages)) // (2 * len(pages)), dtype=np.uint8)
