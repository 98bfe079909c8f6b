"""Evaluations, and what follows from their pixel tables at a threshold or over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import words
from dashboard.state.datasets import load_dataset
from dashboard.state.stamps import Stamp, stamp
from dashboard.viewer import EVALUATED_PARTS
from segcore.data import LABELS
from segcore.errors import DataError, RunError
from segcore.evaluation import SEGMENTS, Evaluation, read_evaluation, summary
from segcore.measures import Confusion, PixelEvidence, pixel_measures
from segcore.runs import Run
from segcore.stacks import map_stack, open_stack, stored_page


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
    def called(self) -> str:
        """What its slices are called; of what another program predicted nobody knows what they were to it."""
        return "predicted" if self.run.info.outside is not None else words.SLICES[self.part]

    @property
    def leaks(self) -> bool:
        return bool(self.facts.get("leaks"))


@dataclass(frozen=True, kw_only=True)
class MeasuresAt:
    """Pixel measures of an evaluation at one threshold and tolerance.

    Attributes:
        each: a confusion matrix a slice.
        pooled: the measures of all slices together, by name.
        matrix: the confusion matrix of all slices together.
    """

    each: Confusion
    pooled: dict[str, Any]
    matrix: Confusion


def evaluated_parts(of: Run) -> list[tuple[str, str]]:
    """Dataset and part of every evaluation of a run, test first."""
    found = []
    for folder in of.evaluations():
        name, _, part = folder.name.partition("@")
        if (part or "test") in EVALUATED_PARTS:
            found.append((name, part or "test"))
    own = of.info.dataset
    return sorted(found, key=lambda one: (one[0] != own, one[0], EVALUATED_PARTS.index(one[1])))


def load_result(of: Run, dataset: str, part: str) -> Result:
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


def counted_label(found: Result, z: int) -> NDArray[np.uint8]:
    """The label that a slice was measured against, (H, W); what is ignored of it counts in no figure."""
    stack = load_dataset(found.dataset)
    own = found.folder / LABELS
    if not own.exists():
        return stack.label(z)
    info = stack.info
    return np.array(map_stack(own, info.slices, info.height, info.width)[z])


def measures_at(found: Result, threshold: float, tolerance: int) -> MeasuresAt:
    """Pixel measures at a threshold and tolerance, exact."""
    each = found.evaluation.evidence.confusion(threshold, tolerance)
    matrix = each.pooled()
    return MeasuresAt(each=each, pooled=pixel_measures(matrix), matrix=matrix)


def sweep_thresholds(found: Result, tolerance: int, first: int, last: int) -> Confusion:
    """A pooled confusion matrix for each of the 256 thresholds, over a range of the evaluated slices."""
    return _sweep(str(found.folder.absolute()), stamp(found.folder), tolerance, first, last, found)


@st.cache_resource(max_entries=32, show_spinner=False)
def _sweep(folder: str, key: Stamp, tolerance: int, first: int, last: int, _found: Result) -> Confusion:
    return pooled_evidence(_found, first, last).sweep(tolerance)[0]


def pooled_evidence(found: Result, first: int, last: int) -> PixelEvidence:
    """The pixel table of a range of the evaluated slices together."""
    return _pooled(str(found.folder.absolute()), stamp(found.folder), first, last, found)


@st.cache_resource(max_entries=32, show_spinner=False)
def _pooled(folder: str, key: Stamp, first: int, last: int, _found: Result) -> PixelEvidence:
    chosen = [place for place, z in enumerate(_found.evaluation.slices) if first <= z <= last]
    return _found.evaluation.evidence.subset(chosen).pooled()


def load_probability(found: Result, z: int) -> NDArray[np.uint8]:
    """Probability of interior of a slice, times 255."""
    path = found.folder / "probability.tif"
    info = load_dataset(found.dataset).info
    shape = (len(found.evaluation.slices), info.height, info.width)
    try:
        stack = _mapped(str(path.absolute()), path.stat().st_mtime_ns, shape)
        return stored_page(stack, found.evaluation.slices.index(z))
    except (DataError, FileNotFoundError, ValueError) as error:
        raise RunError(
            "the probabilities of this evaluation are missing or damaged", path=path, expected="evaluate again"
        ) from error


def load_segments(found: Result, z: int) -> NDArray[np.uint32]:
    """The segments of a slice, (H, W), numbers from 1."""
    path = found.folder / SEGMENTS
    try:
        with open_stack(path) as stack:
            return np.asarray(stack.read(found.evaluation.slices.index(z)), dtype=np.uint32)
    except (DataError, ValueError) as error:
        raise RunError(
            "the segments of this evaluation are missing or damaged", path=path, expected="evaluate again"
        ) from error


@st.cache_resource(max_entries=64, show_spinner=False)
def _mapped(path: str, changed: int, shape: tuple[int, int, int]) -> np.memmap[Any, np.dtype[np.uint8]]:
    # Looking through the headers of thousands of pages takes a second.
    return map_stack(Path(path), *shape)
