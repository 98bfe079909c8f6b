"""Pictures of what the network sees by now of a validation slice, epoch by epoch, while it is trained.

They are not needed to resume or to repeat a run, so whatever cannot be written is left out.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segcore.errors import SegcoreError
from segcore.runs.run import Run
from segcore.storage import atomic_file

LARGEST_PX = 512
"""Side of the largest preview, pixels."""
MOST = 16
"""About how many epochs are shown."""
_NAME = re.compile(r"epoch-(\d{6})-slice-(\d+)\.png")


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A picture of the probability of interior on a validation slice after an epoch; 8 bit grey."""

    path: Path
    epoch: int
    slice: int


@dataclass(frozen=True, kw_only=True)
class PreviewedSlice:
    """The same part of the slice that a preview is of: what the network is shown, and what it should find."""

    image: Path
    label: Path


class Previews:
    """The previews of a run, written and found."""

    def __init__(self, run: Run) -> None:
        self._folder = run.folder / "previews"
        self._epochs = run.config.train.epochs

    def wanted(self, epoch: int) -> bool:
        """Whether this epoch is one of those that are shown: the first, the last, and some between."""
        every = max(1, -(-self._epochs // MOST))
        return epoch in (1, self._epochs) or epoch % every == 0

    def write(self, epoch: int, index: int, probability: NDArray[np.uint8]) -> None:
        """Keeps the middle of a slice's probability (H, W) uint8."""
        _write_middle(self._folder / f"epoch-{epoch:06d}-slice-{index}.png", probability)

    def write_slice(self, index: int, image: NDArray[np.uint8], label: NDArray[np.uint8]) -> None:
        """Keeps the same part of the slice itself and of its label, (H, W) uint8, unless that was done before."""
        beside = self._beside(index)
        for path, plane in ((beside.image, image), (beside.label, label)):
            if not path.exists():
                _write_middle(path, plane)

    def all(self) -> list[Preview]:
        """The pictures there are, by epoch."""
        found = []
        for path in self._folder.glob("epoch-*.png"):
            if match := _NAME.fullmatch(path.name):
                found.append(Preview(path=path, epoch=int(match[1]), slice=int(match[2])))
        return sorted(found, key=lambda one: one.epoch)

    def of_slice(self, index: int) -> PreviewedSlice | None:
        """The slice that the previews are of; None if training did not keep it."""
        found = self._beside(index)
        return found if found.image.exists() and found.label.exists() else None

    def _beside(self, index: int) -> PreviewedSlice:
        image, label = (self._folder / f"slice-{index}-{name}.png" for name in ("image", "label"))
        return PreviewedSlice(image=image, label=label)


def _write_middle(path: Path, plane: NDArray[np.uint8]) -> None:
    from PIL import Image

    height, width = plane.shape
    top, left = max(0, (height - LARGEST_PX) // 2), max(0, (width - LARGEST_PX) // 2)
    part = np.ascontiguousarray(plane[top : top + LARGEST_PX, left : left + LARGEST_PX])
    with suppress(SegcoreError), atomic_file(path) as temporary:
        Image.fromarray(part).save(temporary, format="PNG", compress_level=1)
