"""Masks of other images are noticed, right ones are not."""

import numpy as np
import pytest
import tifffile

from segcore.data import make_stack
from segcore.data.fitting import misfit
from segcore.stacks import array_stack


def said(images, labels):
    return misfit(array_stack(images), array_stack(labels))


def changed(labels):
    return {
        "shifted": np.roll(labels, 1, 0),
        "shifted back": np.roll(labels, -1, 0),
        "reversed": labels[::-1].copy(),
        "transposed": labels.transpose(0, 2, 1).copy(),
        "upside down": labels[:, ::-1].copy(),
    }


@pytest.mark.parametrize("how", ["shifted", "shifted back", "reversed", "transposed", "upside down"])
def test_real_masks_that_were_changed(isbi_folder, how):
    images, labels = (tifffile.imread(isbi_folder / f"train-{name}.tif")[:12] for name in ("volume", "labels"))
    assert said(images, labels) == ""
    assert said(255 - images, labels) == ""
    warning = said(images, changed(labels)[how])
    if "shifted" in how:
        assert f"the slices {'after' if how == 'shifted' else 'before'} fit better" in warning
    else:
        assert warning.startswith("WARNING: membrane and interior are equally bright")


def test_the_synthetic_stack_fits_itself():
    stack = make_stack(6, 160, 160, np.random.default_rng(0))
    assert said(stack.images, stack.labels) == ""


def test_a_flat_image_speaks_against_nothing():
    labels = np.zeros((2, 20, 20), np.uint8)
    labels[:, :10] = 255
    assert said(np.full((2, 20, 20), 7, np.uint8), labels) == ""
