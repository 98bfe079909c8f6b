"""A rectangle of a slice that may reach beyond its border, where the slice goes on as its own mirror image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Indices = TypeVar("Indices", NDArray[np.int64], Tensor)


@dataclass(frozen=True, kw_only=True)
class Window:
    """First row and column, which may be negative, and size, pixels."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def about(cls, centre: tuple[float, float], size: tuple[int, int], shape: tuple[int, int], side: int) -> Window:
        """The square of `side` about a patch of `size` that lies inside a slice of `shape`.

        A row or column more where that puts the patch in the very middle: half a pixel off, it would be interpolated
        even where nothing is turned.
        """
        margins = [-(-(side - patch) // 2) for patch in size]
        firsts = [round(place * (length - patch)) for place, patch, length in zip(centre, size, shape, strict=True)]
        return cls(
            top=firsts[0] - margins[0],
            left=firsts[1] - margins[1],
            height=size[0] + 2 * margins[0],
            width=size[1] + 2 * margins[1],
        )

    def of(self, page: NDArray[Any]) -> NDArray[Any]:
        """The window's part of a page (H, W), mirrored at its border."""
        # One axis after the other: indices of both at once take twice as long.
        return page.take(mirrored(self._rows, page.shape[0]), 0).take(mirrored(self._columns, page.shape[1]), 1)

    def inside(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """(height, width), true where the window lies inside a slice of `shape`."""
        rows, columns = self._rows, self._columns
        return ((rows >= 0) & (rows < shape[0]))[:, None] & ((columns >= 0) & (columns < shape[1]))[None, :]

    @property
    def _rows(self) -> NDArray[np.int64]:
        return np.arange(self.top, self.top + self.height)

    @property
    def _columns(self) -> NDArray[np.int64]:
        return np.arange(self.left, self.left + self.width)


def mirrored(indices: Indices, length: int) -> Indices:
    """Places in a row of that length, for places that may lie beyond its ends, where it goes on as its mirror image."""
    around = indices % (2 * length)
    return (2 * length - 1 - abs(2 * around - 2 * length + 1)) // 2
