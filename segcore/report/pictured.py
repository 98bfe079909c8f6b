"""What a report shows as pictures: the splits and merges of most harm, the worst slice, the label suspects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.data import LABELS, Dataset
from segcore.evaluation import SEGMENTS, Evaluation, events_by_harm, harm_by_slice
from segcore.measures import Event, Suspect, find_suspects
from segcore.report.pictures import (
    FALSE,
    MISSED,
    Marks,
    error_picture,
    plain_picture,
    slice_picture,
    window_around,
)
from segcore.reviews import Place, Verdict, match
from segcore.runs import Run
from segcore.stacks import Truth, map_stack, open_stack, stored_page

MOST_PLACES = 10
"""Events that are pictured: those of most harm."""
MOST_SUSPECTS = 10
"""Label suspects that are pictured: those on which most hangs."""
SUSPECT = "label suspect"
"""The kind of place that reviewers of a suspect judge."""

_MOST_RINGS = 8


@dataclass(frozen=True, kw_only=True)
class Pictured:
    """A place with its pictures and what reviewers decided.

    Attributes:
        picture: a JPEG as a data address, with what is wrong; empty where the images are not here.
        plain: the same place of the image, without it.
        verdicts: of all reviewers.
    """

    picture: str = ""
    plain: str = ""
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PicturedEvent(Pictured):
    """A split or merge."""

    event: Event


@dataclass(frozen=True, kw_only=True)
class PicturedSuspect(Pictured):
    """A place where the label may be wrong.

    Attributes:
        suspect: itself.
        sure: the highest probability, 0 to 1, that is predicted in its box for the other class than the labelled one.
    """

    suspect: Suspect
    sure: float


@dataclass(frozen=True, kw_only=True)
class WorstSlice:
    """The slice to look at first.

    Attributes:
        slice: its index.
        by_harm: whether splits and merges do most harm in it, or else it has most wrong pixels.
    """

    slice: int
    by_harm: bool


def worst_slice(evaluation: Evaluation, threshold: float) -> WorstSlice:
    """The slice of most harm; where harm was not measured, or none is done, that of most wrong pixels at a threshold.

    A slice of unknown harm may be the worst one, so it must be known of all.
    """
    harms = harm_by_slice(evaluation)
    if any(harms.values()) and not any(map(math.isnan, harms.values())):
        return WorstSlice(slice=max(harms, key=lambda z: harms[z]), by_harm=True)
    wrong = np.atleast_1d(evaluation.evidence.confusion(threshold).wrong_percent)
    known = np.where(np.isnan(wrong), -1.0, wrong)
    return WorstSlice(slice=evaluation.slices[int(known.argmax())], by_harm=False)


class Slices:
    """The images, labels and predictions of an evaluation, a slice at a time."""

    def __init__(self, run: Run, stack: Dataset, evaluation: Evaluation, part: str) -> None:
        info, self._stack, self._slices = stack.info, stack, evaluation.slices
        self.pixel_nm = None if info.voxel_size_nm is None else info.voxel_size_nm[2]
        folder = run.evaluation(info.name, part)
        self._probability = map_stack(folder / "probability.tif", len(self._slices), info.height, info.width)
        own = folder / LABELS
        self._labels = map_stack(own, info.slices, info.height, info.width) if own.exists() else None
        self._segments = folder / SEGMENTS

    def image(self, z: int) -> NDArray[np.uint8]:
        """(H, W) of a slice of the dataset."""
        return self._stack.image(z)

    def truth(self, z: int) -> Truth:
        """What the slice was measured against."""
        numbers = self._stack.numbers
        label = self._stack.label(z) if self._labels is None else np.array(self._labels[z])
        return Truth.of(label, None if numbers is None else stored_page(numbers, z))

    def probability(self, z: int) -> NDArray[np.uint8]:
        """(H, W), of interior times 255."""
        return stored_page(self._probability, self._slices.index(z))

    def segments(self) -> Mapping[int, NDArray[np.int32]]:
        """(H, W) of every slice that was measured, by its index."""
        with open_stack(self._segments) as stack:
            return {z: np.asarray(stack.read(at), dtype=np.int32) for at, z in enumerate(self._slices)}


def pictured_events(
    evaluation: Evaluation, slices: Slices | None, threshold: float, reviewed: Sequence[Verdict]
) -> tuple[PicturedEvent, ...]:
    """The events of most harm.

    Args:
        evaluation: that has them.
        slices: its images; None where they are not here.
        threshold: of the mask in which wrong pixels are shown.
        reviewed: verdicts on whatever places of this dataset.
    """
    events = events_by_harm(evaluation)
    # A verdict on one that is not shown belongs to that one, however near another lies.
    judged = match(reviewed, [_place_of_event(event) for event in events]).of_places if reviewed else ()
    found = []
    for number, event in enumerate(events[:MOST_PLACES]):
        picture = plain = ""
        if slices is not None:
            image = slices.image(event.slice)
            ys, xs = zip(*(event.openings or ((event.y, event.x),)), strict=True)
            window = window_around(ys, xs, image.shape, at=(event.y, event.x))
            marks = Marks(colour=MISSED if event.kind == "merge" else FALSE, rings=event.openings[:_MOST_RINGS])
            picture = error_picture(
                image, slices.truth(event.slice), slices.probability(event.slice), threshold, window, marks
            )
            plain = plain_picture(image, window, slices.pixel_nm)
        verdicts = judged[number] if judged else ()
        found.append(PicturedEvent(event=event, picture=picture, plain=plain, verdicts=verdicts))
    return tuple(found)


def _place_of_event(event: Event) -> Place:
    return Place(
        kind=f"loop {event.kind}" if event.loop else event.kind, slice=event.slice, y=event.y, x=event.x,
        top=min(event.top, event.y), left=min(event.left, event.x), bottom=max(event.bottom, event.y + 1),
        right=max(event.right, event.x + 1),
    )  # fmt: skip


def suspects_by_gain(evaluation: Evaluation, slices: Slices, threshold: float) -> tuple[Suspect, ...]:
    """Places where the label may be wrong, those on which most hangs first."""
    found: list[Suspect] = []
    for z, segments in slices.segments().items():
        truth = slices.truth(z)
        found += find_suspects(
            truth.interior, slices.probability(z), segments, truth.counted, truth.numbers, threshold=threshold,
            slice_index=z,
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: -one.gain))


def pictured_suspects(
    suspects: Sequence[Suspect], slices: Slices, threshold: float, reviewed: Sequence[Verdict]
) -> tuple[PicturedSuspect, ...]:
    """The first suspects, each with its extent in a box.

    Args:
        suspects: all of them.
        slices: the images.
        threshold: of the mask in which wrong pixels are shown.
        reviewed: verdicts on whatever places of this dataset.
    """
    places = [
        Place(kind=SUSPECT, slice=one.slice, y=one.y, x=one.x, top=one.top, left=one.left, bottom=one.bottom,
              right=one.right)
        for one in suspects
    ]  # fmt: skip
    judged = match(reviewed, places).of_places
    found = []
    for one, verdicts in zip(suspects[:MOST_SUSPECTS], judged, strict=False):
        image, probability = slices.image(one.slice), slices.probability(one.slice)
        box = one.top, one.bottom, one.left, one.right
        window = window_around(box[:2], box[2:], image.shape, at=(one.y, one.x))
        marks = Marks(colour=MISSED if one.labelled_membrane else FALSE, box=box)
        truth = slices.truth(one.slice)
        found.append(
            PicturedSuspect(
                suspect=one,
                sure=_surest(one, truth, probability),
                picture=error_picture(image, truth, probability, threshold, window, marks),
                plain=plain_picture(image, window, slices.pixel_nm),
                verdicts=verdicts,
            )
        )
    return tuple(found)


def _surest(suspect: Suspect, truth: Truth, probability: NDArray[np.uint8]) -> float:
    inside = slice(suspect.top, suspect.bottom), slice(suspect.left, suspect.right)
    other = probability[inside] / 255 if suspect.labelled_membrane else 1 - probability[inside] / 255
    labelled = truth.masked(truth.interior != suspect.labelled_membrane)[inside]
    return float(other[labelled].max())


def pictured_slice(slices: Slices, z: int, threshold: float) -> str:
    """A whole slice with its wrong pixels in colour, as a data address."""
    return slice_picture(slices.image(z), slices.truth(z), slices.probability(z), threshold)
