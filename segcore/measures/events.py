"""The places where a neurite was split or neurites were merged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from segcore.measures.harm import RandSums, harm_of_merge, harm_of_split
from segcore.measures.junctions import junctions
from segcore.measures.topology import Contingency, IntArray, LabelImage, contingency

MIN_OVERLAP_PX = 20
MIN_OVERLAP_FRACTION = 0.05


@dataclass(frozen=True, kw_only=True)
class Event:
    """A neurite that was split, or neurites that were merged.

    Attributes:
        kind: `split` or `merge`.
        loop: whether all parts but the first are enclosed by it, as organelles are whose outline somebody, or the
            network, drew as membrane.
        slice: index of the slice.
        neurites: number of the neurite that was split, or of those merged, the largest overlap
            first; numbers are those of `true_neurites`.
        segments: numbers of the pieces, the largest first, or of the segment that merges.
        overlaps_px: pixels that the split neurite shares with each piece, or the merging segment
            with each neurite, in the same order.
        area_px: true interior pixels of the split neurite, or of the merging segment.
        stray_px: of these, the pixels in parts other than the largest.
        harm: by how much V_Rand of the slice would rise if this event alone were undone; nan where it was not measured.
            Below 0 for a split whose largest piece belongs to a merge that weighs more.
        y, x: the pixel to look at: the first of `openings`.
        openings: (y, x) of every place where parts of the neurite or segment meet, the one with most at stake first:
            gaps in membrane for a merge, false walls for a split.
        top, left, bottom, right: bounding box of the neurite or segment, `bottom` and `right`
            excluded.
    """

    kind: Literal["split", "merge"]
    loop: bool = False
    slice: int
    neurites: tuple[int, ...]
    segments: tuple[int, ...]
    overlaps_px: tuple[int, ...]
    area_px: int
    stray_px: int
    harm: float = float("nan")
    y: int
    x: int
    openings: tuple[tuple[int, int], ...] = ()
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
    """The splits and merges of a slice, those that do most harm first.

    A neurite and a segment belong together where they share at least `min_overlap_px` pixels and at
    least `min_overlap_fraction` of the smaller of the two (counted over true interior): so neither a
    speck nor the sliver that a wobbling boundary leaves in the next neurite makes an event. A
    neurite with two segments or more is split, a segment with two neurites or more merges them. A
    neurite that was missed as a whole is flooded by its neighbours, and shows as a merge, as it does in V_Rand. Parts
    that another part encloses make an event of their own.

    Args:
        neurites: (H, W) integers: `true_neurites`.
        segments: (H, W) integers: those of a run, or `thin(prediction)`.
        prediction_interior: (H, W): the prediction at a threshold, which says where a wall is open.
        slice_index: written into the events.
        min_overlap_px: see above.
        min_overlap_fraction: see above, 0 to 1.
    """
    table = contingency(neurites, segments)
    neurite, segment, pixels = belonging(table, min_overlap_px, min_overlap_fraction)
    sums = RandSums.of(table)
    neurite_boxes, segment_boxes = scipy.ndimage.find_objects(neurites), scipy.ndimage.find_objects(segments)
    made: list[Event] = []
    for number, shared in _with_several(neurite, segment, pixels):
        box = neurite_boxes[number - 1]
        region = neurites[box] == number
        for loop, parts in _loops_apart(segments, segment_boxes, shared, region, box):
            overlaps = tuple(shared[part] for part in parts)
            pieces_px: list[int] = table.segment_px[list(parts)].tolist()
            made.append(
                Event(
                    kind="split",
                    loop=loop,
                    slice=slice_index,
                    neurites=(number,),
                    segments=parts,
                    overlaps_px=overlaps,
                    area_px=int(table.neurite_px[number]),
                    stray_px=sum(overlaps) - max(overlaps),
                    harm=harm_of_split(sums, overlaps, pieces_px),
                    **_where(box, region, segments[box], dict(zip(parts, overlaps, strict=True)), ~prediction_interior),
                )
            )
    for number, shared in _with_several(segment, neurite, pixels):
        box = segment_boxes[number - 1]
        region = segments[box] == number
        for loop, parts in _loops_apart(neurites, neurite_boxes, shared, region, box):
            overlaps = tuple(shared[part] for part in parts)
            segment_px = int(table.segment_px[number])
            made.append(
                Event(
                    kind="merge",
                    loop=loop,
                    slice=slice_index,
                    neurites=parts,
                    segments=(number,),
                    overlaps_px=overlaps,
                    area_px=segment_px,
                    stray_px=sum(overlaps) - max(overlaps),
                    harm=harm_of_merge(sums, overlaps, segment_px),
                    **_where(box, region, neurites[box], dict(zip(parts, overlaps, strict=True)), prediction_interior),
                )
            )
    return sorted(made, key=lambda event: (-event.harm, -event.stray_px))


def belonging(table: Contingency, least_px: int, least_fraction: float) -> tuple[IntArray, IntArray, IntArray]:
    """Neurite, segment and shared pixels of those that belong together."""
    smaller = np.minimum(table.neurite_px[table.neurite], table.segment_px[table.segment])
    keep = (table.segment > 0) & (table.pixels >= np.maximum(least_px, least_fraction * smaller))
    return table.neurite[keep], table.segment[keep], table.pixels[keep]


def _where(
    box: tuple[slice, slice],
    region: NDArray[np.bool_],
    labels: LabelImage,
    overlaps_px: dict[int, int],
    preferred: NDArray[np.bool_],
) -> dict[str, Any]:
    rows, columns = box
    places = tuple(
        (rows.start + one.y, columns.start + one.x) for one in junctions(region, labels, overlaps_px, preferred[box])
    )
    return {
        "y": places[0][0],
        "x": places[0][1],
        "openings": places,
        "top": rows.start,
        "left": columns.start,
        "bottom": rows.stop,
        "right": columns.stop,
    }


def _with_several(whole: IntArray, part: IntArray, pixels: IntArray) -> Iterator[tuple[int, dict[int, int]]]:
    """Each number in `whole` that has two parts or more, with the pixels of each part, the largest first."""
    order = np.lexsort((part, -pixels, whole))
    whole, part, pixels = whole[order], part[order], pixels[order]
    numbers, starts, sizes = np.unique(whole, return_index=True, return_counts=True)
    for number, start, size in zip(numbers.tolist(), starts.tolist(), sizes.tolist(), strict=True):
        if size >= 2:
            here = slice(start, start + size)
            yield number, dict(zip(part[here].tolist(), pixels[here].tolist(), strict=True))


def _loops_apart(
    labels: LabelImage,
    boxes: list[tuple[slice, slice]],
    shared: dict[int, int],
    region: NDArray[np.bool_],
    box: tuple[slice, slice],
) -> Iterator[tuple[bool, tuple[int, ...]]]:
    """The parts of an event, and apart from them those that one of them encloses, behind that one."""
    parts = np.array(list(shared))
    top, bottom, left, right = np.array(
        [[rows.start, rows.stop, columns.start, columns.stop] for rows, columns in (boxes[one - 1] for one in parts)]
    ).T
    here = np.ones(len(parts), dtype=bool)
    for at, outer in enumerate(parts.tolist()):
        if not here[at]:
            continue
        within = (top > top[at]) & (bottom < bottom[at]) & (left > left[at]) & (right < right[at])
        inner = np.flatnonzero(here & within)
        if not len(inner):
            continue
        rows, columns = boxes[outer - 1]
        filled = scipy.ndimage.binary_fill_holes(labels[rows, columns] == outer)
        # Parts are connected by their sides and lie beside one another, so one pixel of each tells for all of it.
        enclosed = [
            one for one in inner
            if filled[_a_pixel(labels, parts[one], boxes[parts[one] - 1], rows.start, columns.start)]
        ]  # fmt: skip
        if enclosed:
            yield True, (outer, *parts[enclosed].tolist())
            here[enclosed] = False
    if here.sum() > 1:
        yield False, tuple(parts[here].tolist())


def _a_pixel(labels: LabelImage, number: int, box: tuple[slice, slice], top: int, left: int) -> tuple[int, int]:
    part = labels[box] == number
    y, x = divmod(int(part.argmax()), part.shape[1])
    return y + box[0].start - top, x + box[1].start - left
