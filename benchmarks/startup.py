"""How long `python -m segcore --help` takes, side by side with a Python that does nothing and one that imports PyTorch.

python -m benchmarks.startup [--rounds 9]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

WAYS = {
    "python that does nothing": ["-c", "pass"],
    "python -m segcore --help": ["-m", "segcore", "--help"],
    "python -m segcore train --help": ["-m", "segcore", "train", "--help"],
    "import torch": ["-c", "import torch"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, arguments in WAYS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - started)
    for name, values in seconds.items():
        print(f"{name:<34}{statistics.median(values):8.3f} s")


if __name__ == "__main__":
    main()
