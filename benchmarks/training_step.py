"""One training step, side by side: segcore, the same network in plain PyTorch, MONAI's BasicUNet.

    python -m benchmarks.training_step [--size 512] [--batch 4] [--width 32] [--rounds 3]

A step is forward, loss (cross-entropy and Dice), backward, clipping and AdamW, on the same tensors. segcore takes it
as it trains by default on this machine: channels last, freed memory kept, and bfloat16 where the hardware has it;
a row in float32 stands beside it. MONAI is measured where it is installed (`pip install monai`).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from segcore.config import LossConfig, ModelConfig, TrainConfig
from segcore.network import UNet, segmentation_loss
from segcore.training import trains_in_bfloat16


class PlainUNet(nn.Module):
    """The network as one would write it without further thought."""

    def __init__(self, width: int, depth: int = 5) -> None:
        super().__init__()
        features = [width * 2**level for level in range(depth)]
        self.down = nn.ModuleList(
            self.block(1 if not level else features[level - 1], features[level]) for level in range(depth)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(features[level + 1], features[level], 2, 2) for level in range(depth - 1)
        )
        self.decode = nn.ModuleList(self.block(2 * features[level], features[level]) for level in range(depth - 1))
        self.head = nn.Conv2d(width, 1, 1)

    @staticmethod
    def block(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = self.decode[level](torch.cat([skips[level], self.up[level](x)], 1))
        return self.head(x)


def plain_step(model: nn.Module, images: Tensor, labels: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        segmentation_loss(model(images), labels, LossConfig()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def segcore_step(width: int, images: Tensor, labels: Tensor, precision: str) -> Callable[[], None]:
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    network = UNet(ModelConfig(width=width)).to(memory_format=torch.channels_last)
    model, optimizer = fabric.setup(network, torch.optim.AdamW(network.parameters(), 1e-3))
    images = images.contiguous(memory_format=torch.channels_last)

    def step() -> None:
        fabric.backward(segmentation_loss(model(images), labels, LossConfig()))
        fabric.clip_gradients(model, optimizer, max_norm=1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("size", 512), ("batch", 4), ("width", 32), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.manual_seed(0)
    images = torch.randn(options.batch, 1, options.size, options.size)
    labels = torch.rand_like(images) > 0.2
    ways = {
        "plain PyTorch, float32": plain_step(PlainUNet(options.width), images, labels),
        "segcore, float32": segcore_step(options.width, images, labels, "32-true"),
    }
    if trains_in_bfloat16("cpu", TrainConfig().precision):
        ways["segcore, bfloat16 (its default here)"] = segcore_step(options.width, images, labels, "bf16-mixed")
    try:
        from monai.networks.nets import BasicUNet
    except ImportError:
        print("MONAI is not installed")
    else:
        features = [options.width * 2**level for level in range(5)]
        network = BasicUNet(2, 1, 1, features=(*features, options.width))
        ways["MONAI BasicUNet, float32"] = plain_step(network, images, labels)
    for step in ways.values():
        step()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, step in ways.items():
            started = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - started)
    print(
        f"width {options.width}, batch {options.batch} of {options.size} x {options.size}, "
        f"{torch.get_num_threads()} threads, {options.rounds} rounds, medians"
    )
    reference = seconds["plain PyTorch, float32"]
    for name, values in seconds.items():
        ratio = statistics.median(other / own for other, own in zip(reference, values, strict=True))
        print(f"{name:<42}{statistics.median(values):8.2f} s{ratio:8.2f} x")


if __name__ == "__main__":
    main()
