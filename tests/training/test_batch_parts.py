"""Batches in parts: how they are divided, and that the step is the one of the whole batch."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric

from segcore.config import AugmentConfig, LossConfig, ModelConfig, RunConfig, TrainConfig
from segcore.runs import make_split
from segcore.stacks import IGNORE
from segcore.training.parts import parts_of
from segcore.training.sampling import epoch_samples
from segcore.training.step import Learner

BASE = RunConfig(
    model=ModelConfig(width=4, depth=3, normalisation="none"),
    train=TrainConfig(epoch_samples=8, batch_size=8, patch_px=32, gradient_clip=0, ema_decay=0.5, precision="32"),
)


def test_parts_by_hand():
    assert parts_of("abcdefg", 0) == ["abcdefg"]
    assert parts_of("abcdefg", 7) == ["abcdefg"]
    assert parts_of("abcdefg", 3) == ["abc", "de", "fg"]
    assert parts_of("abcdefg", 6) == ["abcd", "efg"]
    assert parts_of("abcdefg", 2, processes=2) == ["abcd", "efg"]
    assert parts_of("abc", 1, processes=2) == ["ab", "c"]


@given(st.integers(1, 200), st.integers(1, 50), st.integers(1, 5))
def test_parts_are_few_equal_and_small_enough(size, at_once, processes):
    parts = parts_of(range(size), at_once, processes)
    assert [item for part in parts for item in part] == list(range(size))
    lengths = [len(part) for part in parts]
    assert max(lengths) - min(lengths) <= 1
    assert lengths[0] == max(lengths)
    assert max(len(part[rank::processes]) for part in parts for rank in range(processes)) <= at_once
    assert (len(parts) - 1) * at_once * processes < size, "one part fewer would not do"
    if at_once > 1 and size >= processes:
        assert min(lengths) >= processes


def first_step(fabric, config, stack, at_once):
    """A step's gradient and sums: Adam's first mean is a tenth of the gradient."""
    learner = Learner(fabric, config, *stack, at_once=at_once)
    learner.model.train()
    batch = epoch_samples(make_split(12, config.split), config, 1)
    sums = learner.step(batch, 1e-3)
    states = learner.optimizer.state_dict()["state"]
    gradient = torch.cat([10 * state["exp_avg"].flatten() for state in states.values()])
    return gradient, sums, learner


def difference(one, other):
    """Of two gradients, as a share of the first."""
    return float(torch.linalg.vector_norm(one - other) / torch.linalg.vector_norm(one))


@pytest.mark.parametrize(
    "loss",
    [
        LossConfig(kind="dice"),
        LossConfig(kind="dice", dice_form="plain", smooth=100),
        LossConfig(kind="jaccard"),
        LossConfig(kind="jaccard", dice_form="plain"),
        LossConfig(kind="bce"),
        LossConfig(kind="bce+dice"),
        LossConfig(kind="bce", boundary_weight=10),
        LossConfig(kind="bce+dice", boundary_weight=10),
    ],
    ids=lambda loss: f"{loss.kind}-{loss.dice_form}-{loss.boundary_weight:g}",
)
@pytest.mark.parametrize("ignoring", [False, True])
def test_the_gradient_of_parts_is_that_of_the_whole_batch(cell_stack, loss, ignoring):
    images, labels = cell_stack
    if ignoring:
        # Of some slices nothing, of others most: samples that count for the same with different numbers of pixels.
        labels = labels.copy()
        labels[::3, :, 8:] = IGNORE
    config = dataclasses.replace(BASE, loss=loss)
    fabric = Fabric(accelerator="cpu", devices=1)
    whole, sums, _ = first_step(fabric, config, (images, labels), 0)
    for at_once in (1, 3) if loss.boundary_weight else (3,):
        parts, others, _ = first_step(fabric, config, (images, labels), at_once)
        # Sums in another order: single precision has 6e-8, of which a few thousand roundings leave 1e-5 at most.
        assert difference(whole, parts) < 1e-5
        assert others.tolist() == pytest.approx(sums.tolist(), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({"model": ModelConfig(width=4, depth=3, normalisation="group")}, 1e-5),
        # Features have eight bits of precision; a sum of some of them in another order differs in the last.
        ({"train": dataclasses.replace(BASE.train, precision="bf16")}, 0.02),
    ],
    ids=["group", "bfloat16"],
)
def test_group_normalisation_and_bfloat16(cell_stack, settings, most):
    config = dataclasses.replace(BASE, **settings)
    precision = "bf16-mixed" if config.train.precision == "bf16" else "32-true"
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    whole, *_ = first_step(fabric, config, cell_stack, 0)
    parts, *_ = first_step(fabric, config, cell_stack, 3)
    assert difference(whole, parts) < most


def test_weights_and_their_average_follow(cell_stack):
    # Two steps, with clipping: what is clipped is the gradient of the batch, not of a part.
    config = dataclasses.replace(BASE, train=dataclasses.replace(BASE.train, gradient_clip=0.01, optimizer="adam"))
    fabric, kept = Fabric(accelerator="cpu", devices=1), []
    for at_once in (0, 3):
        learner = first_step(fabric, config, cell_stack, at_once)[2]
        learner.step(epoch_samples(make_split(12, config.split), config, 2), 1e-3)
        kept.append(torch.cat([value.flatten() for value in learner.kept.parameters()]))
    # Adam divides by the size of a gradient, so that of a tiny one the rounding counts as much as a step.
    torch.testing.assert_close(kept[0], kept[1], rtol=0, atol=1e-5)


def test_batch_normalisation_sees_a_part(cell_stack):
    """What is normalised by other means is another step, which a test has to be able to see."""
    config = dataclasses.replace(BASE, model=ModelConfig(width=4, depth=3, normalisation="batch"))
    fabric = Fabric(accelerator="cpu", devices=1)
    whole, _, learner = first_step(fabric, config, cell_stack, 0)
    parts, _, other = first_step(fabric, config, cell_stack, 3)
    assert difference(whole, parts) > 0.01
    counts = [
        {int(value) for name, value in one.network.state_dict().items() if "num_batches" in name}
        for one in (learner, other)
    ]
    assert counts == [{1}, {3}]


def of_two(normalisation, samples):
    return dataclasses.replace(
        BASE,
        model=ModelConfig(width=4, depth=3, normalisation=normalisation),
        augment=AugmentConfig.off(),
        train=dataclasses.replace(BASE.train, epoch_samples=samples, batch_size=samples),
    )


def step_of_two(fabric, normalisation, samples, stack, at_once, folder):
    torch.set_num_threads(1)
    gradient, sums, _ = first_step(fabric, of_two(normalisation, samples), stack, at_once)
    total = fabric.all_reduce(sums, reduce_op="sum")
    if fabric.is_global_zero:
        torch.save((gradient, total), folder / "two.pt")


@pytest.mark.slow
@pytest.mark.parametrize("normalisation", ["none", "batch"])
@pytest.mark.parametrize(("samples", "at_once"), [(7, 2), (5, 1)])
def test_two_processes_take_parts_together(cell_stack, tmp_path, normalisation, samples, at_once):
    """Of five samples, one at once, the third part has one for one process, and the other must not keep it waiting."""
    config = of_two(normalisation, samples)
    Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn").launch(
        step_of_two, normalisation, samples, cell_stack, at_once, tmp_path
    )
    shared, total = torch.load(tmp_path / "two.pt")
    # One process that takes what both have at once, in the same parts.
    alone, sums, _ = first_step(Fabric(accelerator="cpu", devices=1), config, cell_stack, 2 * at_once)
    assert total[1] == samples
    if normalisation == "none" or at_once > 1:
        assert difference(alone, shared) < 1e-5
        assert total.tolist() == pytest.approx(sums.tolist(), rel=1e-5)
    assert torch.isfinite(shared).all()
