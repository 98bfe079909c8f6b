"""The process that starts the jobs of one lane, one after another, and stops them when that is asked for."""

from __future__ import annotations

import signal
import subprocess
import threading
import time

from segcore.errors import SegcoreError
from segcore.jobs.detached import detached
from segcore.jobs.job import Job, Lane
from segcore.jobs.queue import JobQueue
from segcore.locking import is_locked, locked
from segcore.posix import signal_session
from segcore.runs import open_run

_LOOK_S = 0.1
"""Seconds between two looks at a running job."""
_PATIENCE_S = 1.0
"""Seconds a job has to end by itself once it was asked to."""


def run_lane(queue: JobQueue, lane: Lane) -> None:
    """Does the lane's jobs until none is left; returns at once if another process does so already."""
    while True:
        with locked(queue.lane_lock(lane), wait=False) as mine:
            if not mine:
                return
            while job := queue.next_job(lane):
                see_through(queue, job)
        # Who added a job while the lock was still held has started nobody.
        if not any(job.open and job.lane == lane for job in queue.jobs()):
            return


def see_through(queue: JobQueue, job: Job, limit: threading.Event | None = None) -> None:
    """Starts a job, or takes over one that an earlier runner left behind, waits for its end, and has it evaluated.

    Args:
        queue: with the job.
        job: one that is alive, or about to be; anything else is left as it is.
        limit: set when there is little time left; the job is then stopped.
    """
    to_conclude = job.concluding and job.pid is None
    if job.active and not to_conclude:
        process = _process(queue, job, ["jobs", "run", str(job.number)]) if job.state == "starting" else None
        _wait(queue, job, process, limit)
        job = queue.settle(job.number, _last_words(process), evaluate=worth_evaluating(queue, job))
        to_conclude = job.concluding
    if job.active and to_conclude:
        process = _process(queue, job, ["jobs", "conclude", str(job.number)])
        _wait(queue, job, process, None)
        queue.settle(job.number)


def _process(queue: JobQueue, job: Job, arguments: list[str]) -> subprocess.Popen[bytes]:
    with queue.output_of(job.number).open("ab") as output:
        return detached(arguments, models=queue.models, output=output)


def _wait(queue: JobQueue, job: Job, process: subprocess.Popen[bytes] | None, limit: threading.Event | None) -> None:
    asked: float | None = None
    while _alive(queue, job, process):
        time.sleep(_LOOK_S)
        current = queue.job(job.number)
        if limit is not None and limit.is_set() and not current.stop:
            current = queue.update(job.number, stop=True, message="stopped because its time limit came near")
        pid = process.pid if process is not None else current.pid
        if current.stop and pid is not None:
            if asked is None:
                asked = time.monotonic()
                signal_session(pid, signal.SIGTERM)
            elif time.monotonic() - asked > _PATIENCE_S:
                # A step of a large network takes longer than anybody waits; whatever is on the disk is whole.
                signal_session(pid, signal.SIGKILL)


def _alive(queue: JobQueue, job: Job, process: subprocess.Popen[bytes] | None) -> bool:
    if process is not None and process.poll() is None:
        return True
    return is_locked(queue.lock_of(job.number))


def kill(queue: JobQueue, number: int) -> None:
    """Ends the process of a job of this machine, if it is alive, whatever it is doing."""
    job = queue.job(number)
    if job.pid is not None and is_locked(queue.lock_of(number)):
        signal_session(job.pid, signal.SIGKILL)


def _last_words(process: subprocess.Popen[bytes] | None) -> str:
    code = None if process is None else process.returncode
    if code is None or code == 0:
        return ""
    if code < 0:
        name = signal.Signals(-code).name
        return f"its process was killed ({name})" + (
            ", perhaps because the memory was full" if name == "SIGKILL" else ""
        )
    return f"its process ended with exit code {code}; its output says more"


def worth_evaluating(queue: JobQueue, job: Job) -> bool:
    """Whether a job that is stopped leaves something to be measured."""
    if job.task == "evaluate":
        return False  # what is measured is whole or not there
    try:
        run = open_run(job.run, root=queue.models)
    except SegcoreError:
        return False  # stopped before there was a run
    return run.weights.exists() and run.info.epochs > 0 and run.info.state != "finished"
