"""Confusion matrices, and every pixel measure that follows from one.

A new measure is a property of `Confusion` and, to be kept, printed and shown by its name, a line of `pixel_measures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

ClassName = Literal["membrane", "interior"]
CLASSES: tuple[ClassName, ClassName] = ("membrane", "interior")
Whole = Literal["all", "row", "column"]


def ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    """part / whole, and nan where `whole` is 0, without a warning."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    undefined = np.full(np.broadcast(part, whole).shape, np.nan)
    return np.asarray(np.divide(part, whole, out=undefined, where=whole != 0))


def mean_over_slices(values: ArrayLike) -> float:
    """Mean of the values that are defined (not nan); nan where none is."""
    array = np.asarray(values, dtype=np.float64)
    defined = array[~np.isnan(array)]
    return float(defined.mean()) if defined.size else float("nan")


@dataclass(frozen=True)
class Confusion:
    """Confusion matrices and what follows from them.

    Attributes:
        counts: int64 (..., 2, 2): pixels by true class, then predicted class, each (membrane,
            interior). The leading axes are slices, or slices and thresholds; every measure is an
            array over them.
    """

    counts: NDArray[np.int64]

    @classmethod
    def from_cells(cls, cells: Mapping[str, int]) -> Confusion:
        """A single matrix from its cells by name, as `pixel_measures` gives them."""
        return cls(np.array([[cells[f"{true}_as_{said}"] for said in CLASSES] for true in CLASSES], dtype=np.int64))

    def __getitem__(self, position: int) -> Confusion:
        """One slice."""
        return Confusion(self.counts[position])

    def pooled(self) -> Confusion:
        """All slices (the first axis) as one."""
        return Confusion(self.counts.sum(axis=0))

    @property
    def pixels(self) -> NDArray[np.int64]:
        """All pixels."""
        return np.asarray(self.counts.sum(axis=(-2, -1)))

    @property
    def missed_membrane(self) -> NDArray[np.int64]:
        """Pixels of membrane predicted as interior."""
        return self.counts[..., 0, 1]

    @property
    def false_membrane(self) -> NDArray[np.int64]:
        """Pixels of interior predicted as membrane."""
        return self.counts[..., 1, 0]

    @property
    def wrong_pixels(self) -> NDArray[np.int64]:
        """Pixels whose predicted class differs from the label."""
        return self.missed_membrane + self.false_membrane

    @property
    def wrong_percent(self) -> NDArray[np.float64]:
        """Wrong pixels in percent of all that count."""
        return ratio(100 * self.wrong_pixels, self.pixels)

    @property
    def one_class_for_all(self) -> ClassName | None:
        """The class that nearly everything was called, of a single matrix: a model that collapsed.

        That is, fewer than a thousandth of the pixels were called the other class, and a hundred times fewer than the
        label has of it. None where both were found, or the label itself has next to nothing of one.
        """
        for index, name in enumerate(CLASSES):
            other = 1 - index
            called, labelled = int(self.counts[:, other].sum()), int(self.counts[other].sum())
            if 1000 * called < int(self.pixels) <= 1000 * labelled and 100 * called < labelled:
                return name
        return None

    def percent(self, of: Whole = "all") -> NDArray[np.float64]:
        """Every cell in percent, shaped like `counts`; nan where the whole has no pixels.

        Args:
            of: `all` pixels, the cell's `row` (what became of a true class), or its `column` (what a predicted
                class is worth).
        """
        axes = {"all": (-2, -1), "row": (-1,), "column": (-2,)}[of]
        return ratio(100 * self.counts, self.counts.sum(axis=axes, keepdims=True))

    @property
    def binary_accuracy(self) -> NDArray[np.float64]:
        """Share of pixels that are right, 0 to 1."""
        return ratio(self.pixels - self.wrong_pixels, self.pixels)

    def dice(self, name: ClassName) -> NDArray[np.float64]:
        """2TP / (2TP + FP + FN) of a class; nan where neither label nor prediction has any of it."""
        hit, predicted, true = self._of(name)
        return ratio(2 * hit, predicted + true)

    def iou(self, name: ClassName) -> NDArray[np.float64]:
        """TP / (TP + FP + FN) of a class; nan where neither label nor prediction has any of it."""
        hit, predicted, true = self._of(name)
        return ratio(hit, predicted + true - hit)

    def precision(self, name: ClassName) -> NDArray[np.float64]:
        """TP / (TP + FP) of a class; nan where none is predicted."""
        hit, predicted, _ = self._of(name)
        return ratio(hit, predicted)

    def recall(self, name: ClassName) -> NDArray[np.float64]:
        """TP / (TP + FN) of a class; nan where the label has none."""
        hit, _, true = self._of(name)
        return ratio(hit, true)

    def _of(self, name: ClassName) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        index = CLASSES.index(name)
        counts = self.counts
        return counts[..., index, index], counts[..., :, index].sum(axis=-1), counts[..., index, :].sum(axis=-1)


def pixel_measures(confusion: Confusion) -> dict[str, Any]:
    """The pixel measures of a single confusion matrix, by name; nan where not defined."""
    counts = confusion.counts
    return {
        "pixels": int(confusion.pixels),
        "wrong_pixels": int(confusion.wrong_pixels),
        "wrong_percent": float(confusion.wrong_percent),
        "confusion": {
            "interior_as_interior": int(counts[1, 1]),
            "interior_as_membrane": int(counts[1, 0]),
            "membrane_as_interior": int(counts[0, 1]),
            "membrane_as_membrane": int(counts[0, 0]),
        },
        "dice_interior": float(confusion.dice("interior")),
        "iou_interior": float(confusion.iou("interior")),
        "dice_membrane": float(confusion.dice("membrane")),
        "iou_membrane": float(confusion.iou("membrane")),
        "binary_accuracy": float(confusion.binary_accuracy),
    }
