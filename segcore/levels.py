"""A row of the table that describes a network, readable without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LevelSummary:
    """One part of the network, for a table or a drawing.

    Attributes:
        part: `encoder`, `upsample`, `decoder` or `head`.
        level: 0 at full resolution, depth - 1 at the bottom.
        channels, height, width: shape of its output.
        parameters: trainable numbers in it.
        multiply_adds: multiplications with an addition for one image.
    """

    part: str
    level: int
    channels: int
    height: int
    width: int
    parameters: int
    multiply_adds: int
