"""What `python -m segcore jobs` does: the queue of trainings without the app."""

from __future__ import annotations

import dataclasses
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any

from segcore.cli.commands import chosen_config, print_json, table
from segcore.config import RunConfig
from segcore.data import DatasetInfo, open_dataset
from segcore.errors import ConfigError, SegcoreError
from segcore.jobs import (
    LANES,
    Job,
    JobQueue,
    Lane,
    device_lane,
    free_run_name,
    measure,
    refuse_when_read_only,
    train_memory,
    train_seconds,
)
from segcore.posix import give_way, when_time_is_short
from segcore.progress import duration
from segcore.runs import open_run


def jobs(options: Any) -> None:
    """Does what was asked for with the jobs of `SEGCORE_MODELS_DIR`."""
    ACTIONS[options.action or "list"](JobQueue(), options)


def _list_jobs(queue: JobQueue, options: Any) -> None:
    queue.ensure_runners()
    found = queue.jobs()
    if options.json:
        print_json([dataclasses.asdict(job) for job in found])
    elif found:
        rows = [
            (
                str(job.number),
                job.run,
                job.dataset,
                f"{job.lane} {job.cluster}".strip(),
                "stopping" if job.stop and job.active else job.state,
                _epochs(queue, job),
                job.message,
            )
            for job in found
        ]
        print(table(rows, ("job", "run", "dataset", "device", "state", "epochs", "")))
    else:
        print("no jobs; start one with: python -m segcore jobs start sample --preset quick")


def _epochs(queue: JobQueue, job: Job) -> str:
    try:
        run = open_run(job.run, root=queue.models)
    except SegcoreError:
        return ""
    return f"{run.info.epochs}/{run.config.train.epochs}"


def _start_job(queue: JobQueue, options: Any) -> None:
    name = options.name or free_run_name(f"{options.dataset}-{options.preset}")
    config = chosen_config(options)
    job = queue.start(
        dataset=options.dataset,
        config=config,
        run=name,
        token=secrets.token_hex(16),
        started_from=options.started_from or "",
        accelerator=options.device,
        devices=options.devices,
    )
    needed = _needed(queue, config, open_dataset(options.dataset).info, job.lane)
    print(f"job {job.number}: {job.run} on {job.dataset}{needed and f', {needed}'}")


def _needed(queue: JobQueue, config: RunConfig, dataset: DatasetInfo, lane: Lane) -> str:
    """The time and memory that a training needs; empty if they were not measured here."""
    seconds = train_seconds(config, dataset, lane, models=queue.models)
    if seconds is None:
        return ""
    return f"about {duration(seconds)} to train, {train_memory(config, dataset, lane, models=queue.models)}"


def _resume_job(queue: JobQueue, options: Any) -> None:
    job = queue.resume(options.run, token=secrets.token_hex(16), accelerator=options.device, devices=options.devices)
    print(f"job {job.number}: {job.run} on {job.dataset}")


def _evaluate_job(queue: JobQueue, options: Any) -> None:
    dataset = options.dataset or open_run(options.run).info.dataset
    job = queue.evaluate(options.run, dataset, token=secrets.token_hex(16), accelerator=options.device)
    print(f"job {job.number}: {job.run} is measured on {job.dataset}")


def _stop_job(queue: JobQueue, options: Any) -> None:
    job = queue.stop(queue.find(options.job).number)
    print(f"job {job.number}: {'stopping' if job.active else job.state}")


def _move_job_up(queue: JobQueue, options: Any) -> None:
    queue.move_up(queue.find(options.job).number)


def _remove_job(queue: JobQueue, options: Any) -> None:
    queue.remove(queue.find(options.job).number)


def _log_of_job(queue: JobQueue, options: Any) -> None:
    number = queue.find(options.job).number
    shown = 0
    while True:
        job = queue.job(number)
        text = queue.log(number)
        print(text[shown:], end="", flush=True)
        shown = len(text)
        if not (options.follow and job.open):
            break
        time.sleep(0.5)
    if not text:
        print(f"job {number} is {job.state}; there is no log{' yet' if job.open else ''}", file=sys.stderr)


def _work_on_jobs(queue: JobQueue, options: Any) -> None:
    from segcore.jobs import follow, run_lane

    refuse_when_read_only()
    lane = _lane(options)
    follow(queue) if lane == "slurm" else run_lane(queue, lane)


def _measure_steps(queue: JobQueue, options: Any) -> None:
    refuse_when_read_only()
    give_way()
    dataset, lane, config = open_dataset(options.dataset).info, device_lane(options.device), chosen_config(options)
    measure(config, dataset, lane, models=queue.models)
    if needed := _needed(queue, config, dataset, lane):
        print(needed)


def _lane(options: Any) -> Lane:
    lane = next((one for one in LANES if one == options.lane), None)
    if lane is None:
        raise ConfigError("unknown device", found=options.lane, expected=", ".join(LANES))
    return lane


def _run_job(queue: JobQueue, options: Any) -> None:
    from segcore.jobs import conclude_job, run_job

    refuse_when_read_only()
    when_time_is_short(None)  # every process of a job is told; the one that attends to it stops it
    (run_job if options.action == "run" else conclude_job)(queue, options.number)


ACTIONS: dict[str, Callable[[JobQueue, Any], None]] = {
    "list": _list_jobs,
    "start": _start_job,
    "stop": _stop_job,
    "resume": _resume_job,
    "evaluate": _evaluate_job,
    "log": _log_of_job,
    "up": _move_job_up,
    "remove": _remove_job,
    "measure": _measure_steps,
    "work": _work_on_jobs,
    "run": _run_job,
    "conclude": _run_job,
}
