"""Two processes that share a batch unequally take the step that one takes with all of it."""

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from segcore.config import AugmentConfig, ModelConfig, RunConfig, TrainConfig
from segcore.network import UNet, load_weights, save_weights
from segcore.runs import make_split
from segcore.training.sampling import epoch_samples
from segcore.training.step import Learner

CONFIG = RunConfig(
    model=ModelConfig(width=4, depth=3, normalisation="batch"),
    augment=AugmentConfig.off(),
    train=TrainConfig(epoch_samples=3, batch_size=3, patch_px=32, gradient_clip=0, ema_decay=0.5, precision="32"),
)


def first_step(fabric, stack, folder):
    """Takes a step with three patches and keeps weights, and gradients: Adam's first mean is a tenth of them."""
    torch.set_num_threads(1)
    images, labels = stack
    learner = Learner(fabric, CONFIG, images, labels)
    learner.model.train()
    learner.step(epoch_samples(make_split(12, CONFIG.split), CONFIG, 1), 1e-3)
    if fabric.is_global_zero:
        states = learner.optimizer.state_dict()["state"]
        gradient = torch.cat([10 * state["exp_avg"].flatten() for state in states.values()])
        torch.save((gradient, learner.network.state_dict()), folder / f"of-{fabric.world_size}.pt")
        save_weights(learner.kept, folder / f"of-{fabric.world_size}.safetensors")


@pytest.mark.slow
def test_a_step_of_two_processes_is_that_of_one(cell_stack, tmp_path):
    threads = torch.get_num_threads()
    try:
        first_step(Fabric(accelerator="cpu", devices=1), cell_stack, tmp_path)
    finally:
        torch.set_num_threads(threads)
    Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn").launch(first_step, cell_stack, tmp_path)
    (alone, state), (shared, other) = (torch.load(tmp_path / f"of-{count}.pt") for count in (1, 2))
    assert torch.linalg.vector_norm(shared - alone) <= 1e-5 * torch.linalg.vector_norm(alone)
    assert state.keys() == other.keys() == UNet(CONFIG.model).state_dict().keys()
    for name in (name for name in state if "running" in name or "tracked" in name):
        np.testing.assert_allclose(other[name], state[name], rtol=1e-5, atol=1e-7, err_msg=name)
    load_weights(CONFIG.model, tmp_path / "of-2.safetensors")
