"""Several labelled volumes become one dataset that knows where each of them begins."""

import h5py
import numpy as np
import pytest
import tifffile
from bringing import import_source

from segcore.config import SplitConfig
from segcore.errors import DataError
from segcore.runs import make_split
from segcore.stacks import Volume


@pytest.fixture
def three(cell_stack):
    """Images and labels of three volumes: 5, 4 and 3 slices."""
    images, labels = cell_stack
    return [(images[first:last], labels[first:last]) for first, last in ((0, 5), (5, 9), (9, 12))]


def is_all_of_it(dataset, cell_stack, names=("a", "b", "c")):
    images, labels = cell_stack
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dataset.info.volumes == tuple(
        Volume(name=name, slices=slices) for name, slices in zip(names, (5, 4, 3), strict=True)
    )
    assert dataset.info.borders == (5, 9)
    return True


def test_stacks_that_pair_up_by_their_names(three, cell_stack, tmp_path, data_dir):
    for name, (images, labels) in zip("abc", three, strict=True):
        tifffile.imwrite(tmp_path / f"{name}_raw.tif", images, photometric="minisblack")
        tifffile.imwrite(tmp_path / f"{name}_labels.tif", labels, photometric="minisblack")
    (dataset,) = import_source(tmp_path, "cells")
    assert is_all_of_it(dataset, cell_stack, ("a_raw", "b_raw", "c_raw"))
    assert dataset.info.slice_names[5] == "b_raw/000"
    check = next(one.message for one in dataset.info.checks if one.name == "cells: images")
    assert "3 volumes, whose slices are no neighbours of each other's: a_raw (5), b_raw (4), c_raw (3)" in check


def test_folders_of_stacks(three, cell_stack, tmp_path, data_dir):
    for folder, which in (("images", 0), ("masks", 1)):
        (tmp_path / folder).mkdir()
        for number, pair in enumerate(three):
            tifffile.imwrite(tmp_path / folder / f"v{number}.tif", pair[which], photometric="minisblack")
    (dataset,) = import_source(tmp_path, "cells")
    assert is_all_of_it(dataset, cell_stack, ("v0", "v1", "v2"))


def test_the_same_place_in_several_hdf5_files(three, cell_stack, tmp_path, data_dir):
    """As CREMI has its samples A, B and C."""
    for name, (images, labels) in zip("ABC", three, strict=True):
        with h5py.File(tmp_path / f"sample_{name}.hdf", "w") as file:
            file["volumes/raw"], file["volumes/labels/cells"] = images, labels
            file["volumes/raw"].attrs["resolution"] = (40.0, 4.0, 4.0)
    (dataset,) = import_source(
        tmp_path / "sample_*.hdf:volumes/raw", "cells", labels=tmp_path / "sample_*.hdf:volumes/labels/cells"
    )
    assert is_all_of_it(dataset, cell_stack, ("sample_A", "sample_B", "sample_C"))
    assert dataset.info.voxel_size_nm == (40, 4, 4)


def test_volumes_of_other_lengths_are_no_pairs(three, tmp_path, data_dir, listing):
    for folder, which in (("images", 0), ("masks", 1)):
        (tmp_path / folder).mkdir()
        for number, pair in enumerate(three if which else [three[1], three[0], three[2]]):
            tifffile.imwrite(tmp_path / folder / f"v{number}.tif", pair[which], photometric="minisblack")
    with pytest.raises(DataError, match=r"volumes of masks and images differ; found \[5, 4, 3\]; expected \[4, 5, 3\]"):
        import_source(tmp_path, "cells")
    assert listing(data_dir) == []


def test_stacks_without_partners_are_refused(three, tmp_path, data_dir):
    for name, (images, labels) in zip("abc", three, strict=True):
        tifffile.imwrite(tmp_path / f"{name}_raw.tif", images, photometric="minisblack")
        tifffile.imwrite(tmp_path / f"{name}{name}_labels.tif", labels, photometric="minisblack")
    with pytest.raises(DataError, match=r"several of each that pair up by their names, such as a_raw\.tif with"):
        import_source(tmp_path, "cells")


def test_each_volume_is_divided_by_itself(three, tmp_path, data_dir):
    for name, (images, labels) in zip("abc", three, strict=True):
        tifffile.imwrite(tmp_path / f"{name}_raw.tif", images, photometric="minisblack")
        tifffile.imwrite(tmp_path / f"{name}_labels.tif", labels, photometric="minisblack")
    (dataset,) = import_source(tmp_path, "cells")
    split = make_split(12, SplitConfig(gap=0), borders=dataset.info.borders)
    assert (split.train, split.validation, split.test) == ((0, 1, 5, 9), (2, 6, 10), (3, 4, 7, 8, 11))
