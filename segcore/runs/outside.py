"""What is known of a prediction that another program made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OutsideKind = Literal["probability", "mask", "segments"]


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Where a prediction came from that no network of this project made.

    Attributes:
        source: name of the file.
        kind: what it held: a probability, a mask of two values, or numbered segments.
        read_as: how its values were understood, in words.
        trained_on_known: whether it was said which slices its method had been trained on.
    """

    source: str
    kind: OutsideKind
    read_as: str
    trained_on_known: bool = False
