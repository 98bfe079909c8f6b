"""Everything a user may bring is checked, converted once, and installed whole or refused in one line."""

import shutil
import signal
import zipfile
from itertools import pairwise

import h5py
import nrrd
import numpy as np
import pytest
import tifffile
from bringing import assert_refused, check_source, import_source, write_folder, zipped

from segcore.data.dataset import installed, open_dataset
from segcore.errors import DataError, StorageError
from segcore.progress import Cancelled, Progress

# --- sources ----------------------------------------------------------------------------------


def test_notebook_layout_makes_two_datasets(notebook, twelve, data_dir):
    train, test = import_source(notebook, "cells", voxel_size_nm=(50, 4, 4))
    np.testing.assert_array_equal(train.images, twelve[0])
    np.testing.assert_array_equal(train.labels, twelve[1])
    np.testing.assert_array_equal(test.images, twelve[0][::-1])
    assert [train.info.name, test.info.name] == ["cells", "cells-test"]
    assert test.labels is None
    assert train.info.slice_names[:3] == ("0.tif", "1.tif", "2.tif")
    assert train.info.slice_names[-1] == "11.tif"
    assert train.info.voxel_size_nm == test.info.voxel_size_nm == (50, 4, 4)
    assert train.info.source == "imported from nb"
    assert all(check.passed and check.message for check in train.info.checks)
    assert open_dataset("cells").info == train.info


def test_checks_are_data(notebook, data_dir):
    checks = check_source(notebook, "cells")
    assert all(check.passed for check in checks)
    said = {check.name: check.message for check in checks}
    assert said["source"] == "cells with labels and cells-test without labels"
    assert said["cells: images and labels pair up"] == "12 pairs of equal size"
    assert said["cells: two values in the masks"] == "the values are 0 and 255"
    assert said["cells: polarity"].startswith("recognised: black is membrane and white is interior")
    assert said["cells-test: every slice can be read"] == "12 slices"
    assert not data_dir.exists()


def test_a_preview_shows_a_slice_with_both_classes(notebook, twelve, data_dir):
    for z in range(3, 9):
        tifffile.imwrite(notebook / f"label/{z}.tif", np.full_like(twelve[1][z], 255))
    previews = []
    checks = check_source(notebook, "cells", unlabelled_slices="keep", previews=previews)
    assert all(check.passed for check in checks)
    assert [(one.dataset, one.slice_name) for one in previews] == [("cells", "9.tif"), ("cells-test", "6.tif")]
    np.testing.assert_array_equal(previews[0].image, twelve[0][9])
    np.testing.assert_array_equal(previews[0].label, twelve[1][9])
    assert previews[1].label is None


def test_a_size_in_micrometres_is_smaller_than_an_atom(notebook, data_dir):
    with pytest.raises(DataError, match=r"smaller than an atom; .*in nanometres, not in micrometres"):
        import_source(notebook, "cells", voxel_size_nm=(0.05, 0.004, 0.004))


def test_a_zip_in_a_zip_is_named(notebook, tmp_path, data_dir):
    (tmp_path / "outer").mkdir()
    zipped(notebook, tmp_path / "outer/nb.zip")
    with pytest.raises(DataError, match=r"nb\.zip: a zip in a zip, or in a folder"):
        import_source(tmp_path / "outer", "cells")


def test_a_zip_of_it_is_the_same(notebook, tmp_path, data_dir, listing):
    plain = import_source(notebook, "plain")
    packed = import_source(zipped(notebook, tmp_path / "nb.zip"), "packed")
    for one, other in zip(plain, packed, strict=True):
        assert one.info.fingerprint == other.info.fingerprint
    assert sorted(path.name for path in data_dir.iterdir()) == ["packed", "packed-test", "plain", "plain-test"]


@pytest.mark.parametrize("form", ["stack", "folder", "folder of two", "zip of stacks", "zip and labels inside"])
def test_other_sources(tmp_path, twelve, data_dir, form):
    images, labels = twelve
    tifffile.imwrite(tmp_path / "volume.tif", images)
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    option = None
    if form == "stack":
        source, option = tmp_path / "volume.tif", tmp_path / "labels.tif"
    elif form == "folder":
        source = write_folder(tmp_path / "i", images, "im_{}.png")
        option = write_folder(tmp_path / "m", labels, "im_{:04d}_mask2.png")
    elif form == "folder of two":
        source = tmp_path / "both"
        write_folder(source / "images", images, "{}.png", first=1)
        write_folder(source / "masks", labels, "{:02d}.tif", first=1)
    else:
        source = tmp_path / "a.zip"
        with zipfile.ZipFile(source, "w") as packed:
            packed.write(tmp_path / "volume.tif", "volume.tif")
            packed.write(tmp_path / "labels.tif", "labels.tif" if form == "zip of stacks" else "other.tif")
        option = None if form == "zip of stacks" else "other.tif"
    (dataset,) = import_source(source, "cells", labels=option)
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)


