"""A visitor's stack in the viewer, from when there is something to show until the visit ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dashboard.viewer.neurites import forget_numbers
from dashboard.viewer.tiles import forget_tiles
from dashboard.viewer.uploaded import UploadedStack, drop_uploaded, name_uploaded, uploaded_stack
from segcore.runs import SegmentPoint


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """A visitor's stack that the viewer can show.

    Attributes:
        name: to be given to `viewer` in the place of a dataset's, which nobody can guess.
        forget: forgets it, with all that was made of it; to be called when the visit ends.
    """

    name: str
    forget: Callable[[], None]

    @property
    def forgotten(self) -> bool:
        """Whether the viewer does not know it any more."""
        return uploaded_stack(self.name) is None


def show_uploaded(folder: Path, shape: tuple[int, int, int], segment_point: SegmentPoint | None) -> Uploaded:
    """Lets the viewer show a stack and what a run says of it.

    Args:
        folder: with `images.tif` and `probability.tif`, 8 bits each and uncompressed.
        shape: slices, height and width.
        segment_point: how segments are made of the probability; None for none.
    """
    name = name_uploaded(UploadedStack(folder=folder, shape=shape, segment_point=segment_point))
    return Uploaded(name=name, forget=partial(_forget, name, folder))


def _forget(name: str, folder: Path) -> None:
    # The name first: what is being made meanwhile is not kept of what has none.
    if drop_uploaded(name) is not None:
        forget_tiles(folder)
        forget_numbers(folder)
