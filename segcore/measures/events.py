"""The places where a neurite was split or neurites were merged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from segcore.measures.topology import IntArray, LabelImage, contingency

MIN_OVERLAP_PX = 20
MIN_OVERLAP_FRACTION = 0.05


@dataclass(frozen=True, kw_only=True)
class Event:
    """A neurite that was split, or neurites that were merged.

    Attributes:
        kind: `split` or `merge`.
        slice: index of the slice.
        neurites: number of the neurite that was split, or of those merged, the largest overlap
            first; numbers are those of `true_neurites`.
        segments: numbers of the pieces, the largest first, or of the segment that merges; numbers
            are those of `thin(prediction)`.
        overlaps_px: pixels that the split neurite shares with each piece, or the merging segment
            with each neurite, in the same order.
        area_px: true interior pixels of the split neurite, or of the merging segment.
        stray_px: of these, the pixels in parts other than the largest: how much the event matters.
        y, x: the pixel to look at: inside the neurite or segment, where two of its parts are
            nearest to each other; on predicted membrane for a split, and on predicted interior for
            a merge, where there is such a place.
        top, left, bottom, right: bounding box of the neurite or segment, `bottom` and `right`
            excluded.
    """

    kind: Literal["split", "merge"]
    slice: int
    neurites: tuple[int, ...]
    segments: tuple[int, ...]
    overlaps_px: tuple[int, ...]
    area_px: int
    stray_px: int
    y: int
    x: int
    top: int
    left: int
    bottom: int
    right: int


def find_events(
    neurites: LabelImage,
    segments: LabelImage,
    prediction_interior: NDArray[np.bool_],
    *,
    slice_index: int = 0,
    min_overlap_px: int = MIN_OVERLAP_PX,
    min_overlap_fraction: float = MIN_OVERLAP_FRACTION,
) -> list[Event]:
    """The splits and merges of a slice, those that matter most first.

    A neurite and a segment belong together where they share at least `min_overlap_px` pixels and at
    least `min_overlap_fraction` of the smaller of the two (counted over true interior): so neither a
    speck nor the sliver that a wobbling boundary leaves in the next neurite makes an event. A
    neurite with two segments or more is split, a segment with two neurites or more merges them. A
    neurite that was missed as a whole is flooded by its neighbours when membranes are thinned, and
    shows as a merge, as it does in V_Rand.

    Args:
        neurites: (H, W) integers: `true_neurites`.
        segments: (H, W) integers: `thin(prediction)`.
        prediction_interior: (H, W): the prediction before thinning.
        slice_index: written into the events.
        min_overlap_px: see above.
        min_overlap_fraction: see above, 0 to 1.
    """
    table = contingency(neurites, segments)
    smaller = np.minimum(table.neurite_px[table.neurite], table.segment_px[table.segment])
    needed = np.maximum(min_overlap_px, min_overlap_fraction * smaller)
    keep = (table.segment > 0) & (table.pixels >= needed)
    neurite, segment, pixels = table.neurite[keep], table.segment[keep], table.pixels[keep]
    made: list[Event] = []
    neurite_boxes, segment_boxes = scipy.ndimage.find_objects(neurites), scipy.ndimage.find_objects(segments)
    for number, parts, shared in _with_several(neurite, segment, pixels):
        box = neurite_boxes[number - 1]
        place = _junction(neurites[box] == number, segments[box], parts, ~prediction_interior[box])
        made.append(
            Event(
                kind="split",
                slice=slice_index,
                neurites=(number,),
                segments=parts,
                overlaps_px=shared,
                area_px=int(table.neurite_px[number]),
                stray_px=sum(shared[1:]),
                **_position(box, place),
            )
        )
    for number, parts, shared in _with_several(segment, neurite, pixels):
        box = segment_boxes[number - 1]
        place = _junction(segments[box] == number, neurites[box], parts, prediction_interior[box])
        made.append(
            Event(
                kind="merge",
                slice=slice_index,
                neurites=parts,
                segments=(number,),
                overlaps_px=shared,
                area_px=int(table.segment_px[number]),
                stray_px=sum(shared[1:]),
                **_position(box, place),
            )
        )
    return sorted(made, key=lambda event: -event.stray_px)


def _position(box: tuple[slice, slice], place: tuple[int, int]) -> dict[str, int]:
    rows, columns = box
    return {
        "y": rows.start + place[0],
        "x": columns.start + place[1],
        "top": rows.start,
        "left": columns.start,
        "bottom": rows.stop,
        "right": columns.stop,
    }


def _with_several(
    whole: IntArray, part: IntArray, pixels: IntArray
) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    """Each number in `whole` that has two parts or more, with its parts and overlaps, largest first."""
    order = np.lexsort((part, -pixels, whole))
    whole, part, pixels = whole[order], part[order], pixels[order]
    numbers, starts, sizes = np.unique(whole, return_index=True, return_counts=True)
    for number, start, size in zip(numbers.tolist(), starts.tolist(), sizes.tolist(), strict=True):
        if size >= 2:
            here = slice(start, start + size)
            yield number, tuple(part[here].tolist()), tuple(pixels[here].tolist())


def _junction(
    region: NDArray[np.bool_], labels: LabelImage, parts: tuple[int, ...], preferred: NDArray[np.bool_]
) -> tuple[int, int]:
    """The pixel of a region where two of its parts are nearest to each other.

    Every pixel belongs to its nearest part; of the pixels next to one of another part, the one
    with the smallest distance is taken, among the preferred ones between parts if there are any.
    """
    in_part = region & np.isin(labels, parts)
    distance, nearest = scipy.ndimage.distance_transform_edt(~in_part, return_indices=True)
    owner = labels[tuple(nearest)]
    meeting = np.zeros_like(region)
    below = (owner[:-1] != owner[1:]) & region[:-1] & region[1:]
    beside = (owner[:, :-1] != owner[:, 1:]) & region[:, :-1] & region[:, 1:]
    meeting[:-1] |= below
    meeting[1:] |= below
    meeting[:, :-1] |= beside
    meeting[:, 1:] |= beside
    for candidates in (meeting & preferred & ~in_part, meeting & preferred, meeting, in_part):
        places = np.flatnonzero(candidates)
        if places.size:
            break
    y, x = divmod(int(places[np.argmin(distance.ravel()[places])]), region.shape[1])
    return y, x
