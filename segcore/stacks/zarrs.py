"""Zarr of versions 2 and 3, and OME-Zarr 0.4 and 0.5 in it, read a slice at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segcore.errors import DataError
from segcore.stacks.arrays import array_reader, chosen, is_stack, unwritten
from segcore.stacks.channels import Channel, OneChannel, of_channel
from segcore.stacks.stack import StackReader, VoxelSize, decoded, size_text
from segcore.stacks.units import nanometres, voxel_size
from segcore.stacks.volumes import file_of, inside_of, path_of

_MARKS = (".zgroup", ".zarray", "zarr.json")


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a Zarr group or array."""
    return any((folder / mark).is_file() for mark in _MARKS)


def open_zarr(path: Path, channel: Channel | None = None) -> StackReader:
    """Opens an array of a Zarr, or the finest level of an OME-Zarr image.

    Args:
        path: `a.zarr`, `a.zarr:volumes/raw` or the folder of an array itself. Axes of OME-Zarr other than z, y and x
            have to have one entry.
        channel: which, of an array, no OME-Zarr, that has some; None for no such array.

    Raises:
        DataError: if it cannot be read, or has not this array; the message lists those there are.
    """
    import zarr

    place, inside = file_of(path), inside_of(path)
    root: Any = decoded(place, lambda: zarr.open(str(place), mode="r"), "no Zarr that can be read")
    if isinstance(root, zarr.Array):
        if inside:
            raise DataError("this Zarr is an array, with nothing inside", path=place, expected=place.name)
        return _opened(path, root, None, channel)
    try:
        group = root[inside] if inside else root
    except KeyError:
        group = None
    if isinstance(group, zarr.Group) and (image := _image_of(group)) is not None:
        return decoded(path, lambda: _opened(path, group[str(image["datasets"][0]["path"])], image), "damaged OME-Zarr")
    members = sorted(decoded(place, lambda: list(root.members(max_depth=None)), "damaged Zarr"))
    arrays = {name: array for name, array in members if isinstance(array, zarr.Array)}
    stacks = {name: array for name, array in arrays.items() if is_stack(array.shape, array.dtype.kind, channel)}
    others = {name: array for name, array in arrays.items() if name not in stacks}
    name = chosen(place, inside, stacks, others, channel)
    return _opened(path_of(path, name, stacks), stacks[name], None, channel)


def _unwritten(folder: Path, array: Any) -> list[str]:
    """What is said of chunks that are not there; the library takes minutes to count those that are."""
    written = sum(not name.startswith(".") and name != "zarr.json" for _, _, names in os.walk(folder) for name in names)
    steps = array.shards or array.chunks
    chunks = math.prod(-(-side // step) for side, step in zip(array.shape, steps, strict=True))
    return unwritten(written, chunks, array.fill_value)


def _image_of(group: Any) -> Mapping[str, Any] | None:
    """What OME-Zarr says of the image in a group: `multiscales` of 0.4, under `ome` since 0.5."""
    said = group.attrs.get("ome", group.attrs)
    images = said.get("multiscales") if hasattr(said, "get") else None
    return images[0] if images else None


def _opened(path: Path, array: Any, image: Mapping[str, Any] | None, channel: Channel | None = None) -> StackReader:
    if image is None and isinstance(one := of_channel(path, array, channel), OneChannel):
        return array_reader(
            path, one, voxel_size_nm=_voxel_size(None, array, []),
            notes=_unwritten(file_of(path) / array.path, array),
        )  # fmt: skip
    axes = [axis.get("name", "") if isinstance(axis, Mapping) else str(axis) for axis in (image or {}).get("axes", [])]
    if len(axes) != len(array.shape):
        axes = ["z", "y", "x"][-len(array.shape) :]
    more = [place for place, axis in enumerate(axes) if axis not in ("z", "y", "x")]
    kept = [array.shape[axes.index(axis)] for axis in "zyx" if axis in axes]
    of_axes = len(axes) == len(array.shape)
    if not of_axes or any(array.shape[place] != 1 for place in more) or not is_stack(kept, array.dtype.kind):
        raise DataError(
            "no stack of slices",
            path=path,
            found=f"{size_text(array.shape)} {array.dtype}" + (f", axes {' '.join(axes)}" if image else ""),
            expected="numbers, (Z, H, W) or (H, W)",
        )
    turned = "x" in axes and "y" in axes and axes.index("x") < axes.index("y")

    def page(source: Any, z: int) -> Any:
        place = tuple(0 if at in more else z if axes[at] == "z" else slice(None) for at in range(len(axes)))
        found = np.asarray(source[place])
        return found.T if turned else found

    return array_reader(
        path,
        array,
        page=page,
        shape=kept,
        voxel_size_nm=_voxel_size(image, array, axes),
        notes=_unwritten(file_of(path) / array.path, array),
        axes_known=image is not None,
    )


def _voxel_size(image: Mapping[str, Any] | None, array: Any, axes: list[str]) -> VoxelSize | None:
    if image is None:
        return voxel_size(array.attrs.get("resolution"))
    transforms = image["datasets"][0].get("coordinateTransformations", [])
    scale = next((one["scale"] for one in transforms if one.get("type") == "scale"), None)
    if scale is None or len(scale) != len(axes):
        return None
    sides = {}
    for axis, side in zip(image["axes"], scale, strict=True):
        if isinstance(axis, Mapping):  # before version 0.4 an axis was its name alone, without a unit
            sides[axis["name"]] = side * (nanometres(axis.get("unit")) or 0)
    return voxel_size([sides.get(axis, 0) for axis in "zyx"])
