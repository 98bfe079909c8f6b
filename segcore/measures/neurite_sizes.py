"""What became of neurites large and small: how much of each is wrong, and whether it was found whole.

The territory of a neurite is its own pixels and the membrane around it: what it grows over until it meets the others.
Between territories lie lines of one pixel, which belong to nobody and have a row of their own, so that the rows of a
slice together are all of its pixels.

A neurite and a segment belong together as in `find_events`; so a neurite with several segments is split, and one whose
segment also has another neurite is merged, as in the list of splits and merges. Loops, such as organelles whose outline
was drawn as membrane, are neurites there as well, and what only they bring about is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segcore.measures.events import MIN_OVERLAP_FRACTION, MIN_OVERLAP_PX, Event, belonging
from segcore.measures.topology import IntArray, LabelImage, contingency

NeuriteFate = Literal["whole", "split", "merged", "split and merged", "missed", "too small"]
NEURITE_FATES: tuple[NeuriteFate, ...] = ("whole", "split", "merged", "split and merged", "missed", "too small")
"""What can become of a neurite: one segment belongs to it and to no other; several do; one also belongs to others;
both; none does, though it is as large as splits and merges are told of; it is smaller than that, so nobody can say."""


@dataclass(frozen=True, kw_only=True)
class NeuriteSizes:
    """The neurites of slices, and the lines between their territories.

    All arrays are (rows,): of each slice first the lines, then its neurites by their numbers.

    Attributes:
        slice: index of the slice.
        neurite: number, as in `true_neurites`; 0 for the lines.
        area_px: pixels of the neurite; 0 for the lines.
        territory_px: pixels of its territory that are not to be ignored, its own among them.
        pieces: how many segments belong to it.
        merged: whether one of them also belongs to another neurite.
        loops_only: whether it was split or merged by nothing but loops: those inside it, or because it is one.
        split_off_px: pixels in its segments other than the one with most of it.
        wrong_px: wrong pixels of its territory, by name of the operating point.

    Raises:
        ValueError: numbers that cannot be.
    """

    slice: IntArray
    neurite: IntArray
    area_px: IntArray
    territory_px: IntArray
    pieces: IntArray
    merged: NDArray[np.bool_]
    loops_only: NDArray[np.bool_]
    split_off_px: IntArray
    wrong_px: Mapping[str, IntArray]

    def __post_init__(self) -> None:
        columns = (self.neurite, self.territory_px, self.pieces, self.merged, self.loops_only, self.split_off_px)
        if any(one.shape != self.slice.shape for one in (*columns, self.area_px, *self.wrong_px.values())):
            raise ValueError("columns of different lengths")
        lines = self.neurite == 0
        for impossible, said in (
            (np.minimum(self.slice, self.neurite) < 0, "a number below 0"),
            ((self.area_px > 0) == lines, "an area of lines, or none of a neurite"),
            (self.area_px > self.territory_px, "a territory that is smaller than its neurite"),
            (np.minimum(self.pieces, self.split_off_px) < 0, "pieces below 0"),
            ((self.split_off_px > 0) != (self.pieces > 1), "pixels split off without a split, or none with one"),
            (self.split_off_px >= np.maximum(self.area_px, 1), "more split off than there is"),
            (self.merged & (self.pieces == 0), "merged without a segment"),
            (self.loops_only & ~self.merged & (self.pieces < 2), "loops of a neurite that is whole"),
            *(
                ((one < 0) | (one > self.territory_px), "wrong pixels beyond a territory")
                for one in self.wrong_px.values()
            ),
        ):
            if impossible.any():
                raise ValueError(f"{said} in row {int(impossible.argmax()) + 1}")

    def __len__(self) -> int:
        return len(self.slice)

    @property
    def fates(self) -> NDArray[np.int8]:
        """What became of each, as an index of `NEURITE_FATES`; -1 for lines."""
        split = self.pieces > 1
        found = split + 2 * self.merged.astype(np.int8)
        found[self.pieces == 0] = NEURITE_FATES.index("missed")
        found[self.area_px < MIN_OVERLAP_PX] = NEURITE_FATES.index("too small")
        found[self.neurite == 0] = -1
        return found

    def rows(self, chosen: IntArray | NDArray[np.bool_]) -> NeuriteSizes:
        """Some of the rows, by index or mask."""
        return NeuriteSizes(
            wrong_px={name: one[chosen] for name, one in self.wrong_px.items()},
            **{name: getattr(self, name)[chosen] for name in _COLUMNS},
        )

    def with_wrong(self, point: str, wrong_px: IntArray) -> NeuriteSizes:
        """With one more operating point, the wrong pixels (rows,) of each territory at it."""
        return replace(self, wrong_px={**self.wrong_px, point: wrong_px})


_COLUMNS = ("slice", "neurite", "area_px", "territory_px", "pieces", "merged", "loops_only", "split_off_px")


def joined_neurites(parts: Sequence[NeuriteSizes]) -> NeuriteSizes:
    """Those of several slices, one after another; at least of one."""
    return NeuriteSizes(
        wrong_px={name: np.concatenate([one.wrong_px[name] for one in parts]) for name in parts[0].wrong_px},
        **{name: np.concatenate([getattr(one, name) for one in parts]) for name in _COLUMNS},
    )


def measure_neurites(
    neurites: LabelImage,
    segments: LabelImage,
    territories: LabelImage,
    wrong: Mapping[str, NDArray[np.bool_]],
    events: Iterable[Event],
    counted: NDArray[np.bool_] | None = None,
    *,
    slice_index: int = 0,
) -> NeuriteSizes:
    """The neurites of one slice.

    Args:
        neurites: (H, W), `true_neurites`.
        segments: (H, W), those that events are of.
        territories: (H, W), the neurites `grown` into the membrane: 0 on the lines between them.
        wrong: (H, W) by name of the operating point, True where a pixel that counts is wrong.
        events: `find_events` of these neurites and segments.
        counted: (H, W), False where the label is to be ignored; None where everything counts.
        slice_index: index of the slice.
    """
    rows = int(neurites.max(initial=0)) + 1
    area = np.bincount(neurites.ravel(), minlength=rows).astype(np.int64)
    area[0] = 0
    neurite, segment, pixels = belonging(contingency(neurites, segments), MIN_OVERLAP_PX, MIN_OVERLAP_FRACTION)
    of_segment = np.bincount(segment, minlength=1)
    largest, total = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    np.maximum.at(largest, neurite, pixels)
    np.add.at(total, neurite, pixels)
    merged = np.zeros(rows, bool)
    merged[neurite[of_segment[segment] > 1]] = True
    loops, others = (
        np.isin(np.arange(rows), [number for event in some for number in event.neurites])
        for some in _loops_and_others(events)
    )
    return NeuriteSizes(
        slice=np.full(rows, slice_index, np.int64),
        neurite=np.arange(rows),
        area_px=area,
        territory_px=count_by_territory(territories, rows, counted),
        pieces=np.bincount(neurite, minlength=rows).astype(np.int64),
        merged=merged,
        loops_only=loops & ~others,
        split_off_px=total - largest,
        wrong_px={name: count_by_territory(territories, rows, one) for name, one in wrong.items()},
    )


def count_by_territory(territories: LabelImage, rows: int, where: NDArray[np.bool_] | None = None) -> IntArray:
    """Pixels (rows,) of the lines, then of each territory; of those alone where it is True, if that is said."""
    chosen = territories if where is None else territories[where]
    return np.bincount(chosen.ravel(), minlength=rows).astype(np.int64)


def _loops_and_others(events: Iterable[Event]) -> tuple[list[Event], list[Event]]:
    found: tuple[list[Event], list[Event]] = [], []
    for event in events:
        found[not event.loop].append(event)
    return found


@dataclass(frozen=True, kw_only=True)
class SizeGroup:
    """Neurites of about one size.

    Attributes:
        smallest_px, largest_px: areas of the smallest and the largest of them.
        neurites: how many they are.
        fates: what became of how many, all of `NEURITE_FATES`.
        loops_only: how many were split or merged by nothing but loops.
        territory_px: pixels of their territories.
        wrong_px: those of them that are wrong, by name of the operating point.
    """

    smallest_px: int
    largest_px: int
    neurites: int
    fates: Mapping[NeuriteFate, int]
    loops_only: int
    territory_px: int
    wrong_px: Mapping[str, int]


def by_quartile(sizes: NeuriteSizes) -> tuple[SizeGroup, ...]:
    """The neurites in four groups of about equal number, the smallest first; neurites of one area are in one group.

    Fewer groups where there are fewer areas than four.
    """
    neurites = sizes.rows(sizes.neurite > 0)
    if not len(neurites):
        return ()
    edges = np.quantile(neurites.area_px, (0.25, 0.5, 0.75), method="inverted_cdf")
    group = np.searchsorted(edges, neurites.area_px)  # up to an edge, and with it
    return tuple(_group(neurites.rows(group == number)) for number in np.unique(group).tolist())


def _group(of: NeuriteSizes) -> SizeGroup:
    fates = np.bincount(of.fates, minlength=len(NEURITE_FATES)).tolist()
    return SizeGroup(
        smallest_px=int(of.area_px.min()),
        largest_px=int(of.area_px.max()),
        neurites=len(of),
        fates=dict(zip(NEURITE_FATES, fates, strict=True)),
        loops_only=int(of.loops_only.sum()),
        territory_px=int(of.territory_px.sum()),
        wrong_px={name: int(one.sum()) for name, one in of.wrong_px.items()},
    )
