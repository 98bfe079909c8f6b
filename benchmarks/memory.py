"""Peak memory of `evaluate`, side by side: a stack of 50 slices and one of 500.

    python -m benchmarks.memory [--size 256]

Each evaluation is a process of its own, on a run of one epoch on a synthetic stack; the stack is repeated to length.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

from segcore.config import override
from segcore.data import install, make_stack, open_dataset
from segcore.presets import quick
from segcore.stacks import array_stack

LENGTHS = (50, 500)

_MEASURED = """
import resource, sys
from segcore.cli.grammar import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def peak_mb(*arguments: str) -> float:
    """Peak resident memory of a command in a process of its own, MB."""
    done = subprocess.run([sys.executable, "-c", _MEASURED, *arguments], capture_output=True, text=True, check=True)
    return int(done.stderr.splitlines()[-1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["SEGCORE_DATA_DIR"], os.environ["SEGCORE_MODELS_DIR"] = f"{scratch}/data", f"{scratch}/models"
        made = make_stack(10, size, size, np.random.default_rng(0))
        for length in LENGTHS:
            times = length // 10
            images, labels = (np.tile(stack, (times, 1, 1)) for stack in (made.images, made.labels))
            install(f"stack{length}", array_stack(images), array_stack(labels))
        from segcore.training import train

        settings = ["train.epochs=1", "train.epoch_samples=8", "model.width=8"]
        train(open_dataset("stack50"), override(quick(), settings), "run")
        peaks = [
            peak_mb("evaluate", "run", "--dataset", f"stack{length}", "--slices", "all", "--json") for length in LENGTHS
        ]
    for length, peak in zip(LENGTHS, peaks, strict=True):
        print(f"{length:>4} slices of {size} x {size}{peak:10.0f} MB{peak / peaks[0]:8.3f} x")


if __name__ == "__main__":
    main()
