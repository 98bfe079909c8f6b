"""What a report says: everything that is measured and known of an evaluation, gathered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from segcore.data import Dataset, DatasetInfo, open_dataset
from segcore.errors import RunError, SegcoreError
from segcore.evaluation import (
    BLOCK,
    Baseline,
    Comparison,
    Evaluation,
    all_interior,
    compare,
    moved_boundaries,
    read_evaluation,
    verdict,
)
from segcore.measures import Interval, bootstrap_mean
from segcore.report.pictured import (
    PicturedEvent,
    PicturedSuspect,
    Slices,
    WorstSlice,
    pictured_events,
    pictured_slice,
    pictured_suspects,
    suspects_by_gain,
    worst_slice,
)
from segcore.reviews import Reviews, Verdict
from segcore.runs import EpochRecord, Run, now, open_run


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A measure of all slices with its intervals, by slice and by blocks of neighbours."""

    title: str
    unit: str
    digits: int
    by_slice: Interval
    by_block: Interval


@dataclass(frozen=True, kw_only=True)
class Contents:
    """All that a report is made of.

    Attributes:
        run, part, evaluation, facts: the evaluation.
        called: what its slices are called, such as `test`.
        dataset: what is known of the stack; None where it is not installed.
        verdict: sentences, the most important one first.
        headlines: means over slices.
        baselines: what anybody gets without a network, by name.
        history: of the training; empty where it is not known.
        places: the events of most harm.
        worst: the slice to look at first.
        worst_picture: of it, as a data address; empty where the images are not here.
        suspects: places where the label may be wrong, the first of those on which most hangs; None where nothing can be
            said.
        number_of_suspects: how many there are in all.
        reviewed: verdicts on this dataset, of whatever place.
        comparison: with another run; None if there is none.
        members: names of the networks whose predictions the run puts together, with the slices that each was trained
            on, as far as they are here.
        made: when, UTC, ISO 8601.
    """

    run: Run
    part: str
    called: str
    evaluation: Evaluation
    facts: Mapping[str, Any]
    dataset: DatasetInfo | None
    verdict: tuple[str, ...]
    headlines: tuple[Headline, ...]
    baselines: Mapping[str, Baseline]
    history: tuple[EpochRecord, ...]
    places: tuple[PicturedEvent, ...]
    worst: WorstSlice
    worst_picture: str
    suspects: tuple[PicturedSuspect, ...] | None
    number_of_suspects: int
    reviewed: tuple[Verdict, ...]
    comparison: Comparison | None
    members: tuple[tuple[str, tuple[int, ...]], ...]
    made: str

    @property
    def measured(self) -> str:
        """The day of the evaluation, such as `2026-01-31`."""
        return str(self.facts.get("evaluated", "?"))[:10]

    @property
    def threshold(self) -> float:
        """The one with the fewest wrong pixels on validation slices, or the only one."""
        return _pixel_threshold(self.evaluation)

    @property
    def threshold_of_places(self) -> float:
        """That of the mask in which wrong pixels are shown at splits and merges."""
        return _shown_at(self.evaluation)


def _pixel_threshold(evaluation: Evaluation) -> float:
    return evaluation.thresholds.get("pixel", next(iter(evaluation.thresholds.values())))


def _shown_at(evaluation: Evaluation) -> float:
    """The threshold that splits and merges were found at; of segments, which have none, the first there is."""
    return evaluation.thresholds.get(evaluation.events_at, next(iter(evaluation.thresholds.values())))


_CALLED = {"test": "test", "validation": "validation", "train": "training", "all": "labelled"}


