"""Several volumes as one stack that knows where each of them begins."""

import h5py
import numpy as np
import pytest
import tifffile

from segcore.errors import DataError
from segcore.stacks import Volume, open_joined


def volume(slices, height=6, width=7, seed=0):
    return np.random.default_rng(seed).integers(1, 256, (slices, height, width), np.uint8)


def test_volumes_lie_one_behind_another(tmp_path):
    first, second, third = volume(3), volume(1, seed=1), volume(4, seed=2)
    tifffile.imwrite(tmp_path / "b.tif", first, photometric="minisblack")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["volumes/raw"] = second
        file["volumes/raw"].attrs["resolution"] = (40.0, 4.0, 4.0)
        file["other"] = second
    np.save(tmp_path / "a.npy", third)
    files = [tmp_path / "b.tif", tmp_path / "c.h5:volumes/raw", tmp_path / "a.npy"]
    with open_joined(files) as stack:
        assert stack.volumes == (Volume(name="b", slices=3), Volume(name="c", slices=1), Volume(name="a", slices=4))
        assert len(stack) == 8
        np.testing.assert_array_equal([stack.read(z) for z in range(8)], np.concatenate([first, second, third]))
        assert stack.names[:4] == ("b/000", "b/001", "b/002", "c/000")
        assert stack.voxel_size_nm is None  # one file says it, the others do not
        assert stack.mapped(lambda page: page, np.uint8).volumes == stack.volumes


def test_files_of_one_name_keep_their_endings(tmp_path):
    for name in ("a.tif", "a.tiff"):
        tifffile.imwrite(tmp_path / name, volume(2), photometric="minisblack")
    with open_joined([tmp_path / "a.tif", tmp_path / "a.tiff"]) as stack:
        assert [one.name for one in stack.volumes] == ["a.tif", "a.tiff"]


def test_smaller_volumes_are_padded_or_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", volume(2), photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tif", volume(2, height=4), photometric="minisblack")
    files = [tmp_path / "a.tif", tmp_path / "b.tif"]
    with pytest.raises(DataError, match=r"differ in size; found 4 x 7 pixels; expected 6 x 7 pixels as in a\.tif"):
        open_joined(files)
    with open_joined(files, smaller="zero") as stack:
        assert stack.sizes == ((6, 7), (6, 7), (4, 7), (4, 7))
        np.testing.assert_array_equal(stack.read(3)[:4], volume(2, height=4)[1])
        assert not stack.read(3)[4:].any()
    with open_joined(files, smaller="edge") as stack:
        np.testing.assert_array_equal(stack.read(2)[5], volume(2, height=4)[0, 3])


def test_volumes_of_two_types_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", volume(2), photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tif", volume(2).astype(np.uint16), photometric="minisblack")
    with pytest.raises(DataError, match="differ in pixel type; found uint16; expected uint8"):
        open_joined([tmp_path / "a.tif", tmp_path / "b.tif"])
