"""What an epoch consists of: which slices, cut where, varied how; and the batches made of them."""

from __future__ import annotations

import logging
import os
import tempfile
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from segcore.augmentation import AugmentedBatch, Transform, apply, draw, sent, support_px
from segcore.config import AugmentConfig, RunConfig
from segcore.network import boundary_weights
from segcore.runs import Split, spread
from segcore.stacks import IGNORE, fill_padding, padding_of
from segcore.storage import storage_errors
from segcore.training.resident import ResidentSlices
from segcore.training.window import Window

log = logging.getLogger("segcore.training.sampling")


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


def epoch_samples(split: Split, config: RunConfig, epoch: int, *, height: int = 0) -> list[Sample]:
    """The samples of an epoch, in order; the same for the same seed and epoch.

    With a pool of copies (the notebook's protocol) an epoch is the training copies, shuffled.
    Otherwise slices are dealt evenly and varied anew.

    Args:
        split, config: of the run.
        epoch: its number.
        height: of a slice, where patches lie in a band of its rows.
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
            centre=(_down(float(rng.random()), split, config.train.patch_px, height), float(rng.random())),
        )
        for source in order
    ]


def _down(place: float, split: Split, patch_px: int, height: int) -> float:
    """Where a patch lies in a slice, from where it lies in the band that is learned from, each 0 to 1.

    One higher than the band has the band in its middle, as far as the slice allows.
    """
    if split.bands is None or not 0 < patch_px < height:
        return place
    first, end = split.bands.train
    top = first + place * (end - first - patch_px) if patch_px < end - first else (first + end - patch_px) / 2
    return min(max(top / (height - patch_px), 0.0), 1.0)


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
        labels: (Z, H, W) uint8, as in `segcore.stacks.label`.
        config: of the run.
        device: where batches are made.
        scratch: folder on whose disk boundary weights, and slices whose padding was filled, are kept; the system's for
            temporary files if None.
        resident: whether slices stay on the device; None where it is a GPU that has the memory.

    Where a slice has padding, the image goes on as the mirror image of what lies beside it, and the label is ignored.
    Slices stay on a GPU that has the memory; batches are then cut and varied there, and the host waits for nothing.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        config: RunConfig,
        device: torch.device,
        scratch: Path | None = None,
        resident: bool | None = None,
    ) -> None:
        self._images = images
        self._labels = labels
        self._config = config
        self._device = device
        self._padded: dict[int, bool] = {}
        self._ignoring: dict[int, bool] = {}
        self._filled = _KeptPages(
            lambda source: np.stack(tissue_pair(images, labels, source)), np.uint8, (2, *images.shape[1:]), scratch
        )
        self._weights = None
        if config.loss.boundary_weight > 0:
            self._weights = _KeptPages(self._boundary_weights, np.float16, images.shape[1:], scratch)
        shape, weighted = (images.shape[0], images.shape[1], images.shape[2]), self._weights is not None
        self._resident = None
        if ResidentSlices.fit(shape, weighted, device) if resident is None else resident:
            self._resident = ResidentSlices(shape, self._layers, weighted, device)
        elif device.type == "cuda":
            log.info("the slices do not fit on the device and are cut on the host, which takes longer")

    def make(self, samples: Sequence[Sample], *, patch_px: int) -> AugmentedBatch:
        """One batch: patches of side `patch_px` (smaller where the slice is), or whole slices for 0."""
        height, width = self._images.shape[-2:]
        if patch_px:
            size = (min(patch_px, height), min(patch_px, width))
            side = support_px(self._config.augment, max(size))
            windows = [Window.about(sample.centre, size, (height, width), side) for sample in samples]
        else:
            size = (height, width)
            windows = [Window(top=0, left=0, height=height, width=width)] * len(samples)
        sources = [sample.source for sample in samples]
        images, truth, *weights = self._cut(sources, windows)
        images, labels = images.float().div_(255), truth > IGNORE
        counted = truth != IGNORE if any(map(self._ignores, sources)) else None
        if self._config.augment.border == "black" and patch_px:
            inside = sent(np.stack([window.inside((height, width)) for window in windows])[:, None], self._device)
            images, labels = images * inside, labels & inside
        return apply(
            images,
            labels,
            [sample.transform for sample in samples],
            weights=weights[0].float() if weights else None,
            counted=counted,
            size=size,
            as_tensors=self._resident is not None,
        )

    def _cut(self, sources: Sequence[int], windows: Sequence[Window]) -> list[Tensor]:
        """Of each layer a batch on the device, (N, 1, h, w)."""
        if self._resident is not None:
            return self._resident.cut(sources, windows)
        slices = zip(*(self._layers(source) for source in sources), strict=True)
        return [
            sent(
                np.stack([window.of(page) for page, window in zip(pages, windows, strict=True)])[:, None], self._device
            )
            for pages in slices
        ]

    def _layers(self, source: int) -> list[NDArray[Any]]:
        """Image, label and, if there are any, weights of a slice, (H, W) each."""
        return [*self._pair(source), *([] if self._weights is None else [self._weights.of(source)])]

    def _ignores(self, source: int) -> bool:
        """Whether anything of a slice's label is to be ignored."""
        if source not in self._ignoring:
            self._ignoring[source] = bool((self._pair(source)[1] == IGNORE).any())
        return self._ignoring[source]

    def _pair(self, source: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Image and label of a slice, (H, W) each, the image without padding."""
        if source not in self._padded:
            self._padded[source] = padding_of(np.asarray(self._images[source])) is not None
        if not self._padded[source]:
            return self._images[source], self._labels[source]
        image, label = self._filled.of(source)
        return image, label

    def _boundary_weights(self, source: int) -> NDArray[np.float16]:
        """In halves, which are precise to a thousandth."""
        loss, (_, label) = self._config.loss, self._pair(source)
        weights = boundary_weights(label > IGNORE, weight=loss.boundary_weight, sigma_px=loss.boundary_sigma_px)
        return weights.astype(np.float16)


def tissue_pair(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], source: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image and label of a slice, (H, W) uint8 each; padding of the image is filled with its mirror image, and ignored.

    Args:
        images, labels: (Z, H, W) uint8.
        source: which slice.
    """
    image, label = np.asarray(images[source]), np.asarray(labels[source])
    padding = padding_of(image)
    if padding is None:
        return image, label
    return fill_padding(image, padding), np.where(padding, np.uint8(IGNORE), label)


class _KeptPages:
    """Something of slices that is worked out once for each, and kept in a file that has no name.

    In memory it would be gigabytes for stacks of large slices, and working it out takes seconds. The system drops from
    memory what it needs the place of.
    """

    def __init__(
        self, make: Callable[[int], NDArray[Any]], dtype: DTypeLike, shape: tuple[int, ...], scratch: Path | None
    ) -> None:
        self._make, self._dtype, self._shape = make, dtype, shape
        self._folder = Path(tempfile.gettempdir()) if scratch is None else scratch
        self._known: dict[int, NDArray[Any]] = {}
        self._file: IO[bytes] | None = None

    def of(self, source: int) -> NDArray[Any]:
        """That of a slice; a `StorageError` if the disk refuses it."""
        if source not in self._known:
            page = np.ascontiguousarray(self._make(source))
            with storage_errors(self._folder):
                if self._file is None:
                    self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
                    weakref.finalize(self, _close, self._file)
                # Written, not mapped: on a full disk the first fails, the second kills.
                place = self._file.seek(0, os.SEEK_END)
                self._file.write(page.data)
                self._file.flush()
                self._known[source] = np.memmap(self._file, self._dtype, "r", place, self._shape)
        return self._known[source]


def _close(file: IO[bytes]) -> None:
    """Closes a file nobody needs any more; what the disk refused to take was told when it was written."""
    with suppress(OSError):
        file.close()
