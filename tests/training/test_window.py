"""Windows of a slice, by hand and against NumPy's own mirror images."""

import numpy as np
import pytest

from segcore.training.window import Window


def test_by_hand():
    page = np.arange(12).reshape(3, 4)
    window = Window(top=-1, left=2, height=3, width=4)
    assert window.of(page).tolist() == [[2, 3, 3, 2], [2, 3, 3, 2], [6, 7, 7, 6]]
    assert window.inside((3, 4)).tolist() == [[False] * 4, [True, True, False, False], [True, True, False, False]]


@pytest.mark.parametrize("top", [-7, 0, 4])
def test_beyond_the_border_is_numpys_mirror_image(top):
    page = np.random.default_rng(0).integers(0, 256, (5, 6))
    padded = np.pad(page, 9, "symmetric")
    found = Window(top=top, left=-8, height=10, width=20).of(page)
    np.testing.assert_array_equal(found, padded[top + 9 : top + 19, 1:21])


def test_about_a_patch():
    # A patch of 10 x 12 at the lower end of a slice of 30 x 40, for which 16 x 16 are needed.
    window = Window.about((1.0, 0.0), (10, 12), (30, 40), 16)
    assert (window.top, window.left, window.height, window.width) == (17, -2, 16, 16)
