"""A cluster that trainings can be sent to, through submitit: its settings, and what has been sent there."""

from __future__ import annotations

import logging
import subprocess
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from segcore.checked import from_dict
from segcore.errors import ConfigError, JobError

_ASK_EVERY_S = 10.0
"""Seconds between two questions to the scheduler, which has others to answer too."""
_NOT_OVER = ("READY", "PENDING", "RUNNING", "UNKNOWN", "REQUEUED", "COMPLETING", "PREEMPTED", "SUSPENDED")
_BEFORE_THE_LIMIT_S = 120
"""Seconds before the time limit at which a training is stopped, to be evaluated."""


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """`models/slurm.toml`: how trainings are sent to a cluster. An empty file takes what the cluster takes.

    Attributes:
        executor: `slurm`, or `local` to try all of it with processes of this machine.
        partition: of the cluster; empty for its default.
        time_minutes: limit of a job; a little before it the training is stopped and evaluated, and can be resumed.
        gpus_per_node: GPUs to ask for, never fewer than processes; 0 trains on CPUs.
        cpus_per_task: cores to ask for.
        memory_gb: memory to ask for; 0 for the cluster's default.
        setup: lines for the shell before Python starts, such as `module load cuda`.
        parameters: other options of `sbatch`, such as account = "em".
    """

    executor: Literal["slurm", "local"] = "slurm"
    partition: str = ""
    time_minutes: int = 240
    gpus_per_node: int = 1
    cpus_per_task: int = 4
    memory_gb: float = 0.0
    setup: tuple[str, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, least in (("time_minutes", 5), ("gpus_per_node", 0), ("cpus_per_task", 1), ("memory_gb", 0)):
            if getattr(self, key) < least:
                raise ConfigError(f"{key} is out of range", found=getattr(self, key), expected=f"at least {least}")


def cluster_file(models: Path) -> Path:
    """Where the settings are, if there are any."""
    return models / "slurm.toml"


def read_cluster(models: Path) -> ClusterConfig:
    """The settings of the cluster; `ConfigError` if there are none, or they are wrong."""
    path = cluster_file(models)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        expected = 'a file of settings there, such as: partition = "gpu"'
        raise ConfigError("no cluster is set up", path=path, expected=expected) from error
    except (OSError, ValueError) as error:
        raise ConfigError("the cluster's settings cannot be read", path=path, found=error, expected="TOML") from error
    try:
        return from_dict(ClusterConfig, values)
    except ConfigError as error:
        raise ConfigError(error.problem, path=path, found=error.found, expected=error.expected) from error


class Cluster:
    """Sends functions to a cluster, and knows how they are.

    What the scheduler says is what is true there: locks on files reach other machines on some shared disks only.
    """

    def __init__(self, config: ClusterConfig) -> None:
        try:
            import submitit
        except ImportError as error:
            raise ConfigError("submitit is not installed", expected="pip install submitit") from error
        logging.getLogger("submitit").setLevel(logging.ERROR)
        self.config = config
        self._submitit = submitit
        self._kind: Any = submitit.SlurmJob if config.executor == "slurm" else submitit.LocalJob
        self._sent: dict[tuple[Path, str], Any] = {}
        self._asked = float("-inf")

    def submit(self, folder: Path, name: str, devices: int, function: Callable[..., object], *arguments: Any) -> str:
        """Sends a function, which has to be found by its name in Python's files there too, and returns its number.

        Args:
            folder: for what the cluster writes, on a disk that it shares.
            name: to be seen in the cluster's queue.
            devices: processes that it will start.

        Raises:
            JobError: with what the cluster said.
        """
        config = self.config
        try:
            executor = self._submitit.AutoExecutor(folder=folder, cluster=config.executor)
            executor.update_parameters(
                name=name,
                timeout_min=config.time_minutes,
                nodes=1,
                tasks_per_node=1,
                cpus_per_task=config.cpus_per_task,
                gpus_per_node=max(config.gpus_per_node, devices) if config.gpus_per_node else 0,
                mem_gb=config.memory_gb or None,
                slurm_partition=config.partition or None,
                slurm_signal_delay_s=_BEFORE_THE_LIMIT_S,
                slurm_setup=list(config.setup) or None,
                slurm_additional_parameters=dict(config.parameters) or None,
            )
            sent = executor.submit(function, *arguments)
        except (RuntimeError, ValueError, NameError, AssertionError, OSError, subprocess.SubprocessError) as error:
            said = str(error).strip() or type(error).__name__
            raise JobError("the cluster did not take the job", found=said[-300:]) from error
        self._sent[folder, sent.job_id] = sent
        self._asked = float("-inf")
        return str(sent.job_id)

    def state(self, folder: Path, number: str) -> str:
        """What the scheduler says of it, such as `PENDING`, `RUNNING` or `TIMEOUT`; asked now and then."""
        job = self._job(folder, number)
        if self.config.executor == "local":
            return str(job.state)
        if time.monotonic() - self._asked > _ASK_EVERY_S:
            self._asked = time.monotonic()
            job.watcher.update()
        return str(job.watcher.get_state(number, mode="cache")).partition(" ")[0].upper()

    def is_over(self, folder: Path, number: str) -> bool:
        """Whether it has ended there, however it went."""
        state = self.state(folder, number)
        return bool(self._job(folder, number).paths.result_pickle.exists()) or state not in _NOT_OVER

    def cancel(self, folder: Path, number: str) -> None:
        """Takes it out of the cluster's queue, or ends it."""
        self._job(folder, number).cancel(check=False)

    def _job(self, folder: Path, number: str) -> Any:
        if (folder, number) not in self._sent:
            self._sent[folder, number] = self._kind(folder=folder, job_id=number)
        return self._sent[folder, number]
