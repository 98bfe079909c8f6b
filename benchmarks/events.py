"""How soon the queue of a hundred thousand splits and merges is there, on one core.

    python -m benchmarks.events [--events 100000] [--rounds 9]

The evaluation of a shipped run with its events many times over, each somewhere else and of another harm, as those of a
slice of 8192 x 8192 would be. Timed is what opening the page does: the folder is read and checked, everything is
ordered by harm, progress is counted and the first rows are made. Then what the Compare page does with each click: all
of them are gone through, the first time and again. Nothing is kept from round to round.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import shutil
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from segcore.evaluation import read_evaluation, write_evaluation
from segcore.measures import Event, Events
from segcore.runs import Run, open_run

RUN = "isbi2012-standard"
SIDE = 8192
OPENING = ("reading and checking the evaluation", "ordering by harm", "progress and the first rows")


def with_many_events(folder: Path, number: int) -> None:
    """Puts so many in place of those of an evaluation."""
    evaluation, facts = read_evaluation(folder)
    generator = np.random.default_rng(0)
    events: list[Event] = []
    for at in range(number):
        event = evaluation.events[at % len(evaluation.events)]
        down, across = generator.integers(0, SIDE - 512, 2).tolist()
        moved = {name: getattr(event, name) + down for name in ("y", "top", "bottom")}
        moved |= {name: getattr(event, name) + across for name in ("x", "left", "right")}
        openings = tuple((y + down, x + across) for y, x in event.openings)
        harm = event.harm * float(generator.random())
        events.append(dataclasses.replace(event, openings=openings, harm=harm, **moved))
    events.sort(key=lambda one: (one.slice, -one.harm, -one.stray_px))
    write_evaluation(folder, dataclasses.replace(evaluation, events=Events.of(events)), facts)


def steps(run: Run) -> dict[str, float]:
    """Seconds of each step of opening the queue, and of going through all events twice."""
    import streamlit as st

    from dashboard.state import load_result
    from dashboard.views import reviewing

    st.cache_resource.clear()
    at = [time.perf_counter()]
    result = load_result(run, run.info.dataset, "test")
    at.append(time.perf_counter())
    listed = reviewing.event_items(result, reviewing.Filter())
    at.append(time.perf_counter())
    known = reviewing.judged(result, (one.judged_at for one in listed))
    said, rows = reviewing.progress((listed, known)), reviewing.rows_of(listed, known)
    at.append(time.perf_counter())
    for _ in range(2):
        gone_through = [event for event in result.evaluation.events if event.slice >= 0]
        at.append(time.perf_counter())
    assert said.startswith(f"0 of {len(gone_through):,}")
    assert rows[0].harm == max(result.evaluation.events.column("harm"))
    names = (*OPENING, "going through all of them", "going through them again")
    return dict(zip(names, np.diff(at).tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)  # Streamlit says that nobody serves this
    with TemporaryDirectory() as folder:
        os.environ["SEGCORE_MODELS_DIR"] = folder
        shutil.copytree(Path(__file__).parents[1] / "models" / RUN, Path(folder) / RUN)
        run = open_run(RUN)
        with_many_events(run.evaluation(run.info.dataset), chosen.events)
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        rounds = [steps(run) for _ in range(chosen.rounds)]
    print(f"| {chosen.events:,} events | best, s | median, s |\n|---|---|---|")
    for name in rounds[0]:
        taken = [one[name] for one in rounds]
        print(f"| {name} | {min(taken):.2f} | {statistics.median(taken):.2f} |")
    whole = [sum(one[name] for name in OPENING) for one in rounds]
    print(f"| opening | {min(whole):.2f} | {statistics.median(whole):.2f} |")


if __name__ == "__main__":
    main()
