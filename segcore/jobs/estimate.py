"""How long a training will take: a few of its own steps on this machine, kept by settings and device.

Asking does not load PyTorch; measuring is done by a process of its own.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
import os
import platform
import time
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from segcore.config import RunConfig, flatten, to_dict
from segcore.data import DatasetInfo
from segcore.errors import ConfigError, JobError, SegcoreError
from segcore.jobs.detached import detached
from segcore.jobs.job import Lane
from segcore.jobs.queue import JobQueue, refuse_when_read_only
from segcore.locking import is_locked, locked
from segcore.runs import memory_in_words, patches_an_epoch, split_of, spread
from segcore.storage import read_json, read_only, storage_errors, write_json

log = logging.getLogger("segcore.jobs.estimate")

_PATIENCE_S = 600
"""Seconds before a measurement that came to nothing is tried again."""
_MOST_KEPT = 200
_REFUSED = "segcore: "
"""How the command line begins the sentence with which it refuses something."""
# What neither the time of a step nor that of a look at validation depends on.
_NO_MATTER = (
    "preset", "evaluation", "prediction.eightfold", "train.epochs", "train.epoch_samples", "train.learning_rate",
    "train.seed", "train.schedule", "train.plateau", "train.warmup_steps", "train.early_stopping",
    "train.validation_megapixels",
)  # fmt: skip


def train_seconds(config: RunConfig, dataset: DatasetInfo, lane: Lane, *, models: Path | None = None) -> float | None:
    """How long all epochs with their validation would take if nothing else keeps the machine busy.

    Neither the start nor the evaluation counts, and it is as if training did not stop early.

    Args:
        config: of the run.
        dataset: what it would be trained on.
        lane: where.
        models: folder of the runs.

    Returns:
        Seconds; None if it was not measured here, or such settings cannot be trained.
    """
    speed = _stored(_path(JobQueue(models), config, dataset, lane))
    if speed is None:
        return None
    train, pixels = config.train, dataset.height * dataset.width
    try:
        split = split_of(dataset, config)
    except ConfigError:
        return None
    looks = sum(copy.part == "validation" for copy in split.pool)
    looks = looks or len(spread(split.validation, train.validation_megapixels, pixels, at_least=1))
    steps = math.ceil(patches_an_epoch(split, train.epoch_samples) / train.batch_size)
    return train.epochs * (steps * speed["step_s"] + looks * speed["look_s"])


def train_memory(config: RunConfig, dataset: DatasetInfo, lane: Lane, *, models: Path | None = None) -> str:
    """How much memory it would take, and in how many parts a batch, in words; empty if it was not measured here.

    Arguments as for `train_seconds`.
    """
    speed = _stored(_path(JobQueue(models), config, dataset, lane))
    return "" if speed is None else memory_in_words(1e6 * speed["memory_mb"], int(speed["parts"]))


def why_not_measured(config: RunConfig, dataset: DatasetInfo, lane: Lane, *, models: Path | None = None) -> str:
    """What the last try to measure it was refused with, such as a lack of memory; empty if there was none.

    Arguments as for `train_seconds`.
    """
    with suppress(OSError, IndexError):
        told = _path(JobQueue(models), config, dataset, lane).with_suffix(".txt")
        last = told.read_text(encoding="utf-8", errors="replace").splitlines()[-1]
        if last.startswith(_REFUSED):
            return last.removeprefix(_REFUSED)
    return ""


def measure(config: RunConfig, dataset: DatasetInfo, lane: Lane, *, models: Path | None = None) -> None:
    """Takes a few training steps in this process, and keeps what they took for `train_seconds`.

    Does nothing while another process measures; keeps nothing if a job was begun meanwhile.

    Raises:
        ConfigError: for a lane whose machine is not this one, and for settings that cannot be trained.
        TrainingError: if there is not the memory.
    """
    refuse_when_read_only()
    if lane == "slurm":
        raise ConfigError("a cluster is not measured from here", found=lane, expected="cpu or cuda")
    queue = JobQueue(models)
    with locked(measuring_lock(queue, lane), wait=False) as mine:
        if not mine:
            return
        from segcore.training import measure_speed

        speed = measure_speed(config, dataset.slices, dataset.height, dataset.width, lane)
        if any(job.active for job in queue.jobs()):
            log.warning("a job runs beside the measurement, so it is not kept")
            return
        path = _path(queue, config, dataset, lane)
        write_json(path, dataclasses.asdict(speed))
        for old in sorted(path.parent.iterdir(), key=lambda one: one.stat().st_mtime)[:-_MOST_KEPT]:
            old.unlink(missing_ok=True)


def start_measuring(config: RunConfig, dataset: DatasetInfo, lane: Lane, *, models: Path | None = None) -> None:
    """Lets a process of its own measure, unless that was done or is being done, and returns at once.

    Nor does it where a job is active, where nothing may be written, or soon after an attempt that came to nothing.
    """
    queue = JobQueue(models)
    path = _path(queue, config, dataset, lane)
    if read_only() or lane == "slurm" or _stored(path) is not None:
        return
    told = path.with_suffix(".txt")
    with suppress(OSError):
        if time.time() - told.stat().st_mtime < _PATIENCE_S:
            return
    if is_locked(measuring_lock(queue, lane)) or any(job.active for job in queue.jobs()):
        return
    settings = [f"{name}={_text(value)}" for name, value in flatten(to_dict(config)).items() if name != "preset"]
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with told.open("wb") as output:
            arguments = ["jobs", "measure", dataset.name, "--device", lane, "--set", *settings]
            detached(arguments, models=queue.models, output=output)


def measuring_lock(queue: JobQueue, lane: Lane) -> Path:
    """Held by the process that measures."""
    return queue.folder / f"measuring-{lane}.lock"


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else value if isinstance(value, str) else json.dumps(value)


def _path(queue: JobQueue, config: RunConfig, dataset: DatasetInfo, lane: Lane) -> Path:
    """Where the speed with these settings, on slices of this size, on this machine is kept."""
    settings = {name: value for name, value in flatten(to_dict(config)).items() if not name.startswith(_NO_MATTER)}
    what = [settings, dataset.height, dataset.width, *_circumstances(lane)]
    name = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]
    return queue.folder / "speeds" / f"{name}.json"


def _stored(path: Path) -> dict[str, float] | None:
    """What was measured, by name; None if there is no such file, or a damaged one."""
    try:
        found: Any = read_json(path, JobError)
        speed = {name: float(found[name]) for name in ("step_s", "look_s", "memory_mb", "parts")}
    except (SegcoreError, TypeError, ValueError, KeyError):
        return None
    return speed if all(math.isfinite(value) and value >= 0 for value in speed.values()) else None


def _circumstances(lane: Lane) -> list[str]:
    """What a speed depends on besides settings: PyTorch, the device, and how much of it is allowed."""
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = ""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES" if lane == "cuda" else "OMP_NUM_THREADS", "")
    return [torch, _device(lane), allowed, str(os.cpu_count())]


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
