"""Segments, events and parts of errors of slices of growing size: seconds and memory, and beside them what was there.

    python -m benchmarks.segments --probability probability.tif --labels labels.tif [--pages 20 21 ...]

The probability is that of an evaluation, the labels those of its dataset; `--pages` are the slices of the labels, from
0, that the pages of the probability are of. Larger slices are mosaics of the given ones, each turned another way, so
that borders are as dense as in the small ones. Everything runs on one thread, medians of the rounds. A process of its
own measures the most memory a step needs beyond what was there before it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from segcore.measures import error_part_of_pixels, find_events, grown, predicted_interior, thin, true_neurites
from segcore.segments import cut, find_basins

SIDES = (512, 1024, 2048, 4096)
SMOOTHING_PX, BIAS, THRESHOLD = 2.0, 0.5, 0.5


def mosaic(pages: np.ndarray, side: int) -> np.ndarray:
    """A square of that side of the pages, each turned or mirrored another way."""
    height, width = pages.shape[1:]
    rows = []
    for y in range(-(-side // height)):
        row = []
        for x in range(-(-side // width)):
            number = y * (side // width) + x
            turned = np.rot90(pages[number % len(pages)], number // len(pages))
            row.append(turned[:, ::-1] if number % 2 else turned)
        rows.append(np.concatenate(row, axis=1))
    return np.ascontiguousarray(np.concatenate(rows)[:side, :side])


def steps(probability: np.ndarray, label: np.ndarray) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    basins = find_basins(probability, SMOOTHING_PX)
    segments = cut(basins, BIAS)
    interior, prediction = label > 0, predicted_interior(probability, THRESHOLD)
    neurites, thinned = true_neurites(interior), thin(prediction)
    territories = grown(neurites, interior)
    return {
        "thin, as before": lambda: thin(prediction),
        "basins": lambda: find_basins(probability, SMOOTHING_PX),
        "cut": lambda: cut(basins, BIAS),
        "events": lambda: find_events(neurites, segments, prediction),
        "error parts": lambda: error_part_of_pixels(interior, neurites, prediction, thinned, territories),
    }


def seconds(step: Callable[[], object], rounds: int) -> float:
    """Median of the rounds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def peak(probability: np.ndarray) -> float:
    """How many times the slice's own bytes segmenting it takes at most, measured in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (probability,))


def _peak(probability: np.ndarray) -> float:
    cut(find_basins(probability[:256, :256], SMOOTHING_PX), BIAS)  # what is imported stays
    before = _most_memory()
    cut(find_basins(probability, SMOOTHING_PX), BIAS)
    return (_most_memory() - before) / probability.nbytes


def _most_memory() -> int:
    """Bytes; of this program alone, which `resource` does not say: there a child begins with its parent's."""
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probability", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--pages", type=int, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--largest", type=int, default=SIDES[-1])
    chosen = parser.parse_args()
    probability, labels = tifffile.imread(chosen.probability), tifffile.imread(chosen.labels)
    labels = labels[chosen.pages] if chosen.pages else labels[: len(probability)]
    print("| side | " + " | ".join(f"{name}, ms" for name in steps(probability[0], labels[0])) + " | memory, times |")
    print("|---|" + "---|" * 6)
    for side in (one for one in SIDES if one <= chosen.largest):
        page, label = mosaic(probability, side), mosaic(labels, side)
        rounds = max(1, chosen.rounds * 512 // side)
        found = [f"{1000 * seconds(step, rounds):,.0f}" for step in steps(page, label).values()]
        print(f"| {side} | " + " | ".join(found) + f" | {peak(page):.0f} |", flush=True)


if __name__ == "__main__":
    main()
