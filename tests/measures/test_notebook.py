"""What the notebook measured: SSIM and PSNR against scikit-image and by hand, and its confusion matrix, bug and all."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.metrics import peak_signal_noise_ratio

from segcore.measures.notebook import binary_psnr_db, binary_ssim, index_sums, notebook_percent

pytestmark = pytest.mark.filterwarnings("error")


@st.composite
def pairs(draw):
    shape = draw(array_shapes(min_dims=2, max_dims=2, min_side=7, max_side=20))
    return draw(arrays(bool, shape)), draw(arrays(bool, shape))


@given(pairs())
def test_psnr_is_scikit_images(pair):
    one, other = pair
    wrong = int((one != other).sum())
    if wrong:
        expected = peak_signal_noise_ratio(one.astype(float), other.astype(float), data_range=1)
        assert binary_psnr_db(wrong, one.size) == pytest.approx(expected, abs=1e-9)


def test_ssim_by_hand():
    """One window of 49 pixels: 9 are interior in the label, of which 4 in the prediction, which has no others."""
    label, prediction = np.zeros((2, 7, 7), bool)
    label[:3, :3] = prediction[:2, :2] = True
    x, y, sample = 9 / 49, 4 / 49, 49 / 48
    variances = sample * (x - x * x) + sample * (y - y * y)
    covariance = sample * (4 / 49 - x * y)
    expected = (2 * x * y + 1e-4) * (2 * covariance + 9e-4) / ((x * x + y * y + 1e-4) * (variances + 9e-4))
    assert binary_ssim(label, prediction) == pytest.approx(expected, rel=1e-12)


def test_the_ends_of_the_scale():
    image = np.eye(9, dtype=bool)
    assert binary_ssim(image, image) == pytest.approx(1)
    assert math.isnan(binary_ssim(image[:6], image[:6]))
    assert math.isnan(binary_ssim(image[:, :1], image[:, :1]))
    assert binary_psnr_db(0, 10) == math.inf
    assert binary_psnr_db(1, 10) == pytest.approx(10)
    assert binary_psnr_db(10, 10) == 0
    assert math.isnan(binary_psnr_db(0, 0))


def test_indices_are_added_and_errors_exchanged():
    label = np.array([[True, True], [False, False]])  # flat indices 0 1 2 3
    prediction = np.array([[True, False], [True, False]])
    sums = index_sums(label, prediction)
    assert sums.tolist() == [[3, 2], [1, 0]]
    percent = notebook_percent(sums)
    assert percent == {
        "interior_as_interior": 0.0,
        "interior_as_membrane": pytest.approx(100 * 2 / 6),  # is the membrane predicted as interior
        "membrane_as_interior": pytest.approx(100 * 1 / 6),
        "membrane_as_membrane": pytest.approx(100 * 3 / 6),
    }
    assert notebook_percent(np.zeros((2, 2), np.int64)) is None
