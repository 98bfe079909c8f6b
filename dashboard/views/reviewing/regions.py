"""Connected regions of wrong pixels, to be reviewed: the largest first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import scipy
import streamlit as st
from numpy.typing import NDArray

from dashboard import words
from dashboard.state import Result, counted_label, load_dataset, load_probability, stamp
from dashboard.views.reviewing.items import Item, at_spot
from dashboard.views.reviewing.verdicts import REGION
from segcore import measures
from segcore.measures import Spot, boundary_distance, predicted_interior, spot_of
from segcore.stacks import Truth

MOST_PIXELS = 64 * 2**20
"""Of stacks with more, only the slice that is shown is looked through."""
MOST_REGIONS = 300
"""The largest of a slice that are listed."""


@dataclass(frozen=True, kw_only=True)
class Region(Spot):
    """Wrong pixels that touch by an edge or a corner.

    Attributes:
        missed: whether they are missed membrane, or else false membrane.
    """

    missed: bool


def wrong_regions(
    label: NDArray[np.uint8], probability: NDArray[np.uint8], threshold: float, tolerance: int, z: int
) -> list[Region]:
    """The regions of a slice (H, W), the largest first; what a tolerance in pixels forgives is in none."""
    truth = Truth.of(label)
    prediction = predicted_interior(probability, threshold)
    wrong = truth.masked(prediction != truth.interior)
    if tolerance:
        wrong = wrong & (boundary_distance(truth.interior, truth.counted) >= tolerance)
    found = []
    for missed in (True, False):
        mask = wrong & (truth.interior != missed)
        numbers = measures.wrong_regions(mask)
        sizes = np.bincount(numbers.ravel())[1:]
        boxes = scipy.ndimage.find_objects(numbers)
        for at in np.argsort(-sizes, kind="stable")[:MOST_REGIONS].tolist():
            found.append(Region(**asdict(spot_of(numbers, at + 1, boxes[at], z)), missed=missed))
    return sorted(found, key=lambda one: -one.pixels)[:MOST_REGIONS]


def region_items(result: Result, threshold: float, tolerance: int, z: int | None, least_px: int) -> list[Item]:
    """Those of all evaluated slices, or of one, that have so many pixels at least."""
    found = [one for one in _all_of(result, threshold, tolerance, z) if one.pixels >= least_px]
    found.sort(key=lambda one: -one.pixels)
    return [_item(one, number) for number, one in enumerate(found, start=1)]


def number_of_regions(result: Result, threshold: float, tolerance: int, z: int | None) -> int:
    """How many they are of any size."""
    return sum(1 for _ in _all_of(result, threshold, tolerance, z))


def _all_of(result: Result, threshold: float, tolerance: int, z: int | None) -> Iterator[Region]:
    # The labels of a corrected copy change as well.
    folder, key = str(result.folder.absolute()), (stamp(result.folder), stamp(load_dataset(result.dataset).folder))
    for index in result.evaluation.slices if z is None else (z,):
        yield from _regions(folder, key, index, threshold, tolerance, result)


@st.cache_resource(max_entries=2000, show_spinner=False)
def _regions(folder: str, key: object, z: int, threshold: float, tolerance: int, _result: Result) -> list[Region]:
    return wrong_regions(counted_label(_result, z), load_probability(_result, z), threshold, tolerance, z)


def _item(one: Region, number: int) -> Item:
    what = "missed membrane" if one.missed else "false membrane"
    return Item(
        id=f"wrong-{'missed' if one.missed else 'false'}-{one.slice}-{one.y}-{one.x}",
        kind="merge" if one.missed else "split",
        title="missed" if one.missed else "false",
        said=f"Slice {one.slice}: {words.count(one.pixels)} connected pixels of {what}, thickest at x {one.x}, "
        f"y {one.y}. What harm they do is not known of pixels; splits and merges have it.",
        harm=math.nan,
        size_px=one.pixels,
        **at_spot(one, REGION, number=number, text=what),
    )
