"""Large slices at an eighth of their size, kept beside the full ones, so that a whole slice is seen at once.

Plain averages of a prediction would hide a wrong pixel in a block of right ones. So beside the mean of image, label
and probability there are, for each block, the largest probability over true membrane (the peak) and the smallest over
true interior (the trough): membrane was missed somewhere in the block exactly if the peak is above the threshold, and
false membrane is there exactly if the trough is not, at any threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segcore.stacks.formats import open_stack
from segcore.stacks.label import INTERIOR, MEMBRANE
from segcore.stacks.writing import StackWriter

Plane = NDArray[np.uint8]
How = Literal["mean", "max", "min"]

LEVEL = 3
"""How often both sides are halved."""
FULL_UP_TO_PX = 2048
"""Slices with no longer side are quick enough to reduce when they are looked at."""

REDUCED = {
    "image": "images-eighth.tif",
    "label": "labels-eighth.tif",
    "probability": "probability-eighth.tif",
    "peak": "probability-eighth-peak.tif",
    "trough": "probability-eighth-trough.tif",
}
"""Files by what is in them: the first two in a dataset's folder, the others in an evaluation's."""
HOW: dict[str, How] = {"image": "mean", "label": "mean", "probability": "mean", "peak": "max", "trough": "min"}
"""What is taken over a block of each."""


def is_kept_reduced(height: int, width: int) -> bool:
    """Whether slices of this size are kept reduced as well."""
    return max(height, width) > FULL_UP_TO_PX


def reduced_shape(height: int, width: int) -> tuple[int, int]:
    """Height and width of a slice at an eighth of its size."""
    side = 1 << LEVEL
    return -(-height // side), -(-width // side)


def halved(plane: Plane, how: How) -> Plane:
    """Half the height and width, rounded up; `how` is over blocks of 2 x 2.

    An odd last row or column counts twice, which changes no maximum or minimum.
    """
    height, width = plane.shape
    if height % 2 or width % 2:
        plane = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    # First rows with rows, then the two halves of wider numbers: both run at the speed of memory, where steps of two
    # along a row take four times as long.
    if how == "mean":
        pairs = np.add(plane[::2], plane[1::2], dtype=np.uint16).view(np.uint32)
        total = (pairs + (pairs >> np.uint32(16))).astype(np.uint16)
        total += np.uint16(2)
        total >>= np.uint16(2)
        return total.astype(np.uint8)
    combine = np.maximum if how == "max" else np.minimum
    both = combine(plane[::2], plane[1::2]).view(np.uint16)
    return np.asarray(combine(both >> np.uint16(8), both & np.uint16(255))).astype(np.uint8)


def reduced(plane: Plane, level: int, how: How) -> Plane:
    """Halved `level` times."""
    for _ in range(level):
        plane = halved(plane, how)
    return plane


def extremes(label: Plane, probability: Plane, chosen: NDArray[np.bool_] | None = None) -> tuple[Plane, Plane]:
    """What peak and trough are taken over: probability where it counts, else what never makes an error.

    Membrane that does not count is 0, which is above no threshold; interior is 255, which only the threshold 1
    calls membrane (there every pixel of interior is wrong, whatever its probability).

    Args:
        label: (H, W), as in `segcore.stacks.label`.
        probability: (H, W) of interior, times 255.
        chosen: (H, W), what counts; everything if None.
    """
    interior, membrane = (np.negative((label == value).view(np.uint8)) for value in (INTERIOR, MEMBRANE))
    if chosen is not None:
        counts = np.negative(chosen.view(np.uint8))  # 255 where it does
        interior, membrane = interior & counts, membrane & counts
    return probability & membrane, probability | ~interior


@contextmanager
def reduced_stacks(
    folder: Path, planes: Sequence[str], *, height: int, width: int, slices: int
) -> Iterator[Callable[[Mapping[str, Plane]], None]]:
    """Gives a function that appends a full slice to reduced stacks; it does nothing where slices are not large.

    Args:
        folder: where the files appear when they are complete.
        planes: which of `REDUCED`; the function takes a full slice of each by name.
        height, width: of the full slices.
        slices: how many there will be.

    Raises:
        StorageError: if the files cannot be written.
    """
    rows, columns = reduced_shape(height, width)
    with ExitStack() as files:
        writers = {
            plane: files.enter_context(StackWriter(folder / REDUCED[plane], height=rows, width=columns, slices=slices))
            for plane in (planes if is_kept_reduced(height, width) else ())
        }

        def write(full: Mapping[str, Plane]) -> None:
            for plane, writer in writers.items():
                writer.write(reduced(full[plane], LEVEL, HOW[plane]))

        yield write


def write_reduced_prediction(folder: Path, probability: Path, labels: Path, slices: Sequence[int]) -> None:
    """Writes the probability of large slices, its peaks and troughs, at an eighth of their size.

    Args:
        folder: where the files go.
        probability: stack of a page for each of `slices`, 8 bits.
        labels: stack of all slices, 255 for interior and 0 for membrane.
        slices: which slices were predicted.

    Raises:
        DataError: if a stack cannot be read.
        StorageError: if the files cannot be written.
    """
    with open_stack(probability) as predicted, open_stack(labels) as true:
        size = {"height": predicted.height, "width": predicted.width}
        if not is_kept_reduced(**size):
            return
        with reduced_stacks(folder, ("probability", "peak", "trough"), **size, slices=len(slices)) as write:
            for page, z in enumerate(slices):
                found = predicted.read(page)
                peak, trough = extremes(true.read(z), found)
                write({"probability": found, "peak": peak, "trough": trough})
