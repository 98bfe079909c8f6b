"""What the process of a job does: train, evaluate, and say truly how that ended."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from segcore.config import RunConfig
from segcore.data import Dataset, open_dataset
from segcore.errors import SegcoreError
from segcore.evaluation import Evaluated, evaluate, write_card
from segcore.jobs.job import Job
from segcore.jobs.queue import JobQueue
from segcore.locking import locked
from segcore.posix import give_way
from segcore.progress import SILENT, Progress
from segcore.runs import Run, StatusWriter, now, open_run

log = logging.getLogger("segcore.jobs.task")


def run_job(queue: JobQueue, number: int) -> None:
    """Trains and evaluates, or only evaluates, and notes how it ended. For the process started for this job."""
    if os.environ.get("LOCAL_RANK", "0") != "0":
        # One more process for one more device, started by the one that holds the lock.
        _do(queue.job(number))
        return
    with locked(queue.lock_of(number), wait=True):
        job = queue.claim(number)
        if job is None:
            return
        give_way()
        try:
            _do(job, judging=lambda: queue.update(number, state="evaluating"))
            queue.update(number, state="finished", ended=now(), pid=None)
        except KeyboardInterrupt:
            return  # whoever asked for it notes it
        except SegcoreError as error:
            queue.update(number, state="failed", ended=now(), pid=None, message=str(error))
        except BaseException as error:
            traceback.print_exc()
            problem = f"an unexpected error, {type(error).__name__}: {error}"
            with suppress(SegcoreError):
                queue.update(number, state="failed", ended=now(), pid=None, message=problem)
            raise


def conclude_job(queue: JobQueue, number: int) -> None:
    """Chooses thresholds for the best weights of a job that was stopped, and evaluates them."""
    from segcore.training import conclude

    with locked(queue.lock_of(number), wait=True):
        job = queue.claim(number)
        if job is None:
            return
        give_way()
        run = open_run(job.run)
        dataset = open_dataset(run.info.dataset)
        try:
            judge(conclude(run, dataset, accelerator=_device(job)), dataset, _device(job))
        except KeyboardInterrupt:
            return
        except SegcoreError as error:
            queue.update(number, message=f"stopped, but not evaluated: {error}")


def _do(job: Job, judging: Callable[[], object] | None = None) -> None:
    dataset = open_dataset(job.dataset)
    if job.task == "evaluate":
        measure_on(open_run(job.run), dataset, _device(job))
        return
    if job.config is None and (run := open_run(job.run)).info.state == "finished":
        if judging is not None:
            judging()
        judge(run, dataset, _device(job))  # what is left is its evaluation
        return
    train_and_judge(
        dataset, job.run, job.config, started_from=job.started_from, device=_device(job), devices=job.devices,
        judging=judging,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A run that was trained, and how it did.

    Attributes:
        run: trained to its end.
        evaluations: of its validation slices where it leaks or has no test slices, then of its test slices. Empty in
            all but the first process of a training on several devices.
    """

    run: Run
    evaluations: tuple[Evaluated, ...] = ()


def train_and_judge(
    dataset: Dataset,
    name: str,
    config: RunConfig | None,
    *,
    started_from: str = "",
    device: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    progress: Progress = SILENT,
    judging: Callable[[], object] | None = None,
) -> Judged:
    """Trains a run to its end, then evaluates it.

    Args:
        dataset: a labelled stack.
        name: of the run.
        config: of a new run; None goes on with the one of that name.
        started_from: a run whose weights a new one begins with; empty for random ones.
        device: `auto`, `cpu` or `cuda`.
        devices: processes on this machine, one a device.
        nodes: machines.
        progress: told how far the evaluation is.
        judging: called once training is over.

    Raises:
        SegcoreError: as `train`, `resume` and `evaluate` do.
    """
    from segcore.training import Machine, epoch_report, is_lead_process, resume, train

    machine = Machine(accelerator=device, devices=devices, nodes=nodes)
    if config is None:
        run = resume(open_run(name), dataset, machine=machine, report=epoch_report())
    else:
        initial = open_run(started_from) if started_from else None
        run = train(dataset, config, name, initial=initial, machine=machine, report=epoch_report())
    if not is_lead_process():
        return Judged(run=run)
    if judging is not None:
        judging()
    return Judged(run=run, evaluations=judge(run, dataset, device, progress=progress))


def judge(run: Run, dataset: Dataset, device: str, *, progress: Progress = SILENT) -> tuple[Evaluated, ...]:
    """Evaluates a run on its test slices; where it leaks, or has none, on its validation slices first."""
    StatusWriter(run).tell("evaluating", max(1, run.info.epochs), at_once=True)
    found: list[Evaluated] = []
    if not run.split.test or run.audit_split().leaks:
        # What a leak flatters stands beside what the same network does on slices it has not seen.
        found.append(evaluate(run, dataset, part="validation", device=device, progress=progress))
    if run.split.test:
        found.append(evaluate(run, dataset, part="test", device=device, progress=progress))
        write_card(run, dataset, found[-1])
    return tuple(found)


def measure_on(run: Run, dataset: Dataset, device: str) -> Evaluated:
    """Evaluates a trained run on any labelled dataset; on its own, on the test slices."""
    StatusWriter(run).tell("evaluating", max(1, run.info.epochs), at_once=True)
    found = evaluate(run, dataset, device=device)
    if found.part == "test":
        write_card(run, dataset, found)
    return found


def _device(job: Job) -> str:
    return "cpu" if job.lane == "cpu" else "auto"
