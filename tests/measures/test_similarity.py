"""SSIM and PSNR of binary images against scikit-image."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from segcore.measures.similarity import binary_psnr_db, binary_ssim

pytestmark = pytest.mark.filterwarnings("error")


@st.composite
def pairs(draw):
    shape = draw(array_shapes(min_dims=2, max_dims=2, min_side=7, max_side=20))
    return draw(arrays(bool, shape)), draw(arrays(bool, shape))


@given(pairs())
def test_ssim_is_scikit_images(pair):
    one, other = pair
    expected = structural_similarity(one.astype(float), other.astype(float), data_range=1)
    assert binary_ssim(one, other) == pytest.approx(expected, abs=1e-12)


@given(pairs())
def test_psnr_is_scikit_images(pair):
    one, other = pair
    wrong = int((one != other).sum())
    if wrong:
        expected = peak_signal_noise_ratio(one.astype(float), other.astype(float), data_range=1)
        assert binary_psnr_db(wrong, one.size) == pytest.approx(expected, abs=1e-9)


def test_the_ends_of_the_scale():
    image = np.eye(9, dtype=bool)
    assert binary_ssim(image, image) == 1
    assert math.isnan(binary_ssim(image[:6], image[:6]))
    assert math.isnan(binary_ssim(image[:, :1], image[:, :1]))
    assert binary_psnr_db(0, 10) == math.inf
    assert binary_psnr_db(1, 10) == pytest.approx(10)
    assert binary_psnr_db(10, 10) == 0
    assert math.isnan(binary_psnr_db(0, 0))
    with pytest.raises(ValueError, match="shapes differ"):
        binary_ssim(image, image[:8])
