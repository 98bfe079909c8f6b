"""Stacks whose slices do not lie along the first axis."""

from __future__ import annotations

import tempfile
from typing import Literal, get_args

import numpy as np

from segcore.errors import DataError
from segcore.stacks.stack import StackReader, page_names

Axes = Literal["zyx", "zxy", "yzx", "yxz", "xzy", "xyz"]
"""What the axes of a volume are, in the order in which they lie in its file; slices are counted along z."""

_MUCH_SHORTER = 4


def reordered(stack: StackReader, axes: Axes) -> StackReader:
    """A stack of which every axis is taken for what it is said to be.

    The volume is copied to a file without a name, as a slice can be spread over all of it.

    Args:
        stack: as it is read, its axes taken for z, y, x.
        axes: what they really are.

    Raises:
        DataError: for unknown axes, or if a slice cannot be read.
    """
    if axes not in get_args(Axes):
        raise DataError("unknown axes", found=axes, expected=" or ".join(get_args(Axes)))
    if axes == "zyx":
        return stack
    shape = (len(stack), stack.height, stack.width)
    # It is open, and has its place on the disk, until the last reader of the map is gone.
    with tempfile.TemporaryFile() as file:
        volume = np.memmap(file, dtype=stack.dtype, mode="w+", shape=shape)
    for z in range(len(stack)):
        volume[z] = stack.read(z)
    order = tuple(axes.index(axis) for axis in "zyx")
    turned, sides = volume.transpose(order), stack.voxel_size_nm
    return StackReader(
        path=stack.path,
        names=page_names(turned.shape[0]),
        height=turned.shape[1],
        width=turned.shape[2],
        dtype=stack.dtype,
        load=lambda z: np.ascontiguousarray(turned[z]),
        voxel_size_nm=None if sides is None else (sides[order[0]], sides[order[1]], sides[order[2]]),
        close=stack.close,
        notes=stack.notes,
    )


def slices_seem_last(stack: StackReader) -> bool:
    """Whether a volume's last axis is by far the shortest, as in files of (y, x, z)."""
    return 1 < _MUCH_SHORTER * stack.width <= min(len(stack), stack.height)
