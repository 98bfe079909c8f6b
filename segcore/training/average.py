"""The exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from segcore.network import UNet


class MovingAverage(nn.Module):
    """Weights that follow a network's: the first step's as they are, then `decay` of the old and the rest of the new.

    As PyTorch's `AveragedModel` with buffers, whose state it has; that one asks the device after each step how many
    there were, and waits for the answer.

    Args:
        network: whose weights are followed.
        decay: 0 to 1.
    """

    n_averaged: Tensor

    def __init__(self, network: UNet, decay: float) -> None:
        super().__init__()
        self.module = copy.deepcopy(network)
        self.decay = decay
        self.register_buffer("n_averaged", torch.tensor(0))  # stays in the host's memory
        self._begun = False

    @torch.no_grad()
    def follow(self, network: UNet) -> None:
        """Takes in the weights after a step."""
        old = [*self.module.parameters(), *self.module.buffers()]
        new = [*network.parameters(), *network.buffers()]
        pairs = list(zip(old, new, strict=True))
        averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self._begun = self._begun or bool(self.n_averaged)  # a number that was loaded, too
        if not self._begun:
            torch._foreach_copy_(old, new)
        else:
            torch._foreach_lerp_([mine for mine, _ in averaged], [its for _, its in averaged], 1 - self.decay)
            for mine, its in pairs:
                if not mine.is_floating_point():
                    mine.copy_(its)
        self._begun = True
        self.n_averaged += 1