def gather(run: Run, *, dataset: str | None = None, part: str | None = None, other: Run | None = None) -> Contents:
    """Reads what there is of an evaluation, and draws its pictures.

    Args:
        run: evaluated.
        dataset: what it was evaluated on (default: its own, else the first there is).
        part: of that dataset (default: test, else the first there is).
        other: a run to compare with.

    Raises:
        RunError: there is no such evaluation, or it is damaged.
        ConfigError: the other run was not measured on the same slices.
    """
    name, part = _chosen(run, dataset, part)
    folder = run.evaluation(name, part)
    evaluation, facts = read_evaluation(folder)
    called = "predicted" if run.info.outside is not None else _CALLED[part]
    stack = _stack(name, facts)
    reviewed = Reviews.of_evaluation(run.folder, facts).latest()
    validation = run.info.best_dice if name == run.info.dataset and part == "test" and run.info.best_dice else np.nan
    slices = None if stack is None else Slices(run, stack, evaluation, part)
    threshold = _pixel_threshold(evaluation)
    worst = worst_slice(evaluation, threshold)
    # Only predictions of what was not learned from say anything of labels.
    says = slices is not None and facts.get("leaks") is False and part in ("test", "all") and evaluation.segments
    suspects = suspects_by_gain(evaluation, slices, threshold) if slices is not None and says else None
    history: list[EpochRecord] = []
    with suppress(SegcoreError):
        history = run.history()
    return Contents(
        run=run,
        part=part,
        called=called,
        evaluation=evaluation,
        facts=facts,
        dataset=None if stack is None else stack.info,
        verdict=verdict(evaluation, which=called, validation_dice=float(validation)),
        headlines=_headlines(evaluation),
        baselines={
            "everything called interior": all_interior(evaluation),
            "every true boundary moved by a pixel": moved_boundaries(evaluation),
        },
        history=tuple(history),
        places=pictured_events(evaluation, slices, _shown_at(evaluation), reviewed),
        worst=worst,
        worst_picture="" if slices is None else pictured_slice(slices, worst.slice, threshold),
        suspects=None
        if slices is None or suspects is None
        else pictured_suspects(suspects, slices, threshold, reviewed),
        number_of_suspects=len(suspects or ()),
        reviewed=reviewed,
        comparison=None if other is None else compare(run, other, dataset=name),
        members=tuple(_members(run)),
        made=now(),
    )


def _members(run: Run) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name in run.info.members:
        with suppress(SegcoreError):
            yield name, open_run(name).split.train


def _chosen(run: Run, dataset: str | None, part: str | None) -> tuple[str, str]:
    there = [(name, of or "test") for name, _, of in (path.name.partition("@") for path in run.evaluations())]
    fitting = [one for one in there if dataset in (None, one[0]) and part in (None, one[1])]
    if not fitting:
        wanted = " ".join(filter(None, [dataset, part and f"({part} slices)"])) or "anything"
        raise RunError(
            f"the run was not evaluated on {wanted}", path=run.folder,
            found=", ".join(f"{name} ({of})" for name, of in there) or "no evaluation",
            expected=f"python -m segcore evaluate {run.name}",
        )  # fmt: skip
    return min(fitting, key=lambda one: (one[0] != run.info.dataset, one[1] != "test"))


def _stack(name: str, facts: Mapping[str, Any]) -> Dataset | None:
    """The dataset, if it is here and is what was measured."""
    with suppress(SegcoreError):
        found = open_dataset(name)
        if found.info.fingerprint == facts.get("dataset_fingerprint"):
            return found
    return None


def _headlines(evaluation: Evaluation) -> tuple[Headline, ...]:
    thresholds = evaluation.thresholds
    name = "pixel" if "pixel" in thresholds else next(iter(thresholds))
    # What somebody gave as a number has no name of its own.
    at = f"threshold {thresholds[name]:.3f}" if name == "chosen" else f"the {name} threshold {thresholds[name]:.3f}"
    confusion = evaluation.evidence.confusion(thresholds[name])
    rows: list[tuple[str, str, int, Sequence[float]]] = [
        (f"wrong pixels at {at}", " %", 2,
         np.atleast_1d(confusion.wrong_percent).tolist()),
        (f"Dice of interior at {thresholds[name]:.3f}", "", 4, np.atleast_1d(confusion.dice("interior")).tolist()),
        (f"Dice of membrane at {thresholds[name]:.3f}", "", 4, np.atleast_1d(confusion.dice("membrane")).tolist()),
    ]  # fmt: skip
    if "topology" in evaluation.points:
        scores = evaluation.points["topology"]
        rows.append(
            (f"V_Rand at the topology threshold {thresholds['topology']:.3f}", "", 4, [one.v_rand for one in scores])
        )
    if evaluation.segments:
        rows.append(("V_Rand of segments", "", 4, [one.v_rand for one in evaluation.segments]))
        rows.append(("V_Info of segments", "", 4, [one.v_info for one in evaluation.segments]))
    return tuple(
        Headline(
            title=title,
            unit=unit,
            digits=digits,
            by_slice=bootstrap_mean(values, np.random.default_rng(0)),
            by_block=bootstrap_mean(values, np.random.default_rng(0), block=BLOCK),
        )
        for title, unit, digits, values in rows
    )
