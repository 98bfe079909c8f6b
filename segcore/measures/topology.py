"""Whether neurites stay apart: V_Rand, V_Info, and the list of splits and merges.

The scores are those of the ISBI 2012 challenge as described by Arganda-Carreras et al. 2015
(Frontiers in Neuroanatomy 9:142). Only pixels of true interior are scored. The prediction's
membranes are first thinned to one pixel, so that their width does not count; a pixel left on such a
line is a segment of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

MIN_OVERLAP_PX = 20
MIN_OVERLAP_FRACTION = 0.05

IntArray = NDArray[np.int64]
LabelImage = NDArray[np.integer]


def components(interior: NDArray[np.bool_]) -> NDArray[np.int32]:
    """4-connected components, numbered from 1 in scanning order; 0 where `interior` is False. (H, W)."""
    # Here and below: whoever only reads scores does not wait half a second for these to be imported.
    labels, _ = scipy.ndimage.label(np.asarray(interior, dtype=bool), output=np.int32)
    return np.asarray(labels)


def thin(prediction_interior: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Segments of a prediction, its membranes thinned to lines of one pixel.

    The components of the predicted interior grow into the membrane until they meet, which is
    `watershed(~fg, label(fg, connectivity=1), connectivity=1, watershed_line=True)` of
    scikit-image to the last pixel. Where two fronts meet over an even width the line's place is
    that function's choice; other implementations differ there by a pixel.

    Args:
        prediction_interior: (H, W), True where predicted interior.

    Returns:
        (H, W) int32: segments from 1, 0 on the lines; 0 everywhere where nothing is interior.
    """
    interior = np.asarray(prediction_interior, dtype=bool)
    segments = components(interior)
    if segments.max(initial=0) <= 1:
        # A single segment meets no other and fills the slice.
        segments[...] = segments.max(initial=0)
        return segments
    from skimage.segmentation import watershed

    return np.asarray(watershed(~interior, segments, connectivity=1, watershed_line=True))  # type: ignore[no-untyped-call]


@dataclass(frozen=True, kw_only=True)
class SegmentationScore:
    """How well segments match neurites; each 0 to 1, or nan where there is no neurite to score.

    Attributes:
        v_rand: 2 S_AB / (S_A + S_B), the harmonic mean of the next two.
        rand_precision: S_AB / S_B; low means merges.
        rand_recall: S_AB / S_A; low means splits.
        v_info: 2 MI / (H_A + H_B); 1 where neurites and segments are both a single region.
    """

    v_rand: float
    rand_precision: float
    rand_recall: float
    v_info: float


@dataclass(frozen=True)
class _Contingency:
    """Overlaps of neurites and segments over scored pixels, the non-zero ones only.

    Attributes:
        neurite, segment: the pair, int64 (pairs,); segment 0 is the prediction's membrane.
        pixels: of the overlap, int64 (pairs,).
        neurite_px: scored pixels by neurite number, int64.
        segment_px: scored pixels by segment number, int64; at 0 those on the membrane.
    """

    neurite: IntArray
    segment: IntArray
    pixels: IntArray
    neurite_px: IntArray
    segment_px: IntArray


def _contingency(neurites: LabelImage, segments: LabelImage) -> _Contingency:
    if neurites.shape != segments.shape:
        raise ValueError(f"shapes differ: neurites {neurites.shape}, segments {segments.shape}")
    rows, columns = int(neurites.max(initial=0)) + 1, int(segments.max(initial=0)) + 1
    key = neurites.astype(np.int64)
    key *= columns
    key += segments
    if rows * columns <= 8 * neurites.size:
        dense = np.bincount(key.ravel(), minlength=rows * columns)
        dense[:columns] = 0  # not scored
        pair = np.flatnonzero(dense)
        pixels = dense[pair]
    else:
        # Thousands of neurites times thousands of specks: the full table would not fit.
        pair, pixels = np.unique(key[key >= columns], return_counts=True)
    neurite, segment = np.divmod(pair, columns)

    def total(number: IntArray) -> IntArray:
        # Counts of pixels are exact in float64, which `bincount` adds up.
        return np.bincount(number, weights=pixels, minlength=1).astype(np.int64)

    return _Contingency(
        neurite=neurite,
        segment=segment,
        pixels=pixels.astype(np.int64),
        neurite_px=total(neurite),
        segment_px=total(segment),
    )


