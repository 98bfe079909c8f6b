"""A split inside the slices, for stacks too short to hold slices out: bands of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segcore.config import SplitConfig
from segcore.errors import ConfigError

Rows = tuple[int, int]
"""The first row, and the first one after the last."""

LEAST_PX = 32
"""How high a band has to be for anything to be learned or measured in it."""


@dataclass(frozen=True, kw_only=True)
class Bands:
    """Which rows of every slice a part has; what lies between is left out.

    Attributes:
        train, validation, test: rows of each part; those of test are empty where nothing is held out.
    """

    train: Rows
    validation: Rows
    test: Rows

    def of(self, part: Literal["train", "validation", "test"]) -> Rows:
        """The rows of a part."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[part]

    @property
    def gap_px(self) -> int:
        """Rows between what is learned from and what is judged."""
        return self.validation[0] - self.train[1]


def make_bands(height: int, config: SplitConfig, gap_px: int) -> Bands:
    """Training above, then a gap, validation and test.

    The gap is as wide as the network sees, so that no pixel that is learned from is made of one that is judged.
    Validation gets more than its share where that would be too little to choose by.

    Args:
        height: of a slice, in pixels.
        config: with the shares of test and validation, here of the rows.
        gap_px: how many rows are left out.

    Raises:
        ConfigError: if a band would be too low.
    """
    rows = height - gap_px
    test = round(config.test_fraction * rows)
    validation = max(LEAST_PX, round(config.validation_fraction * (rows - test)))
    train = rows - test - validation
    thinnest = min(train, validation, *([test] if test else []))
    if thinnest < LEAST_PX:
        raise ConfigError(
            "the slices are too low to be divided into bands",
            found=f"{height} rows, of which the gap takes {gap_px}; left are {max(0, train)} for training, "
            f"{max(0, validation)} for validation, {max(0, test)} for test",
            expected=f"at least {LEAST_PX} rows a band; a smaller model.depth needs a smaller gap",
        )
    return Bands(
        train=(0, train),
        validation=(train + gap_px, train + gap_px + validation),
        test=(train + gap_px + validation, height),
    )
