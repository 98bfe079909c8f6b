"""Calling commands as a user does, and what lies on the disk before and after; not a test itself."""

import contextlib
import hashlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from segcore.cli import grammar as cli

REPOSITORY = Path(__file__).parents[2]
COMMANDS = (
    "datasets",
    "fetch",
    "import",
    "export",
    "split",
    "augment",
    "train",
    "evaluate",
    "score",
    "compare",
    "report",
    "predict",
    "export-model",
    "settings",
    "runs",
)
SETTINGS = (
    "model.width=2", "model.depth=3", "train.epochs=2", "train.patch_px=32", "train.epoch_samples=4",
    "augment.elastic_px=0", "train.warmup_steps=1", "train.learning_rate=0.02",
)  # fmt: skip
BAD_NAMES = ("", "../x", "x/y", ".hidden", "CON", "lpt1.txt", "x.", "a" * 101, "\uff46ull", "caf\u00e9", "a b", "a\nb")


class Result:
    """What a command did: exit code, results, and what it said besides."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit code {self.code}\n{self.out}\n--- stderr\n{self.err}"

    def json(self):
        assert self.code == 0, self
        return json.loads(self.out)


def call(*arguments):
    """The command in this process, so that PyTorch is loaded once; its log goes nowhere."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")
    handler = signal.getsignal(signal.SIGTERM)
    root = logging.getLogger()
    quiet = logging.NullHandler()
    root.addHandler(quiet)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main([str(argument) for argument in arguments])
    except SystemExit as leaving:
        code = leaving.code
    finally:
        root.removeHandler(quiet)
        signal.signal(signal.SIGTERM, handler)
    for stream in (out, err):
        stream.flush()
    return Result(code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode())


def environment(**more):
    return os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", **{k: str(v) for k, v in more.items()}}


def started(*arguments, **options):
    """The command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "segcore", *map(str, arguments)],
        env=environment(),
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )


def process(*arguments, **options):
    running = started(*arguments, **options)
    out, err = running.communicate(timeout=150)
    return Result(running.returncode, (out or b"").decode(), (err or b"").decode())


def tree(*folders):
    """Everything below folders, hidden files too, with the contents."""
    found = {}
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found


def assert_refused(result, *words):
    """Exit code 2 and one line that says what was found, where, and what was expected."""
    assert result.code == 2, result
    assert result.out == "", result
    assert "Traceback" not in result.err, result
    lines = result.err.splitlines()
    assert len(lines) == 1, result
    assert lines[0].startswith("segcore: "), result
    assert "expected" in lines[0] or "--help" in lines[0], result
    for word in words:
        assert str(word) in lines[0], result


def pair(slices=9, height=45, width=52, seed=0):
    """Round cells between dark membranes that change slowly from slice to slice, and their labels."""
    rng = np.random.default_rng(seed)
    images, labels = [], []
    for z in range(slices):
        y, x = np.mgrid[:height, :width]
        interior = np.hypot((y + z) % 16 - 8, (x + 2 * z) % 16 - 8) < 7
        images.append(np.where(interior, 180, 60) + rng.integers(-25, 26, interior.shape))
        labels.append(np.where(interior, 255, 0))
    return np.stack(images).astype(np.uint8), np.stack(labels).astype(np.uint8)


def edit(path, **changes):
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | changes))


def stack(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array, photometric="minisblack", **options)
    return path


def numbered(folder, pages, suffix=".png"):
    folder.mkdir(parents=True)
    for z, page in enumerate(pages):
        if suffix == ".png":
            Image.fromarray(page).save(folder / f"{z}.png")
        else:
            tifffile.imwrite(folder / f"{z}{suffix}", page)
    return folder
