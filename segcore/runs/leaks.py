"""Whether slices that a run is judged by had been seen before: the leak audit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from segcore.runs.splits import Split

SeenIn = Literal["train", "validation"]
NEAR = (1, 2, 3)
"""Distances, in slices, at which a judged slice still resembles a trained one; neighbours of a stack look alike."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Fingerprints of the slices that weights have learned from, and of those that chose an epoch or thresholds."""

    trained: tuple[str, ...] = ()
    validated: tuple[str, ...] = ()


NOTHING = Seen()
"""What random weights have seen."""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """A judged slice that training, or the choice of epoch and thresholds, has already seen.

    Attributes:
        judged: its index among the judged.
        seen_in: `train` if it was learned from, by this run or one whose weights it started from; otherwise
            `validation`.
        source: the slice of the run's own stack with the same pixels that was seen in this way; None if only another
            run, whose weights this one started from, saw them so.
        inherited: whether such another run saw it in this way.
    """

    judged: int
    seen_in: SeenIn
    source: int | None
    inherited: bool = False


@dataclass(frozen=True, kw_only=True)
class LeakAudit:
    """Whether judged slices were seen before.

    Attributes:
        overlaps: judged slices that were trained on, or used to choose epoch and thresholds.
        neighbours: judged slices, not seen themselves, right beside a slice that was trained on in
            the same stack. Not a leak, but such slices look alike.
        within: how many judged slices, not trained on themselves, lie within 1, 2 and 3 slices of one that was.
        gap_px: where other rows of the judged slices were trained on, how many lie between; None where not.
        unknown: nobody said what was trained on, so nothing here means that nothing was.
    """

    overlaps: tuple[Overlap, ...]
    neighbours: tuple[int, ...] = ()
    within: tuple[int, ...] = ()
    gap_px: int | None = None
    unknown: bool = False

    @property
    def near_misses(self) -> str:
        """How many judged slices lie near a trained one, in words; nothing where none does."""
        if not any(self.within):
            return ""
        one, two, three = self.within
        return (
            f"{one} of the judged slices lie at most 1 slice from a trained one, {two} at most 2 and {three} at most "
            "3; neighbours look alike."
        )

    @property
    def trained_on(self) -> tuple[int, ...]:
        """Judged slices that were trained on, by this run or one whose weights it started from."""
        return _judged(one for one in self.overlaps if one.seen_in == "train")

    @property
    def trained_here(self) -> tuple[int, ...]:
        """Of these, those that the run itself was trained on."""
        return _judged(one for one in self.overlaps if one.seen_in == "train" and one.source is not None)

    @property
    def trained_before(self) -> tuple[int, ...]:
        """Of these, those that the weights it started from had been trained on."""
        return _judged(one for one in self.overlaps if one.seen_in == "train" and one.inherited)

    @property
    def leaks(self) -> bool:
        """True when a judged slice, or a transformed copy of one, was trained on."""
        return bool(self.trained_on)

    @property
    def chosen_on(self) -> tuple[int, ...]:
        """Judged slices that decided an epoch and thresholds, without being trained on: their figures flatter."""
        return _judged(one for one in self.overlaps if one.seen_in == "validation")


def audit(
    split: Split,
    own_prints: Sequence[str],
    judged: Sequence[int],
    judged_prints: Sequence[str],
    inherited: Seen = NOTHING,
    *,
    borders: Collection[int] = (),
    in_bands: bool = False,
) -> LeakAudit:
    """Compares judged slices with what a run has seen, by their pixels.

    A slice is known by its fingerprint, which is the same for all its flips and quarter turns, so
    that the same pixels under another name or another way round are recognised. A blank slice has
    none, and is a copy of no other.

    Args:
        split: the run's split.
        own_prints: fingerprint of every slice of the stack the run was trained on.
        judged: indices of the judged slices in their stack.
        judged_prints: fingerprint of every slice of that stack.
        inherited: what the weights the run started from had seen.
        borders: slices of that stack that are no neighbours of the one before them.
        in_bands: whether only the rows are judged that the split's bands hold back from training; that the same slices
            were trained on is no leak then.
    """
    trained_here = () if in_bands else split.train
    chosen_here = () if in_bands else split.validation
    ways: tuple[tuple[SeenIn, dict[str, int], set[str]], ...] = (
        ("train", _known(own_prints, trained_here), {*inherited.trained} - {""}),
        ("validation", _known(own_prints, chosen_here), {*inherited.validated} - {""}),
    )
    overlaps = []
    for index in judged:
        print_ = judged_prints[index]
        for seen_in, own, before in ways:
            if print_ in own or print_ in before:
                overlaps.append(
                    Overlap(judged=index, seen_in=seen_in, source=own.get(print_), inherited=print_ in before)
                )
                break
    known = {overlap.judged for overlap in overlaps}
    trained = {*ways[0][1], *ways[0][2]}
    of_volume = [bisect_right(sorted(borders), index) for index in range(len(judged_prints))]
    learned = [index for index, print_ in enumerate(judged_prints) if print_ in trained]
    away = {
        index: min((abs(index - one) for one in learned if of_volume[one] == of_volume[index]), default=len(of_volume))
        for index in judged
        if index not in {overlap.judged for overlap in overlaps if overlap.seen_in == "train"}
    }
    gap_px = split.bands.gap_px if in_bands and split.bands is not None else None
    return LeakAudit(
        overlaps=tuple(overlaps),
        neighbours=tuple(index for index, slices in away.items() if slices == 1 and index not in known),
        within=tuple(sum(slices <= reach for slices in away.values()) for reach in NEAR),
        gap_px=gap_px,
    )


def audit_split(split: Split, fingerprints: Sequence[str], inherited: Seen = NOTHING) -> LeakAudit:
    """Whether the validation and test slices of a split had been seen. Arguments as for `audit`."""
    judged = sorted({*split.validation, *split.test})
    in_bands = split.bands is not None
    found = audit(split, fingerprints, judged, fingerprints, inherited, borders=split.borders, in_bands=in_bands)
    # That validation slices decide thresholds is what they are for.
    return LeakAudit(
        overlaps=tuple(one for one in found.overlaps if one.seen_in == "train" or one.judged in split.test),
        neighbours=found.neighbours,
        within=found.within,
        gap_px=found.gap_px,
    )


def _known(prints: Sequence[str], slices: Iterable[int]) -> dict[str, int]:
    return {prints[index]: index for index in slices if prints[index]}


def _judged(overlaps: Iterable[Overlap]) -> tuple[int, ...]:
    return tuple(overlap.judged for overlap in overlaps)
