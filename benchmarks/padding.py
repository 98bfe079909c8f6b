"""What is around the tissue, and dirt on it: wrong pixels of the tissue, clean and spoilt side by side.

    python -m benchmarks.padding --images train-volume.tif --labels train-labels.tif [--run isbi2012-standard]

The slices are those that the run never saw (its test slices). Each is spoilt in one way, read as `predict` reads it,
and predicted; errors are counted on the tissue that was not touched, at the run's pixel threshold, beside those of the
clean slices on the same pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from segcore.evaluation import predict_stack
from segcore.measures import predicted_interior
from segcore.runs import Run, open_run
from segcore.stacks import array_stack

Spoilt = tuple[np.ndarray, np.ndarray]


def sixteen_bits(pages: np.ndarray) -> np.ndarray:
    """8 bits as a camera of more would give them, in the middle of its range."""
    return pages.astype(np.uint16) * 40 + 12_000


def with_rows(pages: np.ndarray, share: float, value: float) -> Spoilt:
    """The first rows of each slice set to a value; the others are untouched."""
    spoilt, rows = pages.copy(), max(1, round(share * pages.shape[1]))
    spoilt[:, :rows] = value
    untouched = np.ones(pages.shape, bool)
    untouched[:, :rows] = False
    return spoilt, untouched


def with_dirt(pages: np.ndarray, share: float, value: float) -> Spoilt:
    """Saturated blots of 7 x 7 pixels that cover a share of each slice, beside a row of zeros."""
    spoilt, untouched = with_rows(pages, 0, 0)
    rng = np.random.default_rng(0)
    height, width = pages.shape[1:]
    for z in range(len(pages)):
        for _ in range(round(share * height * width / 49)):
            y, x = rng.integers(8, height - 16), rng.integers(8, width - 16)
            spoilt[z, y : y + 7, x : x + 7] = value
            untouched[z, y : y + 7, x : x + 7] = False
    return spoilt, untouched


WAYS: dict[str, Callable[[np.ndarray], Spoilt]] = {
    "8 bits, nothing": lambda pages: (pages, np.ones(pages.shape, bool)),
    "16 bits, nothing": lambda pages: (sixteen_bits(pages), np.ones(pages.shape, bool)),
    "16 bits, one row of zeros": lambda pages: with_rows(sixteen_bits(pages), 0, 0),
    "the same, 0.4 % saturated dirt": lambda pages: with_dirt(sixteen_bits(pages), 0.004, 65535),
    "32-bit float, 20 % not-a-number": lambda pages: with_rows(pages.astype(np.float32), 0.2, np.nan),
    "8 bits, 40 % black": lambda pages: with_rows(pages, 0.4, 0),
    "8 bits, 40 % white": lambda pages: with_rows(pages, 0.4, 255),
    "8 bits, 10 % white": lambda pages: with_rows(pages, 0.1, 255),
}


def wrong(run: Run, pages: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Where the prediction of each slice is wrong, (Z, H, W) bool."""
    assert run.info.operating_points is not None
    threshold = run.info.operating_points.pixel
    found = np.stack(list(predict_stack(run, array_stack(pages), device="cpu")))
    return predicted_interior(found, threshold) != (labels > 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--run", default="isbi2012-standard")
    parser.add_argument("--slices", type=int, default=4, help="how many of the test slices")
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    chosen = list(run.split.test)[: arguments.slices]
    images, labels = (tifffile.imread(path)[chosen] for path in (arguments.images, arguments.labels))
    clean = wrong(run, images, labels)
    print(
        f"{run.name}, slices {', '.join(map(str, chosen))}\n"
        "| | wrong, clean | wrong, spoilt | difference |\n|---|---|---|---|"
    )
    for name, spoil in WAYS.items():
        spoilt, untouched = spoil(images)
        before, after = (100 * pixels[untouched].mean() for pixels in (clean, wrong(run, spoilt, labels)))
        print(f"| {name} | {before:.2f} % | {after:.2f} % | {after - before:+.2f} |", flush=True)


if __name__ == "__main__":
    main()
