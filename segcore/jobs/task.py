"""What the process of a job does: train, evaluate, and say truly how that ended."""

from __future__ import annotations

import logging
import os
import traceback
from contextlib import suppress

from segcore.data.dataset import Dataset, open_dataset
from segcore.errors import SegcoreError
from segcore.evaluation.evaluate import evaluate
from segcore.evaluation.report import write_card
from segcore.jobs.detached import give_way
from segcore.jobs.job import Job
from segcore.jobs.queue import JobQueue
from segcore.locking import locked
from segcore.network.prediction import choose_device
from segcore.runs.run import Run, now, open_run
from segcore.runs.status import LiveReport
from segcore.training.terminal import epoch_report
from segcore.training.training import Machine, conclude, is_lead_process, resume, train

log = logging.getLogger("segcore.jobs.task")


def run_job(queue: JobQueue, number: int) -> None:
    """Trains, evaluates, and notes how it ended. For the process that was started for this job."""
    if os.environ.get("LOCAL_RANK", "0") != "0":
        # One more process for one more device, started by the one that holds the lock.
        _train(queue.job(number))
        return
    with locked(queue.lock_of(number), wait=True):
        job = queue.claim(number)
        if job is None:
            return
        give_way()
        try:
            run, dataset = _train(job)
            if is_lead_process():
                queue.update(number, state="evaluating")
                judge(run, dataset, job.lane)
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
    with locked(queue.lock_of(number), wait=True):
        job = queue.claim(number)
        if job is None:
            return
        give_way()
        run = open_run(job.run)
        dataset = open_dataset(run.info.dataset)
        try:
            run = conclude(run, dataset, accelerator="cpu" if job.lane == "cpu" else "auto")
            judge(run, dataset, job.lane)
        except KeyboardInterrupt:
            return
        except SegcoreError as error:
            queue.update(number, message=f"stopped, but not evaluated: {error}")


def judge(run: Run, dataset: Dataset, lane: str) -> None:
    """Evaluates a run on its test slices; where it leaks, or has none, on its validation slices too."""
    device = choose_device("cpu" if lane == "cpu" else "auto")
    LiveReport(run).tell("evaluating", max(1, run.info.epochs), at_once=True)
    if not run.split.test or run.audit_split().leaks:
        evaluate(run, dataset, part="validation", device=device)
    if run.split.test:
        write_card(run, dataset, evaluate(run, dataset, part="test", device=device))


def _train(job: Job) -> tuple[Run, Dataset]:
    dataset = open_dataset(job.dataset)
    machine = Machine(accelerator="cpu" if job.lane == "cpu" else "auto", devices=job.devices)
    if job.config is None:
        run = open_run(job.run)
        if run.info.state == "finished":
            return run, dataset  # what is left is its evaluation
        return resume(run, dataset, machine=machine, report=epoch_report()), dataset
    initial = open_run(job.started_from) if job.started_from else None
    run = train(dataset, job.config, job.run, initial=initial, machine=machine, report=epoch_report())
    return run, dataset
