"""Augmented pairs a second, side by side: segcore, and the notebook's operations with scikit-image.

    python -m benchmarks.augmentation [--rounds 7]

A pair is an image and a mask of 512 x 512, turned by up to 25 degrees, perhaps flipped, with Gaussian noise on the
image; a round makes four copies of each of 30 slices, over and over for a second. The notebook's way is scikit-image's
`rotate` of both 8-bit images, NumPy's flip and `random_noise`, one pair after the other; segcore takes batches as its
presets train: of 20 for the notebook's settings, of four for the standard ones.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from skimage.transform import rotate
from skimage.util import random_noise

from segcore.augmentation import apply, draw
from segcore.config import RunConfig
from segcore.data import make_stack
from segcore.network import keep_freed_memory
from segcore.presets import PRESETS

SLICES, COPIES = 30, 4
PAIRS = SLICES * COPIES


def notebook(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> None:
    """What the notebook did to every copy."""
    for image, label in [*zip(images, labels, strict=True)] * COPIES:
        angle, flip = rng.uniform(-25, 25), rng.integers(3)
        turned, mask = rotate(image, angle), rotate(label, angle)
        if flip:
            turned, mask = np.flip(turned, flip - 1), np.flip(mask, flip - 1)
        random_noise(turned)
        np.greater(mask, 0.5)  # the notebook makes its masks binary again


def timed(action: Callable[[], None]) -> float:
    """Seconds a pair, over a second at least: what is quick would otherwise be over before it is under way."""
    started, times = time.perf_counter(), 0
    while (took := time.perf_counter() - started) < 1:
        action()
        times += 1
    return took / (times * PAIRS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    keep_freed_memory()
    rng = np.random.default_rng(0)
    stack = make_stack(SLICES, 512, 512, rng)
    tensors = torch.from_numpy(stack.images)[:, None].float() / 255
    masks = torch.from_numpy(stack.labels > 0)[:, None]

    def with_preset(config: RunConfig) -> Callable[[], None]:
        batch = config.train.batch_size

        def augmented() -> None:
            for start in [*range(0, SLICES, batch)] * COPIES:
                part = slice(start, start + batch)
                apply(tensors[part], masks[part], [draw(config.augment, rng) for _ in masks[part]])

        return augmented

    ways = {
        "scikit-image, the notebook's operations": lambda: notebook(stack.images, stack.labels, rng),
        "segcore, the same operations": with_preset(PRESETS["notebook"]()),
        "segcore, the standard preset's (elastic, scale, gamma ...)": with_preset(PRESETS["standard"]()),
    }
    for action in ways.values():
        action()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, action in ways.items():
            seconds[name].append(timed(action))
    reference = seconds["scikit-image, the notebook's operations"]
    print(f"{torch.get_num_threads()} threads, {rounds} rounds of a second or more, medians")
    for name, values in seconds.items():
        ratio = statistics.median(other / own for other, own in zip(reference, values, strict=True))
        print(f"{name:<60}{1e3 * statistics.median(values):8.2f} ms a pair{ratio:8.1f} x")


if __name__ == "__main__":
    main()
