"""Normal random values from a counter: each pixel's is a function of the seed and its place, on any device alike.

Integers are mixed (the `lowbias32` finaliser of C. Wellons' hash prospector, 2018), two of them make two normal values
(Box and Muller 1958). NumPy and PyTorch agree to the last digits of a float32.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B
_BITS = 0xFFFFFFFF


def normal_array(seed: int, height: int, width: int) -> NDArray[np.float32]:
    """Independent values of mean 0 and deviation 1, (height, width) float32; `seed` is 0 to 2^31 - 1."""
    pairs = -(-height * width // 2)
    counter = np.arange(2 * pairs, dtype=np.uint32)
    key = _mixed_array(np.array([seed], np.uint32))
    bits = _mixed_array(_mixed_array(counter ^ key) + key)
    unit = (bits.astype(np.float32) + np.float32(0.5)) * np.float32(2**-32)
    radius = np.sqrt(np.float32(-2) * np.log(unit[:pairs]))
    angle = unit[pairs:] * np.float32(2 * math.pi)
    values = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return values[: height * width].reshape(height, width)


def normal_tensor(seeds: Tensor, height: int, width: int) -> Tensor:
    """The same for several seeds at once, on their device.

    Args:
        seeds: (N,) int64, 0 to 2^31 - 1.
        height, width: of each image, pixels.

    Returns:
        (N, height, width) float32.
    """
    pairs = -(-height * width // 2)
    counter = torch.arange(2 * pairs, device=seeds.device)
    key = _mixed_tensor(seeds[:, None])
    bits = _mixed_tensor((_mixed_tensor(counter ^ key) + key) & _BITS)
    unit = (bits.float() + 0.5) * 2**-32
    radius = torch.sqrt(-2 * torch.log(unit[:, :pairs]))
    angle = unit[:, pairs:] * (2 * math.pi)
    values = torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
    return values[:, : height * width].reshape(-1, height, width)


def _mixed_array(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    bits = bits ^ (bits >> np.uint32(16))
    bits *= np.uint32(_FIRST)
    bits ^= bits >> np.uint32(15)
    bits *= np.uint32(_SECOND)
    bits ^= bits >> np.uint32(16)
    return bits


def _mixed_tensor(bits: Tensor) -> Tensor:
    """In int64, of which the lower half is what uint32 would hold."""
    bits = bits ^ (bits >> 16)
    bits = (bits * _FIRST) & _BITS
    bits = bits ^ (bits >> 15)
    bits = (bits * _SECOND) & _BITS
    return bits ^ (bits >> 16)
