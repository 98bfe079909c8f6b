"""Arrays with an axis of channels: which axis it is, and one of them as a stack, from files of each kind."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import zarr

from segcore.errors import DataError
from segcore.stacks import open_stack
from segcore.stacks.channels import channel_axis

CHANNELS = np.random.default_rng(0).random((3, 5, 30, 20)).astype(np.float32)
"""(C, Z, H, W)"""
AXES = {0: (0, 1, 2, 3), 1: (1, 0, 2, 3), 3: (1, 2, 3, 0)}
"""By the axis of the channels, how they are turned to lie there."""


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((2, 30, 64, 64), 0), ((30, 2, 64, 64), 1), ((30, 64, 64, 2), 3), ((30, 64, 2, 64), None),
        ((2, 2, 64, 64), None), ((16, 30, 64, 64), 0), ((17, 30, 64, 64), None), ((30, 64, 64), None),
        ((0, 30, 64, 64), None), ((1, 30, 64, 64), 0), ((2, 3, 30, 64, 64), None),
    ],
)  # fmt: skip
def test_which_axis_is_that_of_channels(shape, axis):
    assert channel_axis(shape) == axis


def hdf5(path, array):
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        file["exported_data"] = array
        file["names"] = ["background", "membrane"]
    return path.with_suffix(".h5")


def in_zarr(path, array):
    zarr.save_array(str(path.with_suffix(".zarr")), array)
    return path.with_suffix(".zarr")


def npy(path, array):
    np.save(path.with_suffix(".npy"), array)
    return path.with_suffix(".npy")


def npz(path, array):
    np.savez_compressed(path.with_suffix(".npz"), probabilities=array)
    return path.with_suffix(".npz")


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("written", [hdf5, in_zarr, npy, npz])
def test_a_channel_of_every_kind_of_file(written, axis, tmp_path):
    path = written(tmp_path / "a", np.ascontiguousarray(CHANNELS.transpose(AXES[axis])))
    for channel in (0, 2):
        with open_stack(path, channel=channel) as stack:
            assert (len(stack), stack.height, stack.width, stack.channels) == (5, 30, 20, 3)
            for z in range(5):
                np.testing.assert_array_equal(stack.read(z), CHANNELS[channel, z])
    with pytest.raises(DataError, match=r"no such channel; found channel 3 of .*; expected 0 to 2"):
        open_stack(path, channel=3)
    with pytest.raises(DataError, match="no stack"):
        open_stack(path)  # nobody asked for one


@pytest.mark.parametrize("written", [hdf5, in_zarr, npy, npz])
def test_what_has_no_channels_is_read_as_it_is(written, tmp_path):
    path = written(tmp_path / "a", CHANNELS[0])
    with open_stack(path, channel=1) as stack:
        assert (len(stack), stack.channels) == (5, 1)
        np.testing.assert_array_equal(stack.read(4), CHANNELS[0, 4])
