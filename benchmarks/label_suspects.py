"""How many planted faults of labels are among the first label suspects.

    python -m benchmarks.label_suspects [--faults 60] [--first 100] [--preset quick]

Faults are planted into the labels of the synthetic stack, as many of each kind: a membrane between two neurites erased,
one invented across a neurite, and a boundary moved by 5 px. Networks are trained on these labels, faults and all, by
cross-validation, so that every slice is predicted by one that never saw it; then its suspects are listed. A fault is
found if one of the first suspects of all slices lies within 8 px of it.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import scipy

from segcore.crossval import ensemble_of, make_plan, train_members
from segcore.data import install, make_stack
from segcore.evaluation import read_evaluation
from segcore.measures import Suspect, find_suspects
from segcore.presets import preset
from segcore.stacks import Truth, array_stack, map_stack, open_stack

SLICES, SIDE = 30, 256
FOUND_WITHIN_PX = 8
MOVED_PX = 5
RADIUS_PX = 14
KINDS = ("erased", "invented", "moved")

Fault = tuple[str, int, int, int]


def plant(labels: np.ndarray, number: int, rng: np.random.Generator) -> list[Fault]:
    """Changes labels (Z, H, W) in so many places; gives kind, slice, row and column of each."""
    found: list[Fault] = []
    tries = 0
    while len(found) < number:
        tries += 1
        assert tries < 100 * number, "the labels have no room for so many faults"
        kind, z = KINDS[len(found) % len(KINDS)], len(found) % len(labels)
        label = labels[z]
        y, x = (int(one) for one in rng.integers(2 * RADIUS_PX, SIDE - 2 * RADIUS_PX, 2))
        near = [np.hypot(y - fault[2], x - fault[3]) for fault in found if fault[1] == z]
        if min(near, default=np.inf) < 4 * RADIUS_PX:
            continue
        changed = {"erased": erased, "invented": invented, "moved": moved}[kind](label, y, x, rng)
        if changed is not None:
            labels[z] = changed
            found.append((kind, z, y, x))
    return found


def erased(label: np.ndarray, y: int, x: int, rng: np.random.Generator) -> np.ndarray | None:
    """Without the membrane in a disc, if just two neurites meet there and each has a fair part of it."""
    disc = np.hypot(*(np.indices(label.shape) - np.array([y, x])[:, None, None])) < RADIUS_PX
    neurites, _ = scipy.ndimage.label(label > 0)
    areas = np.bincount(neurites[disc])
    if label[y, x] or (areas[1:] > 60).sum() != 2 or (areas[1:] > 0).sum() != 2:
        return None
    return np.where(disc, np.uint8(255), label)


def invented(label: np.ndarray, y: int, x: int, rng: np.random.Generator) -> np.ndarray | None:
    """With a membrane as thick as the others right across a neurite, between 20 and 60 px long."""
    neurites, _ = scipy.ndimage.label(label > 0)
    own = neurites == neurites[y, x]
    if not label[y, x] or own.sum() < 900:
        return None
    angle = rng.uniform(0, np.pi)
    rows, columns = np.indices(label.shape)
    across = np.abs((rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)) < 2.8
    line, _ = scipy.ndimage.label(across & own)
    line = line == line[y, x]
    if not 20 * 5.6 <= line.sum() <= 60 * 5.6:
        return None
    cut = own & ~line
    pieces, _ = scipy.ndimage.label(cut)
    if (np.bincount(pieces.ravel())[1:] > 200).sum() < 2:
        return None
    return np.where(line, np.uint8(0), label)


def moved(label: np.ndarray, y: int, x: int, rng: np.random.Generator) -> np.ndarray | None:
    """With the labels of a disc five pixels further, across a boundary that runs right through it."""
    disc = np.hypot(*(np.indices(label.shape) - np.array([y, x])[:, None, None])) < RADIUS_PX
    neurites, _ = scipy.ndimage.label(label > 0)
    if label[y, x] or (np.bincount(neurites[disc])[1:] > 100).sum() != 2:
        return None
    rows, columns = np.nonzero(disc & (label == 0))
    spread = np.cov(np.stack([rows, columns]))
    values, vectors = np.linalg.eigh(spread)
    if values[1] < 3 * values[0]:
        return None  # no line
    down, across = np.round(MOVED_PX * vectors[:, 0]).astype(int)
    return np.where(disc, np.roll(label, (down, across), (0, 1)), label)


def suspects_of(run, dataset) -> list[Suspect]:
    folder = run.evaluation(dataset.info.name)
    evaluation, _ = read_evaluation(folder)
    found: list[Suspect] = []
    probability = map_stack(folder / "probability.tif", len(evaluation.slices), SIDE, SIDE)
    with open_stack(folder / "segments.tif") as segments:
        for at, z in enumerate(evaluation.slices):
            truth = Truth.of(dataset.label(z))
            found += find_suspects(
                truth.interior, np.asarray(probability[at]), segments.read(at).astype(np.int32), truth.counted,
                threshold=evaluation.thresholds["pixel"], slice_index=z,
            )  # fmt: skip
    return sorted(found, key=lambda one: -one.gain)


def hits(suspect: Suspect, fault: Fault) -> bool:
    _, z, y, x = fault
    rows, columns = (
        max(low - at, 0, at - high + 1)
        for at, low, high in ((y, suspect.top, suspect.bottom), (x, suspect.left, suspect.right))
    )
    return suspect.slice == z and np.hypot(rows, columns) <= FOUND_WITHIN_PX


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--keep", type=Path, help="folder for data and runs (default: none are kept)")
    chosen = parser.parse_args()
    with TemporaryDirectory() as scratch:
        place = chosen.keep or Path(scratch)
        os.environ |= {"SEGCORE_DATA_DIR": str(place / "data"), "SEGCORE_MODELS_DIR": str(place / "models")}
        made = make_stack(SLICES, SIDE, SIDE, np.random.default_rng(0))
        labels = made.labels.copy()
        faults = plant(labels, chosen.faults, np.random.default_rng(1))
        dataset = install(
            "planted", array_stack(made.images), array_stack(labels), title="Planted faults", synthetic=True
        )
        plan = make_plan("planted", "planted", preset(chosen.preset))
        run, _, _ = ensemble_of(plan, train_members(plan, device="cpu", tell=print), dataset)
        suspects = suspects_of(run, dataset)
    total = Counter(kind for kind, *_ in faults)
    print(
        f"\n{len(suspects)} suspects\n\n| fault | planted | in the first {chosen.first} | in all |\n|---|---|---|---|"
    )
    found = {
        kind: [
            sum(any(hits(one, fault) for one in listed) for fault in faults if fault[0] == kind)
            for listed in (suspects[: chosen.first], suspects)
        ]
        for kind in KINDS
    }
    for kind, (first, of_all) in found.items():
        print(f"| {kind} | {total[kind]} | {first} | {of_all} |")
    first, of_all = (sum(values) for values in zip(*found.values(), strict=True))
    print(f"| all | {len(faults)} | {first} ({100 * first / len(faults):.0f} %) | {of_all} |")


if __name__ == "__main__":
    main()