def test_unlabelled_stack(tmp_path, twelve, data_dir):
    tifffile.imwrite(tmp_path / "a.tif", twelve[0])
    (dataset,) = import_source(tmp_path / "a.tif", "cells")
    assert dataset.labels is None


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.float32])
def test_more_than_eight_bits_are_stretched_and_the_stretch_is_recorded(tmp_path, twelve, data_dir, kind):
    grey = (twelve[0].astype(np.float64) * (0.01 if kind == np.float32 else 100)).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", grey, compression="zstd")
    (dataset,) = import_source(tmp_path / "a.tif", "cells")
    low, high = np.percentile(grey.astype(float), (0.1, 99.9))
    assert dataset.info.intensity_range == pytest.approx((low, high))
    expected = np.clip((grey.astype(float) - low) / (high - low) * 255, 0, 255)
    np.testing.assert_allclose(dataset.images, expected, atol=0.5001)


def test_colour_images_and_masks(tmp_path, twelve, data_dir):
    images, labels = twelve
    source = write_folder(tmp_path / "i", [np.dstack([page] * 3) for page in images], "{}.png")
    masks = write_folder(tmp_path / "m", [np.dstack([page] * 4) for page in labels], "{}.png")
    (dataset,) = import_source(source, "cells", labels=masks)
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)


# --- folders that do not fit ------------------------------------------------------------------


def test_one_mask_missing(notebook, data_dir, listing):
    (notebook / "label/7.tif").unlink()
    assert_refused(notebook, "label: not as many masks as images; found 11; expected 12", data_dir, listing)


def test_masks_of_another_size(notebook, data_dir, listing):
    for path in (notebook / "label").iterdir():
        tifffile.imwrite(path, tifffile.imread(path)[:-1])
    assert_refused(notebook, "differ in size; found 60 x 48 pixels; expected 61 x 48", data_dir, listing)


def test_one_mask_of_another_size(notebook, data_dir, listing):
    tifffile.imwrite(notebook / "label/3.tif", np.zeros((61, 47), np.uint8))
    message = r"3\.tif: a mask differs from its image in size; found 61 x 47 pixels; expected 61 x 48 pixels"
    assert_refused(notebook, message, data_dir, listing)


def test_slices_of_different_sizes_are_one_dataset(notebook, twelve, data_dir):
    for folder in ("train", "label"):
        for name, rows, columns in (("3.tif", 50, 48), ("7.tif", 61, 30)):
            page = tifffile.imread(notebook / folder / name)[:rows, :columns]
            tifffile.imwrite(notebook / folder / name, np.maximum(page, 1) if folder == "train" else page)
    train, _ = import_source(notebook, "cells")
    assert train.images.shape == (12, 61, 48)
    np.testing.assert_array_equal(train.labels[3, :50], twelve[1][3, :50])
    np.testing.assert_array_equal(train.labels[3, 50:], 128)
    np.testing.assert_array_equal(train.labels[7, :, 30:], 128)
    np.testing.assert_array_equal(train.labels[0], twelve[1][0])
    said = next(check.message for check in train.info.checks if check.name == "cells: images")
    assert said.endswith("; of 3 sizes, the smallest 50 x 48: padded, which is ignored")


def test_masks_of_other_numbers(notebook, data_dir, listing):
    (notebook / "label/0.tif").rename(notebook / "label/12.tif")
    assert_refused(notebook, "do not pair up; found slice 0 is 0.tif with 1.tif", data_dir, listing)


def test_two_files_of_one_number(notebook, data_dir, listing):
    shutil.copy(notebook / "train/3.tif", notebook / "train/003.tif")
    assert_refused(notebook, r"same number; found 003\.tif and 3\.tif", data_dir, listing)


def test_train_without_labels(notebook, data_dir, listing):
    shutil.rmtree(notebook / "label")
    assert_refused(notebook, "a folder train but none of its masks", data_dir, listing)


def test_labels_without_images(notebook, data_dir, listing):
    shutil.rmtree(notebook / "train")
    assert_refused(notebook, "masks but no images", data_dir, listing)


