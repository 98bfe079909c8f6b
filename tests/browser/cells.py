"""Cells as the network might see them: a stack of images, its labels and a prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from segcore.data import install
from segcore.evaluation import score, write_evaluation
from segcore.stacks import IGNORE, StackWriter, array_stack


def cells(slices: int, height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels and plausible predictions: cells between membranes, blurred and noisy."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    images, labels, predictions = [], [], []
    for z in range(slices):
        interior = np.hypot((y + 2 * z) % 40 - 20, (x + 3 * z) % 44 - 22) < 18
        grey = ndimage.gaussian_filter(np.where(interior, 180.0, 60.0), 1) + rng.normal(0, 15, interior.shape)
        noise = ndimage.gaussian_filter(rng.normal(0, 1, interior.shape), 3) * (4 + z % 5)
        probability = 1 / (1 + np.exp(-(ndimage.gaussian_filter(np.where(interior, 3.0, -3.0), 1.5) + noise)))
        images.append(grey.clip(0, 255).astype(np.uint8))
        labels.append(np.where(interior, 255, 0).astype(np.uint8))
        predictions.append(np.rint(255 * probability).astype(np.uint8))
    return np.stack(images), np.stack(labels), np.stack(predictions)


def evaluated_cells(root: Path) -> dict[str, Any]:
    """A folder with datasets and a run `net` that was evaluated on all but the last, and by name what they are made of.

    `cells` is small, `wide` has levels, `partly` too, and labels that are to be ignored in part; `bare` has none.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGCORE_DATA_DIR", str(root / "data"))
        found: dict[str, Any] = {"root": root}
        for name, shape in (("cells", (8, 300, 420)), ("wide", (2, 700, 1100)), ("partly", (1, 700, 1100))):
            images, labels, predictions = cells(*shape, seed=1)
            if name == "partly":
                labels[:, :, 300:800] = IGNORE
            install(name, array_stack(images), array_stack(labels), voxel_size_nm=(50, 4, 4))
            folder = root / f"models/net/evaluation/{name}"
            folder.mkdir(parents=True)
            path = root / f"{name}.tif"
            with StackWriter(path, height=shape[1], width=shape[2], slices=shape[0]) as writer:
                for page in predictions:
                    writer.write(page)
            slices = range(shape[0])
            scored = score(
                path, root / f"data/{name}/labels.tif", slices=slices, names=[str(z) for z in slices],
                thresholds={"pixel": 0.5}, workers=1,
            )  # fmt: skip
            write_evaluation(folder, scored, {}, probability=path)
            found[name] = (images, labels, predictions, scored.evidence)
        install("bare", array_stack(cells(2, 90, 120, seed=2)[0]))
    return found
