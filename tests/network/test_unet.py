"""The network's numbers, layer by layer, its reach, and any size of image."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segcore.config import ModelConfig
from segcore.network.unet import UNet, scale_intensity

NOTEBOOK = ModelConfig(width=32, depth=5, normalisation="none")


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_notebooks_network_layer_by_layer():
    network = UNet(NOTEBOOK)
    # inputs * 9 * outputs + outputs, for both convolutions of a level
    encoder = [320 + 9_248, 18_496 + 36_928, 73_856 + 147_584, 295_168 + 590_080, 1_180_160 + 2_359_808]
    # inputs * 4 * outputs + outputs
    upsample = [8_224, 32_832, 131_200, 524_544]
    decoder = [18_464 + 9_248, 73_792 + 36_928, 295_040 + 147_584, 1_179_904 + 590_080]
    head = 33
    assert [parameters(block) for block in network.encoder] == encoder
    assert [parameters(block) for block in network.upsample] == upsample
    assert [parameters(block) for block in network.decoder] == decoder
    assert parameters(network.head) == head
    assert parameters(network) == sum(encoder) + sum(upsample) + sum(decoder) + head == 7_759_521


def test_normalisations_are_there():
    kinds = {
        name: {type(module).__name__ for module in UNet(ModelConfig(width=16, depth=2, normalisation=name)).modules()}
        for name in ("none", "batch", "group")
    }
    assert "BatchNorm2d" in kinds["batch"]
    assert "GroupNorm" in kinds["group"]
    assert not {"BatchNorm2d", "GroupNorm"} & kinds["none"]
    # Eight channels a group.
    group = next(m for m in UNet(ModelConfig(width=16, normalisation="group")).modules() if hasattr(m, "num_groups"))
    assert (group.num_groups, group.num_channels) == (2, 16)


def test_dropout_stands_at_the_two_deepest_levels():
    network = UNet(ModelConfig(width=2, depth=4, dropout=0.5))
    dropping = [any(isinstance(m, torch.nn.Dropout2d) for m in block) for block in network.encoder]
    assert dropping == [False, False, True, True]
    images = torch.rand(1, 1, 16, 16)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


@settings(max_examples=25)
@given(st.integers(1, 45), st.integers(1, 45), st.integers(2, 4), st.sampled_from(["none", "batch", "group"]))
def test_any_size(height, width, depth, normalisation):
    network = UNet(ModelConfig(width=2, depth=depth, normalisation=normalisation)).eval()
    with torch.no_grad():
        logits = network(torch.rand(2, 1, height, width))
    assert logits.shape == (2, 1, height, width)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_the_halo_is_as_wide_as_the_reach(depth):
    """With positive weights and a black image, a single light pixel shows wherever it can have an effect."""
    network = UNet(ModelConfig(width=1, depth=depth, normalisation="none")).eval().double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1 if parameter.ndim == 4 else 0)
        stride, halo = network.config.stride, network.config.halo
        side = 2 * halo + 2 * stride
        farthest = 0
        for offset in {0, 1, stride // 2, stride - 1}:
            image = torch.zeros(1, 1, side, side, dtype=torch.float64)
            row, column = halo + offset, halo + stride - 1 - offset
            image[0, 0, row, column] = 1
            rows, columns = torch.nonzero(network(image)[0, 0], as_tuple=True)
            reach = max(row - rows.min(), rows.max() - row, column - columns.min(), columns.max() - column)
            farthest = max(farthest, int(reach))
    assert halo % stride == 0
    assert halo - stride < farthest <= halo


def test_the_gradient_does_not_leave_the_halo():
    torch.manual_seed(0)
    network = UNet(ModelConfig(width=4, depth=3, normalisation="batch")).eval()
    image = torch.rand(1, 1, 120, 120, requires_grad=True)
    network(image)[0, 0, 60, 61].backward()
    rows, columns = torch.nonzero(image.grad[0, 0], as_tuple=True)
    assert len(rows) > 100
    assert max(60 - rows.min(), rows.max() - 60, 61 - columns.min(), columns.max() - 61) <= network.config.halo


def test_standardised_images_have_mean_0_and_deviation_1():
    images = torch.rand(3, 1, 20, 30) * torch.tensor([0.1, 0.5, 1]).view(3, 1, 1, 1)
    scaled = scale_intensity(images, "standardised")
    torch.testing.assert_close(scaled.mean(dim=(1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std(dim=(1, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0)
    # Stain and exposure do not matter.
    torch.testing.assert_close(scale_intensity(0.3 + 0.4 * images, "standardised"), scaled, atol=1e-4, rtol=0)
    assert torch.equal(scale_intensity(torch.full((1, 1, 4, 4), 0.7), "standardised"), torch.zeros(1, 1, 4, 4))
    assert scale_intensity(images, "unit") is images
