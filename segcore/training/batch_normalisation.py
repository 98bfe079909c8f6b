"""Batch normalisation over several processes: each sees a share of a batch, all normalise by the whole of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from segcore.network import UNet


def synchronised(network: UNet, device: torch.device) -> UNet:
    """The network with batch normalisations, if it has any, over all processes; the names of its weights stay."""
    if device.type == "cuda":
        made: UNet = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return made
    for module in list(network.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, nn.BatchNorm2d):
                shared = _SharedBatchNorm(layer.num_features)
                shared.load_state_dict(layer.state_dict())
                setattr(module, name, shared)
    return network


class _SharedBatchNorm(nn.BatchNorm2d):
    """PyTorch's SyncBatchNorm, which refuses tensors of a CPU, in plain operations."""

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return super().forward(inputs)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        values, others = inputs.float(), (0, 2, 3)
        mine = values.new_tensor([values.numel() / self.num_features])  # shares need not be equal
        sums = _over_processes(torch.cat([values.sum(others), mine]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = values - mean[:, None, None]
        # In a second pass, as the difference of two large sums would lose the last digits.
        variance = _over_processes(centred.square().sum(others)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(inputs.dtype)


class _OverProcesses(torch.autograd.Function):
    """The sum of what all processes have; each one's losses depend on it, so its gradient is the sum of theirs."""

    @staticmethod
    def forward(_: Any, mine: Tensor) -> Tensor:
        total = mine.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return _OverProcesses.forward(None, gradient)


def _over_processes(mine: Tensor) -> Tensor:
    total: Tensor = _OverProcesses.apply(mine)  # type: ignore[no-untyped-call]
    return total
