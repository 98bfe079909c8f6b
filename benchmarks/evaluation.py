"""Measuring 30 predicted slices of 512 x 512, side by side: segcore, and the same measures with libraries as they come.

    python -m benchmarks.evaluation [--labels FILE.tif] [--slices 30] [--repeats 3]

Without `--labels` a synthetic stack is used. Predictions are the labels blurred and made noisy, seeded, with about
4 % of wrong pixels. The last rows are the forward pass of untrained networks over the same number of slices, the
time that everything else is to stay below.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile
import torch
from scipy import ndimage
from skimage.measure import label as label_components
from skimage.metrics import adapted_rand_error, structural_similarity, variation_of_information
from skimage.segmentation import watershed

from segcore.config import RunConfig
from segcore.data import make_stack
from segcore.evaluation import score
from segcore.measures import CHALLENGE_THRESHOLDS, predicted_interior, score_segments, thin, true_neurites
from segcore.network import UNet, keep_freed_memory, predict
from segcore.presets import PRESETS

POINTS = {"pixel": 0.5, "topology": 0.7}


def blurred(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """8-bit probabilities: labels blurred, with smooth noise, through a logistic function."""
    generator = np.random.default_rng(seed)
    pages = []
    for page in labels:
        noise = ndimage.gaussian_filter(generator.standard_normal(page.shape), 2) * 2 * np.sqrt(np.pi)
        field = ndimage.gaussian_filter((page > 0).astype(float), 2) + 0.25 * noise
        pages.append(np.rint(255 / (1 + np.exp(-8 * (field - 0.5)))).astype(np.uint8))
    return np.stack(pages)


def with_segcore(labels: Path, probability: Path, slices: range, workers: int) -> None:
    """Everything an evaluation measures, by `segcore.evaluation.scoring.score`."""
    pages = np.load(probability, mmap_mode="r")[slices.start : slices.stop]
    score(
        pages,
        np.load(labels, mmap_mode="r"),
        slices=slices,
        names=[str(z) for z in slices],
        thresholds=POINTS,
        workers=workers,
    )


def with_libraries(labels: Path, probability: Path, slices: range) -> None:
    """The measures that scikit-image and scipy have, one slice and one threshold after the other."""
    true, predicted = np.load(labels, mmap_mode="r"), np.load(probability, mmap_mode="r")
    for z in slices:
        interior = np.asarray(true[z]) > 0
        neurites = label_components(interior, connectivity=1)
        ndimage.distance_transform_edt(interior)
        ndimage.distance_transform_edt(~interior)
        for threshold in (*CHALLENGE_THRESHOLDS, *POINTS.values()):
            fg = np.asarray(predicted[z]) > 255 * threshold
            marks = label_components(fg, connectivity=1)
            segments = watershed(~fg, marks, connectivity=1, watershed_line=True)
            adapted_rand_error(neurites, segments)
            variation_of_information(neurites, segments, ignore_labels=(0,))
        for threshold in POINTS.values():
            fg = np.asarray(predicted[z]) > 255 * threshold
            structural_similarity(interior.astype(float), fg.astype(float), data_range=1)


def watersheds_alone(labels: Path, probability: Path, slices: range) -> None:
    """Only the thinning, at the eleven thresholds, as scikit-image has it: the part that cannot be left out."""
    predicted = np.load(probability, mmap_mode="r")
    for z in slices:
        for threshold in CHALLENGE_THRESHOLDS:
            fg = np.asarray(predicted[z]) > 255 * threshold
            watershed(~fg, label_components(fg, connectivity=1), connectivity=1, watershed_line=True)


def v_rand_curves(labels: Path, probability: Path, slices: range) -> None:
    """Only V_Rand and V_Info at the eleven thresholds, by segcore."""
    true, predicted = np.load(labels, mmap_mode="r"), np.load(probability, mmap_mode="r")
    for z in slices:
        neurites = true_neurites(np.asarray(true[z]) > 0)
        for threshold in CHALLENGE_THRESHOLDS:
            score_segments(neurites, thin(predicted_interior(np.asarray(predicted[z]), threshold)))


def in_processes(labels: Path, probability: Path, slices: range, workers: int) -> None:
    """segcore with one thread in each of several new processes, their start included."""
    step = -(-len(slices) // workers)
    parts = [range(first, min(first + step, slices.stop)) for first in range(slices.start, slices.stop, step)]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(with_segcore, labels, probability, part, 1) for part in parts]:
            done.result()


def forward_pass(slices: int, config: RunConfig) -> None:
    """Prediction of as many slices by the network of a preset."""
    images = np.random.default_rng(0).integers(0, 256, (slices, 512, 512), dtype=np.uint8)
    for _ in predict(UNet(config.model).eval().to(memory_format=torch.channels_last), images, config.prediction):
        pass


def main() -> None:
    keep_freed_memory()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=Path, help="a TIFF of labels; by default a synthetic stack")
    parser.add_argument("--slices", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.labels:
        labels = tifffile.imread(arguments.labels, key=range(arguments.slices))
    else:
        labels = make_stack(arguments.slices, 512, 512, np.random.default_rng(0)).labels
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with TemporaryDirectory() as folder:
        truth, predicted = Path(folder) / "labels.npy", Path(folder) / "probability.npy"
        probability = blurred(labels)
        np.save(truth, labels)
        np.save(predicted, probability)
        what = (truth, predicted, range(len(labels)))
        rows: dict[str, Callable[[], None]] = {
            "scikit-image and scipy as they come, 1 thread": lambda: with_libraries(*what),
            "of that, thinning at eleven thresholds": lambda: watersheds_alone(*what),
            "segcore, V_Rand and V_Info at eleven thresholds, 1 thread": lambda: v_rand_curves(*what),
            "segcore, everything, 1 thread": lambda: with_segcore(*what, 1),
            f"segcore, everything, {cores} threads": lambda: with_segcore(*what, cores),
            f"segcore, everything, {cores} new processes": lambda: in_processes(*what, cores),
        }
        rows |= {
            f"forward pass, {name} preset": partial(forward_pass, len(labels), make()) for name, make in PRESETS.items()
        }
        wrong = 100 * np.mean((probability > 127) != (labels > 0))
        print(f"{len(labels)} slices of {labels.shape[1]} x {labels.shape[2]}, {wrong:.1f} % wrong, {cores} cores\n")
        print("| what | best of, s | CPU of this process, s |\n|---|---|---|")
        for name, run in rows.items():
            best = min(timed(run) for _ in range(arguments.repeats))
            print(f"| {name} | {best[0]:.2f} | {best[1]:.2f} |", flush=True)


def timed(run: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's threads."""
    clock, work = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - clock, time.process_time() - work


if __name__ == "__main__":
    main()
