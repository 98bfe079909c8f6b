"""Every layout of folders that people have is taken without an option, and what is no telling is asked for."""

import re

import numpy as np
import pytest
from PIL import Image

from segcore.data import import_source
from segcore.errors import DataError
from segcore.stacks import paired_by_stem


def write(folder, pages, names):
    folder.mkdir(parents=True, exist_ok=True)
    for page, name in zip(pages, names, strict=True):
        Image.fromarray(page).save(folder / name)
    return folder


HASHES = ["9f3c1", "0a77e", "5b2d0", "e41f9", "77aa0"]


@pytest.mark.parametrize(
    ("images_in", "labels_in"),
    [
        ("images/{}.png", "masks/{}.png"),
        ("imagesTr/{}_0000.png", "labelsTr/{}.png"),
        ("Training_source/{}.tif", "Training_target/{}.tif"),
        ("train_images/{}.PNG", "train_masks/{}_mask.PNG"),
        ("train/raw/{}.png", "train/label/{}.png"),
        ("{}.tif", "{}_masks.tif"),
        ("img_{}.png", "img_{}_cp_masks.png"),
        ("Images/image_{}.TIF", "GT/gt_{}.TIF"),
    ],
)
@pytest.mark.parametrize("hashes", [False, True])
def test_a_layout_is_taken_without_an_option(tmp_path, data_dir, cell_stack, images_in, labels_in, hashes):
    images, labels = (stack[:5] for stack in cell_stack)
    keys = HASHES if hashes else [f"{z:02d}" for z in range(5)]
    source = tmp_path / "source"
    for pattern, pages in ((images_in, images), (labels_in, labels)):
        for key, page in zip(keys, pages, strict=True):
            place = source / pattern.format(key)
            write(place.parent, [page], [place.name])
    (dataset,) = import_source(source, "mine")
    order = [
        next(z for z, key in enumerate(keys) if re.search(rf"(?<![0-9a-f]){key}(?![0-9a-f])", name))
        for name in dataset.info.slice_names
    ]
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert hashes or order == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(dataset.images, images[order])
    np.testing.assert_array_equal(dataset.labels, labels[order])


def test_a_pattern_names_the_files_of_many_folders(tmp_path, data_dir, cell_stack):
    """As BIDS has them: a folder for each animal, and one file a class."""
    images, labels = (stack[:4] for stack in cell_stack)
    for z, (image, label) in enumerate(zip(images, labels, strict=True)):
        where, name = f"sub-{z // 2}/micr", f"sub-{z // 2}_sample-{z}_TEM"
        write(tmp_path / where, [image], [f"{name}.png"])
        for kind, mask in (("axon", label), ("myelin", 255 - label)):
            write(tmp_path / "derivatives/labels" / where, [mask], [f"{name}_seg-{kind}-manual.png"])
    masks = tmp_path / "derivatives/labels/*/micr/*_seg-myelin-manual.png"
    (dataset,) = import_source(tmp_path / "sub-*/micr/*.png", "mine", labels=masks)
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dataset.info.slice_names[3] == "sub-1_sample-3_TEM.png"
    with pytest.raises(DataError, match=r"found 4 images such as sub-0_sample-0_TEM\.png, 8 masks"):
        import_source(tmp_path / "sub-*/micr/*.png", "other", labels=tmp_path / "derivatives/labels/*/micr/*.png")
    with pytest.raises(DataError, match="no file has a name of this pattern"):
        import_source(tmp_path / "sub-*/*.png", "other")


def test_tests_of_their_own(tmp_path, data_dir, cell_stack):
    images, labels = (stack[:5] for stack in cell_stack)
    names = [f"{z}.png" for z in range(5)]
    write(tmp_path / "s/imagesTr", images, names)
    write(tmp_path / "s/labelsTr", labels, names)
    write(tmp_path / "s/imagesTs", images[:2], names[:2])
    train, test = import_source(tmp_path / "s", "mine")
    assert (train.info.name, train.info.slices, test.info.name, test.info.slices) == ("mine", 5, "mine-test", 2)


def test_what_lies_beside_the_one_folder_of_a_source_is_passed_over(tmp_path, data_dir, cell_stack):
    images, labels = (stack[:5] for stack in cell_stack)
    names = [f"{z}.png" for z in range(5)]
    write(tmp_path / "s/data/images", images, names)
    write(tmp_path / "s/data/masks", labels, names)
    for clutter in ("README.md", "Thumbs.db", "data/notes.txt", "data/images/Thumbs.db"):
        (tmp_path / "s" / clutter).write_bytes(b"nothing")
    (dataset,) = import_source(tmp_path / "s", "mine")
    assert dataset.labels is not None


