"""A network that learns: its weights and their average, the optimiser, one step, and one look at validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from segcore.augmentation import AugmentedBatch
from segcore.config import RunConfig, TrainConfig
from segcore.network import UNet, load_weights, predict_logits, scale_intensity, segmentation_loss, training_counts
from segcore.training.average import MovingAverage
from segcore.training.batch_normalisation import synchronised
from segcore.training.parts import parts_of
from segcore.training.sampling import BatchMaker, Sample

# What is shown of a slice while a training runs, pixels.
_CORNER = (..., slice(1024), slice(1024))


class Learner:
    """What a training changes with every step.

    Args:
        fabric: launched.
        config: of the run.
        images: (Z, H, W) uint8, in memory or mapped.
        labels: (Z, H, W) uint8, 0 for membrane.
        validation_labels: others that validation counts, where it looks at other rows of the same slices.
        initial: weights to begin with, if not random ones.
        scratch: folder for what does not fit into memory.
        at_once: samples that this process has in memory at once; a batch of more is taken in parts. 0 for any number.
    """

    def __init__(
        self,
        fabric: Fabric,
        config: RunConfig,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        initial: Path | None = None,
        scratch: Path | None = None,
        *,
        validation_labels: NDArray[np.uint8] | None = None,
        at_once: int = 0,
    ) -> None:
        self.fabric, self.config, self.at_once = fabric, config, at_once
        torch.manual_seed(config.train.seed)
        self.network = UNet(config.model)
        if initial is not None:
            self.network.load_state_dict(load_weights(config.model, initial).state_dict())
        if fabric.world_size > 1:
            self.network = synchronised(self.network, fabric.device)
        self.network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = MovingAverage(self.network, config.train.ema_decay) if config.train.ema_decay else None
        if config.train.compile:
            self.network.compile()
        self.model, self.optimizer = fabric.setup(self.network, _optimizer(self.network, config.train, fabric.device))
        self.batches = self.looks = BatchMaker(images, labels, config, fabric.device, scratch)
        if validation_labels is not None:
            self.looks = BatchMaker(images, validation_labels, config, fabric.device, scratch)

    @property
    def kept(self) -> UNet:
        """The network whose weights are validated and kept."""
        return self.network if self.average is None else self.average.module

    def step(self, batch: Sequence[Sample], rate: float) -> Tensor:
        """One step on this process's share of a global batch; sums for the epoch's record."""
        config = self.config.train
        parts = parts_of(batch, self.at_once, self.fabric.world_size)
        sums = torch.zeros(7, dtype=torch.float64, device=self.fabric.device)
        for part in parts:
            # Processes add up their gradients once, with those of the last part.
            with self.fabric.no_backward_sync(self.model, enabled=part is not parts[-1]):
                sums += self._learn(part, of=len(batch))
        if config.gradient_clip:
            self.fabric.clip_gradients(
                self.model, self.optimizer, max_norm=config.gradient_clip, error_if_nonfinite=False
            )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.follow(self.network)
        return sums

    def _learn(self, part: Sequence[Sample], *, of: int) -> Tensor:
        """Adds the gradient of a part of a global batch of so many samples; this process's sums over it."""
        mine = part[self.fabric.global_rank :: self.fabric.world_size]
        # With nothing to do, it goes along with the others with a sample that has no weight: they may wait for it.
        made = self.batches.make(mine or part[:1], patch_px=self.config.train.patch_px)
        images = scale_intensity(made.images, self.config.model.intensity)
        logits = self.model(images.contiguous(memory_format=torch.channels_last))
        loss = segmentation_loss(logits, made.labels, self.config.loss, made.weights, made.counted)
        # Losses are means over samples, so parts count by their share. Gradients are averaged over processes.
        self.fabric.backward(loss * (len(mine) * self.fabric.world_size / of))
        sums = _sums_of(loss.detach(), logits.detach(), made)
        return sums if mine else torch.zeros_like(sums)

    @torch.no_grad()
    def validate(self, samples: Sequence[Sample]) -> Tensor:
        """The same sums over this process's share of whole slices."""
        model = self.kept
        model.eval()
        sums = torch.zeros(7, dtype=torch.float64, device=self.fabric.device)
        for sample in samples[self.fabric.global_rank :: self.fabric.world_size]:
            whole = self.looks.make([sample], patch_px=0)
            scaled = scale_intensity(whole.images, self.config.model.intensity)
            with self.fabric.autocast():
                logits = predict_logits(model, scaled, self.config.prediction.tile_px)
            loss = segmentation_loss(logits, whole.labels, self.config.loss, whole.weights, whole.counted)
            sums += _sums_of(loss, logits, whole)
        return sums

    @torch.no_grad()
    def probability(self, sample: Sample) -> NDArray[np.uint8]:
        """What the network sees of a slice's first corner: probability of interior, (H, W) uint8."""
        self.kept.eval()
        # As prediction does: the slice is scaled as a whole, and cut afterwards.
        scaled = scale_intensity(self.looks.make([sample], patch_px=0).images, self.config.model.intensity)
        with self.fabric.autocast():
            logits = predict_logits(self.kept, scaled[_CORNER], 0)
        return _bytes(logits[0, 0].float().sigmoid())

    def planes(self, sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The same corner of the slice itself, and of its label: 255 is interior; (H, W) uint8 each."""
        whole = self.looks.make([sample], patch_px=0)
        return _bytes(whole.images[_CORNER][0, 0].clamp(0, 1)), _bytes(whole.labels[_CORNER][0, 0].float())


def _bytes(plane: Tensor) -> NDArray[np.uint8]:
    page: NDArray[np.uint8] = plane.mul(255).round().byte().cpu().numpy()
    return page


def _optimizer(network: UNet, config: TrainConfig, device: torch.device) -> torch.optim.Optimizer:
    fused = device.type == "cuda"  # one kernel for all weights in place of several
    if config.optimizer == "adamw":
        return torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=fused
        )
    return torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=fused)


def _sums_of(loss: Tensor, logits: Tensor, batch: AugmentedBatch) -> Tensor:
    """(7,) float64: loss times images, images, the five of `training_counts`."""
    images = float(len(batch.labels))
    counts = loss.new_full((2,), images, dtype=torch.float64)
    counts[0] *= loss
    return torch.cat([counts, training_counts(logits, batch.labels, batch.counted)])
