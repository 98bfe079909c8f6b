"""Arrays with a fourth axis: the channels that networks write, one a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segcore.errors import DataError
from segcore.stacks.stack import size_text

MOST_CHANNELS = 16
"""No more classes than that are taken for channels."""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """That a stack may be one of several channels, and what is known of it.

    Attributes:
        number: which of them, from 0; None for the only one there is, or the second of two.
        slices: how many slices each has, by which an axis of slices is told from one of channels, and the stack from
            others in the same file; None where nobody knows.
    """

    number: int | None = None
    slices: int | None = None

    def taken_of(self, channels: int) -> int:
        """The number of the one that is taken of so many; where nobody said which, of one or two."""
        return min(1, channels - 1) if self.number is None else self.number


def channel_axis(shape: Sequence[int], slices: int | None = None) -> int | None:
    """The axis of an array (C, Z, H, W), (Z, C, H, W) or (Z, H, W, C) that has its channels.

    Of those of at most `MOST_CHANNELS` it is the one that leaves so many `slices`, where these are known and one does;
    else the shortest of all, alone in that. None where no axis is.
    """
    if len(shape) != 4 or 0 in shape:
        return None
    few = [axis for axis in (0, 1, 3) if shape[axis] <= MOST_CHANNELS]
    leaving = [axis for axis in few if slices == shape[1 if axis == 0 else 0]]
    # Slices may lie last, where nobody has said yet that they do.
    shortest = [axis for axis in few if list(shape).count(min(shape)) == 1 and shape[axis] == min(shape)]
    alone = leaving if len(leaving) == 1 else shortest
    if not alone and shape[0] == shape[1] == 1:
        return 1  # one slice of one channel, whichever of the two is which
    return alone[0] if alone else None


def slices_of_shape(shape: Sequence[int], channel: Channel | None = None) -> int:
    """How many slices an array of that shape has, or one of its channels."""
    if len(shape) == 2:
        return 1
    axis = channel_axis(shape, channel.slices) if channel is not None else None
    return shape[1 if axis == 0 else 0]


class OneChannel:
    """One channel of an array, indexed like a stack of it: (Z, H, W).

    Attributes:
        shape, dtype: of the stack.
        channels: how many there are.
    """

    def __init__(self, array: Any, axis: int, channel: int) -> None:
        self._array, self._axis, self._channel = array, axis, channel
        self.shape = tuple(side for at, side in enumerate(array.shape) if at != axis)
        self.dtype = array.dtype
        self.channels: int = array.shape[axis]

    def __getitem__(self, z: int) -> Any:
        place: list[Any] = [slice(None)] * 4
        place[self._axis], place[1 if self._axis == 0 else 0] = self._channel, z
        return self._array[tuple(place)]


def of_channel(path: Path, array: Any, channel: Channel | None) -> Any:
    """A channel of an array that has some; an array without is itself.

    Args:
        path: for messages.
        array: indexed like NumPy's.
        channel: which; None for no array with channels.

    Raises:
        DataError: there is no such channel, or there are more than two and nobody said which.
    """
    axis = None if channel is None else channel_axis(array.shape, channel.slices)
    if channel is None or axis is None:
        return array
    channels = array.shape[axis]
    if channel.number is None and channels > 2:
        raise DataError(
            "the file has several channels", path=path, found=f"{channels} of them",
            expected=f"--channel 0 to {channels - 1}",
        )  # fmt: skip
    number = channel.taken_of(channels)
    if not 0 <= number < channels:
        raise DataError(
            "there is no such channel", path=path, found=f"channel {number} of {size_text(array.shape)}",
            expected=f"0 to {channels - 1}",
        )  # fmt: skip
    return OneChannel(array, axis, number)
