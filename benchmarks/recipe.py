"""Looks for the recipe: trains one change at a time, on folds for choosing, and scores what was held out.

    python -m benchmarks.recipe train --images train-volume.tif --labels train-labels.tif --out FOLDER
        [--trials standard width24 ...] [--folds 0 1] [--seeds 2] [--processes 8] [--minutes 8]
    python -m benchmarks.recipe score --labels train-labels.tif --out FOLDER

A trial is the `standard` preset with the settings of `TRIALS`. Each is trained on the same folds (three contiguous ones
of ten slices) and seeds; its network predicts the fold it never saw and its validation slices, which choose the
thresholds. What was found stands in `benchmarks/recipe.md`.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
import multiprocessing
import queue
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import tifffile
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from segcore.augmentation import AugmentedBatch
from segcore.config import RunConfig, override
from segcore.measures import PixelEvidence, components, count_evidence, predicted_interior, score_segments, thin
from segcore.network import predict
from segcore.presets import standard
from segcore.runs import make_split
from segcore.training import Learner, Machine, choose_thresholds, epoch_samples, launch, validation_samples

_CROPS = ["model.width=24", "train.patch_px=384", "train.epoch_samples=64"]
TRIALS: dict[str, list[str]] = {
    "standard": [],
    "width24": ["model.width=24"],
    "width32": ["model.width=32"],
    "patch384": _CROPS,
    "patch512": ["model.width=24", "train.patch_px=512", "train.epoch_samples=36"],
    "wide384": [*_CROPS, "model.width=32"],
    "elastic10": [*_CROPS, "augment.elastic_px=10"],
    "dropout35": [*_CROPS, "model.dropout=0.35"],
    "no-boundary": [*_CROPS, "loss.boundary_weight=0"],
    "decay": [*_CROPS, "train.weight_decay=0.05"],
    "ema995": [*_CROPS, "train.ema_decay=0.995"],
    "depth4": [*_CROPS, "model.depth=4"],
    "long": [*_CROPS, "train.epochs=150"],
}
"""Settings of each trial, on top of `standard`."""
GAPS = {"gaps": 6}
"""Trials in whose patches membranes are erased in places, and in how many."""
TRIALS |= dict.fromkeys(GAPS, TRIALS["width24"])


def settings(trial: str, fold: int, seed: int) -> RunConfig:
    split = ["split.protocol=kfold", "split.folds=3", f"split.fold={fold}", f"train.seed={seed}"]
    return override(standard(), [*TRIALS[trial], *split])


def with_gaps(batch: AugmentedBatch, count: int) -> AugmentedBatch:
    """Erases membranes of the image in round places: there it gets the mean of the interior around it, and noise."""
    images, interior = batch.images.clone(), batch.labels.float()
    around = F.avg_pool2d(images * interior, 31, 1, 15) / F.avg_pool2d(interior, 31, 1, 15).clamp_min(0.02)
    rows, columns = (torch.arange(side, device=images.device) for side in images.shape[-2:])
    for image, label, mean in zip(images[:, 0], batch.labels[:, 0], around[:, 0], strict=True):
        membrane = (~label).nonzero()
        if not len(membrane):
            continue
        for row, column in membrane[torch.randint(len(membrane), (count,), device=images.device)]:
            radius = 3 + 5 * torch.rand((), device=images.device)
            place = ((rows - row)[:, None] ** 2 + (columns - column)[None, :] ** 2 < radius**2) & ~label
            image.copy_(torch.where(place, (mean + 0.06 * torch.randn_like(mean)).clamp(0, 1), image))
    return dataclasses.replace(batch, images=images)


def train_one(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], config: RunConfig, accelerator: str, gaps: int = 0
) -> dict[str, NDArray[np.generic]]:
    """Probabilities of the held-out fold and of the validation slices, from the best epoch's weights."""
    began = time.perf_counter()
    learner = Learner(launch(Machine(accelerator=accelerator), config.train), config, images, labels)
    if gaps:
        whole = learner.batches.make
        learner.batches.make = lambda samples, *, patch_px: (  # type: ignore[method-assign]
            with_gaps(whole(samples, patch_px=patch_px), gaps) if patch_px else whole(samples, patch_px=0)
        )
    split = make_split(len(images), config.split, seed=config.train.seed)
    judged = validation_samples(split, config, images[0].size)
    steps = math.ceil(config.train.epoch_samples / config.train.batch_size)
    last, best, kept = config.train.epochs * steps - 1, -1.0, {}
    for epoch in range(1, config.train.epochs + 1):
        torch.manual_seed(config.train.seed * 1_000_003 + epoch)
        learner.model.train()
        samples = epoch_samples(split, config, epoch)
        for step in range(steps):
            at = (epoch - 1) * steps + step
            warm = min(1.0, (at + 1) / max(1, config.train.warmup_steps))
            cosine = 0.01 + 0.99 * (1 + math.cos(math.pi * at / last)) / 2
            batch = samples[step * config.train.batch_size :][: config.train.batch_size]
            learner.step(batch, config.train.learning_rate * warm * cosine)
        _, _, found, predicted, in_label, _, _ = learner.validate(judged).tolist()
        dice = 2 * found / (predicted + in_label)
        if dice > best:
            best, best_epoch = dice, epoch
            kept = {name: tensor.clone() for name, tensor in learner.kept.state_dict().items()}
    trained = time.perf_counter() - began
    network = learner.kept
    network.load_state_dict(kept)
    network.eval()
    rows = [*split.test, *split.validation]
    pages = np.stack(list(predict(network, [np.asarray(images[row]) for row in rows], config.prediction)))
    return {
        "pages": pages,
        "test": np.array(split.test),
        "validation": np.array(split.validation),
        "epoch": np.array(best_epoch),
        "seconds": np.array(trained),
    }


