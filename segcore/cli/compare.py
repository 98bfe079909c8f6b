"""What `python -m segcore compare` does: two runs side by side, for people and for nightly jobs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from segcore.cli.commands import log, print_json, table
from segcore.errors import ConfigError
from segcore.evaluation import BLOCK, MEASURES, Comparison, Difference, compare
from segcore.measures import EventChanges, Interval
from segcore.runs import open_run, slice_ranges


def compare_runs(options: Any) -> int:
    """Prints the comparison.

    Returns:
        1 if the second run is worse than the first by more than a tolerance that was given, else 0.
    """
    limits = [_limit(text) for text in options.fail_if_worse]
    found = compare(open_run(options.first), open_run(options.second), dataset=options.dataset)
    rows = found.differences()
    worse = _worse(rows, limits)
    if options.json:
        print_json(_as_json(found, rows, worse))
    else:
        _print(found, rows)
    for said in worse:
        log.error("segcore: %s", said)
    return 1 if worse else 0


def _print(found: Comparison, rows: Sequence[Difference]) -> None:
    print(
        f"{found.counted} ({slice_ranges(found.slices)}) of {found.first.dataset}; difference: {found.second.run} less "
        f"{found.first.run}, of percentages in percentage points"
    )
    if found.unfair:
        print(found.unfair)
    for note in found.notes:
        print(f"note: {note}")
    print()
    words = ("better", "worse") if found.fair else ("ahead", "behind")
    cells = []
    for row in rows:
        measure = MEASURES[row.measure]
        values = (f"{value:.{measure.digits}f}{measure.unit}" for value in (row.first, row.second))
        cells.append(
            (measure.title, *values, f"{row.by_slice.mean:+.{measure.digits}f}",
             row.slice_ends, row.block_ends,
             words[not row.better] if row.sure else "not told apart")
        )  # fmt: skip
    header = ("mean over slices", found.first.run, found.second.run, "difference", "95 % interval, by slice",
              f"by blocks of {BLOCK}", "")  # fmt: skip
    print(table(cells, header))
    print()
    print(" ".join(filter(None, [found.verdict(), found.events_said()])))


def _limit(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    if name not in MEASURES:
        raise ConfigError("unknown measure", found=name, expected=", ".join(MEASURES))
    try:
        tolerance = float(value)
    except ValueError:
        tolerance = -1.0
    if not 0 <= tolerance < math.inf:
        raise ConfigError("not a tolerance", found=text, expected=f"{name}=0 or more, such as {name}=0.01")
    return name, tolerance


def _worse(rows: Sequence[Difference], limits: Sequence[tuple[str, float]]) -> list[str]:
    known = {row.measure: row for row in rows}
    said = []
    for name, tolerance in limits:
        if name not in known:
            raise ConfigError("the two runs do not both have this measure", found=name, expected=", ".join(known))
        apart = known[name].by_slice.mean
        loss = -apart if MEASURES[name].higher_is_better else apart
        if loss > tolerance:
            said.append(f"{MEASURES[name].title}: worse by {loss:.6g}, more than {tolerance:g}")
    return said


def _as_json(found: Comparison, rows: Sequence[Difference], worse: Sequence[str]) -> dict[str, Any]:
    def interval(one: Interval) -> list[float]:
        return [one.low, one.high]

    return {
        "runs": [
            {"run": side.run, "dataset": side.dataset, "part": side.part, "warnings": list(side.warnings)}
            for side in (found.first, found.second)
        ],
        "slices": list(found.slices),
        "fair": found.fair,
        "unfair": found.unfair or None,
        "measures": {
            row.measure: {
                "title": MEASURES[row.measure].title,
                "higher_is_better": MEASURES[row.measure].higher_is_better,
                "first": row.first,
                "second": row.second,
                "difference": row.by_slice.mean,
                "by_slice": interval(row.by_slice),
                f"by_blocks_of_{BLOCK}": interval(row.by_block),
                "larger_than_its_uncertainty": row.sure,
            }
            for row in rows
        },
        "per_slice": [
            {"slice": z}
            | {
                name: [None if math.isnan(value) else value for value in values[at].tolist()]
                for name, values in found.values.items()
            }
            for at, z in enumerate(found.slices)
        ],
        "events": _events(found.events()),
        "verdict": found.verdict(),
        "worse": list(worse),
    }


def _events(found: EventChanges | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        name: [
            {"kind": one.kind, "loop": one.loop, "slice": one.slice, "y": one.y, "x": one.x,
             "harm": None if math.isnan(one.harm) else one.harm, "stray_px": one.stray_px}
            for one in events
        ]
        for name, events in (("gone", found.gone), ("new", found.new), ("in_both", found.in_both))
    }  # fmt: skip
