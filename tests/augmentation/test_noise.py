"""Normal values from a counter: the same everywhere, of the right distribution, and without patterns."""

import numpy as np
import pytest
import scipy.stats
import torch

from segcore.augmentation.noise import _mixed_array, _mixed_tensor, normal_array, normal_tensor


def test_bits_are_those_of_the_published_function():
    # lowbias32 of 1, 2 and the largest number, worked out with plain integers.
    def lowbias32(x):
        x ^= x >> 16
        x = x * 0x7FEB352D % 2**32
        x ^= x >> 15
        x = x * 0x846CA68B % 2**32
        return x ^ x >> 16

    numbers = [0, 1, 2, 0xDEADBEEF, 2**32 - 1]
    expected = [lowbias32(number) for number in numbers]
    assert _mixed_array(np.array(numbers, np.uint32)).tolist() == expected
    assert _mixed_tensor(torch.tensor(numbers)).tolist() == expected


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 64)])
def test_arrays_and_tensors_have_the_same_values(shape):
    seeds = [0, 5, 2**31 - 1]
    together = normal_tensor(torch.tensor(seeds), *shape).numpy()
    for seed, values in zip(seeds, together, strict=True):
        np.testing.assert_allclose(normal_array(seed, *shape), values, atol=2e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_cuda_has_the_same_values():
    there = normal_tensor(torch.tensor([3], device="cuda"), 128, 100)[0].cpu().numpy()
    np.testing.assert_allclose(there, normal_array(3, 128, 100), atol=1e-5)


def test_values_are_normal():
    values = np.concatenate([normal_array(seed, 512, 512).ravel() for seed in range(8)])
    assert scipy.stats.kstest(values, "norm").pvalue > 0.01
    assert np.isfinite(values).all()


def test_neither_places_nor_seeds_go_together():
    one, other = normal_array(1, 512, 512), normal_array(2, 512, 512)
    near = 5 / 512  # five deviations of a correlation by chance
    for values in (other, np.roll(one, 1, 0), np.roll(one, 1, 1), np.roll(one, 256, 0)):
        assert abs(np.corrcoef(one.ravel(), values.ravel())[0, 1]) < near
    # The largest of 131,072 powers of a flat spectrum lies near log(131072) = 11.8.
    assert (np.abs(np.fft.rfft2(one)) ** 2 / one.size).max() < 24
