"""Trainings and evaluations as jobs: a queue in files, the same for every tab, person and the command line.

    models/.jobs/lock              held for a moment by whoever changes anything below
    models/.jobs/cpu.lock          held by the process that starts one job after another on a device
    models/.jobs/0001/job.json     what is to be done, and how far it is
                     /lock         held by the process that does it
                     /output.txt   what that process wrote
                     /reserve      space kept so that a full disk can still be told
                     /cluster/     what the cluster wrote, if it was sent to one

A job is alive if and only if its lock is held, whatever its file says. The kernel lets go of a lock when its process
ends, however it ends, so nothing here depends on the numbers of processes, which systems use again. Only of what was
sent to a cluster, where locks are not seen from everywhere, the scheduler is asked, by the holder of `slurm.lock`.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from segcore.config import RunConfig, to_dict
from segcore.data import open_dataset, original_fingerprint
from segcore.errors import ConfigError, DataError, JobError, RunError, SegcoreError, StorageError
from segcore.jobs.cluster import read_cluster
from segcore.jobs.detached import detached
from segcore.jobs.job import NOT_FOLLOWED, Job, Lane, State, device_lane, ended, read_job
from segcore.locking import is_locked, locked
from segcore.posix import memory
from segcore.runs import check_free, models_root, now, open_run, split_of, threshold_value, training_memory
from segcore.storage import read_only, safe_name, storage_errors, write_json

ARCHITECTURE = ("width", "depth", "normalisation")
"""Settings of `model` that have to agree for one run to begin with another's weights."""
_RESERVE = 64 * 1024


