"""Peak memory of a training step of each preset, measured and as it is said beforehand, with so much memory free.

    python -m benchmarks.training_memory [--free 5.4] [--presets quick standard notebook] [--set train.precision=32]

Each step is a process of its own, which takes one step with a whole batch, in as few parts as so much memory allows,
and validates a slice: noise of 512 x 512 pixels. A training counts on nine tenths of what is free: on 5.4 of 6 GB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import numpy as np

from segcore.config import override
from segcore.posix import peak_memory_mb
from segcore.presets import PRESETS, preset

SIDE = 512


def step(name: str, settings: list[str], free: float) -> None:
    """Takes the step in this process, and prints what it took."""
    from segcore.runs import make_split
    from segcore.training import Learner, Machine, epoch_samples, launch, needed_memory, parts_of

    config = override(preset(name), settings)
    fabric = launch(Machine(accelerator="cpu"), config.train)
    needed = needed_memory(fabric, config, SIDE, SIDE)
    at_once = min(needed.fitting(int(free * 1e9)), config.train.batch_size)
    images = np.random.default_rng(0).integers(0, 256, (30, SIDE, SIDE), np.uint8)
    labels = np.broadcast_to((np.arange(SIDE) // 24 % 4 > 0).astype(np.uint8) * 255, images.shape)
    learner = Learner(fabric, config, images, labels, at_once=at_once)
    learner.model.train()
    batch = epoch_samples(make_split(30, config.split), config, 1)[: config.train.batch_size]
    learner.step(batch, 1e-4)
    learner.validate(batch[:1])
    parts = parts_of(batch, at_once)
    said = needed.of(max(map(len, parts))) / 1e9
    print(json.dumps({"parts": len(parts), "said": said, "taken": peak_memory_mb() / 1e3}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--free", type=float, default=5.4, metavar="GB")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS))
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--step", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(options.presets[0], options.set, options.free)
        return
    for name in options.presets:
        again = [
            "--step",
            "--free",
            str(options.free),
            "--presets",
            name,
            *(["--set", *options.set] if options.set else []),
        ]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.training_memory", *again], capture_output=True, text=True, check=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
        print(
            f"| `{name}` | {found['parts']} | {found['said']:.2f} GB | {found['taken']:.2f} GB "
            f"| {found['said'] / found['taken']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
