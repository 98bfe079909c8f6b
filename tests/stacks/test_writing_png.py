"""Folders of PNG pictures: whole or not there at all."""

import numpy as np
import pytest
from PIL import Image

from segcore.stacks import PngWriter

PAGES = np.random.default_rng(0).integers(0, 256, (2, 5, 7), np.uint8)


def test_a_picture_a_slice(tmp_path, listing):
    with PngWriter(tmp_path / "out", names=["a", "b"]) as writer:
        assert not (tmp_path / "out").exists()
        for page in PAGES:
            writer.write(page)
    assert listing(tmp_path) == ["out", "out/a.png", "out/b.png"]
    for name, page in zip("ab", PAGES, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / f"out/{name}.png")), page)


def test_too_few_slices_leave_nothing(tmp_path, listing):
    with pytest.raises(ValueError, match="1 of 2 slices"), PngWriter(tmp_path / "out", names=["a", "b"]) as writer:
        writer.write(PAGES[0])
    assert listing(tmp_path) == []


def test_a_failure_leaves_nothing(tmp_path, listing):
    with pytest.raises(TypeError, match="handle this data type"), PngWriter(tmp_path / "out", names=["a"]) as writer:
        writer.write(np.zeros((2, 2, 9), np.uint8))
    assert listing(tmp_path) == []
