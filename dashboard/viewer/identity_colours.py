"""Colours by which neighbours are told apart: a true neurite and the segment that is its have the same one.

Two planar maps, the neurites grown into the membrane and the segments, are coloured as one graph, in which a neurite
and its segment are one node. Such a graph always has a node of at most eleven neighbours, so twelve colours are enough.
"""

from __future__ import annotations

import heapq

import numpy as np
import scipy
from numpy.typing import NDArray

PALETTE = (
    "#E0E020", "#A040A0", "#E08020", "#60E0E0", "#E02060", "#4040E0", "#A0E0A0", "#C0A060", "#20A0A0", "#A0A0E0",
    "#606000", "#A060E0",
)  # fmt: skip
"""Any two differ by 20 or more in CIELAB, also as people see them who lack one of the three kinds of cones."""

_LARGEST_SIDE = 1024
"""Of what neurites are grown in: it tells which of them are neighbours, and a pixel is not decisive there."""

IntArray = NDArray[np.int64]
LabelImage = NDArray[np.integer]


def matched_colours(
    neurites: LabelImage | None,
    segments: LabelImage | None,
    shared: tuple[IntArray, IntArray, IntArray],
    together: tuple[IntArray, IntArray],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A place in `PALETTE` for each neurite and for each segment, by their numbers from 1.

    Neighbouring neurites differ, and so do neighbouring segments. A segment has the colour of the neurite that it
    shares most pixels with; of several such segments only the one that shares most, so that splits are seen. Where all
    colours are taken, which the parts of a neurite in very many pieces can do, one is there twice.

    Args:
        neurites, segments: (H, W) integers, 0 for none; None where there are none at all.
        shared: neurites, segments and the pixels they share, of all pairs that share any.
        together: neurites and segments of the pairs that belong together.
    """
    count = _largest(neurites)
    mains = _mains(shared)
    node = _nodes(count, _largest(segments), mains)
    edges = [np.empty((0, 2), np.int64)]
    if neurites is not None:
        edges.append(_touching(_grown(neurites)) - 1)
    if segments is not None:
        edges.append(node[_touching(segments)])
    # A further segment of a neurite shows as one, also where it is too small to belong to it.
    for neurite, segment in (together, mains[:2]):
        edges.append(np.stack([neurite - 1, node[segment]], axis=1))
    colours = _coloured(max(count, int(node.max(initial=-1)) + 1), np.concatenate(edges))
    return colours[:count], colours[node[1:]]


def _largest(numbers: LabelImage | None) -> int:
    return 0 if numbers is None else int(numbers.max(initial=0))


def _mains(shared: tuple[IntArray, IntArray, IntArray]) -> tuple[IntArray, IntArray, IntArray]:
    """Of the pairs that share pixels, for each segment that with the neurite it shares most with."""
    neurite, segment, pixels = shared
    order = np.lexsort((neurite, -pixels, segment))
    _, first = np.unique(segment[order], return_index=True)
    kept = order[first]
    return neurite[kept], segment[kept], pixels[kept]


def _nodes(neurites: int, segments: int, mains: tuple[IntArray, IntArray, IntArray]) -> IntArray:
    """The node of each segment, by its number (0 is none's): that of its neurite, or one of its own after those."""
    neurite, segment, pixels = mains
    # Of the segments that share most with one neurite, the one that shares most.
    order = np.lexsort((segment, -pixels, neurite))
    _, first = np.unique(neurite[order], return_index=True)
    node = np.full(segments + 1, -1, np.int64)
    node[segment[order][first]] = neurite[order][first] - 1
    alone = np.flatnonzero(node[1:] < 0) + 1
    node[alone] = neurites + np.arange(len(alone))
    return node


def _grown(numbers: LabelImage) -> LabelImage:
    """Neurites that have grown into the membrane until they met, by every so many pixels of a large slice."""
    step = -(-max(numbers.shape) // _LARGEST_SIDE)
    small = numbers[::step, ::step]
    if not small.any() or small.all():
        return small
    nearest = scipy.ndimage.distance_transform_edt(small == 0, return_distances=False, return_indices=True)
    return np.asarray(small[tuple(nearest)])


def _touching(numbers: LabelImage) -> IntArray:
    """(pairs, 2): numbers that lie side by side somewhere, each pair once; 0 is none."""
    most = int(numbers.max(initial=0)) + 1
    keys = []
    for one, other in ((numbers[:-1], numbers[1:]), (numbers[:, :-1], numbers[:, 1:])):
        at = np.flatnonzero((one != other) & (one != 0) & (other != 0))
        pair = np.stack([np.ravel(one)[at], np.ravel(other)[at]]).astype(np.int64)
        keys.append(pair.min(axis=0) * most + pair.max(axis=0))
    return np.stack(np.divmod(np.unique(np.concatenate(keys)), most), axis=1)


def _coloured(count: int, edges: IntArray) -> NDArray[np.uint8]:
    """A colour for each of so many nodes, others at the two ends of an edge; all colours about equally often."""
    edges = np.sort(edges[edges[:, 0] != edges[:, 1]], axis=1)
    beside: list[list[int]] = [[] for _ in range(count)]
    for one, other in np.unique(edges, axis=0).tolist():
        beside[one].append(other)
        beside[other].append(one)
    colours = np.full(count, len(PALETTE), np.uint8)
    used = [0] * len(PALETTE)
    for node in reversed(_fewest_neighbours_first(beside)):
        taken = {int(colours[other]) for other in beside[node]}
        free = [colour for colour in range(len(PALETTE)) if colour not in taken] or range(len(PALETTE))
        colours[node] = min(free, key=lambda colour: (used[colour], colour))
        used[colours[node]] += 1
    return colours


def _fewest_neighbours_first(beside: list[list[int]]) -> list[int]:
    """All nodes, each the one that has the fewest neighbours among those that are left."""
    left = [len(others) for others in beside]
    heap = [(number, node) for node, number in enumerate(left)]
    heapq.heapify(heap)
    order = []
    while heap:
        number, node = heapq.heappop(heap)
        if number != left[node]:
            continue  # out of date
        left[node] = -1
        order.append(node)
        for other in beside[node]:
            if left[other] >= 0:
                left[other] -= 1
                heapq.heappush(heap, (left[other], other))
    return order
