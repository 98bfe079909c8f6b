"""Stacks that tests of imports share."""

import numpy as np
import pytest
from bringing import write_folder


@pytest.fixture
def twelve(small_pair):
    """Twelve slices, so that 2 and 10 are both there."""
    images, labels = small_pair
    order = [z % 5 for z in range(12)]
    images = images[order].copy()
    images[:, 0, 0] = np.arange(12)
    return images, labels[order]


@pytest.fixture
def notebook(tmp_path, twelve):
    """The notebook's layout."""
    images, labels = twelve
    write_folder(tmp_path / "nb/train", images)
    write_folder(tmp_path / "nb/label", labels)
    write_folder(tmp_path / "nb/test", images[::-1])
    return tmp_path / "nb"
