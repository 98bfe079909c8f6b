"""The U-Net: the network itself, and how a slice is scaled for it."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segcore.config import ModelConfig


def scale_intensity(images: Tensor, intensity: Literal["standardised", "unit"]) -> Tensor:
    """Scales images for the network.

    Args:
        images: (N, 1, H, W) float, 0..1.
        intensity: `standardised` subtracts each image's mean and divides by its standard deviation
            (a constant image becomes all 0); `unit` leaves 0..1 as it is.

    Returns:
        (N, 1, H, W) float.
    """
    if intensity == "unit":
        return images
    deviation, mean = torch.std_mean(images, dim=(1, 2, 3), keepdim=True, correction=0)
    return (images - mean) / deviation.clamp_min(1e-3)


class ConvBlock(nn.Sequential):
    """Two 3 x 3 convolutions with same padding, each with its normalisation and a ReLU."""

    def __init__(self, inputs: int, outputs: int, config: ModelConfig, *, dropout: float = 0.0) -> None:
        layers: list[nn.Module] = []
        for channels in (inputs, outputs):
            # A bias before a normalisation would be subtracted again.
            layers.append(nn.Conv2d(channels, outputs, 3, padding=1, bias=config.normalisation == "none"))
            if config.normalisation == "batch":
                layers.append(nn.BatchNorm2d(outputs))
            elif config.normalisation == "group":
                layers.append(nn.GroupNorm(math.gcd(outputs, max(1, outputs // 8)), outputs))
            layers.append(nn.ReLU(inplace=True))
        if dropout:
            layers.append(nn.Dropout2d(dropout))
        super().__init__(*layers)


class UNet(nn.Module):
    """The U-Net of Ronneberger et al. (MICCAI 2015) with same padding and 2 x 2 transposed convolutions.

    With width 32, depth 5 and no normalisation it is the notebook's network, 7,759,521 parameters.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        features = [config.width * 2**level for level in range(config.depth)]
        self.encoder = nn.ModuleList(
            ConvBlock(
                1 if level == 0 else features[level - 1],
                features[level],
                config,
                dropout=config.dropout if level >= config.depth - 2 else 0.0,
            )
            for level in range(config.depth)
        )
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(features[level + 1], features[level], 2, stride=2) for level in range(config.depth - 1)
        )
        self.decoder = nn.ModuleList(
            ConvBlock(2 * features[level], features[level], config) for level in range(config.depth - 1)
        )
        self.head = nn.Conv2d(config.width, 1, 1)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of interior.

        Args:
            images: (N, 1, H, W) float, as `scale_intensity` returns them; any H and W.

        Returns:
            (N, 1, H, W) float logits; `sigmoid` gives the probability of interior.
        """
        height, width = images.shape[-2:]
        # Odd sizes would not meet their skip connections again; what is added here is cut off below.
        stride = self.config.stride
        x = F.pad(images, (0, -width % stride, 0, -height % stride), mode="replicate")
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            if level:
                x = F.max_pool2d(x, 2)
            x = block(x)
            skips.append(x)
        for level in reversed(range(len(self.decoder))):
            x = self.decoder[level](torch.cat([skips[level], self.upsample[level](x)], dim=1))
        logits: Tensor = self.head(x)
        return logits[..., :height, :width]


def _initialise(module: nn.Module) -> None:
    """He et al. (2015): keeps the variance through ReLUs, also without normalisation."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
