"""The stacks that are measured on, as datasets and evaluated runs in the package's own formats.

    small   30 slices of   512 x  512
    large   36 slices of  4096 x 4096
    huge  2000 slices of  8192 x 8192
    long  2000 slices of   512 x  512

All are made of 30 synthetic slices of 512 x 512. Larger ones are mosaics, each tile the mirror image of its
neighbours: then no boundary is nearer across a seam than within the tile, and the pixel table of a mosaic is the
tile's, times the number of tiles, to the last count. V_Rand, V_Info and events are those of the tile. Images of the
same tile differ in brightness from slice to slice, so that no two are alike.

Large ones have what `install` and `evaluate` keep beside the full slices, an eighth of their size.

`huge` would take 400 GB. Its files are as long as that, but only the first slices have pixels; the others are
holes, which the file system reads as zeros, and nobody goes there. Its tables are as if there were none, so that the
numbers on the pages are ordinary ones. Its fingerprints are invented.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from segcore.config import RunConfig, SplitConfig
from segcore.data import FORMAT_VERSION, IMAGES, INFO, LABELS, DatasetInfo, make_stack
from segcore.evaluation import Evaluation, score, write_evaluation
from segcore.measures import Events, PixelEvidence
from segcore.presets import standard
from segcore.runs import (
    EpochRecord,
    NetworkPart,
    OperatingPoints,
    Run,
    RunInfo,
    create_run,
    make_split,
    now,
    write_history,
)
from segcore.stacks import HOW, LEVEL, REDUCED, StackWriter, extremes, is_kept_reduced, reduced
from segcore.storage import write_json

Pixels = NDArray[np.uint8]
TILE = 512
TILES = 30
POINTS = {"pixel": 0.47, "topology": 0.8}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack to measure on.

    Attributes:
        name: of the dataset and of the run.
        slices: how many it has.
        side: height and width, pixels.
        filled: how many of its slices, from the first, have pixels.
    """

    name: str
    slices: int
    side: int
    filled: int

    @property
    def query(self) -> str:
        """The part of an address that chooses it."""
        return f"run={self.name}&dataset={self.name}&part=all"


SMALL = Stack(name="small", slices=36, side=512, filled=36)
LARGE = Stack(name="large", slices=36, side=4096, filled=36)
HUGE = Stack(name="huge", slices=2000, side=8192, filled=36)
LONG = Stack(name="long", slices=2000, side=512, filled=2000)


@dataclass(frozen=True)
class Tiles:
    """30 slices of 512 x 512: images, labels and probabilities, and what was measured on them."""

    images: Pixels
    labels: Pixels
    probability: Pixels
    measured: Evaluation


def environment(root: Path) -> dict[str, str]:
    """What tells the app to look there."""
    return {
        "SEGCORE_DATA_DIR": str(root / "data"),
        "SEGCORE_MODELS_DIR": str(root / "models"),
        "SEGCORE_CACHE_DIR": str(root / "tiles"),
    }


def make(root: Path, stacks: list[Stack]) -> None:
    """Makes those of the stacks that are not there yet."""
    missing = [stack for stack in stacks if not (root / "models" / stack.name / "evaluation").exists()]
    if not missing:
        return
    tiles = _tiles()
    for stack in missing:
        print(f"making {stack.name}: {stack.slices} slices of {stack.side} x {stack.side} ...", flush=True)
        _make(root, stack, tiles)


def _tiles() -> Tiles:
    rng = np.random.default_rng(0)
    made = make_stack(TILES, TILE, TILE, rng)
    probability = np.empty_like(made.labels)
    for z, label in enumerate(made.labels):
        noise = ndimage.gaussian_filter(rng.normal(0, 1, label.shape), 3) * (6 + z % 7)
        blurred = ndimage.gaussian_filter(np.where(label, 3.0, -3.0), 1.5)
        probability[z] = np.rint(255 / (1 + np.exp(-(blurred + noise))))
    names = [str(z) for z in range(TILES)]
    measured = score(probability, made.labels, slices=range(TILES), names=names, thresholds=POINTS)
    return Tiles(made.images, made.labels, probability, measured)


