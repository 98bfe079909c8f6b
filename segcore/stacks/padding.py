"""Padding: what alignment, stitching and lost sections leave around the tissue of a slice.

It is no tissue, so it must not decide how the tissue is scaled: a network sees other grey values than those it was
trained with, and a single black row can make half of its pixels wrong.
"""

from __future__ import annotations

from itertools import groupby
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import scipy

from segcore.stacks.stack import Page

Value = TypeVar("Value", bound=np.generic)

RUN_PX = 32
"""So many pixels of one value along an edge of a slice are padding; of a shorter edge a quarter, at least 8."""


def padding_of(page: Page) -> npt.NDArray[np.bool_] | None:
    """Where a slice is padding: a constant border, and not-a-number.

    The value of such a border is 0 or 255 in 8 bits; in others 0, the slice's lowest or its highest. It begins with a
    run of `RUN_PX` pixels along an edge, and is whatever hangs together with it (4-connected). In the sixty ISBI 2012
    slices the longest run of exact 0 or 255 along an edge is 6 pixels. A slice of one value is all padding.

    Args:
        page: (H, W) numbers.

    Returns:
        (H, W), True for padding, or None where there is none.
    """
    padding = np.isnan(page) if page.dtype.kind == "f" else np.zeros(page.shape, dtype=bool)
    missing = bool(padding.any())
    if missing and padding.all():
        return padding
    if page.min() == page.max():
        return np.ones(page.shape, dtype=bool)
    found = missing
    for value in _constants(page[~padding] if missing else page):
        if any(_longest_run(edge == value) >= _least(edge) for edge in _edges(page)):
            padding |= _hanging_together(page == value)
            found = True
    return padding if found else None


def fill_padding(page: npt.NDArray[Value], padding: npt.NDArray[np.bool_]) -> npt.NDArray[Value]:
    """A page whose padding is the mirror image of what lies beside it, as if the slice ended where its tissue does.

    A pixel takes the value of the one as far behind the nearest pixel of tissue, or of that pixel where there is
    padding or nothing. Where all is padding, the page is given back as it is.

    Args:
        page: (H, W).
        padding: (H, W), True for padding.
    """
    if padding.all():
        return page
    nearest = scipy.ndimage.distance_transform_edt(padding, return_distances=False, return_indices=True)
    own = np.array(np.nonzero(padding))
    edge = nearest[:, own[0], own[1]]
    behind = 2 * edge - own
    size = np.array(padding.shape)[:, None]
    inside = ((behind >= 0) & (behind < size)).all(axis=0)
    behind[:, ~inside] = edge[:, ~inside]
    again = padding[behind[0], behind[1]]
    behind[:, again] = edge[:, again]
    filled = page.copy()
    filled[padding] = page[behind[0], behind[1]]
    return filled


def without_padding(page: npt.NDArray[Value]) -> npt.NDArray[Value]:
    """A slice (H, W) with the mirror image of its tissue in place of padding; itself where there is none."""
    padding = padding_of(page)
    return page if padding is None else fill_padding(page, padding)


def _constants(numbers: Page) -> set[float]:
    return {0, 255} if numbers.dtype == np.uint8 else {0, float(numbers.min()), float(numbers.max())}


def _edges(page: Page) -> list[Page]:
    return [page[0], page[-1], page[:, 0], page[:, -1]]


def _least(edge: Page) -> int:
    return min(RUN_PX, max(8, len(edge) // 4))


def _longest_run(same: npt.NDArray[np.bool_]) -> int:
    if not same.any():
        return 0
    return max(sum(1 for _ in run) for one, run in groupby(same.tolist()) if one)


def _hanging_together(same: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Components of `same` that lie along an edge for long enough."""
    numbers, _ = scipy.ndimage.label(same)
    chosen = set()
    for edge in _edges(numbers):
        for number, run in groupby(edge.tolist()):
            if number and sum(1 for _ in run) >= _least(edge):
                chosen.add(number)
    return np.isin(numbers, list(chosen))