class JobQueue:
    """The jobs of a folder of runs."""

    def __init__(self, models: Path | None = None) -> None:
        self.models = (models or models_root()).absolute()
        self.folder = self.models / ".jobs"

    # --- reading -----------------------------------------------------------------------------------

    def jobs(self) -> list[Job]:
        """Every job as it truly is: those alive, those that wait, in order, and then the others, the latest first."""
        found = [self._as_it_is(job) for job in self._records()]
        rank = {True: 0, False: 1}
        return sorted(
            found,
            key=lambda job: (rank[job.active], job.order, job.number) if job.open else (2, 0.0, -job.number),
        )

    def job(self, number: int) -> Job:
        """A job as it truly is: one whose process is gone is not alive, whatever was written down last."""
        return self._as_it_is(self._read(number))

    def _as_it_is(self, job: Job) -> Job:
        number = job.number
        if not job.active or is_locked(self.lock_of(number)):
            return job
        if job.lane == "slurm":
            followed = is_locked(self.lane_lock("slurm"))
            return job if followed else dataclasses.replace(job, message=job.message or NOT_FOLLOWED)
        if (job.pid is None or job.stop) and is_locked(self.lane_lock(job.lane)):
            return job  # its process is being started, or its end is about to be noted
        with suppress(JobError):
            job = self._read(number)  # it may have ended between the two looks
        return ended(job) if job.active else job

    def find(self, name: str) -> Job:
        """The job with this number, or the latest of the run of this name."""
        jobs = self.jobs()
        found = [job for job in jobs if str(job.number) == name] or [job for job in jobs if job.run == name]
        if not found:
            there = ", ".join(f"{job.number} ({job.run})" for job in jobs[:8]) or "none"
            raise JobError("there is no such job", path=self.folder, found=name, expected=f"one of: {there}")
        return max(found, key=lambda job: job.number)

    def lock_of(self, number: int) -> Path:
        return self._place(number) / "lock"

    def output_of(self, number: int) -> Path:
        """What the job's process wrote, besides the log of its run."""
        return self._place(number) / "output.txt"

    def cluster_folder(self, number: int) -> Path:
        """What the cluster wrote about the job."""
        return self._place(number) / "cluster"

    def attendant_lock(self, number: int) -> Path:
        """Held by the process on the cluster that starts and stops the job's process there."""
        return self._place(number) / "attendant.lock"

    def log(self, number: int) -> str:
        """The log of a job's run, and below it what its process said when something went wrong."""
        job = self.job(number)
        texts = []
        wrong = job.state in ("failed", "interrupted")  # otherwise submitit only says that all is well
        errors = sorted(self.cluster_folder(number).glob("*.err")) if wrong else []
        for path in (self.models / job.run / "log.txt", self.output_of(number), *errors):
            with suppress(OSError):
                texts.append(path.read_text(encoding="utf-8", errors="replace"))
        return "".join(texts)

    def lane_lock(self, lane: Lane) -> Path:
        return self.folder / f"{lane}.lock"

    def _place(self, number: int) -> Path:
        return self.folder / f"{number:04d}"

    def _read(self, number: int) -> Job:
        return read_job(self._place(number) / "job.json")

    # --- changing ----------------------------------------------------------------------------------

    def start(
        self,
        *,
        dataset: str,
        config: RunConfig,
        run: str,
        token: str,
        started_from: str = "",
        accelerator: str = "auto",
        lane: Lane | None = None,
        devices: int = 1,
    ) -> Job:
        """Puts a new training at the end of the queue.

        Args:
            dataset: name of a labelled dataset.
            config: of the run.
            run: its name; no run and no open job may have it.
            token: anything that is another for every request. A second request with the same one changes nothing and
                returns the first one's job.
            started_from: a run of the same architecture whose weights it begins with; empty for random ones.
            accelerator: `auto`, `cpu`, `cuda`, or `slurm` for the cluster of `slurm.toml`.
            lane: instead of `accelerator`, where it runs.
            devices: processes.

        Raises:
            SegcoreError: for everything that would make it fail at once.
        """
        refuse_when_read_only()
        lane = lane or device_lane(accelerator)
        self.check_training(dataset=dataset, config=config, started_from=started_from, lane=lane)
        self._check_devices(lane, devices, config)
        with self._alone():
            again = [job for job in self._records() if job.token == token]
            if again:
                return self.job(again[0].number)
            self.check_name(run)
            job = self._add(
                token=token, task="train", run=run, dataset=dataset, config=config, started_from=started_from,
                lane=lane, devices=devices,
            )  # fmt: skip
        self.ensure_runner(job.lane)
        return job

    def resume(self, run: str, *, token: str, accelerator: str = "auto", devices: int = 1) -> Job:
        """Puts going on with an interrupted, stopped or failed run at the end of the queue. Errors as for `start`.

        A run that was trained to its end, but not evaluated, is evaluated.
        """
        refuse_when_read_only()
        opened = open_run(run, root=self.models)
        if opened.is_evaluated():
            raise RunError("the run is finished", path=opened.folder, expected="an interrupted or failed run")
        if opened.state == "training":
            raise RunError("another process is training this run", path=opened.folder, expected="to stop it first")
        lane = device_lane(accelerator)
        self._check_devices(lane, devices, opened.config)
        with self._alone():
            again = [job for job in self._records() if job.token == token]
            if again:
                return self.job(again[0].number)
            self.check_not_asked_for(run)
            job = self._add(
                token=token, task="resume", run=run, dataset=opened.info.dataset,
                started_from=opened.info.started_from, lane=lane, devices=devices,
            )  # fmt: skip
        self.ensure_runner(job.lane)
        return job

    def evaluate(self, run: str, dataset: str, *, token: str, accelerator: str = "auto") -> Job:
        """Puts measuring a run on a dataset at the end of the queue.

        On the run's own stack its test slices are measured, if it has any, else all that are labelled.

        Raises:
            SegcoreError: for everything that would make it fail at once.
        """
        refuse_when_read_only()
        self.check_evaluation(run, dataset)
        lane = device_lane(accelerator)
        if lane == "slurm":
            read_cluster(self.models)
        with self._alone():
            again = [job for job in self._records() if job.token == token]
            if again:
                return self.job(again[0].number)
            self.check_not_asked_for(run)
            job = self._add(token=token, task="evaluate", run=run, dataset=dataset, lane=lane)
        self.ensure_runner(job.lane)
        return job

    def again(self, number: int, *, token: str) -> Job:
        """Goes on with the run of a job that is over, or begins it anew if it never came as far as a run."""
        refuse_when_read_only()
        job = self.job(number)
        if job.open:
            raise JobError("the job is not over", found=job.state, expected="to stop it first")
        if job.task == "evaluate":
            return self.evaluate(
                job.run, job.dataset, token=token, accelerator="auto" if job.lane == "cuda" else job.lane
            )
        if (self.models / job.run).exists() or job.config is None:
            accelerator = "auto" if job.lane == "cuda" else job.lane
            return self.resume(job.run, token=token, accelerator=accelerator, devices=job.devices)
        return self.start(
            dataset=job.dataset, config=job.config, run=job.run, token=token, started_from=job.started_from,
            lane=job.lane, devices=job.devices,
        )  # fmt: skip

    def stop(self, number: int) -> Job:
        """Asks a job to stop; one that waits is taken out of the queue. What is over already stays as it is."""
        refuse_when_read_only()
        with self._alone():
            job = self.job(number)
            if job.state == "waiting":
                job = self._write(dataclasses.replace(job, state="stopped", ended=now(), message="it never began"))
            elif job.active:
                job = self._write(dataclasses.replace(self._read(number), stop=True))
        if job.active:
            self.ensure_runner(job.lane)
        return job

    def move_up(self, number: int) -> None:
        """Lets a job that waits change places with the one before it."""
        refuse_when_read_only()
        with self._alone():
            waiting = [job for job in self.jobs() if job.state == "waiting"]
            places = [job.number for job in waiting]
            if number not in places:
                raise JobError("the job does not wait", found=self.job(number).state, expected="a waiting job")
            place = places.index(number)
            if place == 0:
                return
            before = waiting[place - 1].order
            earlier = waiting[place - 2].order if place > 1 else before - 2
            self._write(dataclasses.replace(waiting[place], order=(before + earlier) / 2))

    def remove(self, number: int) -> None:
        """Forgets a job that waits or is over. Its run stays."""
        refuse_when_read_only()
        with self._alone():
            job = self.job(number)
            if job.active:
                raise JobError("the job is running", found=job.state, expected="to stop it first")
            with storage_errors(self._place(number)):
                # The number stays taken, so that no link and no habit leads to another job.
                for path in self._place(number).iterdir():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def update(self, number: int, **changes: Any) -> Job:
        """Notes something about a job, for the process that does it; on a full disk too."""
        with self._alone():
            job = dataclasses.replace(self._read(number), **changes)
            try:
                return self._write(job)
            except StorageError:
                with suppress(OSError):
                    (self._place(number) / "reserve").unlink()
                return self._write(job)

    def check_training(
        self, *, dataset: str, config: RunConfig, started_from: str = "", lane: Lane | None = None
    ) -> None:
        """Raises a `SegcoreError` if a training like this would fail at once. Arguments as for `start`."""
        info = open_dataset(dataset).info
        if not info.labelled:
            raise DataError(f"{dataset} has no labels to learn from", expected="a labelled dataset")
        split_of(info, config)
        if started_from:
            self._check_architecture(started_from, config)
        if lane == "cpu":
            # By all the memory there is: what is free when its turn comes nobody knows.
            in_halves = config.train.precision != "32"
            needed = training_memory(config, info.height, info.width, bfloat16=in_halves)
            needed.check(memory().total)

    def check_evaluation(self, run: str, dataset: str) -> None:
        """Raises a `SegcoreError` if measuring this run on this dataset would fail at once."""
        opened, data = open_run(run, root=self.models), open_dataset(dataset)
        info = data.info
        opened.check_predicts(info.fingerprint, original_fingerprint(data))
        if opened.has_network:
            threshold_value(opened, "pixel")
            if not opened.weights.exists():
                raise RunError("the weights are missing", path=opened.weights, expected="a run with at least one epoch")
        if not info.labelled:
            raise DataError(f"{dataset} has no labels to measure against", expected="a labelled dataset")

    def check_name(self, run: str) -> None:
        """Raises a `SegcoreError` if a new run cannot have this name."""
        check_free(run, root=self.models)
        self.check_not_asked_for(run)

    def _check_devices(self, lane: Lane, devices: int, config: RunConfig) -> None:
        if config.train.batch_size < devices or devices < 1:
            raise ConfigError(
                "a step has fewer patches than there are processes",
                found=f"{devices} processes",
                expected=f"1 to {config.train.batch_size}",
            )
        most = max(2, os.cpu_count() or 1)
        if lane == "cpu" and devices > most:
            raise ConfigError("there are not as many devices here", found=devices, expected=f"at most {most}")
        if lane == "slurm":
            read_cluster(self.models)

    def check_not_asked_for(self, run: str) -> None:
        """Raises a `JobError` if a job trains or measures this run, or waits to."""
        for job in self.jobs():
            if job.open and job.run == run:
                raise JobError(
                    f"job {job.number} has asked for the run {run} already", found=job.state, expected="another name"
                )

    def _check_architecture(self, name: str, config: RunConfig) -> None:
        run = open_run(name, root=self.models)
        if not run.weights.exists():
            raise RunError("the run has no weights to begin with", path=run.folder, expected="one epoch at least")
        own, wanted = run.config.model, config.model
        for key in ARCHITECTURE:
            if getattr(own, key) != getattr(wanted, key):
                raise ConfigError(
                    f"the weights of {name} are of another architecture",
                    found=f"model.{key}={getattr(own, key)}",
                    expected=f"model.{key}={getattr(wanted, key)}",
                )

    def _add(self, **values: Any) -> Job:
        # Also those that were forgotten.
        number = max((int(path.name) for path in self.folder.glob("[0-9]*") if path.name.isdigit()), default=0) + 1
        order = max([float(number), *(job.order + 1 for job in self._records())])
        job = Job(number=number, order=order, submitted=now(), **values)
        place = self._place(number)
        with storage_errors(place):
            place.mkdir(parents=True)
        try:
            with storage_errors(place):
                (place / "reserve").write_bytes(b"\0" * _RESERVE)
                self.output_of(number).touch()
                self.lock_of(number).touch()
            return self._write(job)
        except SegcoreError:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def _records(self) -> list[Job]:
        """What was written down last of every job; those that are damaged, or removed meanwhile, are left out."""
        found = []
        for path in sorted(self.folder.glob("[0-9]*/job.json")):
            with suppress(JobError, ValueError):
                found.append(self._read(int(path.parent.name)))
        return found

    def _write(self, job: Job) -> Job:
        values = {field.name: getattr(job, field.name) for field in dataclasses.fields(job)}
        values["config"] = None if job.config is None else to_dict(job.config)
        write_json(self._place(job.number) / "job.json", values)
        return job

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with locked(self.folder / "lock"):
            yield

    # --- the process that starts jobs --------------------------------------------------------------

    def next_job(self, lane: Lane) -> Job | None:
        """The job of this lane that is alive already, otherwise the first that waits, now `starting`.

        For the holder of the lane's lock. Jobs that died unseen are noted as what they are.
        """
        with self._alone():
            for job in self._records():
                if job.lane != lane:
                    continue
                if job.active and is_locked(self.lock_of(job.number)):
                    return job
                if job.active:
                    self._write(self._end_of(job))
            return self._take_next(lane)

    def next_waiting(self, lane: Lane) -> Job | None:
        """The first job of this lane that waits, now `starting`, whatever else is alive."""
        with self._alone():
            return self._take_next(lane)

    def _take_next(self, lane: Lane) -> Job | None:
        waiting = [job for job in self._records() if job.lane == lane and job.state == "waiting"]
        if not waiting:
            return None
        first = min(waiting, key=lambda job: (job.order, job.number))
        return self._write(dataclasses.replace(first, state="starting", started=now()))

    def claim(self, number: int) -> Job | None:
        """Notes that this process does a job now; None if it should not any more. For the holder of the job's lock."""
        with self._alone():
            job = self._read(number)
            if job.state not in ("starting", "evaluating") or job.pid is not None:
                return None
            state: State = "training" if job.state == "starting" and job.task != "evaluate" else "evaluating"
            return self._write(dataclasses.replace(job, state=state, pid=os.getpid()))

    def settle(self, number: int, message: str = "", *, evaluate: bool = False) -> Job:
        """Notes the end of a job whose process is gone, if the process did not do so itself.

        With `evaluate`, one that was asked to stop is not over yet: its best weights are to be evaluated.
        """
        with self._alone():
            job = self._read(number)
            if job.active and job.stop and evaluate:
                job = dataclasses.replace(job, state="evaluating", stop=False, concluding=True, pid=None)
                return self._write(job)
            return self._write(self._end_of(job, message)) if job.active else job

    def _end_of(self, job: Job, message: str = "") -> Job:
        """How a job ended whose process is gone: well, if it only did not come to say so."""
        with suppress(SegcoreError):
            trains = job.task != "evaluate" and not job.concluding
            if trains and open_run(job.run, root=self.models).is_evaluated():
                return dataclasses.replace(job, state="finished", ended=now(), pid=None)
        return ended(job, message)

    def ensure_runner(self, lane: Lane) -> None:
        """Starts the process that starts the lane's jobs, unless there is one, or nothing may be written.

        It ends when there is nothing to do.
        """
        if read_only() or is_locked(self.lane_lock(lane)):
            return
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / f"{lane}.txt").open("ab") as output:
                detached(["jobs", "work", lane], models=self.models, output=output)

    def ensure_runners(self) -> None:
        """The same for every lane with something to do, as after the machine was switched on again."""
        for lane in {job.lane for job in self.jobs() if job.open}:
            self.ensure_runner(lane)


def refuse_when_read_only() -> None:
    """Raises a `JobError` where nothing is to be written."""
    if read_only():
        raise JobError("nothing is trained here", found="SEGCORE_READ_ONLY is set", expected="a place to write to")


def free_run_name(stem: str, models: Path | None = None) -> str:
    """`stem-1`, `stem-2` ...: the first that neither a run nor an open job has."""
    queue = JobQueue(models)
    asked = {job.run for job in queue.jobs() if job.open}
    number = 1
    while (queue.models / f"{stem}-{number}").exists() or f"{stem}-{number}" in asked:
        number += 1
    return safe_name(f"{stem}-{number}", "run")