def _make(root: Path, stack: Stack, tiles: Tiles) -> None:
    data = root / "data" / stack.name
    data.mkdir(parents=True)
    prints = tuple(hashlib.sha256(f"{stack.name} {z}".encode()).hexdigest() for z in range(stack.slices))
    membrane = [100 * float(np.mean(label == 0)) for label in tiles.labels]
    info = DatasetInfo(
        format_version=FORMAT_VERSION, name=stack.name, title=f"Synthetic, {stack.side} px", slices=stack.slices,
        height=stack.side, width=stack.side, voxel_size_nm=(50.0, 4.0, 4.0), labelled=True, synthetic=True,
        source="drawn by the benchmark", terms="none", citation="",
        slice_names=tuple(f"{z:04}.png" for z in range(stack.slices)), fingerprint=prints[0],
        slice_fingerprints=prints, intensity_range=(0.0, 255.0), created=now(),
        membrane_percent=tuple(round(membrane[z % TILES], 4) for z in range(stack.slices)),
    )  # fmt: skip
    images = [_brighter(tiles.images[z % TILES], z // TILES) for z in range(stack.filled)]
    labels = [tiles.labels[z % TILES] for z in range(stack.filled)]
    _write(data / IMAGES, stack, images)
    _write(data / LABELS, stack, labels)
    _write_reduced(data, stack, image=images, label=labels)
    write_json(data / INFO, dataclasses.asdict(info))
    run = _run(root, info)
    folder = run.evaluation(stack.name, "all")
    folder.parent.mkdir()
    probability = folder.parent / "probability.tif"
    predictions = [tiles.probability[z % TILES] for z in range(stack.filled)]
    _write(probability, stack, predictions)
    audit = run.audit_slices(range(stack.slices), prints)
    facts = {
        "run": run.name, "dataset": stack.name, "synthetic": True, "part": "all", "leaks": audit.leaks,
        "trained_on": list(audit.trained_on), "chosen_on": list(audit.chosen_on), "evaluated": now(),
    }  # fmt: skip
    write_evaluation(folder, _evaluation(stack, info, tiles), facts, probability=probability)
    extreme = [extremes(label, page) for label, page in zip(labels, predictions, strict=True)]
    peaks, troughs = ([one[at] for one in extreme] for at in (0, 1))
    _write_reduced(folder, stack, probability=predictions, peak=peaks, trough=troughs)


def _brighter(image: Pixels, by: int) -> Pixels:
    return np.minimum(image, np.uint8(255 - by)) + np.uint8(by)


def _write_reduced(folder: Path, stack: Stack, **planes: list[Pixels]) -> None:
    """What `install` and `evaluate` keep of large slices: an eighth of a mosaic is a mosaic of eighths."""
    if is_kept_reduced(stack.side, stack.side):
        smaller = dataclasses.replace(stack, side=stack.side >> LEVEL)
        for plane, tiles in planes.items():
            _write(folder / REDUCED[plane], smaller, [reduced(one, LEVEL, HOW[plane]) for one in tiles])


def _write(path: Path, stack: Stack, tiles: Sequence[Pixels]) -> None:
    if stack.filled == stack.slices:
        with StackWriter(path, height=stack.side, width=stack.side, slices=stack.slices) as writer:
            for tile in tiles:
                writer.write(_mosaic(tile, stack.side))
        return
    shape = (stack.slices, stack.side, stack.side)
    offset, _ = tifffile.imwrite(
        path, shape=shape, dtype=np.uint8, bigtiff=True, photometric="minisblack", returnoffset=True
    )
    with path.open("r+b") as file:
        file.seek(offset)
        for tile in tiles:
            file.write(_mosaic(tile, stack.side))


def _mosaic(tile: Pixels, side: int) -> Pixels:
    if side == len(tile):
        return tile
    both = np.hstack([tile, tile[:, ::-1]])
    four = np.vstack([both, both[::-1]])
    return np.tile(four, (side // len(four), side // len(four)))


def _run(root: Path, info: DatasetInfo) -> Run:
    config: RunConfig = standard()
    split = make_split(info.slices, SplitConfig())
    facts = RunInfo(
        state="finished", dataset=info.name, dataset_fingerprint=info.fingerprint, synthetic=True, seed=0,
        started=now(), ended=now(), device="none", parameters=1942289, epochs=75, best_epoch=70, best_dice=0.9,
        train_seconds=1500.0, operating_points=OperatingPoints(**POINTS),
    )  # fmt: skip
    run = create_run(
        info.name, config=config, split=split, info=facts, slice_fingerprints=info.slice_fingerprints,
        root=root / "models",
    )  # fmt: skip
    write_history(run.history_csv, [
        EpochRecord(
            epoch=epoch, train_loss=1 / epoch, train_dice=1 - 0.5 / epoch, train_accuracy=1 - 0.4 / epoch,
            validation_loss=1.1 / epoch, validation_dice=1 - 0.6 / epoch, validation_accuracy=1 - 0.5 / epoch,
            learning_rate=1e-3 * 0.95**epoch, seconds=20.0,
        )
        for epoch in range(1, 76)
    ])  # fmt: skip
    run.write_parts([
        NetworkPart(
            part="encoder", level=level, channels=16 << level, height=TILE >> level, width=TILE >> level,
            parameters=1000 << level, multiply_adds=10**8,
        )
        for level in range(5)
    ])  # fmt: skip
    return run


def _evaluation(stack: Stack, info: DatasetInfo, tiles: Tiles) -> Evaluation:
    source = np.arange(stack.slices) % TILES
    measured = tiles.measured
    events = [[event for event in measured.events if event.slice == z] for z in range(TILES)]
    return dataclasses.replace(
        measured,
        slices=tuple(range(stack.slices)),
        names=info.slice_names,
        evidence=PixelEvidence(measured.evidence.counts[source] * (stack.side // TILE) ** 2),
        neurites=tuple(measured.neurites[z] for z in source),
        points={name: tuple(scores[z] for z in source) for name, scores in measured.points.items()},
        over_thresholds=tuple(measured.over_thresholds[z] for z in source),
        events=Events.of(
            dataclasses.replace(event, slice=z) for z in range(stack.slices) for event in events[z % TILES]
        ),
    )


def size_on_disk(root: Path) -> float:
    """GB that the files really take."""
    return sum(os.stat(path).st_blocks * 512 for path in root.rglob("*") if path.is_file()) / 1e9
