"""Applying a run to images of every kind; what is written is read back."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from segcore.errors import ConfigError, DataError, RunError, StorageError
from segcore.evaluation.predict_files import predict_to_files
from segcore.stacks import open_stack

CPU = "cpu"


def probability_of(image):
    return np.round(255 / (1 + np.exp(10 - 20 * (image / 255)))).astype(np.uint8)


def applied(run, source, folder, **options):
    return predict_to_files(run, source, folder, device=CPU, **options)


def test_a_stack(mid_grey_run, cell_stack, tmp_path, listing):
    images = cell_stack[0][:3]
    tifffile.imwrite(tmp_path / "stack.tif", images, imagej=True, resolution=(250, 250), metadata={"axes": "ZYX"})
    found = applied(mid_grey_run, tmp_path / "stack.tif", tmp_path / "out")
    assert (found.folder, found.slices, found.threshold) == (tmp_path / "out", 3, 0.5)
    assert listing(tmp_path / "out") == ["mask.tif", "probability.tif"]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out/probability.tif"), probability_of(images))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out/mask.tif"), np.where(images > 127, 255, 0))
    assert tifffile.memmap(tmp_path / "out/mask.tif", mode="r").shape == (3, 45, 52)


@pytest.mark.parametrize(
    ("threshold", "value", "lightest_membrane"),
    # 20 v / 255 - 10 = log(t / (1 - t)) at v = 127.5 + 12.75 log(t / (1 - t))
    [("pixel", 0.5, 127), ("topology", 0.75, 141), (0.9, 0.9, 155), (0, 0, 0), (1, 1, 255)],
)
def test_thresholds(mid_grey_run, tmp_path, threshold, value, lightest_membrane):
    ramp = np.arange(256, dtype=np.uint8)[None]
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    found = applied(mid_grey_run, tmp_path / "ramp.png", tmp_path / "out", threshold=threshold)
    assert found.threshold == value
    mask = tifffile.imread(tmp_path / "out/mask.tif").reshape(256)
    q = probability_of(ramp)[0]
    np.testing.assert_array_equal(mask > 0, q > 255 * value)
    if 0 < value < 1:
        assert abs(int(np.flatnonzero(mask == 0)[-1]) - lightest_membrane) <= 1


def test_as_ome_zarr(mid_grey_run, tmp_path, cell_stack):
    tifffile.imwrite(tmp_path / "a.tif", cell_stack[0][:3], photometric="minisblack")
    plain = predict_to_files(mid_grey_run, tmp_path / "a.tif", tmp_path / "plain", device="cpu")
    written = predict_to_files(mid_grey_run, tmp_path / "a.tif", tmp_path / "zarr", device="cpu", format="ome-zarr")
    for name in ("probability", "mask"):
        expected = tifffile.imread(plain.folder / f"{name}.tif")
        with open_stack(written.folder / f"{name}.ome.zarr") as stack:
            np.testing.assert_array_equal(np.stack([stack.read(z) for z in range(3)]), expected)


def test_as_png_with_the_names_of_the_slices(mid_grey_run, tmp_path, cell_stack, listing):
    (tmp_path / "in").mkdir()
    for number, page in zip((7, 10), cell_stack[0], strict=False):
        Image.fromarray(page).save(tmp_path / "in" / f"img_{number}.png")
    applied(mid_grey_run, tmp_path / "in", tmp_path / "out", format="png")
    assert listing(tmp_path / "out") == [
        "mask", "mask/img_10.png", "mask/img_7.png",
        "probability", "probability/img_10.png", "probability/img_7.png",
    ]  # fmt: skip
    for number, page in zip((7, 10), cell_stack[0], strict=False):
        found = np.asarray(Image.open(tmp_path / f"out/probability/img_{number}.png"))
        np.testing.assert_array_equal(found, probability_of(page))


def test_slices_that_lie_last(mid_grey_run, tmp_path, cell_stack):
    np.save(tmp_path / "a.npy", cell_stack[0][:3].transpose(1, 2, 0))
    applied(mid_grey_run, tmp_path / "a.npy", tmp_path / "out", axes="yxz")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out/probability.tif"), probability_of(cell_stack[0][:3]))


def test_numbered_images_of_a_folder_in_order(mid_grey_run, tmp_path):
    (tmp_path / "in").mkdir()
    for number, grey in ((10, 200), (2, 20), (1, 130)):
        Image.fromarray(np.full((7, 5), grey, np.uint8)).save(tmp_path / "in" / f"{number}.png")
    applied(mid_grey_run, tmp_path / "in", tmp_path / "out")
    assert tifffile.imread(tmp_path / "out/mask.tif")[:, 0, 0].tolist() == [255, 0, 255]


@pytest.mark.parametrize("packed", [False, True])
def test_images_of_different_sizes_and_stacks_keep_their_names(mid_grey_run, tmp_path, listing, packed):
    source = tmp_path / "in"
    source.mkdir()
    Image.fromarray(np.full((7, 5), 200, np.uint8)).save(source / "left.png")
    Image.fromarray(np.full((9, 4), 20, np.uint8)).save(source / "right.png")
    tifffile.imwrite(source / "several.tif", np.full((3, 6, 6), 130, np.uint8), photometric="minisblack")
    (source / "README.md").write_text("what they are")
    if packed:
        source = Path(shutil.make_archive(str(tmp_path / "a"), "zip", source))
    found = applied(mid_grey_run, source, tmp_path / "out")
    assert found.slices == 5
    assert listing(tmp_path / "out") == sorted(
        f"{name}-{what}.tif" for name in ("left", "right", "several") for what in ("mask", "probability")
    )
    assert tifffile.imread(tmp_path / "out/right-mask.tif").shape[-2:] == (9, 4)
    assert not tifffile.imread(tmp_path / "out/right-mask.tif").any()
    assert tifffile.imread(tmp_path / "out/several-mask.tif").shape == (3, 6, 6)


def test_16_bits_are_stretched(mid_grey_run, tmp_path):
    ramp = np.tile(np.linspace(1000, 3000, 101).astype(np.uint16), (9, 1))
    tifffile.imwrite(tmp_path / "deep.tif", ramp)
    applied(mid_grey_run, tmp_path / "deep.tif", tmp_path / "out")
    mask = tifffile.imread(tmp_path / "out/mask.tif")[0].ravel()[:101]
    assert abs(int(np.flatnonzero(mask)[0]) - 50) <= 1


def test_nothing_is_left_of_what_fails(mid_grey_run, tmp_path, cell_stack, listing):
    tifffile.imwrite(tmp_path / "stack.tif", cell_stack[0])
    whole = (tmp_path / "stack.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.tif").write_text("hello")
    (tmp_path / "there").mkdir()
    before = listing(tmp_path)
    for source in ("missing.tif", "cut.tif", "text.tif"):
        with pytest.raises(DataError, match=source):
            applied(mid_grey_run, tmp_path / source, tmp_path / "out")
    with pytest.raises(StorageError, match="there: there is already something of this name"):
        applied(mid_grey_run, tmp_path / "stack.tif", tmp_path / "there")
    for threshold in ("best", 1.5, -0.1, float("nan")):
        with pytest.raises(ConfigError):
            applied(mid_grey_run, tmp_path / "stack.tif", tmp_path / "out", threshold=threshold)
    assert listing(tmp_path) == before
    unfinished = dataclasses.replace(
        mid_grey_run, info=dataclasses.replace(mid_grey_run.info, operating_points=None, state="training")
    )
    with pytest.raises(RunError, match="no thresholds yet"):
        applied(unfinished, tmp_path / "stack.tif", tmp_path / "out")
    assert applied(unfinished, tmp_path / "stack.tif", tmp_path / "half", threshold=0.5).slices == 12
    mid_grey_run.weights.write_bytes(mid_grey_run.weights.read_bytes()[:-4])
    with pytest.raises(RunError, match="not a whole safetensors file"):
        applied(mid_grey_run, tmp_path / "stack.tif", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_challenge_takes_32_bits_from_membrane_to_interior(mid_grey_run, tmp_path, cell_stack):
    tifffile.imwrite(tmp_path / "a.tif", cell_stack[0])
    predict_to_files(mid_grey_run, tmp_path / "a.tif", tmp_path / "out", device="cpu", format="challenge")
    submitted = tifffile.imread(tmp_path / "out/challenge.tif")
    assert (submitted.dtype, submitted.shape) == (np.float32, (12, 45, 52))
    expected = tifffile.imread(tmp_path / "out/probability.tif") / np.float32(255)
    np.testing.assert_array_equal(submitted, expected)
    assert submitted.min() < 0.01
    assert submitted.max() > 0.99
    assert submitted[cell_stack[1] > 0].mean() > 0.9
    assert submitted[cell_stack[1] == 0].mean() < 0.3


def test_a_run_without_a_network_predicts_nothing(mid_grey_run, tmp_path, cell_stack):
    tifffile.imwrite(tmp_path / "a.tif", cell_stack[0])
    averaged = mid_grey_run.update(members=("one", "two"))
    with pytest.raises(RunError, match="no network of its own"):
        predict_to_files(averaged, tmp_path / "a.tif", tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()
