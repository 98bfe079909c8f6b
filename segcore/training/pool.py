"""A pool of augmented pairs on disk: matrices, a table of every copy's parameters, and a preview."""

from __future__ import annotations

import csv
import dataclasses
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from segcore.augmentation import AugmentedBatch, Transform
from segcore.config import LossConfig, RunConfig
from segcore.data import Dataset
from segcore.errors import ConfigError, DataError, StorageError
from segcore.progress import SILENT, Progress
from segcore.storage import atomic_folder, storage_errors
from segcore.training.sampling import BatchMaker, Sample, pool_copy

Pixel = TypeVar("Pixel", np.float32, np.uint8)

_PREVIEW_COLUMNS, _PREVIEW_ROWS, _PREVIEW_PX = 6, 4, 192


@dataclass(frozen=True, kw_only=True)
class Pool:
    """What was written.

    Attributes:
        folder: holds `images.npy` (N, H, W) float32 0..1, `labels.npy` (N, H, W) uint8 with 0 for membrane, 1 for
            interior and 2 for what is to be ignored, `copies.csv` with the source slice and parameters of each copy,
            and `preview.png`.
        copies: N.
        originals: how many of them, the first ones, are the slices as they are.
    """

    folder: Path
    copies: int
    originals: int


def write_pool(
    dataset: Dataset, config: RunConfig, folder: Path, *, count: int, seed: int, progress: Progress = SILENT
) -> Pool:
    """Writes `count` pairs: the slices as they are, then varied copies of each in turn.

    Matrices are memory-mapped while they are written, so that memory does not grow with `count`.

    Args:
        dataset: labelled.
        config: whose `augment` settings are used.
        folder: a new folder; it appears when it is complete, or not at all.
        count: pairs, 1 or more.
        seed: the same seed gives the same pairs.
        progress: told how many pairs there are.

    Raises:
        DataError: if the dataset has no labels.
        ConfigError: if `count` is not positive, or `seed` is negative.
        StorageError: if the folder exists or cannot be written.
    """
    if dataset.labels is None:
        raise DataError("the dataset has no labels to augment", path=dataset.folder, expected="a labelled dataset")
    if count < 1:
        raise ConfigError("a pool needs at least one pair", found=f"--count {count}", expected="1 or more")
    if seed < 0:
        raise ConfigError("a seed is never negative", found=f"--seed {seed}", expected="0 or more")
    slices, height, width = dataset.images.shape
    # A float32 and a byte for each pixel, and a row of the table for each pair.
    _check_space(folder, count * (height * width * 5 + 200))
    samples = [
        Sample(source=copy % slices, transform=pool_copy(copy, slices, config.augment, seed)) for copy in range(count)
    ]
    unweighted = dataclasses.replace(config, loss=LossConfig())
    maker = BatchMaker(dataset.images, dataset.labels, unweighted, torch.device("cpu"))
    with atomic_folder(folder) as making:
        images = _reserved(making / "images.npy", np.float32, (count, height, width))
        labels = _reserved(making / "labels.npy", np.uint8, (count, height, width))
        together = torch.get_num_threads()
        with progress.step("augmenting", count, "pair") as say:
            for start in range(0, count, together):
                made = maker.make(samples[start : start + together], patch_px=0)
                images[start : start + together] = made.images[:, 0].numpy()
                labels[start : start + together] = _values(made)
                say(min(start + together, count))
        _write_table(making / "copies.csv", samples, dataset)
        _write_preview(making / "preview.png", images, labels)
        images.flush()
        labels.flush()
    return Pool(folder=folder, copies=count, originals=min(count, slices))


def _values(batch: AugmentedBatch) -> NDArray[np.uint8]:
    """0 membrane, 1 interior, 2 to be ignored; (N, H, W)."""
    values = batch.labels[:, 0].byte()
    if batch.counted is not None:
        values[~batch.counted[:, 0]] = 2
    found: NDArray[np.uint8] = values.numpy()
    return found


def _check_space(folder: Path, needed: int) -> None:
    """Refuses what cannot fit before hours go into it."""
    there = next(parent for parent in folder.absolute().parents if parent.is_dir())
    with storage_errors(folder):
        free = shutil.disk_usage(there).free
    if needed > free:
        raise StorageError(
            "the pairs do not fit on this disk",
            path=folder,
            found=f"{free / 1e9:.1f} GB free",
            expected=f"{needed / 1e9:.1f} GB, or a smaller --count",
        )


def _reserved(path: Path, kind: type[Pixel], shape: tuple[int, int, int]) -> np.memmap[Any, np.dtype[Pixel]]:
    """A matrix on disk with its space taken up front.

    Writing through a mapping to a disk that is full kills the process; reserving fails with an error.
    """
    mapped = np.lib.format.open_memmap(path, "w+", kind, shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return mapped


def _write_table(path: Path, samples: list[Sample], dataset: Dataset) -> None:
    columns = ["copy", "source_slice", "source_name", *(field.name for field in dataclasses.fields(Transform))]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for number, sample in enumerate(samples):
            writer.writerow(
                {
                    "copy": number,
                    "source_slice": sample.source,
                    "source_name": dataset.info.slice_names[sample.source],
                }
                | dataclasses.asdict(sample.transform)
            )


def _write_preview(path: Path, images: NDArray[np.float32], labels: NDArray[np.uint8]) -> None:
    """A sheet of copies, each over its mask, spread over the whole pool."""
    from PIL import Image

    columns = min(_PREVIEW_COLUMNS, len(images))
    rows = min(_PREVIEW_ROWS, -(-len(images) // columns))
    sheet = Image.new("L", (columns * _PREVIEW_PX, rows * 2 * _PREVIEW_PX), 128)
    for place, copy in enumerate(np.linspace(0, len(images) - 1, rows * columns).round().astype(int)):
        row, column = divmod(place, columns)
        for below, pixels in enumerate((images[copy] * 255, labels[copy] * 255)):
            tile = Image.fromarray(pixels.astype(np.uint8))
            tile.thumbnail((_PREVIEW_PX - 4, _PREVIEW_PX - 4))
            sheet.paste(tile, (column * _PREVIEW_PX + 2, (2 * row + below) * _PREVIEW_PX + 2))
    sheet.save(path)
