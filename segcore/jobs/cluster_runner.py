"""The process that sends jobs to a cluster and follows them; the cluster decides which of them runs when."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from segcore.errors import SegcoreError
from segcore.jobs.cluster import Cluster, read_cluster
from segcore.jobs.job import Job
from segcore.jobs.local_runner import kill, see_through, worth_evaluating
from segcore.jobs.queue import JobQueue
from segcore.locking import is_locked, locked
from segcore.posix import when_time_is_short
from segcore.runs import now

_LOOK_S = 0.5
"""Seconds between two looks at the jobs."""
_PATIENCE_S = 60.0
"""Seconds a job on the cluster has to end by itself once it was asked to; shared disks show changes late."""


def follow(queue: JobQueue) -> None:
    """Sends what waits, and follows it until nothing is left; returns at once if another process does so already."""
    while True:
        with locked(queue.lane_lock("slurm"), wait=False) as mine:
            if not mine:
                return
            runner = SlurmRunner(queue)
            while runner.look():
                time.sleep(_LOOK_S)
        # Who added a job while the lock was still held has started nobody.
        if not any(job.open and job.lane == "slurm" for job in queue.jobs()):
            return


class SlurmRunner:
    """Compares what is noted about the jobs of the lane with what the cluster says of them."""

    def __init__(self, queue: JobQueue) -> None:
        self.queue = queue
        self.cluster: Cluster | None = None
        self._asked: dict[int, float] = {}

    def look(self) -> bool:
        """Sends what waits, notes what has ended and ends what is to stop; whether anything is left."""
        while job := self.queue.next_waiting("slurm"):
            self._send(job)
        active = [job for job in self.queue.jobs() if job.lane == "slurm" and job.active]
        for job in active:
            try:
                self._follow(job)
            except SegcoreError as error:  # such as settings that are wrong by now
                if job.message != str(error):
                    self.queue.update(job.number, message=str(error))
        return bool(active)

    def _send(self, job: Job) -> None:
        try:
            sent = self._cluster().submit(
                self.queue.cluster_folder(job.number), f"segcore-{job.run}", job.devices,
                attend, str(self.queue.models), job.number,
            )  # fmt: skip
        except SegcoreError as error:
            state = "stopped" if job.concluding else "failed"
            self.queue.update(job.number, state=state, ended=now(), message=str(error))
        else:
            self.queue.update(job.number, cluster=sent)

    def _follow(self, job: Job) -> None:
        folder = self.queue.cluster_folder(job.number)
        over = not job.cluster or self._cluster().is_over(folder, job.cluster)
        if over and not is_locked(self.queue.attendant_lock(job.number)):
            self._settle(job, folder)
        elif job.stop and self._is_to_be_cancelled(job):
            self._cluster().cancel(folder, job.cluster)

    def _settle(self, job: Job, folder: Path) -> None:
        if self._cluster().config.executor == "local":
            kill(self.queue, job.number)  # what its attendant may have left behind
        job = self.queue.job(job.number)  # it may have said how it ended before the cluster did
        if not job.active:
            return
        state = self._cluster().state(folder, job.cluster) if job.cluster else ""
        words = f"its end on the cluster was not its own; the cluster says {state}" if state else ""
        job = self.queue.settle(job.number, words, evaluate=worth_evaluating(self.queue, job))
        if job.active:
            self._send(job)

    def _is_to_be_cancelled(self, job: Job) -> bool:
        """At once while it is in the cluster's queue; later on only if it does not end by itself."""
        began = self._asked.setdefault(job.number, time.monotonic())
        waits = job.state == "starting" and job.pid is None and not is_locked(self.queue.attendant_lock(job.number))
        if not waits and time.monotonic() - began < _PATIENCE_S:
            return False
        self._asked[job.number] = time.monotonic()
        return True

    def _cluster(self) -> Cluster:
        if self.cluster is None:
            self.cluster = Cluster(read_cluster(self.queue.models))
        return self.cluster


def attend(models: str, number: int) -> None:
    """Does one job on the cluster, as the runner does here: starts it, stops it when asked, has it evaluated."""
    queue = JobQueue(Path(models))
    limit = threading.Event()

    when_time_is_short(limit.set)  # in place of submitit, which would end the process
    # Lightning would take the one task of the allocation for all the processes there are.
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        del os.environ[name]
    with locked(queue.attendant_lock(number), wait=False) as mine:
        if not mine:
            return
        try:
            see_through(queue, queue.job(number), limit)
        finally:
            with suppress(SegcoreError):
                kill(queue, number)
