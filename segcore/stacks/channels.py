"""Arrays with a fourth axis: the channels that networks write, one a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segcore.errors import DataError
from segcore.stacks.stack import size_text

MOST_CHANNELS = 16
"""No more classes than that are taken for channels."""


def channel_axis(shape: Sequence[int]) -> int | None:
    """The axis of an array (C, Z, H, W), (Z, C, H, W) or (Z, H, W, C) that has its channels.

    It is the shortest, alone in that, of at most `MOST_CHANNELS`; None where no axis is.
    """
    if len(shape) != 4 or 0 in shape:
        return None
    least = min(shape)
    axis = list(shape).index(least)
    return axis if list(shape).count(least) == 1 and least <= MOST_CHANNELS and axis != 2 else None


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


def of_channel(path: Path, array: Any, channel: int | None) -> Any:
    """A channel of an array that has some; an array without is itself.

    Args:
        path: for messages.
        array: indexed like NumPy's.
        channel: from 0; None for no array with channels.

    Raises:
        DataError: there is no such channel.
    """
    axis = channel_axis(array.shape)
    if channel is None or axis is None:
        return array
    if not 0 <= channel < array.shape[axis]:
        raise DataError(
            "there is no such channel", path=path, found=f"channel {channel} of {size_text(array.shape)}",
            expected=f"0 to {array.shape[axis] - 1}",
        )  # fmt: skip
    return OneChannel(array, axis, channel)
