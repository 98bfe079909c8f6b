"""A training or an evaluation that was asked for, as it is noted in a file."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from segcore.checked import from_dict
from segcore.config import RunConfig
from segcore.errors import ConfigError, JobError
from segcore.runs import now
from segcore.storage import read_json

State = Literal["waiting", "starting", "training", "evaluating", "finished", "stopped", "failed", "interrupted"]
Task = Literal["train", "resume", "evaluate"]
Lane = Literal["cpu", "cuda", "slurm"]

LANES: tuple[Lane, ...] = get_args(Lane)
ACTIVE: tuple[State, ...] = ("starting", "training", "evaluating")
INTERRUPTED = "its process was killed, or the machine was switched off"
NOT_FOLLOWED = "as it was last heard of; nobody asks the cluster at the moment"
_FRESH_NS = 2_000_000_000


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training or an evaluation that was asked for.

    Attributes:
        number: from 1; never used again.
        order: jobs that wait are started in this order.
        token: of the request; the same request twice is one job.
        task: a new run, going on with one, or measuring one on a dataset.
        run: name of its run.
        dataset: what it is trained, or measured, on.
        config: of a new run; None for one that is there.
        started_from: the run whose weights a new one begins with; empty for random ones.
        lane: what it runs on; one job a lane at a time, but for `slurm`, which has a queue of its own.
        devices: processes, one a device.
        state: `waiting`; `starting`, `training`, `evaluating` while it is alive; `finished`, `stopped` (on request),
            `failed` (with a message), `interrupted` (its process was killed, or the machine was switched off).
        stop: it was asked to stop.
        concluding: it was stopped, and what it had learned by then is being evaluated.
        pid: of its process, while it is alive, on the machine where that is.
        cluster: its number on the cluster it was sent to.
        submitted, started, ended: UTC, ISO 8601.
        message: why it failed or was interrupted.
    """

    number: int
    order: float
    token: str
    task: Task
    run: str
    dataset: str
    config: RunConfig | None = None
    started_from: str = ""
    lane: Lane = "cpu"
    devices: int = 1
    state: State = "waiting"
    stop: bool = False
    concluding: bool = False
    pid: int | None = None
    cluster: str = ""
    submitted: str
    started: str | None = None
    ended: str | None = None
    message: str = ""

    @property
    def active(self) -> bool:
        """Whether a process is busy with it, or about to be."""
        return self.state in ACTIVE

    @property
    def open(self) -> bool:
        """Whether there is still something to be done."""
        return self.active or self.state == "waiting"


def device_lane(accelerator: str = "auto") -> Lane:
    """The lane of a device: `auto` is the GPU where the system has one. Does not load PyTorch."""
    if accelerator not in ("auto", *LANES):
        raise ConfigError("unknown device", found=accelerator, expected="auto, cpu, cuda or slurm")
    if accelerator == "slurm":
        return "slurm"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    there = Path("/dev/nvidiactl").exists() and not hidden
    if accelerator == "cuda" and not there:
        raise ConfigError("there is no CUDA device here", expected="auto or cpu")
    return "cuda" if there and accelerator != "cpu" else "cpu"


def read_job(path: Path) -> Job:
    """What was noted last; `JobError` if the file is missing or damaged."""
    try:
        found = path.stat()
    except OSError:
        return _parsed(path)  # which says what is wrong
    # Clocks of files are coarse: what has just been written may be written again at the same time.
    if time.time_ns() - found.st_mtime_ns < _FRESH_NS:
        return _parsed(path)
    return _remembered(path, found.st_ino, found.st_mtime_ns, found.st_size)


def _parsed(path: Path) -> Job:
    try:
        return from_dict(Job, read_json(path, JobError))
    except ConfigError as error:
        raise JobError("not a job", path=path, found=error, expected="what was written when it started") from error


@lru_cache(maxsize=4096)
def _remembered(path: Path, inode: int, time_ns: int, size: int) -> Job:
    """The same, read once for as long as the file stays what it is: the app lists all jobs every second."""
    return _parsed(path)


def ended(job: Job, message: str = "") -> Job:
    """What is true of a job whose process ended without a word."""
    if job.stop or job.concluding:
        return dataclasses.replace(job, state="stopped", ended=now(), pid=None, message=job.message)
    return dataclasses.replace(job, state="interrupted", ended=now(), pid=None, message=message or INTERRUPTED)
