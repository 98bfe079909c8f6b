"""Masks of any two values and either polarity are read, and what is no mask is refused in one line."""

import numpy as np
import pytest
import tifffile
from bringing import assert_refused, import_source, write_folder
from PIL import Image

from segcore.cli import main
from segcore.data.polarity import interior_is_white
from segcore.errors import DataError
from segcore.stacks import array_stack


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (7, 9), (0, 65535), (0.0, 1.0), (-1.5, 2.5)])
@pytest.mark.parametrize("white", ["interior", "membrane"])
def test_any_two_values_and_either_polarity(tmp_path, twelve, data_dir, values, white):
    images, labels = twelve
    low, high = values
    kind = np.float32 if isinstance(low, float) else np.min_scalar_type(high)
    mask = np.where((labels > 0) == (white == "interior"), high, low).astype(kind)
    tifffile.imwrite(tmp_path / "i.tif", images)
    tifffile.imwrite(tmp_path / "m.tif", mask)
    (dataset,) = import_source(tmp_path / "i.tif", "a", labels=tmp_path / "m.tif")
    np.testing.assert_array_equal(dataset.labels, labels)
    (dataset,) = import_source(tmp_path / "i.tif", "b", labels=tmp_path / "m.tif", polarity=f"{white}-white")
    np.testing.assert_array_equal(dataset.labels, labels)
    (dataset,) = import_source(tmp_path / "i.tif", "c", labels=tmp_path / "m.tif", polarity="interior-white")
    np.testing.assert_array_equal(dataset.labels, labels if white == "interior" else 255 - labels)


def test_bright_membranes_have_to_be_declared(tmp_path, twelve, data_dir, listing):
    images, labels = twelve
    tifffile.imwrite(tmp_path / "i.tif", 255 - images)
    tifffile.imwrite(tmp_path / "m.tif", labels)
    options = {"labels": tmp_path / "m.tif"}
    assert_refused(tmp_path / "i.tif", "ambiguous.*expected --polarity interior-white or", data_dir, listing, **options)
    (dataset,) = import_source(tmp_path / "i.tif", "cells", polarity="interior-white", **options)
    np.testing.assert_array_equal(dataset.labels, labels)


def test_masks_without_structure_are_ambiguous():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 64, 64), np.uint8)
    masks = np.where(rng.random((3, 64, 64)) < 0.5, np.uint8(255), np.uint8(0))
    with pytest.raises(DataError, match="ambiguous"):
        interior_is_white(array_stack(images), array_stack(masks))


def test_polarity_of_every_single_real_slice(isbi_folder):
    images = tifffile.imread(isbi_folder / "train-volume.tif")
    labels = tifffile.imread(isbi_folder / "train-labels.tif")
    for z in range(0, 30, 6):
        one = array_stack(images[z : z + 1])
        assert interior_is_white(one, array_stack(labels[z : z + 1]))[0]
        assert not interior_is_white(one, array_stack(255 - labels[z : z + 1]))[0]


def test_nearly_binary_masks_name_the_threshold_that_helps(tmp_path, twelve, data_dir, listing):
    images, labels = twelve
    source = write_folder(tmp_path / "i", images)
    masks = tmp_path / "m"
    masks.mkdir()
    for z, page in enumerate(labels):
        Image.fromarray(page).save(masks / f"{z}.jpg", quality=95)
    assert_refused(
        source,
        r"nearly binary.*found \d+ values from 0 to 255, \d+\.\d % .*expected exactly two.*--threshold-labels 128",
        data_dir,
        listing,
        labels=masks,
    )
    (dataset,) = import_source(source, "cells", labels=masks, threshold_labels=128)
    assert (np.asarray(dataset.labels) != labels).mean() < 0.01
    assert "thresholded" in next(check.message for check in dataset.info.checks if "two values" in check.name)


@pytest.mark.parametrize("values", [[0, 100, 255], range(256)])
def test_masks_of_3_or_256_values(tmp_path, twelve, data_dir, listing, values):
    images, _ = twelve
    mask = np.resize(np.array(list(values), np.uint8), images.shape)
    tifffile.imwrite(tmp_path / "i.tif", images)
    tifffile.imwrite(tmp_path / "m.tif", mask)
    message = {
        3: "m.tif: the masks are not binary; found 3 values.*expected two values",
        256: "m.tif: the masks are no masks: .* as in a grey image; found 256 values.*are images and masks exchanged",
    }[len(values)]
    assert_refused(tmp_path / "i.tif", message, data_dir, listing, labels=tmp_path / "m.tif")


def test_masks_of_one_value(tmp_path, twelve, data_dir, listing):
    tifffile.imwrite(tmp_path / "i.tif", twelve[0])
    tifffile.imwrite(tmp_path / "m.tif", np.zeros_like(twelve[0]))
    options = {"labels": tmp_path / "m.tif"}
    assert_refused(tmp_path / "i.tif", "only one value; found 0", data_dir, listing, **options)
    assert_refused(tmp_path / "i.tif", "threshold leaves only", data_dir, listing, threshold_labels=9, **options)


def test_one_slice_may_be_all_interior(tmp_path, twelve, data_dir):
    labels = twelve[1].copy()
    labels[3] = 255
    tifffile.imwrite(tmp_path / "i.tif", twelve[0])
    tifffile.imwrite(tmp_path / "m.tif", labels)
    (dataset,) = import_source(tmp_path / "i.tif", "cells", labels=tmp_path / "m.tif")
    assert dataset.info.membrane_percent[3] == 0


def test_the_threshold_itself_is_white(tmp_path, twelve, data_dir, capsys):
    images, labels = twelve
    masks = write_folder(tmp_path / "m", np.where(labels > 0, np.uint8(128), np.uint8(127)))
    source = write_folder(tmp_path / "i", images)
    (dataset,) = import_source(source, "cells", labels=masks, threshold_labels=128, polarity="interior-white")
    np.testing.assert_array_equal(dataset.labels, labels)
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    assert "VALUE and more is white" in " ".join(capsys.readouterr().out.split())


def test_unknown_polarity(notebook, data_dir):
    with pytest.raises(DataError, match="unknown polarity; found upside-down"):
        import_source(notebook, "cells", polarity="upside-down")


def test_masks_with_places_that_are_no_numbers_say_what_helps(tmp_path, twelve, data_dir, listing):
    masks = twelve[1].astype(np.float32) / 255
    masks[:, :3] = np.nan
    tifffile.imwrite(tmp_path / "i.tif", twelve[0])
    tifffile.imwrite(tmp_path / "m.tif", masks)
    assert_refused(tmp_path / "i.tif", "no numbers.*--ignore-values", data_dir, listing, labels=tmp_path / "m.tif")


def test_coloured_masks_are_refused_or_thresholded(tmp_path, twelve, data_dir, listing):
    white = twelve[1] > 0
    source, masks = write_folder(tmp_path / "i", twelve[0], "{}.png"), tmp_path / "m"
    colours = np.where(white[..., None], np.uint8([255, 0, 0]), np.uint8([0, 0, 0]))
    colours[:, :20][white[:, :20]] = 0, 76, 0
    write_folder(masks, colours, "{}.png")
    assert_refused(source, r"m/\d+.png: two colours of these labels have the same", data_dir, listing, labels=masks)
    (dataset,) = import_source(source, "cells", labels=masks, threshold_labels=54)
    np.testing.assert_array_equal(dataset.labels, twelve[1])
