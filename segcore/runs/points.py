"""What a run chose on its validation slices, by which its probability becomes classes and segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
class PointOfSlices:
    """How the segments of some slices of a stack are made.

    Attributes:
        slices: indices in the dataset.
        point: theirs.
    """

    slices: tuple[int, ...]
    point: SegmentPoint


def by_point(slices: Sequence[int], points: Sequence[SegmentPoint]) -> tuple[PointOfSlices, ...]:
    """Slices with their points, an entry a point, in the order in which these come first."""
    found: dict[SegmentPoint, list[int]] = {}
    for z, point in zip(slices, points, strict=True):
        found.setdefault(point, []).append(z)
    return tuple(PointOfSlices(slices=tuple(of), point=point) for point, of in found.items())


@dataclass(frozen=True, kw_only=True)
class OperatingPoints:
    """What was chosen on the validation slices; interior is what lies strictly above a threshold.

    Attributes:
        pixel: the threshold with the fewest wrong pixels.
        topology: the threshold with the highest V_Rand.
        segments: how segments are made; None for runs from before there were any, and where slices have their own.
        segments_of_slices: how they are made where several networks predicted the slices, each those that it never
            saw; empty where `segments` is of all.
    """

    pixel: float
    topology: float
    segments: SegmentPoint | None = None
    segments_of_slices: tuple[PointOfSlices, ...] = ()

    def __post_init__(self) -> None:
        for name in ("pixel", "topology"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"threshold {name} is out of range", found=getattr(self, name), expected="0 to 1")
        counts = Counter(z for one in self.segments_of_slices for z in one.slices)
        if twice := [z for z, count in counts.items() if count > 1]:
            raise ConfigError("a slice has two settings of segments", found=f"slice {twice[0]}", expected="one")
        if counts and self.segments is not None:
            raise ConfigError("slices have settings of segments beside those for all", expected="one of the two")

    def segment_points(self, slices: Sequence[int]) -> tuple[SegmentPoint, ...]:
        """How the segments of these slices are made, an entry a slice; empty where there are no segments.

        Raises:
            ConfigError: slices have settings of their own, and one of these has none.
        """
        if not self.segments_of_slices:
            return () if self.segments is None else (self.segments,) * len(slices)
        own = {z: one.point for one in self.segments_of_slices for z in one.slices}
        if missing := [z for z in slices if z not in own]:
            raise ConfigError("a slice has no settings of segments", found=f"slice {missing[0]}")
        return tuple(own[z] for z in slices)
