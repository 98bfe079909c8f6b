"""Verdicts outlive the evaluation they were made in: which of them belongs to which place of the present one."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from segcore.reviews.verdict import Place, Verdict

WITHIN_PX = 25.0
"""Half the width of a usual neurite where a slice of 512 x 512 shows a hundred of them."""


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Which verdicts belong to which places.

    Attributes:
        of_places: for each place, in the order in which they were given, its verdicts: at most one of a reviewer, by
            time.
        stale: the verdicts that belong to none of them, by time.
    """

    of_places: tuple[tuple[Verdict, ...], ...]
    stale: tuple[Verdict, ...]


def match(verdicts: Iterable[Verdict], places: Sequence[Place], *, within_px: float = WITHIN_PX) -> Matching:
    """Finds the places of an evaluation that verdicts were made about, in this or an earlier one.

    A verdict belongs to the place of its kind, slice and pixel. Failing that, it belongs to the nearest place of its
    kind and slice, if its pixel is near enough and half of what the two boxes cover together is covered by both
    (intersection over union of at least 0.5). Each place has at most one verdict of a
    reviewer, and each verdict one place: the nearest pairs first, of equally near ones those whose boxes agree best,
    then the later verdict, then the place that stands first. The order of the verdicts does not matter.

    Args:
        verdicts: on the pixels that were evaluated; fingerprints are not looked at.
        places: of the present evaluation.
        within_px: how far from where it was the pixel of a place may lie, Euclidean, pixels.
    """
    by_reviewer: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in sorted(verdicts, key=_in_time):
        by_reviewer[verdict.reviewer].append(verdict)
    nearby = _ordered(places, {(one.place.kind, one.place.slice) for own in by_reviewer.values() for one in own})
    found: list[list[Verdict]] = [[] for _ in places]
    stale: list[Verdict] = []
    for own in by_reviewer.values():
        for verdict, index in zip(own, _matched(own, places, nearby, within_px), strict=True):
            (stale if index is None else found[index]).append(verdict)
    return Matching(
        of_places=tuple(tuple(sorted(one, key=_in_time)) for one in found), stale=tuple(sorted(stale, key=_in_time))
    )


_Rows = Mapping[tuple[str, int], tuple[list[int], list[int]]]
"""By kind and slice: the y of places in ascending order, and their indices."""


def _ordered(places: Sequence[Place], wanted: Set[tuple[str, int]]) -> _Rows:
    rows: dict[tuple[str, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    # There can be a hundred thousand places, and verdicts in a few slices.
    there = [index for index, place in enumerate(places) if (place.kind, place.slice) in wanted]
    for index in sorted(there, key=lambda i: places[i].y):
        ys, indices = rows[places[index].kind, places[index].slice]
        ys.append(places[index].y)
        indices.append(index)
    return rows


def _matched(verdicts: Sequence[Verdict], places: Sequence[Place], nearby: _Rows, within_px: float) -> list[int | None]:
    """For each of one reviewer's verdicts, which are in the order of time, the index of its place."""
    pairs = []
    for number, verdict in enumerate(verdicts):
        place = verdict.place
        ys, indices = nearby.get((place.kind, place.slice), ([], []))
        reach = max(within_px, 0)
        for index in indices[bisect_left(ys, place.y - reach) : bisect_right(ys, place.y + reach)]:
            other = places[index]
            distance = math.hypot(place.y - other.y, place.x - other.x)
            both, covered = _overlap(place, other)
            if distance == 0 or (distance <= within_px and 2 * both >= covered):
                pairs.append((distance, -both / covered, -number, index))
    of_verdict: list[int | None] = [None] * len(verdicts)
    taken: set[int] = set()
    for _, _, negative, index in sorted(pairs):
        if of_verdict[-negative] is None and index not in taken:
            of_verdict[-negative] = index
            taken.add(index)
    return of_verdict


def _overlap(one: Place, other: Place) -> tuple[int, int]:
    """Pixels that both boxes cover, and that they cover together."""
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    width = min(one.right, other.right) - max(one.left, other.left)
    both = max(height, 0) * max(width, 0)
    return both, _area(one) + _area(other) - both


def _area(place: Place) -> int:
    return (place.bottom - place.top) * (place.right - place.left)


def _in_time(verdict: Verdict) -> tuple[str | int, ...]:
    place, text = verdict.place, (verdict.fingerprint, verdict.dataset, verdict.decision, verdict.note)
    box = (place.top, place.left, place.bottom, place.right)
    return (verdict.at, verdict.reviewer, *place.key, *box, *text)
