"""Steps of a training that is only thought of, timed."""

from __future__ import annotations

import pytest

from segcore.config import RunConfig, override
from segcore.errors import ConfigError
from segcore.training.speed import measure_speed

TINY = ["model.width=2", "model.depth=2", "train.batch_size=2", "train.patch_px=32"]


@pytest.mark.parametrize(
    "settings", [[], ["split.protocol=notebook", "split.copies=30"], ["loss.boundary_weight=2"], ["train.patch_px=0"]]
)
def test_steps_and_looks_take_time(settings):
    speed = measure_speed(override(RunConfig(), [*TINY, *settings]), 12, 45, 52, "cpu")
    assert speed.step_s > 0
    assert speed.look_s > 0
    # Python and PyTorch, and next to nothing.
    assert 100 < speed.memory_mb < 5000
    assert speed.parts == 1
    in_parts = measure_speed(override(RunConfig(), [*TINY, *settings, "train.samples_at_once=1"]), 12, 45, 52, "cpu")
    assert in_parts.parts == 2


@pytest.mark.slow
def test_a_stack_larger_than_memory_is_no_hindrance():
    # 40,000 slices of 100,000 x 1024 pixels; what is validated here is the hundredth of one.
    speed = measure_speed(override(RunConfig(), TINY), 40_000, 102_400, 1024, "cpu")
    assert speed.look_s > 0


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ConfigError, match="leaves none to train on"):
        measure_speed(override(RunConfig(), [*TINY, "split.gap=50"]), 12, 45, 52, "cpu")
