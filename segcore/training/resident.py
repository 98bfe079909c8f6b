"""Slices that stay on the device they are learned from, so that a batch is cut without the host."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segcore.augmentation import sent
from segcore.training.window import Window, mirrored

_SHARE = 0.25
"""Of the device's free memory that slices may take."""

Layers = Sequence[NDArray[Any]]


class ResidentSlices:
    """Image, label and perhaps weights of slices on a device; each is brought there when it is first asked for.

    Args:
        shape: (Z, H, W) of the stack.
        layers: of a slice, (H, W) each: uint8, uint8, and float16 if there are weights.
        weighted: whether there are.
        device: where they stay.
    """

    def __init__(
        self, shape: tuple[int, int, int], layers: Callable[[int], Layers], weighted: bool, device: torch.device
    ) -> None:
        self._layers = layers
        self._there: set[int] = set()
        kinds = [torch.uint8, torch.uint8, *([torch.float16] if weighted else [])]
        self._stacks = [torch.empty(shape, dtype=kind, device=device) for kind in kinds]

    @staticmethod
    def fit(shape: tuple[int, int, int], weighted: bool, device: torch.device) -> bool:
        """Whether they take at most a quarter of a GPU's free memory; not on any other device."""
        if device.type != "cuda":
            return False
        free, _ = torch.cuda.mem_get_info(device)
        return ResidentSlices.bytes(shape, weighted) <= _SHARE * free

    @staticmethod
    def bytes(shape: tuple[int, int, int], weighted: bool) -> int:
        """Memory that they take, of a stack of (Z, H, W)."""
        return math.prod(shape) * (4 if weighted else 2)

    def cut(self, sources: Sequence[int], windows: Sequence[Window]) -> list[Tensor]:
        """A batch of each layer, (N, 1, h, w) each: windows of one size, beyond the border mirrored."""
        for source in sources:
            self._bring(source)
        device = self._stacks[0].device
        _, height, width = self._stacks[0].shape
        numbers = sent(np.array([(z, one.top, one.left) for z, one in zip(sources, windows, strict=True)]), device)
        z, top, left = numbers.T[..., None]
        rows = mirrored(top + torch.arange(windows[0].height, device=device), height)
        columns = mirrored(left + torch.arange(windows[0].width, device=device), width)
        return [stack[z[:, :, None], rows[:, :, None], columns[:, None, :]][:, None] for stack in self._stacks]

    def _bring(self, source: int) -> None:
        if source not in self._there:
            for stack, page in zip(self._stacks, self._layers(source), strict=True):
                stack[source].copy_(sent(np.array(page), stack.device))
            self._there.add(source)
