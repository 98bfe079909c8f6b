"""Real training steps of a few small networks, and what a step of any network costs by them."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from scipy.optimize import nnls

from segcore.config import ModelConfig, RunConfig, TrainConfig
from segcore.jobs import Costs, Work, work_of_steps
from segcore.network import keep_freed_memory, save_weights
from segcore.runs import make_split
from segcore.storage import scratch_folder
from segcore.training.checkpoint import LoopState, save_checkpoint
from segcore.training.sampling import Sample, epoch_samples
from segcore.training.step import Learner

_SLICES = 12
_BATCH = 4
_LONGEST_S = 0.3
"""Seconds for all steps of one network."""
_ALL_THREADS_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Network:
    """One that is measured: features, levels, and the side of its patches in pixels."""

    width: int
    depth: int
    side_px: int


# Shallow and deep, narrow and wide, of few and of many pixels: together they tell apart what a step's time goes with.
_NETWORKS = (
    Network(width=4, depth=3, side_px=32),
    Network(width=4, depth=5, side_px=64),
    Network(width=8, depth=3, side_px=128),
    Network(width=16, depth=5, side_px=128),
    Network(width=24, depth=4, side_px=128),
    Network(width=32, depth=5, side_px=32),
)
_BULK = _NETWORKS[3]
# A GPU does all of the above in the time it takes to be called.
_LARGE = (Network(width=16, depth=5, side_px=512), Network(width=64, depth=5, side_px=256))


def measure_costs(accelerator: Literal["cpu", "cuda"], *, bfloat16: bool, folder: Path) -> Costs:
    """Takes steps, looks and checkpoints, a few seconds in all, and works out what they cost.

    On a CPU steps are taken on one thread, and its processor time is what counts: programs that are busy beside it make
    it longer by little, and never by waiting. How much faster all threads are is measured on one network. So the costs
    are those of a machine with nothing else to do.

    Args:
        accelerator: where to train.
        bfloat16: whether that is the precision of `train.precision=auto` there.
        folder: a place for files on the disk that runs are written to.
    """
    keep_freed_memory()
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    threads = torch.get_num_threads()
    if accelerator == "cpu":
        torch.set_num_threads(1)
    try:
        networks = _NETWORKS if accelerator == "cpu" else _NETWORKS + _LARGE
        tried = [_Trial(network, accelerator, bfloat16=bfloat16) for network in networks]
        bulk = tried[networks.index(_BULK)]
        other = _Trial(_BULK, accelerator, bfloat16=not bfloat16).step_s / bulk.step_s
        epoch, parameter = _writing(tried, folder)
        training = _fitted([trial.work for trial in tried], [trial.step_s for trial in tried])
        looks = [dataclasses.replace(trial.look, parameters=0, pixels=0) for trial in tried]
        validation = _fitted(looks, [trial.look_s for trial in tried])
        if accelerator == "cpu" and threads > 1:
            torch.set_num_threads(threads)
            together = _Trial(_BULK, accelerator, bfloat16=bfloat16, longest_s=_ALL_THREADS_S)
            gain = _gain(bulk, together, training)
            training, validation = _faster(training, gain), _faster(validation, gain)
    finally:
        torch.set_num_threads(threads)
    return Costs(
        training=training, validation=validation, epoch=epoch, parameter=parameter, other_precision=max(1.0, other)
    )


class _Trial:
    """A network that has taken a few steps and looks; the shortest of each is kept."""

    def __init__(self, network: Network, accelerator: str, *, bfloat16: bool, longest_s: float = _LONGEST_S) -> None:
        train = TrainConfig(epoch_samples=_BATCH, batch_size=_BATCH, patch_px=network.side_px)
        config = RunConfig(model=ModelConfig(width=network.width, depth=network.depth), train=train)
        fabric = Fabric(accelerator=accelerator, devices=1, precision="bf16-mixed" if bfloat16 else "32-true")
        shape = (_SLICES, network.side_px, network.side_px)
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        self.learner = Learner(fabric, config, images, (images > 50).astype(np.uint8))
        samples = epoch_samples(make_split(_SLICES, config.split), config, 1)
        side, model = network.side_px, config.model
        self.work = work_of_steps(model, steps=1, patches=_BATCH, height=side, width=side)
        self.look = work_of_steps(model, steps=1, patches=1, height=side, width=side)
        self.step_s = _shortest(lambda: self._step(samples), accelerator, longest_s)
        self.look_s = _shortest(lambda: self.learner.validate(samples[:1]), accelerator, longest_s / 4)

    def _step(self, samples: list[Sample]) -> None:
        self.learner.model.train()
        self.learner.step(samples, 1e-4)


def _shortest(action: Callable[[], object], accelerator: str, longest_s: float) -> float:
    """Seconds of the shortest of a few rounds after the first one, which makes ready what later ones use."""

    def clock() -> float:
        if accelerator == "cpu":
            return time.thread_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    action()
    found: list[float] = []
    until = time.monotonic() + longest_s
    while len(found) < 2 or (time.monotonic() < until and len(found) < 20):
        began = clock()
        action()
        found.append(clock() - began)
    return min(found)


def _fitted(works: list[Work], seconds: list[float]) -> Work:
    """Costs, none below zero, with the smallest relative errors."""
    rows = np.array([dataclasses.astuple(work) for work in works], dtype=np.float64)
    scale = np.maximum(rows.max(axis=0), 1.0)  # numbers of like size, so that none is lost in rounding
    times = np.array(seconds)
    found, _ = nnls(rows / scale / times[:, None], np.ones(len(times)))
    parts, parameters, pixels, multiply_adds = (found / scale).tolist()
    return Work(parts=parts, parameters=parameters, pixels=pixels, multiply_adds=multiply_adds)


def _gain(alone: _Trial, together: _Trial, costs: Work) -> float:
    """How many times as fast all threads do what they share: pixels and multiply-adds."""
    threads = torch.get_num_threads()
    shared = dataclasses.replace(alone.work, parts=0, parameters=0).seconds(costs)
    rest = alone.work.seconds(costs) - shared
    measured = shared / max(together.step_s - rest, shared / threads)
    # Threads that other programs keep from running look like threads that are of no use.
    return max(measured, 1 + 0.4 * (min(threads, 4) - 1))


def _faster(costs: Work, gain: float) -> Work:
    return dataclasses.replace(costs, pixels=costs.pixels / gain, multiply_adds=costs.multiply_adds / gain)


def _writing(tried: list[_Trial], folder: Path) -> tuple[float, float]:
    """Seconds an epoch's end takes for any network, and for each of its numbers."""
    seconds, numbers = [], []
    with scratch_folder(folder) as scratch:
        for trial in tried:
            learner = trial.learner
            found = []
            for _ in range(2):
                began = time.perf_counter()
                save_weights(learner.kept, scratch / "weights")
                save_checkpoint(
                    scratch / "checkpoint", learner.network, learner.average, learner.optimizer, LoopState()
                )
                found.append(time.perf_counter() - began)
            seconds.append(min(found))
            numbers.append(trial.work.parameters)
    smallest, largest = int(np.argmin(numbers)), int(np.argmax(numbers))
    each = max(0.0, seconds[largest] - seconds[smallest]) / (numbers[largest] - numbers[smallest])
    return seconds[smallest], each
