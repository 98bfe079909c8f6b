"""Neurites from a probability: basins, the graph of their borders, and its best cut.

In: the probability of interior of a slice. Out: a number for every pixel, that of its segment.
Knows no threshold, no dataset and no run. May use no other room."""

from segcore.segments.basins import Basins, find_basins
from segcore.segments.cutting import BIASES, SMALLEST_PX, cut, segments_of

__all__ = ["BIASES", "SMALLEST_PX", "Basins", "cut", "find_basins", "segments_of"]
