"""Synthetic serial-section electron micrographs of nerve cord, with exact labels.

The tissue is a solid that is cut: neurites are the cells of a multiplicatively weighted Voronoi
diagram with elliptic metrics, whose sites and metrics drift with depth and whose space is bent by
smooth random displacements. A section has a thickness, so its picture is the mean over a few planes
inside it; that is why membranes that lie obliquely come out faint and broad here, as they do in a
microscope. Neurite sizes, grey levels, power spectrum and membrane share are close to those of the
ISBI 2012 training stack (Cardona et al. 2010); neighbouring slices are somewhat more alike (raw
correlation 0.34 against 0.21 at distance 1, 0.07 against 0.05 at 5). The pixels are invented.

Everything is computed in 64-bit floats: rounding then differs so little between processors that the
8-bit result is, for all practical purposes, the same everywhere for the same generator state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from segcore.data.synthetic_micrograph import micrograph
from segcore.data.synthetic_tissue import Section, Tissue

_MEMBRANE_HALF_WIDTH_PX = 2.8
_SMALLEST_PIECE_PX = 24


@dataclass(frozen=True, kw_only=True)
class SyntheticStack:
    """An invented stack and its true labels.

    Attributes:
        images: uint8 (Z, H, W), 0 is black.
        labels: uint8 (Z, H, W), 255 interior, 0 membrane.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def make_stack(slices: int, height: int, width: int, rng: np.random.Generator) -> SyntheticStack:
    """Makes a stack of synthetic slices that change slowly with depth.

    Neurites keep their size in pixels (4 nm) whatever the slice's size, except in slices of less
    than 128 pixels, where they shrink so that several remain in view.

    Args:
        slices: number of slices, at least 1.
        height: pixels down, at least 1.
        width: pixels across, at least 1.
        rng: the only source of randomness; the same state gives the same stack.
    """
    if min(slices, height, width) < 1:
        raise ValueError(f"a stack needs at least one slice and one pixel, not {slices} x {height} x {width}")
    tissue = Tissue.grow(slices, height, width, rng)
    images = np.empty((slices, height, width), np.uint8)
    labels = np.empty((slices, height, width), np.uint8)
    for z in range(slices):
        section = tissue.cut(z)
        labels[z] = np.where(_drawn_membrane(section), 0, 255)
        images[z] = micrograph(section, tissue, z, rng)
    return SyntheticStack(images=images, labels=labels)


def _drawn_membrane(section: Section) -> npt.NDArray[np.bool_]:
    """What an annotator would draw: closed lines, wider where the membrane is thick or oblique."""
    line = section.gap < _MEMBRANE_HALF_WIDTH_PX * section.thickness
    membrane = line | (scipy.ndimage.gaussian_filter(section.membrane, 1.5) > 0.45)
    return _large_pieces(~_large_pieces(~membrane))


def _large_pieces(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The mask without its 4-connected pieces of a few pixels."""
    pieces, _ = scipy.ndimage.label(mask)
    return np.asarray((np.bincount(pieces.ravel()) >= _SMALLEST_PIECE_PX)[pieces] & mask)
