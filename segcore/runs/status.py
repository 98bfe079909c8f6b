"""How far a training is, while it runs.

Nothing here is needed to resume or to repeat a run, so whatever cannot be written is left out.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segcore.checked import from_dict
from segcore.errors import ConfigError, RunError, SegcoreError
from segcore.posix import peak_memory_mb
from segcore.runs.environment import now
from segcore.runs.history import EpochRecord
from segcore.runs.run import Run
from segcore.storage import read_json, write_json

Stage = Literal["starting", "training", "validating", "choosing thresholds", "evaluating"]

_SECONDS_BETWEEN = 0.5
_LATEST = 5
"""Epochs that tell how long the next ones take."""


@dataclass(frozen=True, kw_only=True)
class TrainingStatus:
    """How far a training is.

    Attributes:
        stage: what it does now.
        epoch: the epoch it is in, counted from 1.
        epochs: how many there will be at most.
        step: steps done in this epoch.
        steps: steps in an epoch.
        memory_mb: most memory it has taken so far: the device's on a GPU, the process's elsewhere.
        updated: UTC, ISO 8601.
    """

    stage: Stage
    epoch: int
    epochs: int
    step: int = 0
    steps: int = 0
    memory_mb: float = 0.0
    updated: str = ""

    @property
    def share(self) -> float:
        """Of all epochs, how much is done, 0..1."""
        inside = self.step / self.steps if self.steps else 0.0
        return min(1.0, (self.epoch - 1 + inside) / self.epochs) if self.epochs else 0.0


class StatusWriter:
    """Writes a run's progress now and then."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.epochs = run.config.train.epochs
        self._written = 0.0

    def tell(self, stage: Stage, epoch: int, step: int = 0, steps: int = 0, *, at_once: bool = False) -> None:
        """Notes where training is, if it was not noted a moment ago."""
        if not at_once and time.monotonic() - self._written < _SECONDS_BETWEEN:
            return
        progress = TrainingStatus(
            stage=stage, epoch=epoch, epochs=self.epochs, step=step, steps=steps, memory_mb=memory_mb(), updated=now()
        )
        with suppress(SegcoreError):  # a full disk is noticed where it matters
            write_json(_path(self.run), dataclasses.asdict(progress))
        self._written = time.monotonic()


def read_status(run: Run) -> TrainingStatus | None:
    """How far the training of a run is or was; None if it has not said so yet."""
    path = _path(run)
    if not path.exists():
        return None
    try:
        return from_dict(TrainingStatus, read_json(path, RunError))
    except ConfigError as error:
        raise RunError("not the progress of a training", path=path, expected="what training wrote") from error


def seconds_left(history: Sequence[EpochRecord], progress: TrainingStatus | None) -> float | None:
    """About how long the epochs that are left take, from the latest ones; None if no epoch tells, or none is left."""
    if progress is None or not history or progress.stage in ("choosing thresholds", "evaluating"):
        return None
    an_epoch = statistics.median(row.seconds for row in history[-_LATEST:])
    return an_epoch * progress.epochs * (1 - progress.share)


def memory_mb() -> float:
    """The most memory this process has taken so far, megabytes: on its GPU if it has used one, otherwise of its own."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return float(torch.cuda.max_memory_allocated()) / 1e6
    return peak_memory_mb()


def _path(run: Run) -> Path:
    return run.folder / "progress.json"
