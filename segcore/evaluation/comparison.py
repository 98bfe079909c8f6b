"""Two runs on the same slices: how far apart they are, whether that is more than chance, and whether it is fair."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.evaluation.compared_measures import MEASURES, difference_unit
from segcore.evaluation.measured import Evaluation
from segcore.measures import Event, EventChanges, Interval, bootstrap_mean, event_changes
from segcore.runs import slice_ranges

BLOCK = 5
"""Slices drawn together where an interval is by blocks."""
ENOUGH_BLOCKS = 4
"""Of fewer an interval by blocks says little."""


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
            said = {nobody_said(side.run)}
            if set(side.trained_on) & set(self.slices):
                said.add(learned_from(side.run, side.trained_on))
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


def counted_with_harm(events: Sequence[Event]) -> str:
    """How many splits and merges these are, and the harm of them together, if it was measured."""
    harms = [event.harm for event in events]
    if not harms or any(map(math.isnan, harms)):  # nobody measured it
        return f"{len(events):,}"
    return f"{len(events):,} (harm {sum(max(0.0, harm) for harm in harms):.3f})"


def _of_all(number: int, every: int) -> str:
    if number == every:
        return "the only slice" if every == 1 else f"all {every} slices that are compared"
    return f"{number} of the {every} slices that are compared"


def slices_said(slices: Sequence[int]) -> str:
    return f"slice{'' if len(slices) == 1 else 's'} {slice_ranges(slices)}"


def learned_from(run: str, slices: Sequence[int]) -> str:
    return f"{run} was trained on {slices_said(slices)}"


def nobody_said(run: str) -> str:
    return f"nobody said which slices {run} was trained on"
