"""What a learner does with slices: in tiles or at once, cut on the host or where they stay, and without waiting."""

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from scipy import ndimage
from torch.utils._python_dispatch import TorchDispatchMode

from segcore.augmentation import Transform
from segcore.config import LossConfig, ModelConfig, PredictionConfig, RunConfig, TrainConfig
from segcore.network import boundary_weights, scale_intensity, segmentation_loss
from segcore.runs import make_split
from segcore.training.sampling import BatchMaker, Sample, epoch_samples
from segcore.training.step import Learner


@pytest.mark.parametrize("loss", [LossConfig(boundary_weight=2), LossConfig(kind="dice"), LossConfig(kind="jaccard")])
@pytest.mark.parametrize(("side", "tile_px"), [(1040, 0), (150, 64)])
def test_the_validation_loss_is_that_of_the_whole_slice(loss, side, tile_px):
    rng = np.random.default_rng(0)
    interior = ndimage.gaussian_filter(rng.standard_normal((1, side, side)), (0, 4, 4)) > -0.05
    # The last corner says nothing of its label: by itself it would be all wrong.
    images = np.where(interior, 200, 60).astype(np.uint8)
    images[:, -16:, -16:] = 255 - images[:, -16:, -16:]
    config = RunConfig(
        model=ModelConfig(width=2, depth=3, normalisation="none"),
        loss=loss,
        train=TrainConfig(precision="32"),
        prediction=PredictionConfig(tile_px=tile_px),
    )
    learner = Learner(Fabric(accelerator="cpu", devices=1), config, images, interior.astype(np.uint8) * 255)
    found = learner.validate([Sample(source=0, transform=Transform())])
    with torch.no_grad():
        scaled = scale_intensity(torch.from_numpy(images)[None] / 255, "standardised")
        logits = learner.kept(scaled)
    weights = torch.from_numpy(boundary_weights(interior[0], weight=loss.boundary_weight, sigma_px=5))[None, None]
    expected = segmentation_loss(
        logits, torch.from_numpy(interior)[None], loss, weights if "bce" in loss.kind else None
    )
    assert found[:2].tolist() == pytest.approx([expected.item(), 1], rel=1e-5)
    assert found[-1] == side * side


def test_what_is_shown_of_a_slice_is_its_first_corner(cell_stack):
    images, labels = (np.tile(stack[:2], (1, 24, 2)) for stack in cell_stack)  # 1080 x 104
    config = RunConfig(model=ModelConfig(width=2, depth=3), train=TrainConfig(precision="32"))
    learner = Learner(Fabric(accelerator="cpu", devices=1), config, images, labels)
    sample = Sample(source=1, transform=Transform())
    image, label = learner.planes(sample)
    np.testing.assert_array_equal(image, images[1, :1024])
    np.testing.assert_array_equal(label, labels[1, :1024])
    assert learner.probability(sample).shape == (1024, 104)


RESIDENT = RunConfig(
    model=ModelConfig(width=4, depth=3),
    loss=LossConfig(boundary_weight=2),
    train=TrainConfig(precision="32", patch_px=32, batch_size=4, epoch_samples=64, learning_rate=3e-3),
)


def learner_of(stacks, config, *, resident, device="cpu", at_once=0):
    learner = Learner(Fabric(accelerator=device, devices=1), config, *stacks, at_once=at_once)
    learner.batches = BatchMaker(*stacks, config, torch.device(device), resident=resident)
    learner.model.train()
    return learner


def batches_of(stacks, config):
    samples = epoch_samples(make_split(len(stacks[0]), config.split), config, 1)
    size = config.train.batch_size
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def test_a_training_on_slices_that_stay_on_the_device_is_the_same(cell_stack):
    losses = []
    for resident in (False, True):
        learner = learner_of(cell_stack, RESIDENT, resident=resident)
        losses.append([float(learner.step(batch, 3e-3)[0]) for batch in batches_of(cell_stack, RESIDENT)])
        validated = learner.validate([Sample(source=0, transform=Transform())])
        assert torch.isfinite(validated).all()
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0][-1] < 0.8 * losses[0][0]


class Asked(TorchDispatchMode):
    """The operations that hand a tensor's value to Python, or need it to know how much comes out."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = operation.overloadpacket.__name__
        if name in ("_local_scalar_dense", "nonzero", "equal", "masked_select", "unique_dim", "_unique2"):
            self.names.append(name)
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("at_once", [0, 3])
def test_a_step_asks_the_device_for_nothing(cell_stack, at_once):
    config = RESIDENT
    learner = learner_of(cell_stack, config, resident=True, at_once=at_once)
    first, second, *_ = batches_of(cell_stack, config)
    learner.step(first, 1e-3)
    learner.optimizer.step = lambda: None  # PyTorch's own, which on a GPU is one fused kernel
    with Asked() as asked:
        learner.step(second, 1e-3)
    assert asked.names == []
    with Asked() as asked:
        learner.validate([]).tolist()
        torch.ones(1).item()
    assert asked.names  # what it would have found


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("at_once", [0, 3])
def test_a_step_on_a_gpu_never_waits(cell_stack, at_once):
    learner = learner_of(cell_stack, RESIDENT, resident=True, device="cuda", at_once=at_once)
    first, second, third, *_ = batches_of(cell_stack, RESIDENT)
    every = [Sample(source=z, transform=Transform()) for z in range(len(cell_stack[0]))]
    learner.batches.make(every, patch_px=16)  # brings the slices there
    for batch in (first, second):
        learner.step(batch, 1e-3)
    torch.cuda.set_sync_debug_mode("error")
    try:
        learner.step(third, 1e-3)
    finally:
        torch.cuda.set_sync_debug_mode("default")
