"""What needs PyTorch runs in one process of its own, so that the server never imports it and no page waits long.

Tasks and results are plain arrays and values. The process starts with the first task and ends with the server.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from segcore.errors import RunError


@dataclass(frozen=True, kw_only=True)
class Varied:
    """A copy of a slice.

    Attributes:
        source: index of the slice.
        image: (H, W) uint8.
        label: (H, W) uint8, 255 is interior.
        parameters: of its transform, by name.
    """

    source: int
    image: NDArray[np.uint8]
    label: NDArray[np.uint8]
    parameters: dict[str, Any]


class _Worker:
    """Starts the process, and another one if it was killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, task: Callable[..., Any], *values: Any) -> Future[Any]:
        with self._lock:
            for last in (False, True):
                if self._pool is None:
                    context = multiprocessing.get_context("spawn")
                    self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_the_server)
                try:
                    return self._pool.submit(task, *values)
                except BrokenProcessPool:
                    self._pool = None
                    if last:
                        raise
        raise AssertionError("unreachable")


@st.cache_resource(show_spinner=False)
def _worker() -> _Worker:
    return _Worker()


def call(task: Callable[..., Any], *values: Any) -> Any:
    """Runs a function of this module in the worker and waits for what it gives.

    Raises:
        SegcoreError: what the task raised.
        RunError: the process was killed, as systems do that run out of memory.
    """
    try:
        return _worker().submit(task, *values).result()
    except BrokenProcessPool as error:
        raise RunError(
            "the process that computes was ended by the system, perhaps for lack of memory",
            expected="a smaller image, or fewer copies",
        ) from error


def _end_with_the_server() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch(sentinel: int = parent.sentinel) -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


# --- what runs in the worker ------------------------------------------------------------------


def vary(dataset: str, settings: dict[str, Any], sources: list[int], count: int, seed: int) -> list[Varied]:
    """Copies of some slices, made as training makes them; each slice in turn."""
    import torch

    from segcore.augment import draw
    from segcore.config import AugmentConfig, RunConfig, from_dict
    from segcore.datasets import open_dataset
    from segcore.sampling import BatchMaker, Sample

    stack = open_dataset(dataset)
    assert stack.labels is not None
    config = RunConfig(augment=from_dict(AugmentConfig, settings))
    samples = [
        Sample(
            source=sources[copy % len(sources)],
            transform=draw(config.augment, np.random.default_rng([seed, 1, copy])),
        )
        for copy in range(count)
    ]
    maker = BatchMaker(stack.images, stack.labels, config, torch.device("cpu"))
    made = []
    for sample in samples:
        batch = maker.make([sample], patch_px=0)
        made.append(
            Varied(
                source=sample.source,
                image=(batch.images[0, 0] * 255).round().byte().numpy(),
                label=batch.labels[0, 0].byte().mul(255).numpy(),
                parameters=asdict(sample.transform),
            )
        )
    return made


def write_pool(dataset: str, settings: dict[str, Any], folder: str, count: int, seed: int) -> int:
    """The same files as `python -m segcore augment`; gives the number of pairs."""
    from segcore import pool
    from segcore.config import AugmentConfig, RunConfig, from_dict
    from segcore.datasets import open_dataset

    config = RunConfig(augment=from_dict(AugmentConfig, settings))
    return pool.write_pool(open_dataset(dataset), config, Path(folder), count=count, seed=seed).copies


def predict(run: str, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Probability of interior of one slice (H, W) uint8, times 255."""
    from segcore.prediction import predict as predict_slices
    from segcore.runs import open_run

    opened = open_run(run)
    changed = opened.weights.stat().st_mtime_ns if opened.weights.exists() else 0
    return next(predict_slices(_network(run, changed), [image], opened.config.prediction))


@lru_cache(maxsize=1)
def _network(run: str, _changed: int) -> Any:
    from segcore.prediction import choose_device, keep_freed_memory, load_network
    from segcore.runs import open_run

    keep_freed_memory()
    return load_network(open_run(run), choose_device())