def test_a_folder_that_may_hold_the_masks_is_asked_for(tmp_path, data_dir, cell_stack):
    images, labels = (stack[:5] for stack in cell_stack)
    names = [f"{z}.png" for z in range(5)]
    write(tmp_path / "s/images", images, names)
    write(tmp_path / "s/drawn by Anna", labels, names)
    with pytest.raises(DataError, match="no folder of masks is known beside images; found drawn by Anna") as caught:
        import_source(tmp_path / "s", "mine")
    assert caught.value.expected == "--labels drawn by Anna, or images alone as the source"
    (dataset,) = import_source(tmp_path / "s", "mine", labels=tmp_path / "s/drawn by Anna")
    np.testing.assert_array_equal(dataset.labels, labels)


def test_masks_beside_a_folder_of_images_are_spoken_of(tmp_path, data_dir, cell_stack):
    images, labels = (stack[:5] for stack in cell_stack)
    names = [f"{z}.png" for z in range(5)]
    write(tmp_path / "s/images", images, names)
    write(tmp_path / "s/labels", labels, names)
    checks = []
    (dataset,) = import_source(tmp_path / "s/images", "mine", checks=checks)
    assert dataset.labels is None
    assert checks[0].message == "mine without labels; beside it lies labels, which --labels would take"


def test_a_mask_that_is_missing_in_a_mixed_folder(tmp_path, data_dir, cell_stack):
    images, labels = (stack[:5] for stack in cell_stack)
    write(tmp_path / "s", images, [f"img_{z}.png" for z in range(5)])
    write(tmp_path / "s", labels[:4], [f"img_{z}_mask.png" for z in range(4)])
    with pytest.raises(DataError, match=re.escape("found 5 images such as img_0.png, 4 masks such as img_0_mask.png")):
        import_source(tmp_path / "s", "mine")


def test_pairs_by_hand():
    assert paired_by_stem(["b2.png", "a10.png", "a9.png"], ["a9_mask.png", "a10_mask.png", "b2_mask.png"]) == [
        ("b2.png", "b2_mask.png"), ("a9.png", "a9_mask.png"), ("a10.png", "a10_mask.png"),
    ]  # fmt: skip
    assert paired_by_stem(["a.png", "b.png"], ["a.png", "c.png"]) is None
    assert paired_by_stem(["a.png"], ["a_mask.png", "a_gt.png"]) is None
    assert paired_by_stem(["mask.png"], ["mask_mask.png"]) == [("mask.png", "mask_mask.png")]


def several(folder, cell_stack, names):
    """A source with images or masks of three slices in each of these folders."""
    for name in names:
        which = cell_stack[0] if name in ("images", "raw", "train/images") else cell_stack[1]
        write(folder / name, which[:3], ["0.png", "1.png", "2.png"])
    return folder


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("images", "masks", "labels"), "may hold the masks; found labels, masks; expected --labels labels"),
        (("images", "raw", "masks"), "may hold the images; found images, raw; expected images alone as the source"),
        (("train/images", "train/masks", "train/gt"), "may hold the masks; found masks, gt"),
    ],
)
def test_of_several_folders_none_is_chosen(names, message, tmp_path, data_dir, cell_stack):
    source = several(tmp_path / "source", cell_stack, names)
    with pytest.raises(DataError, match=message):
        import_source(source, "mine")


def test_a_folder_without_images_is_no_choice(tmp_path, data_dir, cell_stack):
    source = several(tmp_path / "source", cell_stack, ("images", "masks"))
    (source / "annotations").mkdir()
    (source / "annotations/cells.json").write_text("{}")
    (source / "labels").mkdir()
    (dataset,) = import_source(source, "mine")
    np.testing.assert_array_equal(dataset.labels, cell_stack[1][:3])


def test_images_beside_the_folder_of_their_masks_are_told_of(tmp_path, data_dir, cell_stack):
    source = write(tmp_path / "source", cell_stack[0][:3], ["0.png", "1.png", "2.png"])
    write(source / "masks", cell_stack[1][:3], ["0.png", "1.png", "2.png"])
    with pytest.raises(DataError, match="--labels masks if the files beside it are the images"):
        import_source(source, "mine")
    (dataset,) = import_source(source, "mine", labels=source / "masks")
    assert dataset.info.labelled
