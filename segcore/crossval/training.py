"""Training what is missing of a cross-validation, as jobs that go on by themselves."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress

from segcore.crossval.plan import Member, Plan
from segcore.errors import ConfigError, JobError, RunError
from segcore.jobs import Job, JobQueue
from segcore.runs import Run, open_run, run_names

_SECONDS_BETWEEN = 1.0


def train_members(
    plan: Plan,
    *,
    device: str = "auto",
    devices: int = 1,
    tell: Callable[[str], object] = lambda text: None,
) -> tuple[Run, ...]:
    """Puts every run that is not there yet into the queue, and waits until all are trained and evaluated.

    The jobs are the queue's and not this process's: whoever ends it and calls this again waits for the same ones. A run
    that was interrupted goes on where it was; one that is finished and evaluated is left alone.

    Args:
        plan: what is to be trained.
        device: `auto`, `cpu`, `cuda`, or `slurm` for the cluster.
        devices: processes for each run, one a device.
        tell: told in a line of every run what becomes of it.

    Raises:
        ConfigError: a run of such a name has other settings or another dataset.
        JobError: a job failed or was stopped.
        SegcoreError: as starting a job does.
    """
    queue = JobQueue()
    for member in plan.members:
        _check(member, plan.dataset)
    said: dict[str, str] = {}
    asked: dict[str, int] = {}
    for member in plan.members:
        if (job := _ask(queue, plan.dataset, member, device, devices)) is not None:
            asked[member.run] = job.number
    while True:
        queue.ensure_runners()
        jobs = {run: queue.job(number) for run, number in asked.items()}
        for member in plan.members:
            state = jobs[member.run].state if member.run in jobs else "finished"
            if said.get(member.run) != state:
                said[member.run] = state
                tell(f"{member.run}: {state}")
        for job in jobs.values():
            if job.state in ("failed", "stopped", "interrupted"):
                raise JobError(
                    f"job {job.number} of run {job.run} {_ENDED[job.state]}",
                    found=job.message or None,
                    expected="the same command again, which goes on with it",
                )
        if not any(job.open for job in jobs.values()):
            return tuple(open_run(member.run) for member in plan.members)
        time.sleep(_SECONDS_BETWEEN)


_ENDED = {"failed": "failed", "stopped": "was stopped", "interrupted": "was interrupted"}


def _check(member: Member, dataset: str) -> None:
    if member.run not in run_names():
        return
    run = open_run(member.run)
    if run.config == member.config and run.info.dataset == dataset:
        return
    differs = run.info.dataset if run.info.dataset != dataset else "other settings"
    raise ConfigError(
        f"the run {member.run} is there, and none of this cross-validation",
        found=differs,
        expected="its settings and dataset, or another --name",
    )


def _ask(queue: JobQueue, dataset: str, member: Member, device: str, devices: int) -> Job | None:
    """The job that makes a run, begun if there was none; None where nothing is left to do."""
    with suppress(JobError):
        job = queue.find(member.run)
        if job.open:
            return job
    token = secrets.token_hex(16)
    try:
        run = open_run(member.run)
    except RunError:
        return queue.start(
            dataset=dataset, config=member.config, run=member.run, token=token, accelerator=device, devices=devices
        )
    return None if run.is_evaluated() else queue.resume(run.name, token=token, accelerator=device, devices=devices)
