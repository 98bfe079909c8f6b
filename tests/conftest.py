"""What several test files share: folders of their own, a small stack, and the real one if it is there."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, settings
from scipy import ndimage

REPOSITORY = Path(__file__).parents[1]
ISBI_FOLDER = REPOSITORY.parent / "shared/data/isbi2012"

# A busy machine is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


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
