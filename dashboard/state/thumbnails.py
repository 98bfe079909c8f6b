"""Small pictures of slices and their errors."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.figures import coarse_error_overlay, error_overlay
from dashboard.state.datasets import load_dataset
from dashboard.state.evaluations import Result, counted_label, load_probability
from dashboard.state.stamps import Stamp, stamp
from dashboard.viewer import open_layers, tile
from segcore.errors import RunError


def error_picture(found: Result, z: int, threshold: float, tolerance: int) -> NDArray[np.uint8]:
    """Wrong pixels of a slice in colour over its image, (H, W, 3); reduced to at most 512 pixels a side.

    Reduced as the viewer does: a block is wrong where one of its pixels is.
    """
    key = stamp(found.folder), stamp(load_dataset(found.dataset).folder)
    return _error_picture(str(found.folder.absolute()), key, z, threshold, tolerance, found)


@st.cache_resource(max_entries=64, show_spinner=False)
def _error_picture(
    folder: str, key: tuple[Stamp, Stamp], z: int, threshold: float, tolerance: int, _found: Result
) -> NDArray[np.uint8]:
    layers = open_layers(_found.dataset, _found.run.name, _found.part)
    if layers.coarsest == 0 or layers.probability is None:
        stack = load_dataset(_found.dataset)
        return error_overlay(
            stack.image(z), counted_label(_found, z), load_probability(_found, z), threshold, tolerance
        )
    try:
        return coarse_error_overlay(tile(layers, "bundle", z, layers.coarsest, 0, 0, tolerance), threshold)
    except (LookupError, OSError) as error:
        raise RunError("the files changed while they were read", path=_found.folder) from error
