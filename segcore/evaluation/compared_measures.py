"""The measures by which two runs are compared: what each is called, and how it is had of every slice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.evaluation.measured import Evaluation, events_by_slice, harm_by_slice, harm_is_known
from segcore.measures import SegmentationScore


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What two runs are compared by.

    Attributes:
        title: what it is called.
        values: how it is had, a value for every slice; nothing for an evaluation without it.
        higher_is_better: otherwise lower is.
        unit: behind its numbers; empty for shares and counts.
        digits: after the point.
        of_events: whether it is of splits and merges; those of segments are others than those at a threshold.
    """

    title: str
    values: Callable[[Evaluation], Sequence[float]]
    higher_is_better: bool
    unit: str = ""
    digits: int = 4
    of_events: bool = False

    def by_slice(self, evaluation: Evaluation, slices: Sequence[int]) -> NDArray[np.float64]:
        """Its values of some slices of an evaluation; nan where it is not defined, or the evaluation is without it."""
        values = np.asarray(self.values(evaluation), dtype=np.float64)
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


MEASURES: dict[str, Measure] = {
    "wrong_percent": Measure(
        title="wrong pixels",
        higher_is_better=False,
        unit=" %",
        digits=2,
        values=_pixels(lambda found: found.wrong_percent),
    ),
    "missed_percent": Measure(
        title="missed membrane",
        higher_is_better=False,
        unit=" %",
        digits=2,
        values=_pixels(lambda found: found.percent()[..., 0, 1]),
    ),
    "false_percent": Measure(
        title="false membrane",
        higher_is_better=False,
        unit=" %",
        digits=2,
        values=_pixels(lambda found: found.percent()[..., 1, 0]),
    ),
    "dice_interior": Measure(
        title="Dice of interior", higher_is_better=True, values=_pixels(lambda found: found.dice("interior"))
    ),
    "dice_membrane": Measure(
        title="Dice of membrane", higher_is_better=True, values=_pixels(lambda found: found.dice("membrane"))
    ),
    "v_rand_topology": Measure(
        title="V_Rand at the topology threshold", higher_is_better=True, values=_scores("topology", "v_rand")
    ),
    "v_info_topology": Measure(
        title="V_Info at the topology threshold", higher_is_better=True, values=_scores("topology", "v_info")
    ),
    "v_rand": Measure(title="V_Rand of segments", higher_is_better=True, values=_scores("segments", "v_rand")),
    "v_info": Measure(title="V_Info of segments", higher_is_better=True, values=_scores("segments", "v_info")),
    "splits": Measure(
        title="splits in a slice", higher_is_better=False, digits=1, values=_events("split"), of_events=True
    ),
    "merges": Measure(
        title="merges in a slice", higher_is_better=False, digits=1, values=_events("merge"), of_events=True
    ),
    "harm": Measure(title="harm in a slice", higher_is_better=False, values=_harm, of_events=True),
}
"""By name. Pixels are counted at the threshold that each run chose for the fewest wrong ones, or its only one."""


def difference_unit(measure: Measure) -> str:
    """Behind a difference of two values: that of percentages is in percentage points."""
    return " percentage points" if measure.unit == " %" else measure.unit