def _work(options: argparse.Namespace, jobs: multiprocessing.Queue[tuple[str, int, int]]) -> None:
    torch.set_num_threads(options.threads)
    images, labels = (tifffile.imread(path) for path in (options.images, options.labels))
    while time.time() < options.until:
        try:
            trial, fold, seed = jobs.get(timeout=1)
        except queue.Empty:
            return
        made = train_one(images, labels, settings(trial, fold, seed), options.accelerator, GAPS.get(trial, 0))
        np.savez_compressed(options.out / f"{trial}-{fold}-{seed}.npz", **made)  # type: ignore[arg-type]
        print(f"{trial:<12} fold {fold} seed {seed}: {made['seconds']:.0f} s, epoch {made['epoch']}", flush=True)


def train(options: argparse.Namespace) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    options.until = time.time() + 60 * options.minutes
    context = multiprocessing.get_context("spawn")
    jobs = context.Queue()
    for seed, trial, fold in itertools.product(range(options.seeds), options.trials, options.folds):
        jobs.put((trial, fold, seed))
    workers = [context.Process(target=_work, args=(options, jobs)) for _ in range(options.processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    jobs.cancel_join_thread()


def score(options: argparse.Namespace) -> None:
    """A row a trial: means over folds and seeds, and with the probabilities of the seeds averaged."""
    labels = tifffile.imread(options.labels)
    rows: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    pages: dict[tuple[str, int], list[NDArray[np.uint8]]] = defaultdict(list)
    parts: dict[tuple[str, int], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    for file in sorted(options.out.glob("*.npz")):
        trial, fold, _ = file.stem.rsplit("-", 2)
        with np.load(file) as kept:
            key = (trial, int(fold))
            pages[key].append(kept["pages"])
            parts[key] = (kept["test"], kept["validation"])
            rows[trial].append((*_judged(kept["pages"], *parts[key], labels), float(kept["seconds"])))
    for (trial, _), several in pages.items():
        if len(several) > 1:
            together = np.mean(several, axis=0).round().astype(np.uint8)
            rows[f"{trial}, {len(several)} seeds averaged"].append((*_judged(together, *parts[trial, _], labels), 0.0))
    print(f"{'trial':<32}{'n':>3}{'wrong %':>9}{'±':>6}{'V_Rand':>9}{'V_Info':>9}{'seconds':>9}")
    for trial, values in rows.items():
        table = np.array(values)
        mean, spread = table.mean(axis=0), table[:, 0].std()
        print(f"{trial:<32}{len(table):>3}{mean[0]:9.2f}{spread:6.2f}{mean[1]:9.4f}{mean[2]:9.4f}{mean[3]:9.0f}")


def _judged(
    pages: NDArray[np.uint8], test: NDArray[np.int64], validation: NDArray[np.int64], labels: NDArray[np.uint8]
) -> tuple[float, float, float]:
    """Wrong pixels in percent at the pixel threshold, V_Rand and V_Info at the topology threshold."""
    points = choose_thresholds(pages[len(test) :], labels[validation])
    evidence = PixelEvidence(
        np.stack([count_evidence(labels[z] > 0, page) for z, page in zip(test, pages, strict=False)])
    )
    wrong = 100 * float(evidence.confusion(points.pixel).wrong_pixels.sum()) / labels[test].size
    scores = [
        score_segments(components(labels[z] > 0), thin(predicted_interior(page, points.topology)))
        for z, page in zip(test, pages, strict=False)
    ]
    return wrong, float(np.mean([one.v_rand for one in scores])), float(np.mean([one.v_info for one in scores]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train")
    training.set_defaults(action=train)
    training.add_argument("--images", type=Path, required=True)
    training.add_argument("--trials", nargs="+", choices=list(TRIALS), default=list(TRIALS))
    training.add_argument("--folds", nargs="+", type=int, default=[0, 1])
    training.add_argument("--seeds", type=int, default=2)
    training.add_argument("--processes", type=int, default=1)
    training.add_argument("--threads", type=int, default=1)
    training.add_argument("--minutes", type=float, default=math.inf)
    training.add_argument("--accelerator", default="auto")
    scoring = commands.add_parser("score")
    scoring.set_defaults(action=score)
    for command in (training, scoring):
        command.add_argument("--labels", type=Path, required=True)
        command.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.action(options)


if __name__ == "__main__":
    main()
