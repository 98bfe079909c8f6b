"""What an epoch consists of: which slices, cut where, varied how; and the batches made of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segcore.augmentation import AugmentedBatch, Transform, apply, draw, support_px
from segcore.config import AugmentConfig, LossConfig, RunConfig
from segcore.network import boundary_weights
from segcore.runs import Split, spread
from segcore.storage import storage_errors

# Rows and columns of a slice; they may lie beyond its border.
Window = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One training pair before it is made.

    Attributes:
        source: index of the slice.
        transform: what is done to it.
        centre: where the patch lies in the slice, (down, right), each 0..1.
    """

    source: int
    transform: Transform
    centre: tuple[float, float] = (0.5, 0.5)


def pool_copy(copy: int, slices: int, config: AugmentConfig, seed: int) -> Transform:
    """The transform of copy number `copy` of a pool: the first `slices` copies are the originals."""
    return Transform() if copy < slices else draw(config, np.random.default_rng([seed, 1, copy]))


def epoch_samples(split: Split, config: RunConfig, epoch: int) -> list[Sample]:
    """The samples of an epoch, in order; the same for the same seed and epoch.

    With a pool of copies (the notebook's protocol) an epoch is the training copies, shuffled.
    Otherwise slices are dealt evenly and varied anew.
    """
    rng = np.random.default_rng([config.train.seed, 2, epoch])
    if split.pool:
        slices = len({copy.source for copy in split.pool})
        copies = [number for number, copy in enumerate(split.pool) if copy.part == "train"]
        chosen = rng.permutation(copies)[: config.train.epoch_samples or None]
        return [
            Sample(
                source=split.pool[copy].source,
                transform=pool_copy(int(copy), slices, config.augment, config.train.seed),
                centre=(0.5, 0.5) if not config.train.patch_px else (float(rng.random()), float(rng.random())),
            )
            for copy in chosen
        ]
    wanted = config.train.epoch_samples or len(split.train)
    rounds = -(-wanted // len(split.train))
    order = np.concatenate([rng.permutation(split.train) for _ in range(rounds)])[:wanted]
    return [
        Sample(
            source=int(source),
            transform=draw(config.augment, rng),
            centre=(float(rng.random()), float(rng.random())),
        )
        for source in order
    ]


def validation_samples(split: Split, config: RunConfig, slice_px: int) -> list[Sample]:
    """What is validated after each epoch: validation slices as they are, or the pool's copies.

    Args:
        split, config: of the run.
        slice_px: pixels of a slice; as many slices are taken as the settings allow.
    """
    if not split.pool:
        chosen = spread(split.validation, config.train.validation_megapixels, slice_px, at_least=1)
        return [Sample(source=source, transform=Transform()) for source in chosen]
    slices = len({copy.source for copy in split.pool})
    return [
        Sample(source=copy.source, transform=pool_copy(number, slices, config.augment, config.train.seed))
        for number, copy in enumerate(split.pool)
        if copy.part == "validation"
    ]


class BatchMaker:
    """Turns samples into batches of tensors on a device.

    Args:
        images: (Z, H, W) uint8, in memory or mapped.
        labels: (Z, H, W) uint8, 0 for membrane.
        config: of the run.
        device: where batches are made.
        scratch: folder on whose disk boundary weights are kept; the system's for temporary files if None.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        config: RunConfig,
        device: torch.device,
        scratch: Path | None = None,
    ) -> None:
        self._images = images
        self._labels = labels
        self._config = config
        self._device = device
        self._weights = _BoundaryWeights(labels, config.loss, scratch) if config.loss.boundary_weight > 0 else None

    def make(self, samples: Sequence[Sample], *, patch_px: int) -> AugmentedBatch:
        """One batch: patches of side `patch_px` (smaller where the slice is), or whole slices for 0."""
        height, width = self._images.shape[-2:]
        if patch_px:
            size = (min(patch_px, height), min(patch_px, width))
            side = support_px(self._config.augment, max(size))
            windows = [_window(sample.centre, size, (height, width), side) for sample in samples]
        else:
            size = (height, width)
            windows = [(np.arange(height), np.arange(width))] * len(samples)
        images = self._cut(self._images, samples, windows).float().div_(255)
        labels = self._cut(self._labels, samples, windows) > 0
        if self._config.augment.border == "black" and patch_px:
            inside = torch.stack([_inside(window, (height, width)) for window in windows])[:, None].to(self._device)
            images, labels = images * inside, labels & inside
        weights = None
        if self._weights is not None:
            pages = [self._weights.of(sample.source) for sample in samples]
            cuts = [
                page[_mirrored(rows, columns, (height, width))]
                for page, (rows, columns) in zip(pages, windows, strict=True)
            ]
            weights = torch.from_numpy(np.stack(cuts))[:, None].float().to(self._device)
        return apply(images, labels, [sample.transform for sample in samples], weights=weights, size=size)

    def _cut(self, stack: NDArray[np.uint8], samples: Sequence[Sample], windows: Sequence[Window]) -> Tensor:
        shape = (stack.shape[-2], stack.shape[-1])
        cuts = [
            stack[sample.source][_mirrored(rows, columns, shape)]
            for sample, (rows, columns) in zip(samples, windows, strict=True)
        ]
        return torch.from_numpy(np.stack(cuts))[:, None].to(self._device)


class _BoundaryWeights:
    """Boundary weights of slices, worked out once each and kept in a file that has no name.

    In memory they would be a gigabyte for some sixty slices of 4096 x 4096, and working them out takes seconds. The
    system drops from memory what it needs the place of. Halves are precise to a thousandth.
    """

    def __init__(self, labels: NDArray[np.uint8], loss: LossConfig, scratch: Path | None) -> None:
        self._labels, self._loss = labels, loss
        self._folder = Path(tempfile.gettempdir()) if scratch is None else scratch
        self._known: dict[int, NDArray[np.float16]] = {}
        self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  # it is closed, and gone, with this object

    def of(self, source: int) -> NDArray[np.float16]:
        """The weights of a slice, (H, W); a `StorageError` if the disk refuses them."""
        if source not in self._known:
            loss, shape = self._loss, self._labels.shape[1:]
            page = boundary_weights(
                self._labels[source] > 0, weight=loss.boundary_weight, sigma_px=loss.boundary_sigma_px
            ).astype(np.float16)
            with storage_errors(self._folder):
                # Written, not mapped: on a full disk the first fails, the second kills.
                place = self._file.seek(0, os.SEEK_END)
                self._file.write(page.data)
                self._file.flush()
                self._known[source] = np.memmap(self._file, np.float16, "r", place, shape)
        return self._known[source]


def _window(centre: tuple[float, float], size: tuple[int, int], shape: tuple[int, int], side: int) -> Window:
    """Rows and columns of the square of `side` about a patch that lies inside the slice itself.

    A row or column more where that puts the patch in the very middle: half a pixel off, it would be
    interpolated even where nothing is turned.
    """
    starts = []
    for place, patch, length in zip(centre, size, shape, strict=True):
        first = round(place * (length - patch))
        margin = -(-(side - patch) // 2)
        starts.append(np.arange(patch + 2 * margin) + first - margin)
    return starts[0], starts[1]


def _mirrored(rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]) -> Window:
    """Indices that read a slice as if it went on beyond its border as its own mirror image."""
    folded = []
    for indices, length in zip((rows, columns), shape, strict=True):
        around = indices % (2 * length)
        folded.append(np.minimum(around, 2 * length - 1 - around))
    return folded[0][:, None], folded[1][None, :]


def _inside(window: Window, shape: tuple[int, int]) -> Tensor:
    rows, columns = ((indices >= 0) & (indices < length) for indices, length in zip(window, shape, strict=True))
    return torch.from_numpy(rows[:, None] & columns[None, :])
