"""The moving average of weights, by hand and against PyTorch's."""

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from segcore.config import ModelConfig
from segcore.network import UNet
from segcore.training.average import MovingAverage


def test_it_is_pytorchs():
    torch.manual_seed(0)
    network = UNet(ModelConfig(width=2, depth=2))
    ours = MovingAverage(network, 0.9)
    theirs = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    for _ in range(4):
        network(torch.rand(2, 1, 8, 8))  # running means and counts of batch normalisation
        with torch.no_grad():
            for weight in network.parameters():
                weight.add_(torch.randn_like(weight))
        ours.follow(network)
        theirs.update_parameters(network)
    found, expected = ours.state_dict(), theirs.state_dict()
    assert found.keys() == expected.keys()
    for name, value in found.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[name])
    assert found["n_averaged"] == 4
    assert found["module.encoder.0.1.num_batches_tracked"] == 4


def test_by_hand():
    network = UNet(ModelConfig(width=1, depth=2))
    average = MovingAverage(network, 0.75)
    found = []
    for value in (8.0, 4.0, 0.0):
        with torch.no_grad():
            network.head.bias.fill_(value)
        average.follow(network)
        found.append(average.module.head.bias.item())
    # The first as it is, then three quarters of the old and a quarter of the new.
    assert found == pytest.approx([8, 7, 5.25])


def test_it_goes_on_with_what_was_loaded():
    network = UNet(ModelConfig(width=1, depth=2))
    one, other = MovingAverage(network, 0.5), MovingAverage(network, 0.5)
    one.follow(network)
    other.load_state_dict(one.state_dict())
    with torch.no_grad():
        network.head.bias.fill_(1.0)
    other.follow(network)
    assert other.module.head.bias.item() == pytest.approx(0.5)
