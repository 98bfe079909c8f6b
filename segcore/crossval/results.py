"""The figures of a cross-validation: slice by slice, with what they leave uncertain."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segcore.checked import from_dict
from segcore.errors import ConfigError, RunError
from segcore.evaluation import read_evaluation
from segcore.measures import Interval, bootstrap_mean
from segcore.runs import Run
from segcore.storage import read_json, write_json

MEASURES = {
    "wrong_percent": "wrong pixels at the pixel threshold, %",
    "v_rand_topology": "V_Rand at the topology threshold",
    "v_rand": "V_Rand of segments",
    "v_info": "V_Info of segments",
}
"""What is measured of every slice, and what it is called."""
BLOCK = 5
"""Slices drawn together where an interval is by blocks."""
FILE = "crossval.json"
FORMAT_VERSION = 1

Scores = dict[str, tuple[float | None, ...]]


@dataclass(frozen=True, kw_only=True)
class MemberScores:
    """What one run reached on its test slices, at the settings it chose on its own validation slices.

    Attributes:
        run: its name.
        fold, seed: which it is.
        slices: its test slices.
        scores: by the names of `MEASURES`, one a slice; None where it is not defined.
        minutes: spent in epochs.
        device: what it was trained on.
    """

    run: str
    fold: int
    seed: int
    slices: tuple[int, ...]
    scores: Scores
    minutes: float
    device: str

    def mean(self, measure: str) -> float:
        """Mean over its slices; nan where it is defined on none."""
        known = [one for one in self.scores[measure] if one is not None]
        return float(np.mean(known)) if known else math.nan


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """The scores of all runs of a cross-validation; every slice was judged once for each seed.

    Attributes:
        format_version: of the file.
        name: what the runs' names begin with.
        dataset, dataset_fingerprint: what they were trained on.
        members: a run for each fold and seed.
    """

    format_version: int = FORMAT_VERSION
    name: str
    dataset: str
    dataset_fingerprint: str
    members: tuple[MemberScores, ...]

    @property
    def slices(self) -> tuple[int, ...]:
        """Every slice that was judged, in order."""
        return tuple(sorted({z for member in self.members for z in member.slices}))

    def by_slice(self, measure: str) -> list[float]:
        """Of each slice, the mean over the seeds; nan where none is defined."""
        found: dict[int, list[float]] = {z: [] for z in self.slices}
        for member in self.members:
            for z, value in zip(member.slices, member.scores[measure], strict=True):
                if value is not None:
                    found[z].append(value)
        return [float(np.mean(values)) if values else math.nan for values in found.values()]

    def interval(self, measure: str, *, block: int = 1) -> Interval:
        """Mean over all slices with its 95 % interval, by slices or by blocks of them; always the same one."""
        return bootstrap_mean(self.by_slice(measure), np.random.default_rng(0), block=block)

    def spread_over_folds(self, measure: str) -> float:
        """Standard deviation of the folds' means, each over its seeds; nan for one fold."""
        return _deviation([self._mean(measure, fold=fold) for fold in sorted({one.fold for one in self.members})])

    def spread_over_seeds(self, measure: str) -> float:
        """Standard deviation of the seeds' means, each over all folds; nan for one seed."""
        return _deviation([self._mean(measure, seed=seed) for seed in sorted({one.seed for one in self.members})])

    def _mean(self, measure: str, **which: int) -> float:
        own = [one for one in self.members if all(getattr(one, name) == value for name, value in which.items())]
        known = [value for one in own for value in one.scores[measure] if value is not None]
        return float(np.mean(known)) if known else math.nan

    def save(self, folder: Path) -> None:
        """Writes it beside a run."""
        write_json(folder / FILE, dataclasses.asdict(self))


def _deviation(values: Sequence[float]) -> float:
    known = [one for one in values if not math.isnan(one)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else math.nan


def results_of(name: str, runs: Sequence[tuple[Run, int, int]]) -> CrossValidation:
    """The results of runs that were evaluated on their test slices, each with its fold and seed.

    Raises:
        RunError: if an evaluation is missing or damaged.
    """
    first = runs[0][0].info
    return CrossValidation(
        name=name,
        dataset=first.dataset,
        dataset_fingerprint=first.dataset_fingerprint,
        members=tuple(_scores_of(run, fold, seed) for run, fold, seed in runs),
    )


def _scores_of(run: Run, fold: int, seed: int) -> MemberScores:
    evaluation, _ = read_evaluation(run.evaluation(run.info.dataset))
    wrong = evaluation.evidence.confusion(evaluation.thresholds["pixel"]).wrong_percent
    columns = {
        "wrong_percent": [float(one) for one in np.atleast_1d(wrong)],
        "v_rand_topology": [one.v_rand for one in evaluation.points["topology"]],
        "v_rand": [one.v_rand for one in evaluation.segments],
        "v_info": [one.v_info for one in evaluation.segments],
    }
    nothing = [math.nan] * len(evaluation.slices)
    return MemberScores(
        run=run.name,
        fold=fold,
        seed=seed,
        slices=evaluation.slices,
        scores={
            name: tuple(None if math.isnan(one) else one for one in (columns[name] or nothing)) for name in MEASURES
        },
        minutes=run.info.train_seconds / 60,
        device=run.info.device,
    )


def difference(one: CrossValidation, other: CrossValidation, measure: str, *, block: int = 1) -> Interval:
    """By how much the first is above the second on the same slices, with the interval of the paired difference.

    Raises:
        ConfigError: if they were not measured on the same slices of the same dataset.
    """
    if (one.dataset_fingerprint, one.slices) != (other.dataset_fingerprint, other.slices):
        raise ConfigError(
            "two cross-validations of other slices cannot be compared",
            found=f"{len(one.slices)} slices of {one.dataset}, {len(other.slices)} slices of {other.dataset}",
            expected="the same slices of the same dataset",
        )
    apart = np.subtract(one.by_slice(measure), other.by_slice(measure))
    return bootstrap_mean(apart, np.random.default_rng(0), block=block)


def read_results(run: Run) -> CrossValidation | None:
    """The results kept beside a run; None where it is no cross-validation's.

    Raises:
        RunError: if they are damaged or of a newer format.
    """
    path = run.folder / FILE
    if not path.exists():
        return None
    values = read_json(path, RunError)
    try:
        found = from_dict(CrossValidation, values)
    except ConfigError as error:
        raise RunError(error.problem, path=path, found=error.found, expected="what `crossval` wrote") from error
    lengths = {len(scores) - len(one.slices) for one in found.members for scores in one.scores.values()}
    if (
        found.format_version > FORMAT_VERSION
        or lengths != {0}
        or any(set(m.scores) != {*MEASURES} for m in found.members)
    ):
        raise RunError("damaged, or of a newer format", path=path, expected="what `crossval` wrote")
    return found
