"""How fast this machine trains with some settings: a few real steps, timed."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from segcore.config import RunConfig
from segcore.runs import make_split, memory_mb
from segcore.training.machine import Machine, launch
from segcore.training.memory import samples_at_once
from segcore.training.parts import parts_of
from segcore.training.sampling import epoch_samples
from segcore.training.step import Learner

_STEPS = 3
_LOOK_PX = 1024
"""Side of the largest picture that is validated here; larger ones take as much longer as they have more pixels."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What steps and looks took.

    Attributes:
        step_s: seconds of a training step.
        look_s: seconds of validating one slice.
        memory_mb: the most memory that was taken meanwhile, megabytes: of the GPU if there is one.
        parts: in how many parts a batch was taken.
    """

    step_s: float
    look_s: float
    memory_mb: float
    parts: int


def measure_speed(config: RunConfig, slices: int, height: int, width: int, device: str) -> Speed:
    """Takes three training steps and looks at validation, after one of each that makes ready what later ones use.

    Args:
        config: settings of the training that is thought of.
        slices, height, width: shape of its stack, in slices and pixels. What is learned from is noise.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        ConfigError: if the settings cannot be trained here.
        TrainingError: if there is not the memory.
    """
    fabric = launch(Machine(accelerator=device), config.train)
    at_once = samples_at_once(fabric, config, (slices, height, width))
    patch = config.train.patch_px or max(height, width)
    shape = (min(height, max(patch, _LOOK_PX)), min(width, max(patch, _LOOK_PX)))
    # One slice stands for all: a stack need not fit into memory for this.
    page = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    stripes = np.broadcast_to((np.arange(shape[1]) // 32 % 2).astype(np.uint8) * 255, shape)
    images, labels = (np.broadcast_to(one, (slices, *shape)) for one in (page, stripes))
    learner = Learner(fabric, config, images, labels, at_once=at_once)
    split = make_split(slices, config.split, seed=config.train.seed, height=height, gap_px=config.model.halo)
    samples = epoch_samples(split, config, 1, height=height)[: config.train.batch_size]
    batch = [dataclasses.replace(sample, source=split.train[0]) for sample in samples]
    learner.model.train()
    step_s = _median_s(lambda: learner.step(batch, 1e-6).tolist())  # the numbers are there when the device is done
    look_s = _median_s(lambda: learner.validate(batch[:1]).tolist())
    return Speed(
        step_s=step_s,
        look_s=look_s * (height * width) / (shape[0] * shape[1]),
        memory_mb=memory_mb(),
        parts=len(parts_of(batch, at_once)),
    )


def _median_s(action: Callable[[], object]) -> float:
    action()
    found = []
    for _ in range(_STEPS):
        began = time.perf_counter()
        action()
        found.append(time.perf_counter() - began)
    return statistics.median(found)