@pytest.mark.parametrize("empty", ["train", "label", "test"])
def test_empty_folders(notebook, data_dir, listing, empty):
    shutil.rmtree(notebook / empty)
    (notebook / empty).mkdir()
    assert_refused(notebook, f"{empty}: no images in this folder", data_dir, listing)


def test_unknown_folders(tmp_path, data_dir, listing):
    (tmp_path / "x/cats").mkdir(parents=True)
    (tmp_path / "x/dogs").mkdir()
    assert_refused(tmp_path / "x", "found cats, dogs; expected train/", data_dir, listing)


def test_several_stacks(tmp_path, twelve, data_dir, listing):
    for number in (1, 2, 3):
        (tmp_path / "x").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / f"x/stack{number}.tif", twelve[0])
    assert_refused(tmp_path / "x", "several stacks", data_dir, listing)


# --- names and values -------------------------------------------------------------------------


def test_taken_names(notebook, twelve, data_dir, listing):
    import_source(notebook / "test", "cells-test")
    before = listing(data_dir)
    with pytest.raises(DataError, match="already a dataset cells-test"):
        import_source(notebook, "cells")
    assert listing(data_dir) == before


def test_unsafe_name(notebook, data_dir, listing):
    with pytest.raises(StorageError, match="not a safe folder name"):
        import_source(notebook, "../cells")
    assert listing(data_dir) == []


@pytest.mark.parametrize("size", [(0, 4, 4), (-1, 4, 4), (float("nan"), 4, 4), (4, 4)])
def test_voxel_sizes_that_are_none(notebook, data_dir, size):
    with pytest.raises(DataError, match="voxel size is no size"):
        import_source(notebook, "cells", voxel_size_nm=size)


def test_disk_that_takes_no_more_bytes(notebook, data_dir, run_python, listing):
    done = run_python(
        """
        import resource, signal, sys
        from pathlib import Path
        from segcore.errors import StorageError
        from segcore.data.importing import import_source
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            import_source(Path(sys.argv[1]), "cells")
        except StorageError as error:
            print(error)
        """,
        notebook,
        SEGCORE_DATA_DIR=str(data_dir),
    )
    assert done.stdout.count("\n") == 1, done.stderr
    assert done.stdout.startswith(f"{data_dir}/cells/")
    assert not data_dir.exists()


def test_who_watches_an_import_hears_checks_and_slices_and_can_end_it(data_dir, notebook, tmp_path):
    packed = zipped(notebook, tmp_path / "nb.zip")
    heard, checks = [], []
    import_source(packed, "cells", progress=Progress(tell=lambda *step: heard.append(step)), checks=checks)
    assert heard[0][0] == "unpacking"
    assert ("checking cells: polarity", 0, None, "slice") in heard
    assert ("writing cells-test", 12, 12, "slice") in heard
    assert [check.name for check in checks][:2] == ["source", "cells: images"]
    assert all(check.passed for check in checks)

    def end(step, done, total, unit):
        if (step, done) == ("writing again-test", 3):
            raise Cancelled

    with pytest.raises(Cancelled):
        import_source(packed, "again", progress=Progress(tell=end))
    assert sorted(path.name for path in data_dir.iterdir()) == ["cells", "cells-test"]


