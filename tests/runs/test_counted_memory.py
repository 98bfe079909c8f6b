"""What a training takes of the memory: sums done by hand, and how many samples fit."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.config import LossConfig, ModelConfig, RunConfig, TrainConfig, override
from segcore.errors import TrainingError
from segcore.presets import PRESETS, preset
from segcore.runs.memory import TrainingMemory, memory_in_words, training_memory

TINY = RunConfig(
    model=ModelConfig(width=2, depth=2, normalisation="none"),
    loss=LossConfig(kind="dice"),
    train=TrainConfig(patch_px=16, ema_decay=0),
)


def test_memory_by_hand():
    found = training_memory(TINY, 100, 200, bfloat16=False)
    # Encoder 512 values twice, a quarter of them below with their places; 256 twice; what the decoder sees, and its own
    # two; logits. Then six maps of two features that pass, and 60 bytes a pixel.
    kept = 512 * (2 * 4 + 3) + 256 * 2 * 4 + 512 * (2 + 2) * 4 + 256 * 4
    assert found.sample == kept + (6 * 2 * 4 + 60) * 256
    # 431 weights of four bytes, their gradients and two moments.
    assert found.fixed == 400_000_000 + 431 * 16
    assert found.look == 100 * 200 * 2 * 8 * 4
    assert found.of(0) == found.fixed + found.look
    assert found.of(3) == found.fixed + max(found.look, 3 * found.sample)


def test_what_more_is_kept_takes_more():
    plain = training_memory(TINY, 100, 200, bfloat16=False)

    def changed(*settings, **options):
        return training_memory(override(TINY, settings), 100, 200, **{"bfloat16": False} | options)

    assert changed("train.ema_decay=0.9").fixed == plain.fixed + 431 * 4
    assert changed(shared=True).fixed == plain.fixed + 431 * 4
    # What was normalised stays beside what became of it.
    assert changed("model.normalisation=group").sample == plain.sample + (2 * 512 + 256) * 2 * 4
    assert changed("model.normalisation=batch").sample > changed("model.normalisation=group").sample
    assert changed("model.dropout=0.1").sample == plain.sample + (512 + 256) * 4
    assert changed("train.patch_px=32").sample == 4 * plain.sample
    # A patch is no larger than the slice.
    assert changed("train.patch_px=0").sample == changed("train.patch_px=4096").sample
    assert changed(bfloat16=True).sample < plain.sample
    assert changed(gpu=True).look == 0
    assert changed("prediction.tile_px=100").look == plain.look // 2


@given(st.integers(0, 10**10), st.integers(1, 10**9), st.integers(0, 10**10), st.integers(0, 10**11))
def test_as_many_fit_as_do_not_take_more(fixed, sample, look, free):
    memory = TrainingMemory(fixed=fixed, sample=sample, look=look)
    fit = memory.fitting(free)
    assert memory.of(fit) <= free or fit == 0
    assert memory.of(fit + 1) > free
    if fit:
        memory.check(free)
    else:
        with pytest.raises(TrainingError, match=r"not even with one patch at once; found .* GB available; expected"):
            memory.check(free)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("bfloat16", [False, True])
def test_every_preset_fits_into_a_laptop_and_a_small_gpu(name, bfloat16):
    # Slices of the challenge. A GPU of 8 GB has 7 for a program.
    for gpu, free in ((False, 6e9), (True, 7e9)):
        needed = training_memory(preset(name), 512, 512, bfloat16=bfloat16, gpu=gpu)
        assert needed.fitting(int(free)) >= 4


def test_in_words():
    assert memory_in_words(3.14e9, 5) == "about 3.1 GB of memory, a batch in 5 parts"
    assert memory_in_words(3.14e9, 1) == "about 3.1 GB of memory"
    wide = dataclasses.replace(TINY, model=ModelConfig(width=256, depth=7))
    with pytest.raises(TrainingError, match=r"found 8.0 GB available; expected \d+\.\d GB, or a smaller"):
        training_memory(wide, 512, 512, bfloat16=False).check(8 * 10**9)
