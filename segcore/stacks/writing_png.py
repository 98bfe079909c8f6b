"""Writing a stack as a folder of PNG pictures, a slice at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
from PIL import Image

from segcore.storage import atomic_folder


class PngWriter(AbstractContextManager["PngWriter"]):
    """Writes 8-bit slices as `NAME.png` into a folder, which appears when it is complete, or not at all.

    Args:
        folder: a new one.
        names: of the slices, without an ending.
    """

    def __init__(self, folder: Path, *, names: Sequence[str]) -> None:
        self._names = names
        self._written = 0
        self._target = atomic_folder(folder)

    def __enter__(self) -> PngWriter:
        self._temporary = self._target.__enter__()
        return self

    def write(self, page: npt.NDArray[np.uint8]) -> None:
        """Writes the next (height, width) slice of type uint8."""
        Image.fromarray(page).save(self._temporary / f"{self._names[self._written]}.png")
        self._written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._written != len(self._names):
            error = ValueError(f"{self._written} of {len(self._names)} slices were written")
            self._target.__exit__(type(error), error, None)
            raise error
        self._target.__exit__(kind, error, trace)
