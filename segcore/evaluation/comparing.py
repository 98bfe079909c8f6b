"""Compares two runs: finds what both were measured on, or says why there is nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from segcore.errors import ConfigError, RunError, SegcoreError
from segcore.evaluation.compared_measures import MEASURES
from segcore.evaluation.comparison import Comparison, Side, learned_from, nobody_said, slices_said
from segcore.evaluation.folder import read_evaluation
from segcore.runs import Run
from segcore.storage import read_json


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
        name: np.stack([measure.by_slice(side.evaluation, slices) for side in (one, other)], axis=1)
        for name, measure in MEASURES.items()
        if not measure.of_events or one.evaluation.events_at == other.evaluation.events_at
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


def _measured_on(sides: Sequence[tuple[str, Side]]) -> str:
    return ", ".join(f"{slices_said(side.evaluation.slices)} of {side.dataset}" for _, side in sides)


def _warnings(run: Run, facts: Mapping[str, Any]) -> tuple[str, ...]:
    said = []
    if seen := facts.get("trained_on"):
        said.append(learned_from(run.name, seen))
    if facts.get("leaks") is None:
        said.append(nobody_said(run.name))
    if chosen := facts.get("chosen_on"):
        said.append(f"{run.name} chose its settings on {slices_said(chosen)}")
    if run.info.outside is not None and run.info.outside.kind == "segments":
        said.append(f"the membrane of {run.name} was drawn between its segments, so its pixels say little")
    return tuple(said)


def _common(one: Side, other: Side) -> tuple[int, ...]:
    """Slices that both have, if the very same pixels of them count."""
    slices = tuple(sorted({*one.evaluation.slices} & {*other.evaluation.slices}))
    counted = []
    for side in (one, other):
        counts = side.evaluation.evidence.counts
        places = [side.evaluation.slices.index(z) for z in slices]
        counted.append(counts[places].sum(axis=(2, 3)))
    return slices if np.array_equal(*counted) else ()
