"""Fingerprints: by which stacks and slices are known again, whatever they are called and however they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def slice_fingerprint(image: npt.NDArray[Any]) -> str:
    """SHA-256 of a slice that is the same for its four rotations and their mirror images, and however it is stored.

    The smallest of the hashes of the eight, each over its shape and its pixels. Values are hashed in the smallest type
    that holds those of the slice: whole numbers, also of floats, as integers, without a sign where none is negative;
    other numbers as float32, or float64 where that rounds them. So 8-bit values in a 16-bit file are what they are in
    an 8-bit one. The type's name, such as `<u2`, is hashed too unless it is uint8.

    Args:
        image: (H, W) numbers, not infinite.
    """
    image = _smallest(image)
    turned = [np.rot90(view, quarter) for view in (image, image.T) for quarter in range(4)]
    return min(_hash(view) for view in turned)


def _smallest(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same values in the smallest type that holds them, bytes in little-endian order."""
    if image.dtype.kind == "f":
        if (image != np.rint(image)).any() or np.abs(image).max(initial=0) > 2**53:
            single = image.astype("<f4")
            return single if np.array_equal(single, image, equal_nan=True) else image.astype("<f8")
        image = image.astype(np.int64)
    lowest, highest = int(image.min()), int(image.max())
    smallest = np.min_scalar_type(highest if lowest >= 0 else min(lowest, -1 - highest))
    return image.astype(smallest.newbyteorder("<"))


def _hash(view: npt.NDArray[Any]) -> str:
    kind = "" if view.dtype == np.uint8 else view.dtype.str
    return hashlib.sha256((repr(view.shape) + kind).encode() + np.ascontiguousarray(view).tobytes()).hexdigest()


def combined(hashes: Sequence[Any]) -> str:
    """One hash of several, of SHA-256 each, in their order."""
    return hashlib.sha256(b"".join(one.digest() for one in hashes)).hexdigest()
