"""Volumes whose slices do not lie along the first axis."""

import h5py
import numpy as np
import pytest
import tifffile

from segcore.errors import DataError
from segcore.stacks import Axes, array_stack, open_stack, reordered, slices_seem_last

VOLUME = np.random.default_rng(0).integers(0, 2**16, (3, 5, 7), np.uint16)  # z, y, x


@pytest.mark.parametrize("axes", Axes.__args__)
def test_slices_are_those_of_the_volume_however_it_lies_in_the_file(axes):
    stored = VOLUME.transpose(["zyx".index(axis) for axis in axes])
    stack = reordered(array_stack(stored), axes)
    np.testing.assert_array_equal([stack.read(z) for z in (2, 0, 1)], VOLUME[[2, 0, 1]])
    assert (stack.height, stack.width, stack.dtype) == (5, 7, np.uint16)
    assert stack.names == ("000", "001", "002")


def test_by_hand():
    stored = np.array([[[1, 2], [3, 4], [5, 6]]], np.uint8)  # (1, 3, 2): y, x, z
    stack = reordered(array_stack(stored, voxel_size_nm=(4, 5, 30)), "yxz")
    assert [stack.read(z).tolist() for z in range(2)] == [[[1, 3, 5]], [[2, 4, 6]]]
    assert stack.voxel_size_nm == (30, 4, 5)


def test_real_files(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = VOLUME.transpose(1, 2, 0)
    tifffile.imwrite(tmp_path / "a.tif", VOLUME.transpose(1, 2, 0), photometric="minisblack")
    for path in (tmp_path / "a.h5:raw", tmp_path / "a.tif"):
        with open_stack(path) as opened:
            stack = reordered(opened, "yxz")
            np.testing.assert_array_equal([stack.read(z) for z in range(3)], VOLUME)


def test_nothing_is_copied_where_the_slices_lie_first():
    stack = array_stack(VOLUME)
    assert reordered(stack, "zyx") is stack


def test_unknown_axes():
    with pytest.raises(DataError, match="unknown axes; found zyz; expected zyx or "):
        reordered(array_stack(VOLUME), "zyz")


@pytest.mark.parametrize(
    ("shape", "last"),
    [
        ((512, 512, 30), True),
        ((120, 120, 30), True),
        ((119, 120, 30), False),
        ((30, 512, 512), False),
        ((1, 512, 30), False),
    ],
)
def test_a_last_axis_that_is_far_the_shortest_is_noticed(shape, last):
    assert slices_seem_last(array_stack(np.broadcast_to(np.uint8(0), shape))) is last
