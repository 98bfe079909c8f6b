"""Stacks from arrays on disk, whatever library opens them: which one is meant, and reading it a slice at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.errors import DataError
from segcore.stacks.channels import Channel, channel_axis, slices_of_shape
from segcore.stacks.stack import StackReader, VoxelSize, page_names, reasonable, size_text

_RAW = re.compile(r"raw|image|volume$|data$", re.IGNORECASE)


def is_stack(shape: Sequence[int], kind: str, channel: Channel | None = None) -> bool:
    """Whether an array of that shape, its type of that `kind`, is slices: (Z, H, W) or (H, W) of numbers or truths.

    With a `channel` that is asked for, slices of several channels are, too.
    """
    sliced = len(shape) in (2, 3) or (channel is not None and channel_axis(shape, channel.slices) is not None)
    return sliced and kind in "uifb" and 0 not in shape


def chosen(
    place: Path, inside: str, stacks: Mapping[str, Any], others: Mapping[str, Any], channel: Channel | None = None
) -> str:
    """The name of the stack that a path inside a file means, or of the only one.

    Args:
        place: the file.
        inside: what was said; empty for the only one.
        stacks: those there are, by name, each with a `shape` and a `dtype`.
        others: arrays that are none, in the same way.
        channel: what is known of the one that is meant; of several it may tell which that is.

    Raises:
        DataError: if there is none, or several and none was said, or what was said is none; the message lists them.
    """
    meant = stacks if channel is None else _meant(stacks, channel)
    name = inside.strip("/") or (next(iter(meant)) if len(meant) == 1 else "")
    if name in stacks:
        return name
    if not stacks or name in others:
        shown = {name: others[name]} if name in others else others
        raise DataError(
            f"{name} is no stack of slices" if name in others else "there is no stack of numbers in this file",
            path=place,
            found=_listed(shown) or None,
            expected="an array of slices, (Z, H, W), without further axes",
        )
    likely = next((one for one in stacks if _RAW.search(one)), next(iter(stacks)))
    raise DataError(
        f"there is no stack {name} in this file" if name else "there are several stacks in this file",
        path=place,
        found=_listed(stacks),
        expected=f"a path inside it, such as {place.name}:{likely}",
    )


def _meant(stacks: Mapping[str, Any], channel: Channel) -> Mapping[str, Any]:
    """Those that can be meant by whoever knows that of a stack, or all where none can."""
    fit = {name: one for name, one in stacks.items() if channel.slices in (None, slices_of_shape(one.shape, channel))}
    plain = {name: one for name, one in fit.items() if len(one.shape) < 4}
    with_channels = {name: one for name, one in fit.items() if name not in plain}
    if channel.number is not None:
        return with_channels or stacks
    if any(map(_RAW.search, plain)):
        return stacks  # images lie beside what was made of them, and have as many slices
    # Beside the channels that it was made of, a stack is what was decided.
    return plain if channel.slices is not None and plain else fit or stacks


def _listed(arrays: Mapping[str, Any]) -> str:
    return ", ".join(f"{one} ({size_text(array.shape)} {array.dtype})" for one, array in list(arrays.items())[:12])


def unwritten(written: int, chunks: int, fill: object) -> list[str]:
    """What is said of an array of which chunks are not there: they are read as its fill value, as if it were theirs."""
    if written >= chunks:
        return []
    return [f"{chunks - written} of {chunks} chunks were never written, and are read as {fill}"]


def array_reader(
    path: Path,
    array: Any,
    *,
    voxel_size_nm: VoxelSize | None = None,
    page: Callable[[Any, int], Any] | None = None,
    shape: Sequence[int] | None = None,
    dtype: npt.DTypeLike | None = None,
    close: Callable[[], None] | None = None,
    notes: Sequence[str] = (),
    axes_known: bool = False,
) -> StackReader:
    """A stack of an array that is indexed like NumPy's, a slice at a time.

    Args:
        path: where it comes from.
        array: (Z, H, W) or (H, W).
        voxel_size_nm: (z, y, x).
        page: reads slice z of the array, where that is not `array[z]`.
        shape: of the stack, where the array's axes have another order.
        dtype: of the pages, where it is not the array's.
        close: closes the file.
        notes, axes_known: of the stack.
    """
    shape = tuple(array.shape if shape is None else shape)
    count, height, width = shape if len(shape) == 3 else (1, *shape)
    reasonable(path, height, width)
    native = np.dtype(array.dtype if dtype is None else dtype).newbyteorder("=")
    truths = native.kind == "b"  # become black and white, as bilevel images do
    native = np.dtype(np.uint8) if truths else native
    single = len(shape) == 2

    def load(z: int) -> Any:
        found = page(array, z) if page is not None else array[...] if single else array[z]
        numbers = np.asarray(found).astype(native, copy=False)
        return numbers * np.uint8(255) if truths else numbers

    return StackReader(
        path=path,
        names=page_names(count),
        height=height,
        width=width,
        dtype=native,
        load=load,
        voxel_size_nm=voxel_size_nm,
        close=close,
        notes=notes,
        axes_known=axes_known,
        channels=getattr(array, "channels", 0),
    )
