"""One training step, side by side: segcore as it trains and on a ready batch, plain PyTorch, MONAI's BasicUNet.

    python -m benchmarks.training_step [--preset standard] [--set model.width=32] [--device cuda] [--steps 50]

A step is forward, loss (cross-entropy and Dice), backward, clipping and the optimiser. segcore takes it as it trains by
default on this machine: channels last, freed memory kept, bfloat16 where the hardware has it, slices on a GPU that has
the memory. MONAI is measured where it is installed (`pip install monai`).
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from segcore.augmentation import AugmentedBatch
from segcore.config import LossConfig, RunConfig, override
from segcore.network import segmentation_loss
from segcore.presets import preset
from segcore.runs import make_split
from segcore.training import BatchMaker, Learner, Machine, Sample, epoch_samples, launch


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
    model.to(images.device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        segmentation_loss(model(images), labels, LossConfig()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def stack() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Noise, and stripes as its labels."""
    images = np.random.default_rng(0).integers(0, 256, (30, 512, 512), np.uint8)
    return images, np.broadcast_to((np.arange(512) // 24 % 4 > 0).astype(np.uint8) * 255, images.shape)


def learner_of(config: RunConfig, device: str) -> Learner:
    learner = Learner(launch(Machine(accelerator=device), config.train), config, *stack())
    learner.model.train()
    return learner


def whole_step(learner: Learner, config: RunConfig) -> Callable[[], None]:
    """As in a training: patches cut and varied anew for each step."""
    split, size = make_split(30, config.split), config.train.batch_size
    batches = (
        samples[start : start + size]
        for epoch in itertools.count(1)
        for samples in [epoch_samples(split, config, epoch)]
        for start in range(0, len(samples) - size + 1, size)
    )
    return lambda: _done(learner.step(next(batches), 1e-4))


class _OneBatch(BatchMaker):
    """The first batch that is asked for, whatever is asked for afterwards."""

    _made: AugmentedBatch | None = None

    def make(self, samples: Sequence[Sample], *, patch_px: int) -> AugmentedBatch:
        self._made = self._made or super().make(samples, patch_px=patch_px)
        return self._made


def ready_step(config: RunConfig, device: str) -> Callable[[], None]:
    """The same on one batch that lies there ready."""
    samples = epoch_samples(make_split(30, config.split), config, 1)[: config.train.batch_size]
    learner = learner_of(config, device)
    learner.batches = _OneBatch(*stack(), config, learner.fabric.device)
    return lambda: _done(learner.step(samples, 1e-4))


def _done(_: object) -> None:
    """What a step gives is not looked at, as that would wait for it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    for name, default in (("steps", 3), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    config = override(preset(options.preset), options.set)
    torch.manual_seed(0)
    whole = learner_of(config, options.device)
    device, batch, side = whole.fabric.device, config.train.batch_size, config.train.patch_px or 512
    images = torch.randn(batch, 1, side, side, device=device)
    labels = torch.rand_like(images) > 0.2
    ways = {
        "segcore, end to end": whole_step(whole, config),
        "segcore, on a ready batch": ready_step(config, options.device),
        "plain PyTorch, float32": plain_step(PlainUNet(config.model.width), images, labels),
    }
    try:
        from monai.networks.nets import BasicUNet
    except ImportError:
        print("MONAI is not installed")
    else:
        features = [config.model.width * 2**level for level in range(5)]
        network = BasicUNet(2, 1, 1, features=(*features, config.model.width))
        ways["MONAI BasicUNet, float32"] = plain_step(network, images, labels)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(options.rounds + 1):
        for name, step in ways.items():
            started = time.perf_counter()
            for _ in range(options.steps):
                step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if number:  # the first makes ready what later ones use
                seconds[name].append((time.perf_counter() - started) / options.steps)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"{options.preset}, width {config.model.width}, batch {batch} of {side} x {side}, {where}, medians")
    first = seconds["segcore, end to end"]
    for name, values in seconds.items():
        ratio = statistics.median(other / own for other, own in zip(first, values, strict=True))
        step_s = statistics.median(values)
        print(f"{name:<30}{1000 * step_s:10.1f} ms{batch / step_s:10.1f} images/s{ratio:8.2f} x end to end")


if __name__ == "__main__":
    main()
