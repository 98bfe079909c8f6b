"""A network as one TorchScript file, which programs without segcore run: grey values in, probabilities out."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segcore.network.unet import UNet, scale_intensity
from segcore.storage import atomic_file


class _FromGreyValues(nn.Module):
    def __init__(self, model: UNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        probability: Tensor = self.model(scale_intensity(images.float() / 255, self.model.config.intensity)).sigmoid()
        return probability


def save_torchscript(model: UNet, example: NDArray[np.uint8], path: Path) -> NDArray[np.float32]:
    """Writes a network that takes grey values and says how probable interior is, without averaging over turns.

    What it takes is (N, 1, H, W) of any type, 0 to 255, each side a multiple of `model.config.stride`; what it gives is
    (N, 1, H, W) float32, 0 to 1.

    Args:
        model: on the CPU, in evaluation mode.
        example: (N, 1, H, W) uint8 of such sides.
        path: of the new file.

    Returns:
        What the file, read again, gives for the example.

    Raises:
        StorageError: if the disk refuses.
    """
    images = torch.from_numpy(example)
    with atomic_file(path) as temporary, torch.inference_mode(), warnings.catch_warnings():
        # That sizes are looked at while it is traced is said of each, and that something newer than TorchScript exists.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(_FromGreyValues(model).eval().requires_grad_(False), images, check_trace=False)  # type: ignore[no-untyped-call]
        traced.save(str(temporary))
        found: NDArray[np.float32] = torch.jit.load(str(temporary))(images).numpy()  # type: ignore[no-untyped-call]
    return found
