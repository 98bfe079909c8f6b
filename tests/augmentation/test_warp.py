"""The two ways of warping agree with each other; what they do is compared with scikit-image in test_applying.py."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segcore.augmentation.applying import apply
from segcore.augmentation.transform import Transform
from segcore.augmentation.warp import LARGEST_PX, moves, warp_arrays, warp_tensors

transforms = st.builds(
    Transform,
    flip_vertical=st.booleans(),
    flip_horizontal=st.booleans(),
    angle_deg=st.floats(-180, 180),
    scale=st.floats(0.5, 2),
    elastic_px=st.sampled_from([0.0, 0.5, 4.0]),
    elastic_spacing_px=st.floats(8, 64),
    elastic_seed=st.integers(0, 2**31 - 1),
    border=st.sampled_from(["reflect", "black"]),
)


@given(transforms, st.tuples(st.integers(1, 70), st.integers(1, 70)), st.tuples(st.integers(1, 70), st.integers(1, 70)))
def test_arrays_and_tensors_give_the_same(transform, source, result):
    image = np.random.default_rng(0).random(source).astype(np.float32)
    label = image > 0.5
    here, labels_here = np.empty(result, np.float32), np.empty(result, bool)
    warp_arrays([image, label], transform, [here, labels_here])
    layers = torch.from_numpy(np.stack([image, label.astype(np.float32)]))
    there, labels_there = warp_tensors(layers[None], [transform], *result)[0].numpy()
    # At the border of a black surrounding, a place in the last digit decides between a pixel and nothing.
    atol = 2e-4 if transform.border == "reflect" else 2e-3
    np.testing.assert_allclose(here, there, atol=atol)
    sure = np.abs(labels_there - 0.5) > 2 * atol
    np.testing.assert_array_equal(labels_here[sure], labels_there[sure] > 0.5)


def test_results_are_filled_where_they_lie():
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    results = np.zeros((2, 3, 4), np.float32)
    warp_arrays([image], Transform(flip_horizontal=True), [results[1]])
    np.testing.assert_allclose(results[1], image[:, ::-1], atol=1e-4)
    assert not results[0].any()


@pytest.mark.parametrize("length", [LARGEST_PX, LARGEST_PX + 10])
def test_sides_too_long_for_opencv(length):
    strip = torch.rand(1, 1, 3, length)
    made = apply(strip, strip > 0.5, [Transform(flip_horizontal=True, angle_deg=180)])
    # A place in a float32 is as exact as it is far from the middle.
    torch.testing.assert_close(made.images, strip.flip(2), atol=0.01, rtol=0)


def test_what_moves_pixels():
    assert not moves(Transform(gamma=2, noise="gaussian", noise_level=1))
    assert all(
        moves(one)
        for one in (
            Transform(flip_vertical=True), Transform(flip_horizontal=True), Transform(angle_deg=1e-3),
            Transform(scale=1.01), Transform(elastic_px=0.1),
        )
    )  # fmt: skip