def score_segments(neurites: LabelImage, segments: LabelImage) -> SegmentationScore:
    """V_Rand and V_Info of segments against true neurites, as they are: nothing is thinned.

    With n scored pixels, of which the prediction calls some 0, each of these a segment of its own:
    n^2 S_AB = sum of squared overlaps + zeros, n^2 S_B = sum of squared segments + zeros, n^2 S_A =
    sum of squared neurites.

    Args:
        neurites: (H, W) integers: true neurites, 0 where not scored.
        segments: (H, W) integers: predicted segments, 0 on membrane.

    Returns:
        The scores; all nan where `neurites` is 0 everywhere.
    """
    table = _contingency(neurites, segments)
    total = int(table.neurite_px.sum())
    if total == 0:
        return SegmentationScore(v_rand=np.nan, rand_precision=np.nan, rand_recall=np.nan, v_info=np.nan)
    overlap_px = table.pixels[table.segment > 0]
    segment_px, zeros = table.segment_px[1:], int(table.segment_px[0])
    both = int((overlap_px**2).sum()) + zeros
    true = int((table.neurite_px**2).sum())
    predicted = int((segment_px**2).sum()) + zeros
    return SegmentationScore(
        v_rand=2 * both / (true + predicted),
        rand_precision=both / predicted,
        rand_recall=both / true,
        v_info=_v_info(overlap_px, table.neurite_px, segment_px, total),
    )


def _v_info(overlap_px: IntArray, neurite_px: IntArray, segment_px: IntArray, total: int) -> float:
    # H = log n - sum(count log count) / n; a pixel that is its own segment adds 1 log 1 = 0.
    def entropy(counts: IntArray) -> float:
        counts = counts[counts > 0]
        return float(np.log(total) - (counts * np.log(counts)).sum() / total)

    if neurite_px.max() == total and (segment_px.max(initial=0) == total or total == 1):
        return 1.0  # one region against one region: 0/0, and nothing wrong
    true, predicted, joint = entropy(neurite_px), entropy(segment_px), entropy(overlap_px)
    return float(np.clip(2 * (true + predicted - joint) / (true + predicted), 0, 1))


def v_rand(neurites: LabelImage, segments: LabelImage) -> float:
    """V_Rand of segments against neurites; see `score_segments`."""
    return score_segments(neurites, segments).v_rand


def v_info(neurites: LabelImage, segments: LabelImage) -> float:
    """V_Info of segments against neurites; see `score_segments`."""
    return score_segments(neurites, segments).v_info


def score_slice(label_interior: NDArray[np.bool_], prediction_interior: NDArray[np.bool_]) -> SegmentationScore:
    """The challenge's scores of one slice: components of the label against the thinned prediction. (H, W) each."""
    return score_segments(components(label_interior), thin(prediction_interior))


@dataclass(frozen=True, kw_only=True)
class Event:
    """A neurite that was split, or neurites that were merged.

    Attributes:
        kind: `split` or `merge`.
        slice: index of the slice.
        neurites: number of the neurite that was split, or of those merged, the largest overlap
            first; numbers are those of `components(label)`.
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
        neurites: (H, W) integers: `components(label)`.
        segments: (H, W) integers: `thin(prediction)`.
        prediction_interior: (H, W): the prediction before thinning.
        slice_index: written into the events.
        min_overlap_px: see above.
        min_overlap_fraction: see above, 0 to 1.
    """
    table = _contingency(neurites, segments)
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
