"""What the values of somebody else's prediction mean: probabilities, a mask or numbers; of interior or of membrane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from segcore.data import Dataset, interior_of_instances
from segcore.errors import ConfigError, DataError
from segcore.runs import OutsideKind, SegmentPoint
from segcore.stacks import INTERIOR, MEMBRANE, Page, StackReader

PredictionKind = Literal["auto", "probability", "mask", "segments"]
PredictionPolarity = Literal["auto", "interior-white", "membrane-white"]

THRESHOLD = 0.5
POINT = SegmentPoint(smoothing_px=2.0, bias=0.5, smallest_px=25)
"""How segments are made of a probability of which nobody has chosen that: the middle of what works."""

_SAMPLED_SLICES = 5
_LEAST_PIECE_PX = 30
"""Connected areas of one value are larger than this on average where values are numbers of segments. In probabilities
most are of a pixel or two, as the values beside a boundary change from pixel to pixel."""
_LEAST_DIFFERENCE = 0.1
_DRAWN_PX = 2


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """How the pages of a prediction are read.

    Attributes:
        kind: what they hold.
        probability: makes of a page the probability of interior times 255, uint8.
        said: how that was understood, in words.
    """

    kind: OutsideKind
    probability: Callable[[Page], NDArray[np.uint8]]
    said: str


def meaning_of(
    stack: StackReader,
    dataset: Dataset,
    slices: Sequence[int],
    *,
    kind: PredictionKind = "auto",
    polarity: PredictionPolarity = "auto",
) -> Meaning:
    """Recognises what a stack holds, from a few of its pages and the labels of the same slices.

    Args:
        stack: the prediction.
        dataset: labelled, with slices of the same size.
        slices: of the dataset, one for each page.
        kind, polarity: what is known of them.

    Raises:
        ConfigError: a kind or polarity that is none.
        DataError: values that are none of a prediction, or whose meaning cannot be told.
    """
    for name, value, known in (
        ("--kind", kind, get_args(PredictionKind)),
        ("--polarity", polarity, get_args(PredictionPolarity)),
    ):
        if value not in known:
            raise ConfigError(f"unknown {name}", found=value, expected=" or ".join(known))
    places = np.unique(np.linspace(0, len(slices) - 1, _SAMPLED_SLICES).round().astype(int)).tolist()
    pages = [_numbers(stack.read(at), stack) for at in places]
    values = np.unique(np.concatenate([np.unique(page) for page in pages]))
    found = _kind(stack, pages, values) if kind == "auto" else kind
    if found == "segments":
        whole = all(np.array_equal(page, np.round(page)) for page in pages)
        if not whole or values[0] < 0:
            raise DataError(
                "segments have to be numbered from 1", path=stack.path, found=f"values {values[0]:g} to {values[-1]:g}",
                expected="whole numbers, 0 for membrane, or another --kind",
            )  # fmt: skip
        drawn = f"membrane where the number is 0 and {_DRAWN_PX} px wide between two numbers"
        return Meaning(kind="segments", probability=_of_segments, said=f"numbered segments, with {drawn}")
    scale, said = _scale(stack, values, found)
    labels = [dataset.label(slices[at]) for at in places]
    interior_white, why = _interior_is_white(stack, [scale(page) for page in pages], labels, polarity)

    def probability(page: Page) -> NDArray[np.uint8]:
        white = scale(_numbers(page, stack))
        return np.round(255 * (white if interior_white else 1 - white)).astype(np.uint8)

    return Meaning(kind=found, probability=probability, said=f"{said}, {why}")


def _numbers(page: Page, stack: StackReader) -> Page:
    if page.dtype.kind == "f" and np.isnan(page).any():
        raise DataError(
            "the prediction holds values that are not numbers", path=stack.path,
            found=f"{int(np.isnan(page).sum())} pixels", expected="a value for every pixel",
        )  # fmt: skip
    return page.astype(np.uint8) if page.dtype == bool else page


def _kind(stack: StackReader, pages: Sequence[Page], values: NDArray[np.generic]) -> OutsideKind:
    if len(values) < 2:
        raise DataError(
            "the prediction is the same everywhere", path=stack.path, found=f"{float(values[0]):g} in all of its "
            f"{len(pages)} sampled slices", expected="a prediction, or --kind for one that is",
        )  # fmt: skip
    if len(values) == 2:
        return "mask"
    fractions = stack.dtype.kind == "f" and any((page != np.round(page)).any() for page in pages)
    return "probability" if fractions or _mean_piece(pages) < _LEAST_PIECE_PX else "segments"


def _mean_piece(pages: Sequence[Page]) -> float:
    """Mean area of the 4-connected pieces of one value, pixels."""
    from skimage.measure import label

    pieces = 0
    for page in pages:
        _, places = np.unique(page, return_inverse=True)
        pieces += int(label(places.reshape(page.shape) + 1, connectivity=1).max())  # type: ignore[no-untyped-call]
    return sum(page.size for page in pages) / pieces


def _scale(
    stack: StackReader, values: NDArray[np.generic], kind: OutsideKind
) -> tuple[Callable[[Page], NDArray[np.float32]], str]:
    """What makes 0 to 1 of the values, and that in words."""
    least, most = float(values[0]), float(values[-1])
    if kind == "mask":
        if len(values) != 2:
            raise DataError(
                "a mask has two values", path=stack.path, found=f"{len(values)} of them", expected="another --kind"
            )
        return lambda page: (page == most).astype(np.float32), f"a mask of {least:g} and {most:g}"
    if stack.dtype.kind == "f":
        if least < -1e-3 or most > 1 + 1e-3:
            raise DataError(
                "not probabilities", path=stack.path, found=f"values {least:g} to {most:g}",
                expected="0 to 1, such as a sigmoid or softmax of the network's output",
            )  # fmt: skip
        return lambda page: np.clip(page, 0, 1, dtype=np.float32), "probabilities from 0 to 1"
    whole = 255 if most <= 255 else 65535
    if least < 0 or most > whole:
        raise DataError(
            "not probabilities", path=stack.path, found=f"values {least:g} to {most:g}", expected="0 to 255 or 65535"
        )
    return lambda page: (page / np.float32(whole)).astype(np.float32), f"probabilities from 0 to {whole}"


def _interior_is_white(
    stack: StackReader,
    pages: Sequence[NDArray[np.float32]],
    labels: Sequence[NDArray[np.uint8]],
    polarity: PredictionPolarity,
) -> tuple[bool, str]:
    """Whether large values are interior, and why that is thought."""
    if polarity != "auto":
        white = "interior" if polarity == "interior-white" else "membrane"
        return polarity == "interior-white", f"large values are {white}, as was said"
    inside, outside = (
        np.concatenate([page[label == value] for page, label in zip(pages, labels, strict=True)])
        for value in (INTERIOR, MEMBRANE)
    )
    if not inside.size or not outside.size:
        raise DataError(
            "the sampled labels hold one class only, so it cannot be told what large values are", path=stack.path,
            expected="--polarity interior-white or membrane-white",
        )  # fmt: skip
    means = float(inside.mean()), float(outside.mean())
    if abs(means[0] - means[1]) < _LEAST_DIFFERENCE:
        raise DataError(
            "it cannot be told whether large values are interior or membrane", path=stack.path,
            found=f"a mean of {means[0]:.2f} in labelled interior and of {means[1]:.2f} in labelled membrane",
            expected="--polarity interior-white or membrane-white",
        )  # fmt: skip
    white = "interior" if means[0] > means[1] else "membrane"
    return means[0] > means[1], (
        f"large values are {white} (mean {means[0]:.2f} in labelled interior, {means[1]:.2f} in labelled membrane)"
    )


def _of_segments(page: Page) -> NDArray[np.uint8]:
    return interior_of_instances(page.astype(np.int64), _DRAWN_PX)