def test_what_a_killed_import_left_goes_with_the_next(data_dir, notebook, tmp_path, run_python, listing):
    done = run_python(
        """
        import os, signal, sys
        from pathlib import Path
        from segcore.data.importing import import_source
        from segcore.progress import Progress
        def told(step, done, total, unit):
            if step == "writing cells" and done == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        import_source(Path(sys.argv[1]), "cells", progress=Progress(tell=told))
        """,
        zipped(notebook, tmp_path / "nb.zip"),
        SEGCORE_DATA_DIR=str(data_dir),
    )
    assert done.returncode == -signal.SIGKILL
    assert [path.name[0] for path in data_dir.iterdir()] == [".", "."]  # what was unpacked, and half a dataset
    assert installed() == []
    import_source(notebook, "others")
    assert sorted(path.name for path in data_dir.iterdir()) == ["others", "others-test"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_slices(tmp_path, small_pair, run_python):
    peaks = []
    for slices in (10, 80):
        folder = tmp_path / str(slices)
        folder.mkdir()
        pages = [np.tile(stack[:1], (1, 6, 8))[0] for stack in small_pair]
        for name, page in zip(("i", "m"), pages, strict=True):
            tifffile.imwrite(folder / f"{name}.tif", np.stack([page] * slices), compression="deflate")
        done = run_python(
            """
            import sys, tracemalloc
            from pathlib import Path
            from segcore.data.importing import import_source
            folder = Path(sys.argv[1])
            tracemalloc.start()
            import_source(folder / "i.tif", "cells", labels=folder / "m.tif")
            print(tracemalloc.get_traced_memory()[1])
            """,
            folder,
            SEGCORE_DATA_DIR=str(folder / "data"),
        )
        peaks.append(int(done.stdout))
    slice_bytes = 61 * 6 * 48 * 8
    assert all(later - earlier < 10 * slice_bytes for earlier, later in pairwise(peaks)), peaks


def test_one_pair_of_folders_whose_names_hold_other_numbers_too(tmp_path, twelve, data_dir):
    images, labels = (pages[:1] for pages in twelve)
    write_folder(tmp_path / "pair" / "images", images, "img_{:02}.png", first=7)
    write_folder(tmp_path / "pair" / "masks", labels, "img_{:02}_mask2.png", first=7)
    (dataset,) = import_source(tmp_path / "pair", "cells", polarity="interior-white")
    np.testing.assert_array_equal(dataset.labels, labels)


def test_labels_of_a_cube_lie_as_its_images_do(tmp_path, data_dir, cell_stack):
    """Nothing in the shape of a cube says which of its axes is which."""
    images, labels = (stack[:12, :12, :12] for stack in cell_stack)
    for name, stack in (("i.tif", images), ("l.tif", labels)):
        tifffile.imwrite(tmp_path / name, stack.transpose(1, 2, 0).copy(), photometric="minisblack")
    options = {"polarity": "interior-white", "unlabelled_slices": "keep"}
    (dataset,) = import_source(tmp_path / "i.tif", "turned", labels=tmp_path / "l.tif", axes="yxz", **options)
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert "WARNING: they fit as they are and as yxz" in "".join(check.message for check in dataset.info.checks)
    pages = write_folder(tmp_path / "pages", labels)
    (dataset,) = import_source(tmp_path / "i.tif", "pages", labels=pages, axes="yxz", **options)
    np.testing.assert_array_equal(dataset.labels, labels)


def test_axes_on_top_of_those_that_the_format_knows_are_warned_of(tmp_path, data_dir, cell_stack):
    nrrd.write(str(tmp_path / "i.nrrd"), cell_stack[0].T)
    (plain,) = import_source(tmp_path / "i.nrrd", "plain")
    (turned,) = import_source(tmp_path / "i.nrrd", "turned", axes="xyz")
    assert "WARNING: this format says itself which axis is which" in turned.info.checks[0].message
    assert "WARNING" not in plain.info.checks[0].message


def test_labels_that_say_the_size_of_a_voxel(tmp_path, data_dir, cell_stack):
    """Pictures say none."""
    images, labels = cell_stack
    source = write_folder(tmp_path / "i", images, "{}.png")
    with h5py.File(tmp_path / "l.h5", "w") as file:
        file["labels"] = labels
        file["labels"].attrs["resolution"] = (40.0, 8.0, 8.0)
    (dataset,) = import_source(source, "mine", labels=tmp_path / "l.h5")
    assert dataset.info.voxel_size_nm == (40, 8, 8)
    (told,) = import_source(source, "told", labels=tmp_path / "l.h5", voxel_size_nm=(50, 4, 4))
    assert told.info.voxel_size_nm == (50, 4, 4)


@pytest.mark.parametrize(("side", "warned"), [(8.0, True), (4.0, False), (4.001, False)])
def test_images_and_labels_that_say_two_sizes_of_a_voxel(side, warned, tmp_path, data_dir, cell_stack):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, stack, across in (("raw", cell_stack[0], 4.0), ("labels", cell_stack[1], side)):
            file[name] = stack
            file[name].attrs["resolution"] = (40.0, across, across)
    (dataset,) = import_source(tmp_path / "a.h5:raw", "mine", labels=tmp_path / "a.h5:labels")
    assert dataset.info.voxel_size_nm == (40, 4, 4)
    found = next(check.message for check in dataset.info.checks if "pair up" in check.name)
    assert ("WARNING: a voxel of the images has 40 x 4 x 4 nm, one of the labels 40 x 8 x 8 nm" in found) == warned
    assert ("WARNING" in found) == warned


def test_images_that_are_all_transparency_are_warned_of(tmp_path, data_dir, cell_stack):
    pages = np.zeros((*cell_stack[0].shape, 4), np.uint8)
    pages[..., 3] = cell_stack[0]
    (dataset,) = import_source(write_folder(tmp_path / "i", pages, "{}.png"), "mine")
    assert "WARNING: every slice looked at is blank" in dataset.info.checks[-1].message
