"""Trainings so small that a job of one is mostly the start of its processes."""

from __future__ import annotations

import dataclasses

from segcore.config import ModelConfig, RunConfig, TrainConfig

TINY = RunConfig(
    model=ModelConfig(width=2, depth=2),
    train=TrainConfig(epochs=2, epoch_samples=4, batch_size=4, patch_px=32, precision="32"),
)
ENDLESS = dataclasses.replace(TINY, train=dataclasses.replace(TINY.train, epochs=100_000))


def state(queue, number):
    return queue.job(number).state
