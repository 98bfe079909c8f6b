"""What several test files share: folders of their own, a small stack, and the real one if it is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, settings
from scipy import ndimage
from waiting import REPOSITORY

LEFT_OUT: set[str] = set()
ISBI_FOLDER = REPOSITORY.parent / "shared/data/isbi2012"

if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes beside each other are as many as there are cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell's background programs ignore Ctrl-C, and so would the processes that tests start and then interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
# A busy machine is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """The files of the browser, which are few tests and long ones, begin early and not last."""
    config.option.loadscopereorder = False


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Counts the tests that are left out because they are long."""
    LEFT_OUT.update(item.nodeid for item in items if item.get_closest_marker("slow"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands over what it left out: what every one of them collects."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left out"] = sorted(LEFT_OUT)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes that over."""
    LEFT_OUT.update(getattr(node, "workeroutput", {}).get("left out", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was left out, and how to run it."""
    if LEFT_OUT:
        terminalreporter.write_line(
            f"{len(LEFT_OUT)} tests marked slow were left out; run them with: .venv/bin/python -m pytest -m slow"
        )


@pytest.fixture(scope="session")
def isbi_folder() -> Path:
    """The folder with the ISBI 2012 stacks; the test is skipped where there is none."""
    if not (ISBI_FOLDER / "train-labels.tif").is_file():
        pytest.skip("the ISBI 2012 stack is not at ../shared/data/isbi2012")
    return ISBI_FOLDER


@pytest.fixture(scope="session")
def isbi_labels(isbi_folder: Path) -> np.ndarray:
    """(30, 512, 512) bool, True where interior."""
    return tifffile.imread(isbi_folder / "train-labels.tif") > 0


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for datasets; not made yet, as on a first start."""
    folder = tmp_path / "data-root"
    monkeypatch.setenv("SEGCORE_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for runs; not made yet."""
    folder = tmp_path / "models-root"
    monkeypatch.setenv("SEGCORE_MODELS_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def small_pair() -> tuple[np.ndarray, np.ndarray]:
    """Five slices of 61 x 48: round cells between dark membranes, and labels of 0 and 255."""
    rng = np.random.default_rng(0)
    images, labels = [], []
    for z in range(5):
        y, x = np.mgrid[:61, :48]
        distance = np.hypot((y + z) % 16 - 8, (x + 2 * z) % 16 - 8)
        interior = distance < 7
        grey = ndimage.gaussian_filter(np.where(interior, 170.0, 70.0), 0.7) + rng.normal(0, 12, interior.shape)
        images.append(grey.clip(0, 255).astype(np.uint8))
        labels.append(np.where(interior, 255, 0).astype(np.uint8))
    return np.stack(images), np.stack(labels)


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs code in a Python of its own, where limits set on it do not touch the tests."""

    def run(code: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
        )

    return run


@pytest.fixture(scope="session")
def listing() -> Callable[[Path], list[str]]:
    """Lists everything below a folder, hidden files too; nothing for one that does not exist."""
    return lambda folder: sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture(scope="session")
def cell_stack() -> tuple[np.ndarray, np.ndarray]:
    """Twelve slices of 45 x 52 like those of `small_pair`, every one different, and their labels."""
    rng = np.random.default_rng(1)
    images, labels = [], []
    for z in range(12):
        y, x = np.mgrid[:45, :52]
        distance = np.hypot((y + 2 * z) % 15 - 7, (x + 3 * z) % 17 - 8)
        interior = distance < 6.5
        grey = ndimage.gaussian_filter(np.where(interior, 180.0, 60.0), 0.7) + rng.normal(0, 15, interior.shape)
        images.append(grey.clip(0, 255).astype(np.uint8))
        labels.append(np.where(interior, 255, 0).astype(np.uint8))
    return np.stack(images), np.stack(labels)


@pytest.fixture
def cells(data_dir: Path, cell_stack: tuple[np.ndarray, np.ndarray]):
    """The stack above as an installed dataset, said to be synthetic."""
    from segcore.data import install
    from segcore.stacks import array_stack

    images, labels = map(array_stack, cell_stack)
    return install("cells", images, labels, title="Round cells", synthetic=True, voxel_size_nm=(50, 4, 4))


@pytest.fixture
def mid_grey_run(models_dir: Path, cells):
    """A finished run on `cells` whose network was set by hand: interior is what is brighter than 127.

    Test slices are 8 to 11, validation is 7, 6 is the gap. Logits are 20 v / 255 - 10.
    """
    import torch

    from segcore.config import ModelConfig, RunConfig
    from segcore.network import UNet, save_weights
    from segcore.runs import EpochRecord, OperatingPoints, RunInfo, append_history, create_run, make_split, now

    config = RunConfig(model=ModelConfig(width=1, depth=2, normalisation="none", intensity="unit"))
    split = make_split(12, config.split)
    info = RunInfo(
        state="finished", dataset="cells", dataset_fingerprint=cells.info.fingerprint, synthetic=True, seed=0,
        started=now(), ended=now(), epochs=1, best_epoch=1, best_dice=0.9, parameters=107,
        operating_points=OperatingPoints(pixel=0.5, topology=0.75), versions={"torch": "2"}, device="CPU",
    )  # fmt: skip
    prints = cells.info.slice_fingerprints
    run = create_run("mid-grey", config=config, split=split, info=info, slice_fingerprints=prints)
    network = UNet(config.model)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for convolution in (network.encoder[0][0], network.encoder[0][2], network.decoder[0][0], network.decoder[0][2]):
            convolution.weight[0, 0, 1, 1] = 1
        network.head.weight.fill_(20)
        network.head.bias.fill_(-10)
    save_weights(network, run.weights)
    epoch = EpochRecord(
        epoch=1, train_loss=0.5, train_dice=0.8, train_accuracy=0.7, validation_loss=0.4, validation_dice=0.9,
        validation_accuracy=0.85, learning_rate=1e-3, seconds=1.5,
    )  # fmt: skip
    append_history(run.history_csv, epoch)
    return run
