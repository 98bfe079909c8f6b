"""How many samples are in memory at once: by what is free, by what is set; and real processes' peaks."""

from __future__ import annotations

import dataclasses
import json
import logging

import pytest
from lightning_fabric import Fabric

from segcore.config import ModelConfig, RunConfig, TrainConfig
from segcore.errors import TrainingError
from segcore.training.memory import needed_memory, samples_at_once

SMALL = RunConfig(model=ModelConfig(width=4, depth=3), train=TrainConfig(batch_size=6, patch_px=32, precision="32"))


def fabric():
    return Fabric(accelerator="cpu", devices=1)


def at_once(**train):
    config = dataclasses.replace(SMALL, train=dataclasses.replace(SMALL.train, **train))
    return samples_at_once(fabric(), config, (12, 45, 52))


def test_a_batch_that_fits_is_taken_as_a_whole():
    assert at_once() == 6
    assert at_once(samples_at_once=2) == 2
    assert at_once(samples_at_once=100) == 100


def test_what_does_not_fit_is_refused():
    # 512 GB for its weights.
    huge = dataclasses.replace(SMALL, model=ModelConfig(width=256, depth=7))
    with pytest.raises(TrainingError, match=r"does not fit into memory, not even with one patch at once; found .* GB"):
        samples_at_once(fabric(), huge, (12, 45, 52))


def test_too_many_at_once_are_warned_of(caplog):
    # Slices that nobody could learn from a thousand of at once: each takes some 70 GB.
    config = dataclasses.replace(
        SMALL, train=dataclasses.replace(SMALL.train, patch_px=0, batch_size=4096, samples_at_once=4096)
    )
    with caplog.at_level(logging.WARNING):
        assert samples_at_once(fabric(), config, (12, 1024, 1024)) == 4096
    assert "train.samples_at_once=4096 may be too many: about" in caplog.text


MEASURED = """
    import json, sys
    import numpy as np
    from lightning_fabric import Fabric
    from segcore.config import ModelConfig, RunConfig, TrainConfig
    from segcore.network import keep_freed_memory
    from segcore.posix import peak_memory_mb
    from segcore.runs import make_split
    from segcore.training import Learner, epoch_samples
    keep_freed_memory()
    config = RunConfig(
        model=ModelConfig(width=16, depth=3, normalisation="{normalisation}"),
        train=TrainConfig(batch_size=12, epoch_samples=12, patch_px=192, precision="32"),
    )
    images = np.random.default_rng(0).integers(0, 256, (12, 256, 256), np.uint8)
    learner = Learner(Fabric(accelerator="cpu", devices=1), config, images, images // 128 * 255, at_once={at_once})
    learner.model.train()
    learner.step(epoch_samples(make_split(12, config.split), config, 1), 1e-3)
    print(json.dumps(peak_memory_mb()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("normalisation", ["none", "batch"])
def test_a_process_takes_what_was_counted(run_python, normalisation):
    peaks = []
    for number in (2, 12):
        done = run_python(MEASURED.format(normalisation=normalisation, at_once=number))
        assert done.returncode == 0, done.stderr
        peaks.append(json.loads(done.stdout))
    config = RunConfig(
        model=ModelConfig(width=16, depth=3, normalisation=normalisation),
        train=TrainConfig(batch_size=12, epoch_samples=12, patch_px=192, precision="32"),
    )
    needed = needed_memory(fabric(), config, 256, 256)
    # The libraries lay out copies as they like: a quarter either way.
    assert (peaks[1] - peaks[0]) * 1e6 == pytest.approx(10 * needed.sample, rel=0.25)
