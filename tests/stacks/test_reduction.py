"""Large slices at an eighth of their size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import block_reduce

from segcore.data import install
from segcore.errors import StorageError
from segcore.stacks.reduction import (
    REDUCED,
    extremes,
    halved,
    is_kept_reduced,
    reduced,
    reduced_shape,
    reduced_stacks,
    write_reduced_prediction,
)
from segcore.stacks.stack import array_stack
from segcore.stacks.writing import StackWriter


@given(st.data())
def test_halving_odd_sides(data):
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    plane = np.random.default_rng(data.draw(st.integers(0, 999))).integers(0, 256, (height, width), dtype=np.uint8)
    for how, reduce in (("max", np.max), ("min", np.min)):
        found = halved(plane, how)
        expected = [[reduce(plane[y : y + 2, x : x + 2]) for x in range(0, width, 2)] for y in range(0, height, 2)]
        np.testing.assert_array_equal(found, expected)
    assert halved(np.full_like(plane, 77), "mean").tolist() == np.full_like(found, 77).tolist()


def test_means_are_rounded_half_up():
    assert halved(np.array([[1, 2, 0, 1], [2, 2, 0, 1]], np.uint8), "mean").tolist() == [[2, 1]]


@pytest.mark.parametrize(("how", "function"), [("max", np.max), ("min", np.min)])
def test_extremes_of_blocks_are_those_of_scikit_image(how, function):
    plane = np.random.default_rng(0).integers(0, 256, (64, 48), dtype=np.uint8)
    np.testing.assert_array_equal(reduced(plane, 3, how), block_reduce(plane, (8, 8), function))


def test_means_of_blocks_are_within_rounding():
    plane = np.random.default_rng(0).integers(0, 256, (64, 48), dtype=np.uint8)
    exact = block_reduce(plane, (8, 8), np.mean)
    # Each of the three halvings rounds by up to one half.
    assert np.abs(reduced(plane, 3, "mean") - exact).max() <= 1.5


def test_peak_and_trough_by_hand():
    label = np.array([[0, 0, 255, 255]], np.uint8)
    probability = np.array([[10, 200, 30, 250]], np.uint8)
    peak, trough = extremes(label, probability)
    assert peak.tolist() == [[10, 200, 0, 0]]  # membrane called interior above any of these is missed
    assert trough.tolist() == [[255, 255, 30, 250]]
    peak, trough = extremes(label, probability, np.array([[True, False, False, True]]))
    assert (peak.tolist(), trough.tolist()) == ([[10, 0, 0, 0]], [[255, 255, 255, 250]])


@given(st.integers(0, 999), st.integers(0, 254))
def test_a_block_is_wrong_exactly_if_one_of_its_pixels_is(seed, last_membrane):
    rng = np.random.default_rng(seed)
    label = np.where(rng.random((16, 24)) < 0.7, 255, 0).astype(np.uint8)
    probability = rng.integers(0, 256, label.shape, dtype=np.uint8)
    peak, trough = extremes(label, probability)
    missed, false = (label == 0) & (probability > last_membrane), (label > 0) & (probability <= last_membrane)
    np.testing.assert_array_equal(reduced(peak, 3, "max") > last_membrane, block_reduce(missed, (8, 8), np.any))
    np.testing.assert_array_equal(reduced(trough, 3, "min") <= last_membrane, block_reduce(false, (8, 8), np.any))


def test_sizes():
    assert [is_kept_reduced(*size) for size in ((2048, 2048), (2049, 10), (10, 4096))] == [False, True, True]
    assert reduced_shape(4096, 2049) == (512, 257)


def stack(path: Path, pages: np.ndarray) -> Path:
    with StackWriter(path, height=pages.shape[1], width=pages.shape[2], slices=len(pages)) as writer:
        for page in pages:
            writer.write(page)
    return path


def test_an_installed_stack_of_large_slices_has_both(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGCORE_DATA_DIR", str(tmp_path))
    images = np.random.default_rng(1).integers(0, 256, (2, 30, 2050), dtype=np.uint8)
    labels = (images > 80).astype(np.uint8) * 255
    install("wide", array_stack(images), array_stack(labels))
    for plane, full in (("image", images), ("label", labels)):
        found = tifffile.imread(tmp_path / "wide" / REDUCED[plane])
        np.testing.assert_array_equal(found, [reduced(page, 3, "mean") for page in full])
    install("bare", array_stack(images))
    install("small", array_stack(images[:, :, :2048]), array_stack(labels[:, :, :2048]))
    files = {name: sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("bare", "small")}
    assert files == {
        "bare": ["dataset.json", "images-eighth.tif", "images.tif"],
        "small": ["dataset.json", "images.tif", "labels.tif"],
    }


def test_a_prediction_of_some_slices(tmp_path):
    rng = np.random.default_rng(2)
    probability = rng.integers(0, 256, (2, 2060, 50), dtype=np.uint8)
    labels = np.where(rng.random((5, 2060, 50)) < 0.7, 255, 0).astype(np.uint8)
    write_reduced_prediction(
        tmp_path, stack(tmp_path / "p.tif", probability), stack(tmp_path / "l.tif", labels), [1, 4]
    )
    for page, z in enumerate((1, 4)):
        peak, trough = extremes(labels[z], probability[page])
        for plane, full, how in (
            ("probability", probability[page], "mean"), ("peak", peak, "max"), ("trough", trough, "min"),
        ):  # fmt: skip
            found = tifffile.imread(tmp_path / REDUCED[plane])[page]
            np.testing.assert_array_equal(found, reduced(full, 3, how), err_msg=plane)


def test_small_slices_are_not_written(tmp_path):
    paths = [stack(tmp_path / name, np.zeros((1, 40, 50), np.uint8)) for name in ("p.tif", "l.tif")]
    write_reduced_prediction(tmp_path, *paths, [0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l.tif", "p.tif"]


def test_what_is_cut_off_leaves_nothing(tmp_path):
    def interrupted() -> None:
        with reduced_stacks(tmp_path, ["image"], height=2049, width=20, slices=2) as write:
            write({"image": np.zeros((2049, 20), np.uint8)})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError), reduced_stacks(tmp_path / "file", ["image"], height=2049, width=20, slices=1):
        pass
