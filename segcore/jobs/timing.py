"""How long a training will take, from steps that were measured on this machine. Estimating does not load PyTorch."""

from __future__ import annotations

import dataclasses
import logging
import os
import platform
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from segcore.checked import from_dict
from segcore.config import RunConfig
from segcore.data import DatasetInfo, open_dataset
from segcore.errors import ConfigError, JobError, SegcoreError
from segcore.jobs.detached import detached
from segcore.jobs.job import Lane
from segcore.jobs.queue import JobQueue, refuse_when_read_only
from segcore.jobs.work import Costs, EpochWork, epoch_work
from segcore.locking import is_locked, locked
from segcore.runs import open_run
from segcore.storage import read_json, read_only, storage_errors, write_json

log = logging.getLogger("segcore.jobs.timing")

_PATIENCE_S = 600
"""Seconds before a measurement that came to nothing is tried again."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """How long a training would take if nothing else keeps the machine busy.

    Attributes:
        train_seconds: of all epochs with their validation; neither the start nor the evaluation, and as if it did not
            stop early. None if nothing is known.
        source: `measured` steps, the latest of the `earlier runs` that were jobs here, or `unknown`.
    """

    train_seconds: float | None
    source: Literal["measured", "earlier runs", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What a measurement depends on: versions and the machine."""

    torch: str
    cores: int
    threads: str
    device: str


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What was measured, and where.

    Attributes:
        at: circumstances it is valid in.
        bfloat16: whether `train.precision=auto` means that here.
        costs: seconds, in that precision.
    """

    at: Circumstances
    bfloat16: bool
    costs: Costs


UNKNOWN = Estimate(train_seconds=None, source="unknown")


def estimate(config: RunConfig, dataset: DatasetInfo, lane: Lane = "cpu", *, models: Path | None = None) -> Estimate:
    """How long training with these settings would take, at once.

    Args:
        config: of the run.
        dataset: what it would be trained on.
        lane: where.
        models: folder of the runs.

    Returns:
        `unknown` also for settings that cannot be trained, such as a split that leaves nothing to train on.
    """
    queue = JobQueue(models)
    try:
        work = epoch_work(config, dataset)
    except ConfigError:
        return UNKNOWN
    measurement = _stored(queue, lane)
    if measurement is not None:
        seconds = _epoch_seconds(config, work, measurement)
        return Estimate(train_seconds=config.train.epochs * seconds, source="measured")
    each = _seconds_a_multiply_add(queue, lane)
    if each is None:
        return UNKNOWN
    return Estimate(train_seconds=config.train.epochs * each * _multiply_adds(work), source="earlier runs")


def measure(lane: Lane, *, models: Path | None = None) -> None:
    """Takes a few training steps in this process, and keeps what they cost for `estimate`.

    Does nothing while another process measures; keeps nothing if a job was begun meanwhile.

    Raises:
        ConfigError: for a lane whose machine is not this one.
    """
    refuse_when_read_only()
    if lane == "slurm":
        raise ConfigError("a cluster is not measured from here", found=lane, expected="cpu or cuda")
    queue = JobQueue(models)
    with locked(_lock(queue, lane), wait=False) as mine:
        if not mine:
            return
        from segcore.training import measure_costs, trains_in_bfloat16

        bfloat16 = trains_in_bfloat16(lane, "auto")
        costs = measure_costs(lane, bfloat16=bfloat16, folder=queue.folder)
        if any(job.active for job in queue.jobs()):
            log.warning("a job runs beside the measurement, so it is not kept")
            return
        measurement = Measurement(at=_circumstances(lane), bfloat16=bfloat16, costs=costs)
        write_json(_path(queue, lane), dataclasses.asdict(measurement))


def start_measuring(lane: Lane, *, models: Path | None = None) -> None:
    """Lets a process of its own measure, unless that was done or is being done, and returns at once.

    Nor does it where a job is active, where nothing may be written, or soon after an attempt that came to nothing.
    """
    queue = JobQueue(models)
    if read_only() or lane == "slurm" or _stored(queue, lane) is not None:
        return
    told = queue.folder / f"timing-{lane}.txt"
    with suppress(OSError):
        if time.time() - told.stat().st_mtime < _PATIENCE_S:
            return
    if is_locked(_lock(queue, lane)) or any(job.active for job in queue.jobs()):
        return
    with storage_errors(queue.folder):
        queue.folder.mkdir(parents=True, exist_ok=True)
        with told.open("wb") as output:
            detached(["jobs", "measure", lane], models=queue.models, output=output)


def _path(queue: JobQueue, lane: Lane) -> Path:
    return queue.folder / f"timing-{lane}.json"


def _lock(queue: JobQueue, lane: Lane) -> Path:
    return queue.folder / f"timing-{lane}.lock"


def _stored(queue: JobQueue, lane: Lane) -> Measurement | None:
    """The measurement, if there is one that holds here and now."""
    try:
        found = from_dict(Measurement, read_json(_path(queue, lane), JobError))
    except (SegcoreError, TypeError):
        return None
    return found if found.at == _circumstances(lane) else None


def _circumstances(lane: Lane) -> Circumstances:
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = ""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES") if lane == "cuda" else os.environ.get("OMP_NUM_THREADS")
    return Circumstances(torch=torch, cores=_cores(), threads=allowed or "", device=_device(lane))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache
def _device(lane: Lane) -> str:
    """Name of the processor or of the GPUs, as the system tells it to everybody."""
    files = [Path("/proc/cpuinfo")] if lane == "cpu" else sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    names = []
    for file in files:
        with suppress(OSError):
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            names += [line.partition(":")[2].strip() for line in lines if line.lower().startswith("model")][-1:]
    return ", ".join(names) or platform.machine()


def _epoch_seconds(config: RunConfig, work: EpochWork, measurement: Measurement) -> float:
    costs = measurement.costs
    computing = work.training.seconds(costs.training) + work.validation.seconds(costs.validation)
    precision = config.train.precision
    if precision != "auto" and (precision == "bf16") != measurement.bfloat16:
        computing *= costs.other_precision
    return computing + costs.epoch + costs.parameter * work.parameters


def _multiply_adds(work: EpochWork) -> float:
    # A step goes forward once and back twice.
    return 3 * work.training.multiply_adds + work.validation.multiply_adds


def _seconds_a_multiply_add(queue: JobQueue, lane: Lane) -> float | None:
    """From the latest run that was trained here; None if there is none that can still be read."""
    for job in queue.jobs():
        if job.lane != lane or job.devices != 1:
            continue
        with suppress(SegcoreError):
            run = open_run(job.run, root=queue.models)
            work = epoch_work(run.config, open_dataset(run.info.dataset).info)
            if run.info.epochs and run.info.train_seconds:
                return run.info.train_seconds / run.info.epochs / _multiply_adds(work)
    return None
