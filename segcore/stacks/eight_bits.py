"""Grey values of any type as 8 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore.errors import DataError
from segcore.stacks.padding import padding_of
from segcore.stacks.stack import Page, StackReader

FEW_LEVELS = 64
"""With fewer grey values of tissue than this, 8 bits hold too little of it."""
_SAMPLED_SLICES = 16
_DECIDING_SHARE = 0.001


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """What 16 slices spread evenly over a stack show of its tissue.

    Attributes:
        low, high: the values that become 0 and 255 in 8 bits.
        levels: how many of the 256 grey values of 8 bits the tissue takes.
        sampled: slices that were looked at.
        padded: those of them with padding that is not all of them.
        blank: those of them that are nothing but padding.
        padding_percent: the most padding in one of the padded, percent of its pixels.
    """

    low: float
    high: float
    levels: int
    sampled: int
    padded: int
    blank: int
    padding_percent: float


def intensity_range(reader: StackReader) -> tuple[float, float]:
    """The values that become 0 and 255 in 8 bits; see `tissue_of`."""
    found = tissue_of(reader)
    return found.low, found.high


def tissue_of(reader: StackReader) -> Tissue:
    """Looks at up to 16 slices spread evenly over a stack.

    The range of 8-bit stacks is (0, 255), of others that of the percentiles 0.1 and 99.9 of the tissue. Padding is left
    out, and so is the lowest or highest value of the rest where it alone has more than a thousandth of the pixels: dead
    and saturated ones, which would be the percentile.

    Raises:
        DataError: if a slice cannot be read, or no pixel is a number.
    """
    samples: list[Page] = []
    blanks: list[Page] = []
    shares: list[float] = []
    for z in np.unique(np.linspace(0, len(reader) - 1, _SAMPLED_SLICES).round().astype(int)):
        page = reader.read(int(z))
        padding = padding_of(page)
        shares.append(0.0 if padding is None else float(padding.mean()))
        blank = shares[-1] == 1
        values = page[~np.isnan(page)] if blank else page.ravel() if padding is None else page[~padding]
        # Striding by an odd number, so that it does not keep step with the rows.
        (blanks if blank else samples).append(values[:: (values.size // 2**17) | 1])
    values = np.concatenate(samples or blanks)
    if not values.size:
        raise DataError("no pixel is a number", path=reader.path, found="nothing but padding", expected="some tissue")
    low, high = (0.0, 255.0) if reader.dtype == np.uint8 else _range(values.astype(np.float64))
    return Tissue(
        low=low,
        high=high,
        levels=len(np.unique(to_uint8(values, low, high))),
        sampled=len(shares),
        padded=sum(0 < share < 1 for share in shares),
        blank=sum(share == 1 for share in shares),
        padding_percent=100 * max((share for share in shares if share < 1), default=0.0),
    )


def _range(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    crowded = [end for end in (low, high) if (values == end).mean() > _DECIDING_SHARE]
    inner = values[~np.isin(values, crowded)] if crowded else values
    if inner.size:
        inner_low, inner_high = np.percentile(inner, (100 * _DECIDING_SHARE, 100 * (1 - _DECIDING_SHARE)))
        low, high = (float(inner_low), float(inner_high)) if inner_high > inner_low else (low, high)
    return low, high if high > low else low + 1


def to_uint8(page: Page, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Stretches `low` to 0 and `high` to 255, rounded and clipped; not-a-number becomes 0."""
    if page.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return page
    scaled = (page.astype(np.float64) - low) * 255.0 / (high - low)
    return np.asarray(np.rint(np.nan_to_num(scaled, nan=0.0).clip(0, 255)), dtype=np.uint8)
