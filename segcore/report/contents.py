"""What a report says: everything that is measured and known of an evaluation, gathered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.data import LABELS, Dataset, DatasetInfo, open_dataset
from segcore.errors import RunError, SegcoreError
from segcore.evaluation import (
    BLOCK,
    SEGMENTS,
    Baseline,
    Comparison,
    Evaluation,
    all_interior,
    compare,
    events_by_harm,
    harm_by_slice,
    moved_boundaries,
    read_evaluation,
    verdict,
)
from segcore.measures import Event, Interval, Suspect, bootstrap_mean, find_suspects
from segcore.report.pictures import event_picture, plain_picture, slice_picture
from segcore.reviews import Reviews, Verdict
from segcore.runs import EpochRecord, Run, now, open_run
from segcore.stacks import Truth, map_stack, open_stack, stored_page

MOST_PLACES = 10
"""Events that are pictured: those of most harm."""
MOST_SUSPECTS = 10


@dataclass(frozen=True, kw_only=True)
class PicturedEvent:
    """A split or merge with its picture and what reviewers decided.

    Attributes:
        event: itself.
        picture: a JPEG as a data address, with what is wrong; empty where the images are not here.
        plain: the same place of the image, without it.
        verdicts: of all reviewers.
    """

    event: Event
    picture: str
    plain: str
    verdicts: tuple[Verdict, ...]


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
        worst: the slice of most harm, or of most wrong pixels where none is known, and its picture; None where the
            images are not here.
        suspects: places where the label may be wrong, those on which most hangs first; None where nothing can be said.
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
    worst: tuple[int, str] | None
    suspects: tuple[Suspect, ...] | None
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
        thresholds = self.evaluation.thresholds
        return thresholds.get("pixel", next(iter(thresholds.values())))

    @property
    def threshold_of_places(self) -> float:
        """That of the mask in which wrong pixels are shown at splits and merges."""
        return _shown_at(self.evaluation)


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
    places, worst, suspects = _pictured(run, stack, evaluation, facts, name, part, reviewed)
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
        places=places,
        worst=worst,
        suspects=suspects,
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
    confusion = evaluation.evidence.confusion(thresholds[name])
    rows: list[tuple[str, str, int, Sequence[float]]] = [
        (f"wrong pixels at the {name} threshold {thresholds[name]:.3f}", " %", 2,
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


class _Slices:
    """The images, labels and predictions of an evaluation, a slice at a time."""

    def __init__(self, run: Run, stack: Dataset, evaluation: Evaluation, name: str, part: str) -> None:
        info, self._stack, self._slices = stack.info, stack, evaluation.slices
        self.pixel_nm = None if info.voxel_size_nm is None else info.voxel_size_nm[2]
        folder = run.evaluation(name, part)
        self._probability = map_stack(folder / "probability.tif", len(self._slices), info.height, info.width)
        own = folder / LABELS
        self._labels = map_stack(own, info.slices, info.height, info.width) if own.exists() else None
        self._segments = folder / SEGMENTS

    def image(self, z: int) -> NDArray[np.uint8]:
        return self._stack.image(z)

    def truth(self, z: int) -> Truth:
        numbers = self._stack.numbers
        label = self._stack.label(z) if self._labels is None else np.array(self._labels[z])
        return Truth.of(label, None if numbers is None else stored_page(numbers, z))

    def probability(self, z: int) -> NDArray[np.uint8]:
        return stored_page(self._probability, self._slices.index(z))

    def segments(self) -> Mapping[int, NDArray[np.int32]]:
        with open_stack(self._segments) as stack:
            return {z: np.asarray(stack.read(at), dtype=np.int32) for at, z in enumerate(self._slices)}


def _pictured(
    run: Run,
    stack: Dataset | None,
    evaluation: Evaluation,
    facts: Mapping[str, Any],
    name: str,
    part: str,
    reviewed: Sequence[Verdict],
) -> tuple[tuple[PicturedEvent, ...], tuple[int, str] | None, tuple[Suspect, ...] | None]:
    shown_at = _shown_at(evaluation)
    slices = None if stack is None else _Slices(run, stack, evaluation, name, part)
    places = []
    for event in events_by_harm(evaluation)[:MOST_PLACES]:
        picture = plain = ""
        if slices is not None:
            z = event.slice
            picture = event_picture(slices.image(z), slices.truth(z), slices.probability(z), shown_at, event)
            plain = plain_picture(slices.image(z), event, slices.pixel_nm)
        kind = f"loop {event.kind}" if event.loop else event.kind
        key = (kind, event.slice, event.y, event.x)
        verdicts = tuple(one for one in reviewed if one.place.key == key)
        places.append(PicturedEvent(event=event, picture=picture, plain=plain, verdicts=verdicts))
    if slices is None:
        return tuple(places), None, None
    threshold = evaluation.thresholds.get("pixel", next(iter(evaluation.thresholds.values())))
    confusion = np.atleast_1d(evaluation.evidence.confusion(threshold).wrong_percent)
    harms = harm_by_slice(evaluation)
    z = max(harms, key=lambda one: harms[one]) if any(harms.values()) else evaluation.slices[int(confusion.argmax())]
    worst = z, slice_picture(slices.image(z), slices.truth(z), slices.probability(z), threshold)
    # Only predictions of what was not learned from say anything of labels.
    says = facts.get("leaks") is False and part in ("test", "all") and bool(evaluation.segments)
    return tuple(places), worst, _suspects(slices, evaluation, threshold) if says else None


def _suspects(slices: _Slices, evaluation: Evaluation, threshold: float) -> tuple[Suspect, ...]:
    found: list[Suspect] = []
    for z, segments in slices.segments().items():
        truth = slices.truth(z)
        found += find_suspects(
            truth.interior, slices.probability(z), segments, truth.counted, truth.numbers, threshold=threshold,
            slice_index=z,
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: -one.gain))
