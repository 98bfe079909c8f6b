"""What a learner does with a slice is the same whether the slice is seen at once or in tiles."""

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from scipy import ndimage

from segcore.augmentation import Transform
from segcore.config import LossConfig, ModelConfig, PredictionConfig, RunConfig, TrainConfig
from segcore.network import boundary_weights, scale_intensity, segmentation_loss
from segcore.training.sampling import Sample
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
    learner = Learner(Fabric(accelerator="cpu", devices=1), config, images, interior.astype(np.uint8))
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
