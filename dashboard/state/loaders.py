"""The only place that reads from disk and caches. Keys are path, size and time of change, never contents."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.figures import pictures
from dashboard.viewer.layers import open_layers
from dashboard.viewer.tiles import tile
from segcore.data import INFO, Dataset, DatasetInfo, data_root
from segcore.data import open_dataset as open_on_disk
from segcore.errors import DataError, RunError, SegcoreError
from segcore.evaluation import Evaluation, pixel_measures, read_evaluation, summary
from segcore.jobs import Job, JobQueue
from segcore.measures import Confusion, PixelEvidence
from segcore.runs import EpochRecord, LeakAudit, NetworkPart, Run, models_root, run_names
from segcore.runs import open_run as open_on_disk_run
from segcore.stacks import map_stack, stored_page

Stamp = tuple[tuple[str, int, int], ...]
PART_ORDER = ("test", "all", "validation", "train")


def stamp(folder: Path) -> Stamp:
    """Name, size and time of change of every file in a folder; empty where there is none."""
    try:
        with os.scandir(folder) as entries:
            found = [(one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in entries if one.is_file()]
    except OSError:
        return ()
    return tuple(sorted(found))


@dataclass(frozen=True, kw_only=True)
class Result:
    """An evaluation with what may be said of it.

    Attributes:
        run: its run.
        dataset: name of the dataset.
        part: which slices of it.
        evaluation: the measures.
        facts: what evaluation noted: whether it leaks, when it was made.
        summary: the measures of all slices together, by name.
        folder: where it lies.
    """

    run: Run
    dataset: str
    part: str
    evaluation: Evaluation
    facts: dict[str, Any]
    summary: dict[str, Any]
    folder: Path

    @property
    def points(self) -> dict[str, float]:
        """The thresholds with a name."""
        return self.evaluation.thresholds

    @property
    def leaks(self) -> bool:
        return bool(self.facts.get("leaks"))


@dataclass(frozen=True, kw_only=True)
class At:
    """Pixel measures of an evaluation at one threshold and tolerance.

    Attributes:
        each: a confusion matrix a slice.
        pooled: the measures of all slices together, by name.
        matrix: the confusion matrix of all slices together.
    """

    each: Confusion
    pooled: dict[str, Any]
    matrix: Confusion


# --- runs -------------------------------------------------------------------------------------


def names_of_runs() -> list[str]:
    """Every folder that holds a run, whole or not."""
    return run_names()


def run(name: str) -> Run:
    """A run; `RunError` if it is damaged."""
    folder = models_root() / name
    return _run(str(models_root().absolute()), name, stamp(folder))


@st.cache_resource(max_entries=64, show_spinner=False)
def _run(root: str, name: str, key: Stamp) -> Run:
    return open_on_disk_run(name, root=Path(root))


def broken_runs() -> dict[str, SegcoreError]:
    """What is wrong with the runs that cannot be opened, by name."""
    found = {}
    for name in names_of_runs():
        try:
            run(name)
        except SegcoreError as error:
            found[name] = error
    return found


def history(of: Run) -> list[EpochRecord]:
    """The epochs of a run so far."""
    try:
        status = of.history_csv.stat()
    except OSError:
        return []
    return _history(str(of.folder.absolute()), (status.st_size, status.st_mtime_ns), of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _history(folder: str, key: tuple[int, int], _of: Run) -> list[EpochRecord]:
    return _of.history()


def parts(of: Run) -> list[NetworkPart]:
    """The parts of the network of a run, as training wrote them down."""
    return of.parts()


def leak_audit(of: Run) -> LeakAudit:
    """Whether the run's own validation and test slices were trained on."""
    return _audit(str(of.folder.absolute()), stamp(of.folder), of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _audit(folder: str, key: Stamp, _of: Run) -> LeakAudit:
    return _of.audit_split()


# --- trainings --------------------------------------------------------------------------------


def queue() -> JobQueue:
    """The queue of trainings, the same for all visitors."""
    return JobQueue()


def open_job(run: str) -> Job | None:
    """The job that trains or evaluates a run, or waits for it."""
    return next((job for job in queue().jobs() if job.open and job.run == run), None)


def latest_run(name: str) -> Run | None:
    """A run, or None as long as there is nothing of it, or nothing whole."""
    with suppress(SegcoreError):
        return run(name)
    return None


def last_lines(path: Path, lines: int = 14) -> str:
    """The end of a log; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


# --- evaluations ------------------------------------------------------------------------------


def evaluated(of: Run) -> list[tuple[str, str]]:
    """Dataset and part of every evaluation of a run, test first."""
    found = []
    for folder in of.evaluations():
        name, _, part = folder.name.partition("@")
        if (part or "test") in PART_ORDER:
            found.append((name, part or "test"))
    own = of.info.dataset
    return sorted(found, key=lambda one: (one[0] != own, one[0], PART_ORDER.index(one[1])))


def result(of: Run, dataset: str, part: str) -> Result:
    """An evaluation; `RunError` if it is missing or damaged."""
    folder = of.evaluation(dataset, part)
    key = stamp(folder)
    if not key:
        raise RunError(
            f"{of.name} was not evaluated on the {part} slices of {dataset}",
            expected=f"python -m segcore evaluate {of.name} --dataset {dataset} --slices {part}",
        )
    evaluation, facts, values = _evaluation(str(folder.absolute()), key)
    return Result(run=of, dataset=dataset, part=part, evaluation=evaluation, facts=facts, summary=values, folder=folder)


@st.cache_resource(max_entries=8, show_spinner=False)
def _evaluation(folder: str, key: Stamp) -> tuple[Evaluation, dict[str, Any], dict[str, Any]]:
    evaluation, facts = read_evaluation(Path(folder))
    return evaluation, facts, summary(evaluation)


def at(found: Result, threshold: float, tolerance: int) -> At:
    """Pixel measures at a threshold and tolerance, exact."""
    each = found.evaluation.evidence.confusion(threshold, tolerance)
    matrix = each.pooled()
    return At(each=each, pooled=pixel_measures(matrix), matrix=matrix)


def sweep(found: Result, tolerance: int, first: int, last: int) -> Confusion:
    """A pooled confusion matrix for each of the 256 thresholds, over a range of the evaluated slices."""
    return _sweep(str(found.folder.absolute()), stamp(found.folder), tolerance, first, last, found)


@st.cache_resource(max_entries=32, show_spinner=False)
def _sweep(folder: str, key: Stamp, tolerance: int, first: int, last: int, _found: Result) -> Confusion:
    return pooled(_found, first, last).sweep(tolerance)[0]


def pooled(found: Result, first: int, last: int) -> PixelEvidence:
    """The pixel table of a range of the evaluated slices together."""
    return _pooled(str(found.folder.absolute()), stamp(found.folder), first, last, found)


@st.cache_resource(max_entries=32, show_spinner=False)
def _pooled(folder: str, key: Stamp, first: int, last: int, _found: Result) -> PixelEvidence:
    chosen = [place for place, z in enumerate(_found.evaluation.slices) if first <= z <= last]
    return _found.evaluation.evidence.subset(chosen).pooled()


def probability(found: Result, z: int) -> NDArray[np.uint8]:
    """Probability of interior of a slice, times 255."""
    path = found.folder / "probability.tif"
    info = dataset(found.dataset).info
    shape = (len(found.evaluation.slices), info.height, info.width)
    try:
        stack = _mapped(str(path.absolute()), path.stat().st_mtime_ns, shape)
        return stored_page(stack, found.evaluation.slices.index(z))
    except (DataError, FileNotFoundError, ValueError) as error:
        raise RunError(
            "the probabilities of this evaluation are missing or damaged", path=path, expected="evaluate again"
        ) from error


@st.cache_resource(max_entries=64, show_spinner=False)
def _mapped(path: str, changed: int, shape: tuple[int, int, int]) -> np.memmap[Any, np.dtype[np.uint8]]:
    # Looking through the headers of thousands of pages takes a second.
    return map_stack(Path(path), *shape)


def error_picture(found: Result, z: int, threshold: float, tolerance: int) -> NDArray[np.uint8]:
    """Wrong pixels of a slice in colour over its image, (H, W, 3); reduced to at most 512 pixels a side.

    Reduced as the viewer does: a block is wrong where one of its pixels is.
    """
    key = stamp(found.folder), stamp(dataset(found.dataset).folder)
    return _error_picture(str(found.folder.absolute()), key, z, threshold, tolerance, found)


@st.cache_resource(max_entries=64, show_spinner=False)
def _error_picture(
    folder: str, key: tuple[Stamp, Stamp], z: int, threshold: float, tolerance: int, _found: Result
) -> NDArray[np.uint8]:
    layers = open_layers(_found.dataset, _found.run.name, _found.part)
    if layers.coarsest == 0 or layers.probability is None:
        stack = dataset(_found.dataset)
        return pictures.errors(stack.image(z), stack.label(z), probability(_found, z), threshold, tolerance)
    try:
        return pictures.coarse_errors(tile(layers, "bundle", z, layers.coarsest, 0, 0, tolerance), threshold)
    except (LookupError, OSError) as error:
        raise RunError("the files changed while they were read", path=_found.folder) from error


# --- datasets ---------------------------------------------------------------------------------


def names_of_datasets() -> list[str]:
    """Every folder that holds a dataset, whole or not."""
    return sorted(path.parent.name for path in data_root().glob(f"*/{INFO}") if not path.parent.name.startswith("."))


def dataset(name: str) -> Dataset:
    """A dataset; `DataError` if it is missing or damaged."""
    return _dataset(str(data_root()), name, stamp(data_root() / name))


@st.cache_resource(max_entries=64, show_spinner=False)
def _dataset(root: str, name: str, key: Stamp) -> Dataset:
    return open_on_disk(name)


def info(name: str) -> DatasetInfo | None:
    """The facts of a dataset, or None if it is not there or damaged."""
    try:
        return dataset(name).info
    except SegcoreError:
        return None


def broken_datasets() -> dict[str, SegcoreError]:
    """What is wrong with the datasets that cannot be opened, by name."""
    found = {}
    for name in names_of_datasets():
        try:
            dataset(name)
        except SegcoreError as error:
            found[name] = error
    return found


def histogram(name: str, z: int) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Pixels by grey value of a slice: of interior and of membrane, or of all pixels and None without labels."""
    return _histogram(name, z, stamp(data_root() / name))


@st.cache_data(max_entries=64, show_spinner=False)
def _histogram(name: str, z: int, key: Stamp) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    stack = dataset(name)
    image = stack.image(z)
    if stack.labels is None:
        return np.bincount(image.ravel(), minlength=256), None
    interior = stack.label(z) > 0
    return np.bincount(image[interior], minlength=256), np.bincount(image[~interior], minlength=256)
