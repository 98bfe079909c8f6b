"""Trainings as jobs: how soon a started one shows its first epoch, how soon a stopped one ends, and what looking costs.

    python -m benchmarks.jobs [first-epoch] [stop] [tick] [--tries 5] [--dataset sample]

Real jobs of preset `quick`, in folders of their own; the dataset is made there if it is `sample`. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from segcore.data import fetch, open_dataset
from segcore.errors import SegcoreError
from segcore.jobs import Job, JobQueue, measure, train_seconds
from segcore.presets import quick
from segcore.runs import Run, open_run, read_status

PAST_JOBS = 50
LOOKS = 200


def wait_for(condition: Callable[[], object], seconds: float = 600) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise SystemExit("waited in vain")
        time.sleep(0.01)


def run_of(job: Job) -> Run | None:
    try:
        return open_run(job.run)
    except SegcoreError:
        return None  # not yet


def start(queue: JobQueue, dataset: str) -> Job:
    name = f"run-{secrets.token_hex(4)}"
    return queue.start(dataset=dataset, config=quick(), run=name, token=name, accelerator="cpu")


@contextmanager
def under_way(queue: JobQueue, dataset: str) -> Iterator[Job]:
    """A job that takes steps, and is over at the end."""
    job = start(queue, dataset)

    def takes_steps() -> bool:
        run = run_of(job)
        progress = None if run is None else read_status(run)
        return progress is not None and progress.step > 0

    wait_for(takes_steps)
    try:
        yield job
    finally:
        queue.stop(job.number)
        wait_for(lambda: not queue.job(job.number).open)


def first_epoch(queue: JobQueue, dataset: str, tries: int) -> None:
    """Seconds from the request to the first row of history."""
    seconds = []
    for _ in range(tries):
        began = time.perf_counter()
        job = start(queue, dataset)
        wait_for(lambda job=job: (run := run_of(job)) is not None and bool(run.history()))
        seconds.append(time.perf_counter() - began)
        queue.stop(job.number)
        wait_for(lambda job=job: not queue.job(job.number).open)
    print(f"| from start to the first epoch, `quick`, s | {_spread(seconds)} | under 15 |")


def stop(queue: JobQueue, dataset: str, tries: int) -> None:
    """Seconds from the request to stop to the end of the training's process."""
    seconds = []
    for _ in range(tries):
        with under_way(queue, dataset) as job:
            began = time.perf_counter()
            queue.stop(job.number)
            wait_for(lambda job=job: open_run(job.run).state != "training")
            seconds.append(time.perf_counter() - began)
    print(f"| from stop to the training's end, `quick`, s | {_spread(seconds)} | under 2 |")


def tick(queue: JobQueue, dataset: str, tries: int) -> None:
    """Milliseconds of what the app does every second: the list of jobs, and progress and curve of the one that runs."""
    with under_way(queue, dataset) as job:
        past = queue.job(job.number)
        for number in range(1000, 1000 + PAST_JOBS):  # as if they had been done before
            (queue.folder / str(number)).mkdir()
            text = (queue.folder / f"{past.number:04d}/job.json").read_text()
            text = text.replace(f'"number": {past.number}', f'"number": {number}').replace('"training"', '"finished"')
            (queue.folder / str(number) / "job.json").write_text(text)
        time.sleep(3)  # until the files are not new any more
        wall, processor = [], []
        for _ in range(LOOKS):
            began, worked = time.perf_counter(), time.thread_time()
            found = [one for one in JobQueue().jobs() if one.active]
            run = open_run(found[0].run)
            read_status(run)
            run.history()
            wall.append((time.perf_counter() - began) * 1000)
            processor.append((time.thread_time() - worked) * 1000)
            time.sleep(0.02)
    what = f"one look at {PAST_JOBS} past jobs and the one that runs, ms"
    print(f"| {what} | {_spread(wall)}; of the processor {statistics.median(processor):.1f} | under 20 |")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


MEASURES = {"first-epoch": first_epoch, "stop": stop, "tick": tick}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", choices=[*MEASURES, []], help="default: everything")
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--dataset", default="sample", help="sample, or one in SEGCORE_DATA_DIR")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEGCORE_MODELS_DIR"] = f"{folder}/models"
        if options.dataset == "sample":
            os.environ["SEGCORE_DATA_DIR"] = f"{folder}/data"
            fetch("sample")
        dataset = open_dataset(options.dataset).info
        measure(quick(), dataset, "cpu")
        said = train_seconds(quick(), dataset, "cpu") or 0.0
        print("| | median (range) | aim |\n|---|---|---|")
        for name in options.what or MEASURES:
            MEASURES[name](JobQueue(), options.dataset, options.tries)
        print(f"| estimate of a training, `quick`, s | {said:.0f} | |")


if __name__ == "__main__":
    main()
