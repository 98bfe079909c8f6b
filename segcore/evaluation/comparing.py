"""Whether one run does better than another on the same slices, and whether that is more than chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import ConfigError, RunError, SegcoreError
from segcore.evaluation.folder import read_evaluation
from segcore.evaluation.measured import Evaluation, events_by_slice, harm_by_slice, harm_is_known
from segcore.measures import Event, EventChanges, Interval, SegmentationScore, bootstrap_mean, event_changes
from segcore.runs import Run, slice_ranges
from segcore.storage import read_json

BLOCK = 5
"""Slices drawn together where an interval is by blocks."""
ENOUGH_BLOCKS = 4
"""Of fewer an interval by blocks says little."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What two runs are compared by.

    Attributes:
        title: what it is called.
        higher_is_better: otherwise lower is.
        unit: behind its numbers; empty for shares and counts.
        digits: after the point.
    """

    title: str
    higher_is_better: bool
    unit: str = ""
    digits: int = 4


MEASURES = {
    "wrong_percent": Measure(title="wrong pixels", higher_is_better=False, unit=" %", digits=2),
    "missed_percent": Measure(title="missed membrane", higher_is_better=False, unit=" %", digits=2),
    "false_percent": Measure(title="false membrane", higher_is_better=False, unit=" %", digits=2),
    "dice_interior": Measure(title="Dice of interior", higher_is_better=True),
    "dice_membrane": Measure(title="Dice of membrane", higher_is_better=True),
    "v_rand_topology": Measure(title="V_Rand at the topology threshold", higher_is_better=True),
    "v_info_topology": Measure(title="V_Info at the topology threshold", higher_is_better=True),
    "v_rand": Measure(title="V_Rand of segments", higher_is_better=True),
    "v_info": Measure(title="V_Info of segments", higher_is_better=True),
    "splits": Measure(title="splits in a slice", higher_is_better=False, digits=1),
    "merges": Measure(title="merges in a slice", higher_is_better=False, digits=1),
    "harm": Measure(title="harm in a slice", higher_is_better=False),
}
"""By name. Pixels are counted at the threshold that each run chose for the fewest wrong ones, or its only one."""


def _of_all(number: int, every: int) -> str:
    if number == every:
        return "the only slice" if every == 1 else f"all {every} slices that are compared"
    return f"{number} of the {every} slices that are compared"


def difference_unit(measure: Measure) -> str:
    """Behind a difference of two values: that of percentages is in percentage points."""
    return " percentage points" if measure.unit == " %" else measure.unit


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far apart two runs are in one measure; all means are over the slices where both have it.

    Attributes:
        measure: its name in `MEASURES`.
        first, second: means of the two runs; nan where either was not measured.
        slices: in how many both have it.
        by_slice: the mean of second - first with its 95 % interval, slices drawn one by one.
        by_block: the same with `BLOCK` neighbours drawn together, which is wider and the one to trust. Of one slice, or
            one block, nothing can be drawn: both ends are the mean.
    """

    measure: str
    first: float
    second: float
    slices: int
    by_slice: Interval
    by_block: Interval

    @property
    def blocks(self) -> int:
        """How many blocks of neighbours the slices make."""
        return math.ceil(self.slices / BLOCK)

    @property
    def sure(self) -> bool:
        """Whether the difference is larger than its uncertainty: neither of its intervals holds 0.

        Of one block of neighbours nobody knows how uncertain it is.
        """
        return self.blocks > 1 and all(one.low > 0 or one.high < 0 for one in (self.by_slice, self.by_block))

    @property
    def slice_ends(self) -> str:
        """From where to where the interval by slice goes, with signs; a dash for one slice, which has none."""
        return self._ends(self.by_slice) if self.slices > 1 else "–"

    @property
    def block_ends(self) -> str:
        """The same by blocks; a dash for one block."""
        return self._ends(self.by_block) if self.blocks > 1 else "–"

    def _ends(self, interval: Interval) -> str:
        digits = MEASURES[self.measure].digits
        return f"{interval.low:+.{digits}f} to {interval.high:+.{digits}f}"

    @property
    def better(self) -> bool:
        """Whether the second run is better, by however little."""
        return (self.by_slice.mean > 0) == MEASURES[self.measure].higher_is_better and self.by_slice.mean != 0


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of two runs that are compared.

    Attributes:
        run: its name.
        dataset, part: what it was measured on.
        evaluation: what was measured.
        warnings: what has to be known of its figures, in words.
        trained_on: indices of slices that were measured although it was trained on them, or on copies of them.
        unknown: whether nobody said which slices it was trained on.
        drawn: whether its membrane was drawn between segments that another program had numbered.
    """

    run: str
    dataset: str
    part: str
    evaluation: Evaluation
    warnings: tuple[str, ...] = ()
    trained_on: tuple[int, ...] = ()
    unknown: bool = False
    drawn: bool = False


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs on the same slices.

    Attributes:
        first, second: the runs.
        slices: that both were measured on, ascending.
        values: of each measure that can be compared the two values a slice, (slices, 2); nan where one is not defined.
    """

    first: Side
    second: Side
    slices: tuple[int, ...]
    values: Mapping[str, NDArray[np.float64]]

    def difference(self, measure: str) -> Difference:
        """With intervals that are always the same for the same values."""
        both = self.values[measure]
        known = both[~np.isnan(both).any(axis=1)]
        first, second = (float(one) for one in known.mean(axis=0)) if len(known) else (math.nan, math.nan)
        apart = both[:, 1] - both[:, 0]
        return Difference(
            measure=measure,
            first=first,
            second=second,
            slices=len(known),
            by_slice=bootstrap_mean(apart, np.random.default_rng(0)),
            by_block=bootstrap_mean(apart, np.random.default_rng(0), block=BLOCK),
        )

    def differences(self) -> tuple[Difference, ...]:
        """Of all measures that both runs have."""
        found = (self.difference(name) for name in MEASURES if name in self.values)
        return tuple(one for one in found if not math.isnan(one.first))

    def events(self) -> EventChanges | None:
        """What became of the splits and merges; None where one run has those of segments and the other of a mask."""
        first, second = (
            [event for event in side.evaluation.events if event.slice in self.slices]
            for side in (self.first, self.second)
        )
        if self.first.evaluation.events_at != self.second.evaluation.events_at:
            return None
        return event_changes(first, second)

    def events_said(self) -> str:
        """A sentence of these; empty where they cannot be compared, or there are none."""
        found = self.events()
        if found is None or not (found.gone or found.new or found.in_both):
            return ""
        before, after = (side.run for side in (self.first, self.second))
        return (
            f"Splits and merges only in {before}: {counted_with_harm(found.gone)}; only in {after}: "
            f"{counted_with_harm(found.new)}; in both: {len(found.in_both):,}."
        )

    @property
    def counted(self) -> str:
        """How many slices there are, in words."""
        return "1 slice" if len(self.slices) == 1 else f"{len(self.slices):,} slices"

    @property
    def blocks(self) -> int:
        """How many blocks of neighbours the slices make."""
        return math.ceil(len(self.slices) / BLOCK)

    @property
    def unfair(self) -> str:
        """Why the figures do not say which run is better on new images, as a sentence; empty where nothing is wrong."""
        knew = [side for side in (self.first, self.second) if set(side.trained_on) & set(self.slices)]
        if not knew:
            return ""
        told = " and ".join(
            f"{side.run} was trained on {_of_all(len(shared), len(self.slices))} ({slice_ranges(shared)})"
            for side in knew
            if (shared := tuple(sorted(set(side.trained_on) & set(self.slices))))
        )
        return f"No fair comparison: {told}, so the figures do not say which is better on new images."

    @property
    def fair(self) -> bool | None:
        """Whether neither run learned from these slices; None where nobody said what one of them was trained on."""
        if self.unfair:
            return False
        return None if self.first.unknown or self.second.unknown else True

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known of the figures besides what `unfair` and `verdict` say, in words."""
        found = []
        for side in (self.first, self.second):
            said = {_nobody_said(side.run)}
            if set(side.trained_on) & set(self.slices):
                said.add(_learned(side.run, side.trained_on))
            found += [one for one in side.warnings if one not in said]
        return tuple(found)

    def verdict(self) -> str:
        """A sentence for each of the two measures that matter most, and what makes them doubtful.

        Doubtful are few slices, and a run of which nobody said what it was trained on; that one is known to have
        learned from these slices is said by `unfair`. Of segments that somebody numbered the pixels are left out:
        their membrane was drawn.
        """
        found = {one.measure: one for one in self.differences()}
        neurites = "v_rand" if "v_rand" in found else "v_rand_topology"
        names = [neurites] if self.first.drawn or self.second.drawn else [neurites, "wrong_percent"]
        said = [self._sentence(found[name]) for name in names if name in found]
        if unknown := [side.run for side in (self.first, self.second) if side.unknown]:
            runs = f"{unknown[0]} was" if len(unknown) == 1 else f"{' and '.join(unknown)} were"
            said.append(f"Nobody said which slices {runs} trained on: if on these, the figures flatter.")
        if self.blocks < ENOUGH_BLOCKS:
            make = "makes" if len(self.slices) == 1 else "make"
            said.append(
                f"{self.counted} {make} {'one block' if self.blocks == 1 else f'{self.blocks} blocks'} of neighbours, "
                "too few to say how far another part of the stack would differ."
            )
        return " ".join(said)

    def _sentence(self, found: Difference) -> str:
        measure = MEASURES[found.measure]
        size = f"{abs(found.by_slice.mean):.{measure.digits}f}{difference_unit(measure)}"
        by_slice = found.by_slice.high - found.by_slice.low > found.by_block.high - found.by_block.low
        # A sign says which run is ahead only where it is said what is taken from what.
        interval = (
            f"95 %, {self.second.run} less {self.first.run}: {found.slice_ends if by_slice else found.block_ends}"
        )
        title = measure.title[:1].upper() + measure.title[1:]
        values = (
            f"{title}: {found.first:.{measure.digits}f}{measure.unit} for {self.first.run} and "
            f"{found.second:.{measure.digits}f}{measure.unit} for {self.second.run}"
        )
        if found.blocks == 1:
            few = "one slice does" if found.slices == 1 else f"{found.slices} slices do"
            return f"{values}; {few} not say how uncertain a difference of {size} is."
        if not found.sure:
            return f"{values}; a difference of {size} is no more than its uncertainty ({interval})."
        better = self.second.run if found.better else self.first.run
        if not self.fair:
            return f"{values}; {better} is ahead here by {size} ({interval})."
        return f"{values}; {better} is better by {size}, which is more than the uncertainty ({interval})."


def compare(first: Run, second: Run, *, dataset: str | None = None) -> Comparison:
    """Compares two runs where both were measured on the same slices against the same labels.

    Datasets are the same if their pixels and labels are, whatever they are called. Of several evaluations that fit,
    those with the most slices in common are taken.

    Args:
        first, second: evaluated; networks, ensembles and what other programs predicted alike.
        dataset: only what the first was measured on under this name; None for any.

    Raises:
        ConfigError: there are no slices on which both were measured, or it is one run.
        RunError: an evaluation is damaged.
    """
    if first.folder == second.folder:
        raise ConfigError("a run cannot be compared with itself", found=first.name, expected="two runs")
    own, others = _sides(first, dataset), _sides(second, None)
    pairs = [
        (one, other)
        for one_print, one in own
        for other_print, other in others
        if one_print and one_print == other_print and _common(one, other)
    ]
    if not pairs:
        problem, expected = _why_not(own, others)
        raise ConfigError(
            problem,
            found=f"{first.name}: {_measured_on(own)}; {second.name}: {_measured_on(others)}",
            expected=expected,
        )
    one, other = max(pairs, key=lambda pair: (len(_common(*pair)), pair[0].part == "test", pair[1].part == "test"))
    slices = _common(one, other)
    values = {
        name: np.stack([_by_slice(side.evaluation, of, slices) for side in (one, other)], axis=1)
        for name, of in _VALUES.items()
        # Splits and merges of segments are others than those at a threshold.
        if name not in _OF_EVENTS or one.evaluation.events_at == other.evaluation.events_at
    }
    return Comparison(first=one, second=other, slices=slices, values=values)


def may_be_compared(first: Run, second: Run, *, dataset: str | None = None) -> bool:
    """Whether two runs have slices of the same pixels and labels in common, as far as their summaries tell.

    Takes no more than reading these, so that many runs can be asked; `compare` may still find that other rows of the
    slices were measured, or a file that is damaged. Arguments as there.
    """
    own, others = _slices_measured(first, dataset), _slices_measured(second, None)
    return first.folder != second.folder and any(own[of] & others[of] for of in own.keys() & others.keys())


def _slices_measured(run: Run, dataset: str | None) -> dict[str, set[int]]:
    """Which slices of it were measured, by the fingerprint of a dataset."""
    found: dict[str, set[int]] = {}
    for folder in run.evaluations():
        if dataset is not None and folder.name.partition("@")[0] != dataset:
            continue
        with suppress(SegcoreError, KeyError, TypeError, AttributeError):  # whoever opens it says what is wrong with it
            stored = read_json(folder / "summary.json", RunError)
            if of := stored["facts"].get("dataset_fingerprint"):
                found.setdefault(of, set()).update(stored["slices"])
    return found


def _why_not(own: Sequence[tuple[str, Side]], others: Sequence[tuple[str, Side]]) -> tuple[str, str]:
    """Why nothing of two runs can be compared, and what would have to be."""
    alike = [(one, other) for of, one in own for it, other in others if of and of == it]
    if not alike:
        return "the two runs were not measured on the same slices with the same labels", "evaluate both on one dataset"
    if any({*one.evaluation.slices} & {*other.evaluation.slices} for one, other in alike):
        return "the two runs were measured on different pixels of the same slices", "runs with the same split"
    return "the two runs were measured on different slices", "runs that have slices in common"


def _sides(run: Run, dataset: str | None) -> list[tuple[str, Side]]:
    """Every evaluation of a run, with the fingerprint of what it was measured on."""
    found = []
    for folder in run.evaluations():
        name, _, part = folder.name.partition("@")
        if dataset is not None and name != dataset:
            continue
        evaluation, facts = read_evaluation(folder)
        outside = run.info.outside
        side = Side(
            run=run.name,
            dataset=name,
            part=part or "test",
            evaluation=evaluation,
            warnings=_warnings(run, facts),
            trained_on=tuple(facts.get("trained_on") or ()),
            unknown=facts.get("leaks") is None,
            drawn=outside is not None and outside.kind == "segments",
        )
        found.append((str(facts.get("dataset_fingerprint") or ""), side))
    if not found:
        raise RunError(
            "the run was not evaluated" + ("" if dataset is None else f" on {dataset}"), path=run.folder,
            expected=f"python -m segcore evaluate {run.name}",
        )  # fmt: skip
    return found


def counted_with_harm(events: Sequence[Event]) -> str:
    """How many splits and merges these are, and the harm of them together, if it was measured."""
    harms = [event.harm for event in events]
    if not harms or any(map(math.isnan, harms)):  # nobody measured it
        return f"{len(events):,}"
    return f"{len(events):,} (harm {sum(max(0.0, harm) for harm in harms):.3f})"


def _measured_on(sides: Sequence[tuple[str, Side]]) -> str:
    return ", ".join(f"{_which(side.evaluation.slices)} of {side.dataset}" for _, side in sides)


def _which(slices: Sequence[int]) -> str:
    return f"slice{'' if len(slices) == 1 else 's'} {slice_ranges(slices)}"


def _warnings(run: Run, facts: Mapping[str, Any]) -> tuple[str, ...]:
    said = []
    if seen := facts.get("trained_on"):
        said.append(_learned(run.name, seen))
    if facts.get("leaks") is None:
        said.append(_nobody_said(run.name))
    if chosen := facts.get("chosen_on"):
        said.append(f"{run.name} chose its settings on {_which(chosen)}")
    if run.info.outside is not None and run.info.outside.kind == "segments":
        said.append(f"the membrane of {run.name} was drawn between its segments, so its pixels say little")
    return tuple(said)


def _learned(run: str, slices: Sequence[int]) -> str:
    return f"{run} was trained on {_which(slices)}"


def _nobody_said(run: str) -> str:
    return f"nobody said which slices {run} was trained on"


def _common(one: Side, other: Side) -> tuple[int, ...]:
    """Slices that both have, if the very same pixels of them count."""
    slices = tuple(sorted({*one.evaluation.slices} & {*other.evaluation.slices}))
    counted = []
    for side in (one, other):
        counts = side.evaluation.evidence.counts
        places = [side.evaluation.slices.index(z) for z in slices]
        counted.append(counts[places].sum(axis=(2, 3)))
    return slices if np.array_equal(*counted) else ()


def _by_slice(
    evaluation: Evaluation, of: Callable[[Evaluation], Sequence[float]], slices: Sequence[int]
) -> NDArray[np.float64]:
    values = np.asarray(of(evaluation), dtype=np.float64)
    places = [evaluation.slices.index(z) for z in slices]
    return values[places] if len(values) else np.full(len(slices), np.nan)


def _pixels(of: Callable[[Any], Any]) -> Callable[[Evaluation], Sequence[float]]:
    """A measure of each slice's confusion matrix at the run's first threshold, which is its pixel threshold if any."""

    def found(evaluation: Evaluation) -> Sequence[float]:
        threshold = evaluation.thresholds.get("pixel", next(iter(evaluation.thresholds.values())))
        values: list[float] = np.atleast_1d(of(evaluation.evidence.confusion(threshold))).tolist()
        return values

    return found


def _scores(point: str, name: str) -> Callable[[Evaluation], Sequence[float]]:
    def found(evaluation: Evaluation) -> Sequence[float]:
        scores: Sequence[SegmentationScore]
        scores = evaluation.segments if point == "segments" else evaluation.points.get(point, ())
        return [getattr(one, name) for one in scores]

    return found


def _events(kind: str) -> Callable[[Evaluation], Sequence[float]]:
    def found(evaluation: Evaluation) -> Sequence[float]:
        counts = events_by_slice(evaluation)
        return [counts[z, kind] for z in evaluation.slices]

    return found


def _harm(evaluation: Evaluation) -> Sequence[float]:
    if evaluation.events and not harm_is_known(evaluation):
        return ()
    harms = harm_by_slice(evaluation)
    return [harms.get(z, 0.0) for z in evaluation.slices]


_VALUES: dict[str, Callable[[Evaluation], Sequence[float]]] = {
    "wrong_percent": _pixels(lambda found: found.wrong_percent),
    "missed_percent": _pixels(lambda found: found.percent()[..., 0, 1]),
    "false_percent": _pixels(lambda found: found.percent()[..., 1, 0]),
    "dice_interior": _pixels(lambda found: found.dice("interior")),
    "dice_membrane": _pixels(lambda found: found.dice("membrane")),
    "v_rand_topology": _scores("topology", "v_rand"),
    "v_info_topology": _scores("topology", "v_info"),
    "v_rand": _scores("segments", "v_rand"),
    "v_info": _scores("segments", "v_info"),
    "splits": _events("split"),
    "merges": _events("merge"),
    "harm": _harm,
}
"""How each measure is had, a value for every slice; nothing for an evaluation without it."""
_OF_EVENTS = ("splits", "merges", "harm")
