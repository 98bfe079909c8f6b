"""Looks for the recipe: trains one change at a time, on folds for choosing, and scores what was held out.

    python -m benchmarks.recipe train isbi2012 --out FOLDER [--trials standard width24 ...] [--folds 0 1] [--seeds 2]
        [--processes 8] [--minutes 8]
    python -m benchmarks.recipe score isbi2012 --out FOLDER

A trial is the `standard` preset with the settings of `TRIALS`. Each is trained on the same folds (three contiguous
ones) and seeds, as a run in FOLDER; its network predicts the fold it never saw, and its validation slices choose the
thresholds. What was found stands in `benchmarks/recipe.md`.
"""

from __future__ import annotations

import argparse
import itertools
import math
import multiprocessing
import os
import queue
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from segcore.config import RunConfig, override
from segcore.data import open_dataset
from segcore.evaluation import evaluate, summary
from segcore.presets import standard
from segcore.runs import open_run, run_names
from segcore.training import Machine, train

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


def settings(trial: str, fold: int, seed: int) -> RunConfig:
    split = ["split.protocol=kfold", "split.folds=3", f"split.fold={fold}", f"train.seed={seed}"]
    return override(standard(), [*TRIALS[trial], *split])


def _work(options: argparse.Namespace, jobs: multiprocessing.Queue[tuple[str, int, int]], until: float) -> None:
    os.environ["SEGCORE_MODELS_DIR"] = str(options.out)
    dataset = open_dataset(options.dataset)
    while time.time() < until:
        try:
            trial, fold, seed = jobs.get(timeout=1)
        except queue.Empty:
            return
        name = f"{trial}-{fold}-{seed}"
        run = train(dataset, settings(trial, fold, seed), name, machine=Machine(accelerator=options.device))
        print(f"{name}: {run.info.train_seconds:.0f} s, epoch {run.info.best_epoch}", flush=True)


def train_all(options: argparse.Namespace) -> None:
    """Every trial on every fold, then with the next seed, until the time is over."""
    open_dataset(options.dataset)  # what is wrong with it is told before anything starts
    options.out.mkdir(parents=True, exist_ok=True)
    until = time.time() + 60 * options.minutes
    context = multiprocessing.get_context("spawn")
    jobs = context.Queue()
    for seed, trial, fold in itertools.product(range(options.seeds), options.trials, options.folds):
        jobs.put((trial, fold, seed))
    workers = [context.Process(target=_work, args=(options, jobs, until)) for _ in range(options.processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    jobs.cancel_join_thread()


def score_all(options: argparse.Namespace) -> None:
    """A row a trial: means over folds and seeds."""
    os.environ["SEGCORE_MODELS_DIR"] = str(options.out)
    dataset = open_dataset(options.dataset)
    rows = defaultdict(list)
    for name in run_names(options.out):
        run = open_run(name)
        if run.state != "finished":
            continue
        points = summary(evaluate(run, dataset, device=options.device).evaluation)["operating_points"]
        topology = points["topology"]["mean_over_slices"]
        rows[name.rsplit("-", 2)[0]].append(
            (points["pixel"]["pooled"]["wrong_percent"], topology["v_rand"], topology["v_info"], run.info.train_seconds)
        )
    print(f"{'trial':<16}{'n':>3}{'wrong %':>9}{'±':>6}{'V_Rand':>9}{'V_Info':>9}{'seconds':>9}")
    for trial, values in rows.items():
        wrong, v_rand, v_info, seconds = np.mean(values, axis=0)
        spread = np.std(values, axis=0)[0]
        print(f"{trial:<16}{len(values):>3}{wrong:9.2f}{spread:6.2f}{v_rand:9.4f}{v_info:9.4f}{seconds:9.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    commands = parser.add_subparsers(required=True)
    training, scoring = commands.add_parser("train"), commands.add_parser("score")
    training.set_defaults(action=train_all)
    training.add_argument("--trials", nargs="+", choices=list(TRIALS), default=list(TRIALS))
    training.add_argument("--folds", nargs="+", type=int, default=[0, 1])
    training.add_argument("--seeds", type=int, default=2)
    training.add_argument("--processes", type=int, default=1)
    training.add_argument("--minutes", type=float, default=math.inf)
    scoring.set_defaults(action=score_all)
    for command in (training, scoring):
        command.add_argument("dataset")
        command.add_argument("--out", type=Path, required=True)
        command.add_argument("--device", default="auto")
    options = parser.parse_args()
    options.action(options)


if __name__ == "__main__":
    main()
