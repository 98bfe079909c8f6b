"""Which of a mask's two values is membrane, judged from the mask and the image under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from segcore.errors import DataError
from segcore.stacks import INTERIOR, MEMBRANE, StackReader

SAMPLED_SLICES = 12
SAMPLED_SIDE_PX = 1024


@dataclass(frozen=True, kw_only=True)
class Signs:
    """What tells the two classes of a mask apart, averaged over sampled slices.

    Attributes:
        white_share: share of white pixels.
        white_brightness: mean of the image under white less that under black, in standard
            deviations of the image.
        white_thickness: mean distance of a white pixel to black over that of a black to white.
        white_connection: share of the white pixels in white's largest 8-connected component,
            less the same of black.
    """

    white_share: float
    white_brightness: float
    white_thickness: float
    white_connection: float

    def votes(self) -> dict[str, int]:
        """For each sign +1 if white is membrane, -1 if black is, 0 if it cannot tell.

        Membrane is darker in the common stains, covers less, is thinner, and hangs together
        while the interiors of cells do not.
        """
        return {
            "darker": _vote(-self.white_brightness, 0.15),
            "smaller": _vote(0.5 - self.white_share, 0.08),
            "thinner": _vote(-float(np.log(self.white_thickness)), 0.25),
            "more connected": _vote(self.white_connection, 0.15),
        }


def measure(images: StackReader, white: StackReader) -> Signs:
    """The signs over up to 12 slices, of each the middle 1024 x 1024 pixels at most.

    Args:
        images: any type.
        white: the mask as uint8 0 and 255, and 128 for what is to be ignored, of the same size and number of slices.

    Raises:
        DataError: if no sampled slice holds both classes.
    """
    rows = []
    for z in np.unique(np.linspace(0, len(images) - 1, SAMPLED_SLICES).round().astype(int)):
        page = _middle(white.read(int(z)))
        is_white, is_black = page == INTERIOR, page == MEMBRANE
        if is_white.any() and is_black.any():
            rows.append(_measure_slice(_middle(images.read(int(z))).astype(np.float64), is_white, is_black))
    if not rows:
        raise DataError(
            "the polarity cannot be recognised: no sampled slice holds both values",
            path=white.path,
            expected="--polarity interior-white or membrane-white",
        )
    share, brightness, thickness, connection = (float(value) for value in np.mean(rows, axis=0))
    return Signs(
        white_share=share,
        white_brightness=brightness,
        white_thickness=float(np.exp(thickness)),
        white_connection=connection,
    )


def interior_is_white(images: StackReader, white: StackReader) -> tuple[bool, str]:
    """Whether white is interior, and the reasons in words.

    At least two signs must speak for it, thinness among them, and none against it: a bright membrane has to be
    declared, and dark cells in much bright space are darker, fewer and thinner than it, but do not hang together.

    Raises:
        DataError: if the signs are ambiguous.
    """
    signs = measure(images, white)
    votes = signs.votes()
    total = sum(votes.values())
    winner = 1 if total > 0 else -1
    against = [name for name, vote in votes.items() if vote == -winner]
    pro = [name for name, vote in votes.items() if vote == winner]
    shares = f"white covers {100 * signs.white_share:.1f} % of the pixels"
    if abs(total) < 2 or against or "thinner" not in pro:
        black = [name for name, vote in votes.items() if vote < 0]
        both = [name for name, vote in votes.items() if vote > 0]
        raise DataError(
            "it is ambiguous which value of the labels is membrane",
            path=white.path,
            found=f"white is {_words(both)}, black is {_words(black)} ({shares})",
            expected="--polarity interior-white or membrane-white, or --labels-are instances if they number objects",
        )
    membrane, interior = ("white", "black") if winner > 0 else ("black", "white")
    return winner < 0, f"{membrane} is membrane and {interior} is interior: {membrane} is {_words(pro)} ({shares})"


def _vote(value: float, least: float) -> int:
    return int(np.sign(value)) if abs(value) >= least else 0


def _words(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "neither"


def _middle(page: npt.NDArray[Any]) -> npt.NDArray[Any]:
    top, left = (max(0, (side - SAMPLED_SIDE_PX) // 2) for side in page.shape)
    return page[top : top + SAMPLED_SIDE_PX, left : left + SAMPLED_SIDE_PX]


def _measure_slice(
    image: npt.NDArray[np.float64], white: npt.NDArray[np.bool_], black: npt.NDArray[np.bool_]
) -> tuple[float, float, float, float]:
    spread = image[white | black].std() or 1.0
    brightness = (image[white].mean() - image[black].mean()) / spread
    thickness = _thickness(white) / _thickness(black)
    share = float(white.sum() / (white | black).sum())
    return share, float(brightness), float(np.log(thickness)), _largest(white) - _largest(black)


def _thickness(area: npt.NDArray[np.bool_]) -> float:
    return float(scipy.ndimage.distance_transform_edt(area)[area].mean())


def _largest(area: npt.NDArray[np.bool_]) -> float:
    components, count = scipy.ndimage.label(area, structure=np.ones((3, 3)))
    return float(np.bincount(components.ravel())[1:].max() / area.sum()) if count else 0.0
