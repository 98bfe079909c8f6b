"""Whether neurites stay apart: V_Rand and V_Info.

The scores are those of the ISBI 2012 challenge as described by Arganda-Carreras et al. 2015
(Frontiers in Neuroanatomy 9:142). Only pixels of true interior are scored. The prediction's
membranes are first thinned to one pixel, so that their width does not count; a pixel left on such a
line is a segment of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
LabelImage = NDArray[np.integer]


def components(interior: NDArray[np.bool_]) -> NDArray[np.int32]:
    """4-connected components, numbered from 1 in scanning order; 0 where `interior` is False. (H, W)."""
    # Here and below: whoever only reads scores does not wait half a second for these to be imported.
    labels, _ = scipy.ndimage.label(np.asarray(interior, dtype=bool), output=np.int32)
    return np.asarray(labels)


def true_neurites(interior: NDArray[np.bool_], numbers: NDArray[np.uint32] | None = None) -> NDArray[np.int32]:
    """The neurites of a slice, numbered from 1; 0 where `interior` is False.

    Without numbers they are the components of interior. With them, they are the 4-connected pieces of one number: so
    touching neurites are two, and one is not cut by the membrane that was drawn around it. Two pieces of one number
    are two neurites, as nothing in the slice says that they are one.

    Args:
        interior: (H, W), True where interior.
        numbers: (H, W), whose piece a pixel is, 0 for nobody's.

    Returns:
        (H, W) int32.
    """
    if numbers is None:
        return components(interior)
    from skimage.measure import label
    from skimage.segmentation import relabel_sequential

    pieces = label(numbers, background=0, connectivity=1)  # type: ignore[no-untyped-call]
    found, _, _ = relabel_sequential(np.where(interior, pieces, 0))  # type: ignore[no-untyped-call]
    return np.asarray(found, dtype=np.int32)


def pieces_within(segments: NDArray[np.int32], counted: NDArray[np.bool_] | None) -> NDArray[np.int32]:
    """Segments (H, W) that end where nothing counts, as at the edge of a slice: their 4-connected pieces, 0 elsewhere.

    Themselves where everything counts (None).
    """
    if counted is None:
        return segments
    from skimage.measure import label

    pieces = label(np.where(counted, segments, 0), background=0, connectivity=1)  # type: ignore[no-untyped-call]
    return np.asarray(pieces, dtype=np.int32)


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
    return grown(components(interior), interior)


def grown(regions: NDArray[np.int32], interior: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Numbered regions (H, W), grown over the interior, then the membrane; 0 on lines of one pixel where they meet."""
    if regions.max(initial=0) <= 1:
        # A single region meets no other and fills the slice.
        return np.full_like(regions, regions.max(initial=0))
    from skimage.segmentation import watershed

    return np.asarray(watershed(~interior, regions, connectivity=1, watershed_line=True))  # type: ignore[no-untyped-call]


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
class Contingency:
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


def contingency(neurites: LabelImage, segments: LabelImage) -> Contingency:
    """The overlaps of two label images of one size, 0 in `neurites` not scored."""
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

    return Contingency(
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
    table = contingency(neurites, segments)
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


def score_slice(label_interior: NDArray[np.bool_], prediction_interior: NDArray[np.bool_]) -> SegmentationScore:
    """The challenge's scores of one slice: components of the label against the thinned prediction. (H, W) each."""
    return score_segments(components(label_interior), thin(prediction_interior))
