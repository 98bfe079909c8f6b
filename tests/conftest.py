"""What several test files share: where the real stack lies, if it is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

ISBI_FOLDER = Path(__file__).parents[2] / "shared/data/isbi2012"


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
