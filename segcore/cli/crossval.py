"""What `python -m segcore crossval` does: a run for each fold and seed, one of all predictions, and a table."""

from __future__ import annotations

import logging
import math
from typing import Any

from segcore.cli.commands import chosen_config, print_json, table
from segcore.crossval import (
    BLOCK,
    MEASURES,
    CrossValidation,
    difference,
    ensemble_of,
    make_plan,
    read_results,
    train_members,
)
from segcore.data import Dataset, open_dataset
from segcore.errors import ConfigError
from segcore.evaluation import Evaluated
from segcore.measures import Interval, mean_over_slices
from segcore.progress import on_terminal
from segcore.runs import open_run

log = logging.getLogger("segcore")


def crossval(options: Any) -> None:
    """Trains what is missing, waits for it, and prints what all of it says."""
    plan = make_plan(
        options.name or f"{options.dataset}-{options.preset}", options.dataset, chosen_config(options),
        folds=options.folds, seeds=options.seeds,
    )  # fmt: skip
    dataset = open_dataset(options.dataset)
    other = None if options.against is None else _results(options.against, dataset)
    runs = train_members(plan, device=options.device, devices=options.devices, tell=log.info)
    run, ensemble, found = ensemble_of(plan, runs, dataset, progress=on_terminal())
    if options.json:
        print_json(_as_json(run.name, ensemble, found, other))
        return
    print(table(_rows(ensemble, found), ("", "slices", *MEASURES.values(), "minutes")))
    print()
    print(table(_uncertain(found), ("mean over slices", "mean", *_COLUMNS)))
    if other is not None:
        print()
        print(table(_apart(found, other), (f"difference from {other.name}", "mean", *_COLUMNS[:2])))
    print()
    print(f"{run.name} has all {len(found.slices)} slices, each predicted by networks that never saw it.")


_COLUMNS = ("95 % interval, by slice", f"by blocks of {BLOCK}", "deviation of folds", "of seeds")


def _results(name: str, dataset: Dataset) -> CrossValidation:
    """Those of another cross-validation of this dataset; if it is of none, that is told before anything is trained."""
    run = open_run(f"{name}-ensemble")
    found = read_results(run)
    if found is None:
        raise ConfigError("the run is no cross-validation", found=run.name, expected="the name of one that is complete")
    if found.dataset_fingerprint != dataset.info.fingerprint:
        raise ConfigError(
            "the other cross-validation is of another dataset, or of other labels",
            found=f"{found.dataset} {found.dataset_fingerprint[:12]}",
            expected=f"{dataset.info.name} {dataset.info.fingerprint[:12]}",
        )
    return found


def _rows(ensemble: Evaluated, found: CrossValidation) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [
        (one.run, len(one.slices), *(_number(one.mean(name)) for name in MEASURES), f"{one.minutes:.0f}")
        for one in found.members
    ]
    values = _of_ensemble(ensemble)
    return [*rows, ("ensemble", len(found.slices), *(_number(values[name]) for name in MEASURES), "")]


def _of_ensemble(ensemble: Evaluated) -> dict[str, float]:
    evaluation = ensemble.evaluation
    wrong = evaluation.evidence.confusion(evaluation.thresholds["pixel"]).wrong_percent
    return {
        "wrong_percent": mean_over_slices(list(wrong)),
        "v_rand_topology": mean_over_slices([one.v_rand for one in evaluation.points["topology"]]),
        "v_rand": mean_over_slices([one.v_rand for one in evaluation.segments]),
        "v_info": mean_over_slices([one.v_info for one in evaluation.segments]),
    }


def _uncertain(found: CrossValidation) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, said in MEASURES.items():
        by_slice, by_block = found.interval(name), found.interval(name, block=BLOCK)
        spread = found.spread_over_folds(name), found.spread_over_seeds(name)
        rows.append((said, _number(by_slice.mean), _range(by_slice), _range(by_block), *map(_number, spread)))
    return rows


def _apart(found: CrossValidation, other: CrossValidation) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, said in MEASURES.items():
        by_slice, by_block = difference(found, other, name), difference(found, other, name, block=BLOCK)
        rows.append((said, _signed(by_slice), _range(by_slice), _range(by_block)))
    return rows


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"


def _signed(interval: Interval) -> str:
    return "-" if math.isnan(interval.mean) else f"{interval.mean:+.4f}"


def _range(interval: Interval) -> str:
    return "-" if math.isnan(interval.mean) else f"{interval.low:.4f} to {interval.high:.4f}"


def _as_json(run: str, ensemble: Evaluated, found: CrossValidation, other: CrossValidation | None) -> dict[str, Any]:
    return {
        "run": run,
        "members": [
            {"run": one.run, "fold": one.fold, "seed": one.seed, "slices": list(one.slices), "minutes": one.minutes}
            | {name: _defined(one.mean(name)) for name in MEASURES}
            for one in found.members
        ],
        "ensemble": {name: _defined(value) for name, value in _of_ensemble(ensemble).items()},
        "measures": {
            name: _interval_as_json(found.interval(name), found.interval(name, block=BLOCK))
            | {
                "deviation_of_folds": _defined(found.spread_over_folds(name)),
                "deviation_of_seeds": _defined(found.spread_over_seeds(name)),
            }
            for name in MEASURES
        },
        "difference": None
        if other is None
        else {
            name: _interval_as_json(difference(found, other, name), difference(found, other, name, block=BLOCK))
            for name in MEASURES
        },
    }


def _interval_as_json(by_slice: Interval, by_block: Interval) -> dict[str, Any]:
    return {
        "mean": _defined(by_slice.mean),
        "by_slice": [_defined(by_slice.low), _defined(by_slice.high)],
        f"by_blocks_of_{BLOCK}": [_defined(by_block.low), _defined(by_block.high)],
    }


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
