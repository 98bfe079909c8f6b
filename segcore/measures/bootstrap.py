"""How uncertain a mean over slices is: the bootstrap, by slice and by blocks of neighbouring slices.

Slices of a stack are no independent samples, since neighbours look alike and fail alike. Drawing whole blocks of
neighbours (Künsch 1989, Annals of Statistics 17:1217, in its simpler form without overlap) keeps that, and gives the
wider and more honest interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over slices and where it may lie.

    Attributes:
        mean: over the values that are defined; nan if none is.
        low, high: percentiles of the mean over resamples.
        values: how many values are defined.
        block: how many neighbouring values were drawn together.
    """

    mean: float
    low: float
    high: float
    values: int
    block: int


def bootstrap_mean(
    values: Sequence[float] | NDArray[np.float64],
    generator: np.random.Generator,
    *,
    block: int = 1,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """The mean of values along a stack with its percentile interval.

    Args:
        values: one a slice, in the order of the stack; nan where a measure is not defined.
        generator: draws the resamples.
        block: so many neighbours are drawn together, from the first on; the last block may be shorter.
        level: share of the resampled means within the interval, between 0 and 1.
        resamples: how many means are drawn.

    Raises:
        ValueError: for a block or a number of resamples below 1, or a level that is none.
    """
    if block < 1 or resamples < 1 or not 0 < level < 1:
        raise ValueError(f"block {block}, {resamples} resamples, level {level}")
    given = np.asarray(values, dtype=np.float64)
    starts = np.arange(0, len(given), block)
    defined = ~np.isnan(given)
    count = int(defined.sum())
    if not count:
        return Interval(mean=np.nan, low=np.nan, high=np.nan, values=0, block=block)
    sums = np.add.reduceat(np.where(defined, given, 0), starts)
    sizes = np.add.reduceat(defined.astype(np.int64), starts)
    # Blocks without a defined value have nothing to say and would be drawn in vain.
    sums, sizes = sums[sizes > 0], sizes[sizes > 0]
    drawn = generator.integers(0, len(sums), (resamples, len(sums)))
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean=float(given[defined].mean()), low=float(low), high=float(high), values=count, block=block)
