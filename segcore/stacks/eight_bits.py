"""Grey values of any type as 8 bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segcore.stacks.stack import Page, StackReader


def intensity_range(reader: StackReader) -> tuple[float, float]:
    """The values that become 0 and 255 in 8 bits.

    (0, 255) for 8-bit stacks. Otherwise the percentiles 0.1 and 99.9 over up to 16 slices spread
    evenly, so that a few hot pixels do not decide.
    """
    if reader.dtype == np.uint8:
        return 0.0, 255.0
    samples = []
    for z in np.unique(np.linspace(0, len(reader) - 1, 16).round().astype(int)):
        page = reader.read(int(z)).ravel()
        # Striding by an odd number, so that it does not keep step with the rows.
        samples.append(page[:: (page.size // 2**17) | 1])
    values = np.concatenate(samples).astype(np.float64)
    low, high = np.percentile(values, (0.1, 99.9))
    if high <= low:
        low, high = values.min(), values.max()
    return float(low), float(high if high > low else low + 1)


def to_uint8(page: Page, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Stretches `low` to 0 and `high` to 255, rounded and clipped."""
    if page.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return page
    scaled = (page.astype(np.float64) - low) * 255.0 / (high - low)
    return np.asarray(np.rint(scaled.clip(0, 255)), dtype=np.uint8)
