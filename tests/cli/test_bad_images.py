"""Images and masks that are none are refused in one line, with nothing half-written."""

import shutil

import h5py
import numpy as np
import pytest
import tifffile
from calling import numbered, pair, stack
from PIL import Image


def cut_in_a_page(path, compression=None):
    """A TIFF whose last page's pixels end before they should."""
    tifffile.imwrite(path, pair(3)[0], photometric="minisblack", compression=compression)
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[2]
        end = page.dataoffsets[0] + page.databytecounts[0] // 2
    path.write_bytes(path.read_bytes()[:end])


def bad_image(kind, folder):
    path = folder / "bad.tif"
    if kind == "missing":
        return path
    if kind == "text":
        path.write_text("these are no pixels\n")
    elif kind == "empty":
        path.touch()
    elif kind == "truncated":
        tifffile.imwrite(path, pair(3)[0], photometric="minisblack")
        path.write_bytes(path.read_bytes()[:200])
    elif kind == "cut":
        cut_in_a_page(path)
    elif kind == "cut and compressed":
        cut_in_a_page(path, "zlib")
    elif kind == "no pages":
        path.write_bytes(b"II*\0\0\0\0\0")
    elif kind == "folder without images":
        path = folder / "nothing"
        path.mkdir()
        (path / "notes.txt").touch()
    elif kind == "picture of text":
        path = folder / "bad.png"
        path.write_text("no picture")
    elif kind == "mixed types":
        path = numbered(folder / "mixed", [pair(1)[0][0], pair(1)[0][0].astype(np.uint16)])
    elif kind == "names that collide":
        path = numbered(folder / "names", pair(2)[0])
        shutil.copy(path / "1.png", path / "01.png")
    else:
        assert kind == "not a number"
        tifffile.imwrite(path, np.full((2, 20, 20), np.nan, np.float32), photometric="minisblack")
    return path


BAD_IMAGES = (
    "missing", "text", "empty", "truncated", "cut", "cut and compressed", "no pages", "folder without images",
    "picture of text", "mixed types", "names that collide", "not a number",
)  # fmt: skip


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_bad_images(kind, tmp_path, refused, run, world):
    path = bad_image(kind, tmp_path)
    refused(["import", path, "--name", "new"], path)
    if kind != "not a number":  # Masks are checked before pixels are read.
        refused(["import", path, "--name", "new", "--labels", world / "labels.tif"], path)
    refused(["import", world / "images.tif", "--name", "new", "--labels", path], path)
    if kind not in ("mixed types", "names that collide"):  # no stack, but images that are predicted one by one
        refused(["predict", "first", path, tmp_path / "out/deep"], path)
    refused(["fetch", "isbi2012", "--from", path], path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda labels: np.where(np.arange(52) < 9, 128, labels), "not binary; found 3 values: 0 ("),
        (lambda labels: np.arange(labels.size).reshape(labels.shape) % 256, "256 values from 0 to 255"),
        (lambda labels: np.where(np.arange(52) == 9, 3, labels), "--membrane-values"),
        (np.zeros_like, "only one value"),
        (lambda labels: labels[:-1], "found 8; expected 9 masks"),
        (lambda labels: labels[:, :-1], "found 44 x 52 pixels; expected 45 x 52 pixels"),
    ],
)
def test_bad_masks(change, words, world, tmp_path, data_dir, refused):
    path = stack(tmp_path / "masks.tif", change(pair()[1]).astype(np.uint8))
    refused(["import", world / "images.tif", "--name", "new", "--labels", path], path, words)


def test_a_folder_of_images_whose_masks_do_not_pair(tmp_path, refused):
    images, labels = pair(3)
    folder = numbered(tmp_path / "source/train", images).parent
    numbered(folder / "label", labels[:2])
    refused(["import", folder, "--name", "new"], folder / "label", "found 2; expected 3 masks")
    Image.fromarray(labels[2]).save(folder / "label/7.png")
    refused(["import", folder, "--name", "new"], folder / "label/7.png")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--polarity", "nonsense"], "auto or interior-white or membrane-white"),
        (["--voxel-size-nm", "50", "0", "4"], "voxel size"),
        (["--voxel-size-nm", "nan", "4", "4"], "voxel size"),
        (["--voxel-size-nm", "50", "4"], "3 arguments"),
        (["--threshold-labels", "nan"], "--threshold-labels"),
        (["--threshold-labels", "1e9"], "--threshold-labels"),
        (["--threshold-labels", "half"], "invalid float"),
    ],
)
def test_bad_options_of_import(options, words, world, refused):
    refused(["import", world / "images.tif", "--name", "n", "--labels", world / "labels.tif", *options], words)


def disguised(kind, folder):
    """Something else than its name says, or a file that only seems to be there; and what is said of it."""
    page = pair(1)[0][0]
    if kind == "a drawing as a picture":
        (folder / "a.png").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
        return folder / "a.png", "no image that can be read"
    if kind == "a photograph as a TIFF":
        Image.fromarray(page).save(folder / "a.jpg")
        return (folder / "a.jpg").rename(folder / "a.tif"), "no TIFF file"
    if kind == "an empty file among pictures":
        pictures = numbered(folder / "some", pair(3)[0])
        (pictures / "3.png").touch()
        return pictures, "3.png: no image that can be read"
    if kind == "links in a circle":
        (folder / "links").mkdir()
        (folder / "links/0.png").symlink_to("1.png")
        (folder / "links/1.png").symlink_to("0.png")
        return folder / "links", "a link to a file that is not there"
    if kind == "a group of HDF5":
        with h5py.File(folder / "a.h5", "w") as file:
            file["volumes/raw"] = pair(3)[0]
        return folder / "a.h5:volumes", "such as a.h5:volumes/raw"
    if kind == "an axis of channels":
        with h5py.File(folder / "a.h5", "w") as file:
            file["exported_data"] = pair(3)[0][..., None]
        return folder / "a.h5", "exported_data (3 x 45 x 52 x 1 pixels uint8)"
    if kind == "an axis of time":
        path = folder / "t.tif"
        tifffile.imwrite(path, np.stack([pair(3)[0]] * 2), imagej=True, metadata={"axes": "TZYX"})
        return path, "1 channels, 2 frames, 3 slices"
    assert kind == "tiles cut short"
    path = folder / "big.tif"
    tifffile.imwrite(path, pair(3)[0], photometric="minisblack", bigtiff=True, tile=(16, 16), compression="zlib")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path, "truncated TIFF file"


@pytest.mark.parametrize(
    "kind",
    [
        "a drawing as a picture", "a photograph as a TIFF", "an empty file among pictures", "links in a circle",
        "a group of HDF5", "an axis of channels", "an axis of time", "tiles cut short",
    ],
)  # fmt: skip
def test_what_is_not_what_its_name_says(kind, tmp_path, refused, world):
    path, words = disguised(kind, tmp_path)
    refused(["import", path, "--name", "new"], str(path).partition(":")[0], words)
    refused(["import", world / "images.tif", "--labels", path, "--name", "new"], words)
