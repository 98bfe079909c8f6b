"""HDF5 and .npy volumes: what lies inside is found, listed and read a slice at a time."""

import h5py
import numpy as np
import pytest
from PIL import Image

from segcore.data import import_source
from segcore.errors import DataError
from segcore.stacks.formats import open_stack
from segcore.stacks.volumes import file_of


def volume(dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 250, (4, 30, 20)).astype(dtype)


@pytest.fixture
def cremi(tmp_path):
    """Two stacks beside each other and a table, as CREMI has them."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        raw = file.create_dataset("volumes/raw", data=volume(), chunks=(1, 30, 20), compression="gzip")
        raw.attrs["resolution"] = (40.0, 4.0, 4.0)
        file["volumes/labels/neuron_ids"] = volume(">u8")
        file["annotations/ids"] = np.arange(7)
    return tmp_path / "a.h5"


def test_by_the_path_inside(cremi):
    with open_stack(cremi.with_name("a.h5:volumes") / "raw") as stack:
        assert (len(stack), stack.height, stack.width, stack.dtype) == (4, 30, 20, np.uint8)
        assert stack.voxel_size_nm == (40, 4, 4)
        np.testing.assert_array_equal(stack.read(2), volume()[2])
    with open_stack(cremi.parent / "a.h5:/volumes/labels/neuron_ids") as stack:
        assert stack.voxel_size_nm is None
        np.testing.assert_array_equal(stack.read(3), volume(np.uint64)[3])


@pytest.mark.parametrize("inside", ["", ":volumes/seg"])
def test_what_lies_inside_is_listed(cremi, inside):
    with pytest.raises(DataError) as raised:
        open_stack(cremi.parent / f"a.h5{inside}")
    assert "volumes/raw (4 x 30 x 20 uint8)" in raised.value.found
    assert "annotations" not in raised.value.found
    assert raised.value.expected == "a.h5:volumes/labels/neuron_ids"


def test_the_only_stack_needs_no_path(tmp_path):
    with h5py.File(tmp_path / "one.hdf5", "w") as file:
        file["page"] = volume()[0]
    with open_stack(tmp_path / "one.hdf5") as stack:
        assert len(stack) == 1
        np.testing.assert_array_equal(stack.read(0), volume()[0])


def test_no_stack_inside_and_no_hdf5_at_all(tmp_path):
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file["names"] = ["a", "b"]
    with pytest.raises(DataError, match="found no stack of numbers"):
        open_stack(tmp_path / "empty.h5")
    (tmp_path / "text.h5").write_text("dear diary")
    with pytest.raises(DataError, match="no HDF5 file that can be read"):
        open_stack(tmp_path / "text.h5")
    with pytest.raises(DataError, match="there is no such file"):
        open_stack(tmp_path / "none.h5:a")


def test_a_file_with_a_colon_in_its_name_is_a_file(tmp_path):
    (tmp_path / "a.h5:b").write_text("x")
    assert file_of(tmp_path / "a.h5:b") == tmp_path / "a.h5:b"
    assert file_of(tmp_path / "c.h5:b/d") == tmp_path / "c.h5"
    assert file_of(tmp_path / "c.tif:b") == tmp_path / "c.tif:b"


def test_npy(tmp_path):
    np.save(tmp_path / "a.npy", volume(">u2"))
    with open_stack(tmp_path / "a.npy") as stack:
        assert (len(stack), stack.dtype) == (4, np.uint16)
        np.testing.assert_array_equal(stack.read(1), volume()[1])
    for bad in (np.zeros((2, 2, 2, 2)), np.array([[None]]), np.zeros((3, 3), complex)):
        np.save(tmp_path / "bad.npy", bad)
        with pytest.raises(DataError, match=r"bad\.npy: no (stack of slices|\.npy file)"):
            open_stack(tmp_path / "bad.npy")


@pytest.mark.parametrize("name", ["a.dm3", "a.mrc", "a.nrrd", "a.nii", "a.nii.gz", "a.npz"])
def test_what_is_not_read_is_called_by_its_name(name, tmp_path):
    (tmp_path / name).write_bytes(b"whatever")
    with pytest.raises(DataError, match=r"is not read; found .*; expected TIFF, HDF5, PNG or \.npy"):
        open_stack(tmp_path / name)
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(DataError, match="Zarr is not read"):
        open_stack(tmp_path / "a.zarr")


def test_a_folder_of_pictures_with_numbers_in_hdf5(tmp_path, data_dir):
    y, x = np.mgrid[:60, :80]
    (tmp_path / "png").mkdir()
    numbers = np.stack([(y + z) // 12 * 8 + (x + z) // 11 + 1 for z in range(5)]).astype(np.uint64)
    rng = np.random.default_rng(0)
    for z in range(5):
        Image.fromarray(rng.integers(50, 200, y.shape, np.uint8)).save(tmp_path / f"png/{z}.png")
    with h5py.File(tmp_path / "neurons.h5", "w") as file:
        file["neuron_ids"] = numbers
    (made,) = import_source(tmp_path / "png", "mine", labels=tmp_path / "neurons.h5:neuron_ids")
    assert made.info.labelled
    assert 0.2 < (np.asarray(made.labels) == 0).mean() < 0.45
