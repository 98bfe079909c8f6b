"""What a run chose on its validation slices, by which its probability becomes classes and segments."""

from __future__ import annotations

from dataclasses import dataclass

from segcore.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class SegmentPoint:
    """How segments are made of a probability; see `segcore.segments`.

    Attributes:
        smoothing_px: of the probability before basins are looked for, above 0.
        bias: for membrane, between 0 and 1: the higher, the more segments.
        smallest_px: segments with fewer pixels go to their neighbours.
    """

    smoothing_px: float
    bias: float
    smallest_px: int

    def __post_init__(self) -> None:
        if not 0 < self.bias < 1:
            raise ConfigError("the bias of segments is out of range", found=self.bias, expected="between 0 and 1")
        if not 0 < self.smoothing_px <= 20:
            raise ConfigError(
                "the smoothing of segments is out of range", found=self.smoothing_px, expected="above 0, at most 20 px"
            )
        if self.smallest_px < 0:
            raise ConfigError("the smallest segment is out of range", found=self.smallest_px, expected="0 px or more")


@dataclass(frozen=True, kw_only=True)
class OperatingPoints:
    """What was chosen on the validation slices; interior is what lies strictly above a threshold.

    Attributes:
        pixel: the threshold with the fewest wrong pixels.
        topology: the threshold with the highest V_Rand.
        segments: how segments are made; None for runs from before there were any.
    """

    pixel: float
    topology: float
    segments: SegmentPoint | None = None

    def __post_init__(self) -> None:
        for name in ("pixel", "topology"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"threshold {name} is out of range", found=getattr(self, name), expected="0 to 1")
