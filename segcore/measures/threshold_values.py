"""From 8-bit probabilities to classes: what a threshold means, exactly, and which of all is best."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segcore.errors import ConfigError

CHALLENGE_THRESHOLDS: tuple[float, ...] = tuple(round(0.1 * step, 1) for step in range(11))
"""The eleven thresholds of the ISBI 2012 challenge's scripts."""


def last_membrane_value(threshold: float) -> int:
    """The largest 8-bit probability that a threshold calls membrane: floor(255 * threshold).

    A pixel is interior where `q > 255 * threshold`. A threshold k/255 that rounding has left a hair
    below the integer k still means k, so that 0.6 is 153 on every machine.

    Raises:
        ConfigError: the threshold is not between 0 and 1.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError("threshold out of range", found=threshold, expected="0 to 1")
    return int(np.floor(255 * threshold + 1e-6))


def threshold_after(value: int) -> float:
    """The threshold that calls `value` the last membrane value, half-way to the next one.

    (value + 0.5) / 255 means the same pixels as value / 255, but no rounding of `255 * threshold`,
    here or in another program, can move a pixel to the other class. 255 gives 1.0.
    """
    return min(1.0, (value + 0.5) / 255)


def best_threshold(values: ArrayLike) -> float:
    """The threshold with the highest of 256 values, one for each entry of a sweep.

    Of equally high ones the one nearest to 0.5, then the lower; 0.5 where none is defined (all nan).
    """
    array = np.asarray(values, dtype=np.float64)
    highest = np.flatnonzero(array == np.nanmax(array)) if not np.isnan(array).all() else np.array([127])
    return threshold_after(int(highest[np.argmin(np.abs(highest - 127))]))


def predicted_interior(probability_q: NDArray[np.uint8], threshold: float) -> NDArray[np.bool_]:
    """The prediction at a threshold: True where interior. Any shape; `probability_q` is 8-bit probability."""
    return probability_q > np.uint8(last_membrane_value(threshold))
