"""Arrays with an axis of channels: which axis it is, and one of them as a stack, from files of each kind."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import zarr

from segcore.errors import DataError
from segcore.stacks import Channel, open_stack
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
        ((1, 1, 64, 64), 1),
    ],
)  # fmt: skip
def test_which_axis_is_that_of_channels(shape, axis):
    assert channel_axis(shape) == axis


@pytest.mark.parametrize(
    ("shape", "slices", "axis"),
    [
        # More classes than slices, or as many as rows.
        ((3, 2, 64, 64), 2, 0), ((2, 3, 64, 64), 2, 1), ((2, 1, 64, 64), 1, 0), ((1, 2, 64, 64), 1, 1),
        ((3, 2, 64, 64), None, 1), ((2, 64, 64, 3), 2, 3), ((3, 30, 3, 64), 30, 0),
        # The number of slices does not tell, or is another one.
        ((2, 2, 64, 64), 2, None), ((5, 3, 64, 16), 5, 1), ((2, 30, 64, 64), 31, 0), ((17, 30, 64, 64), 30, None),
        ((30, 64, 64), 30, None),
    ],
)  # fmt: skip
def test_how_many_slices_there_are_tells_which_axis_is_theirs(shape, slices, axis):
    assert channel_axis(shape, slices) == axis


def test_one_slice_of_one_channel_is_read(tmp_path):
    np.save(tmp_path / "one.npy", CHANNELS[:1, :1])
    with open_stack(tmp_path / "one.npy", channel=Channel()) as stack:
        assert (len(stack), stack.channels) == (1, 1)
        np.testing.assert_array_equal(stack.read(0), CHANNELS[0, 0])


def test_of_several_the_second_is_taken_where_nobody_said_which():
    assert [Channel().taken_of(channels) for channels in (1, 2)] == [0, 1]
    assert [Channel(number=0).taken_of(channels) for channels in (1, 2, 3)] == [0, 0, 0]


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
        with open_stack(path, channel=Channel(number=channel)) as stack:
            assert (len(stack), stack.height, stack.width, stack.channels) == (5, 30, 20, 3)
            for z in range(5):
                np.testing.assert_array_equal(stack.read(z), CHANNELS[channel, z])
    with pytest.raises(DataError, match=r"no such channel; found channel 3 of .*; expected 0 to 2"):
        open_stack(path, channel=Channel(number=3))
    with pytest.raises(DataError, match=r"several channels; found 3 of them; expected --channel 0 to 2"):
        open_stack(path, channel=Channel())
    with pytest.raises(DataError, match="no stack"):
        open_stack(path)  # nobody asked for one


@pytest.mark.parametrize("written", [hdf5, in_zarr, npy, npz])
def test_what_has_no_channels_is_read_as_it_is(written, tmp_path):
    path = written(tmp_path / "a", CHANNELS[0])
    for channel in (None, Channel(), Channel(number=1), Channel(slices=5)):
        with open_stack(path, channel=channel) as stack:
            assert (len(stack), stack.channels) == (5, 0)
            np.testing.assert_array_equal(stack.read(4), CHANNELS[0, 4])


@pytest.mark.parametrize("written", [hdf5, in_zarr, npy, npz])
def test_the_only_channel_and_the_second_of_two(written, tmp_path):
    for channels, taken in ((1, 0), (2, 1)):
        path = written(tmp_path / f"{channels}", CHANNELS[:channels])
        with open_stack(path, channel=Channel()) as stack:
            assert (len(stack), stack.channels) == (5, channels)
            np.testing.assert_array_equal(stack.read(3), CHANNELS[taken, 3])


def several_hdf5(path, **arrays):
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path.with_suffix(".h5")


def several_zarr(path, **arrays):
    group = zarr.open_group(str(path.with_suffix(".zarr")), mode="w")
    for name, array in arrays.items():
        group.create_array(name, data=array)
    return path.with_suffix(".zarr")


def several_npz(path, **arrays):
    np.savez(path.with_suffix(".npz"), **arrays)
    return path.with_suffix(".npz")


@pytest.mark.parametrize("written", [several_hdf5, several_zarr, several_npz])
def test_a_stack_beside_one_of_channels(written, tmp_path):
    softmax, decided = CHANNELS[:2], CHANNELS[2]
    path = written(tmp_path / "a", softmax=softmax, segmentation=decided)
    with open_stack(path, channel=Channel(slices=5)) as stack:
        assert (stack.path.name, stack.channels) == (f"{path.name}:segmentation", 0)
        np.testing.assert_array_equal(stack.read(1), decided[1])
    # Only the other one has a channel to be chosen.
    with open_stack(path, channel=Channel(number=0, slices=5)) as stack:
        assert (stack.path.name, stack.channels) == (f"{path.name}:softmax", 2)
        np.testing.assert_array_equal(stack.read(1), softmax[0, 1])
    with open_stack(f"{path}:softmax", channel=Channel(slices=5)) as stack:
        np.testing.assert_array_equal(stack.read(1), softmax[1, 1])
    with pytest.raises(DataError, match="several stacks in this file"):
        open_stack(path, channel=Channel())


@pytest.mark.parametrize("written", [several_hdf5, several_zarr, several_npz])
def test_the_number_of_slices_tells_which_is_meant(written, tmp_path):
    path = written(tmp_path / "a", softmax=CHANNELS[:2], segmentation=CHANNELS[2, :4])
    for slices, name in ((5, "softmax"), (4, "segmentation")):
        with open_stack(path, channel=Channel(slices=slices)) as stack:
            assert (len(stack), stack.path.name) == (slices, f"{path.name}:{name}")
    with pytest.raises(DataError, match="several stacks in this file"):
        open_stack(path, channel=Channel(slices=3))


def test_images_beside_channels_are_not_taken_for_what_was_decided(tmp_path):
    for name, softmax in (("a", CHANNELS[:2]), ("b", CHANNELS[:2, :4])):
        path = several_hdf5(tmp_path / name, raw=CHANNELS[2], softmax=softmax)
        with pytest.raises(DataError, match=r"several stacks in this file; found raw .*, softmax .*"):
            open_stack(path, channel=Channel(slices=5))
    with open_stack(path, channel=Channel(number=1, slices=4)) as stack:
        np.testing.assert_array_equal(stack.read(3), CHANNELS[1, 3])
