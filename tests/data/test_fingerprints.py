"""Slices are known again when they are turned, mirrored or stored in another way."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segcore.data import slice_fingerprint


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.integers(0, 3), st.booleans())
def test_turned_and_mirrored_slices_have_one_fingerprint(page, quarters, mirrored):
    turned = np.rot90(page[:, ::-1] if mirrored else page, quarters)
    assert slice_fingerprint(turned) == slice_fingerprint(page)


def test_slice_fingerprint_by_hand():
    page = np.array([[3]], np.uint8)
    assert slice_fingerprint(page) == hashlib.sha256(b"(1, 1)\x03").hexdigest()


@pytest.mark.parametrize(
    ("values", "others", "kind"),
    [
        ([[0, 255]], ["uint16", ">u2", "int32", "float32", "float64"], ""),
        ([[0, 256]], ["uint16", ">u2", "int16", "uint32", "float32"], "<u2"),
        ([[-1, 200]], ["int16", ">i4", "int64", "float32"], "<i2"),
        ([[0.5, 3.25]], ["float32", ">f4", "float64"], "<f4"),
        ([[0.1, 3.25]], ["float64", ">f8"], "<f8"),
    ],
)
def test_slice_fingerprints_are_of_values_not_of_how_they_are_stored(values, others, kind):
    bytes_ = np.array(values, kind or np.uint8).tobytes()
    turned = np.array(values, kind or np.uint8).ravel()[::-1].tobytes()
    expected = min(
        hashlib.sha256(f"{shape}{kind}".encode() + pixels).hexdigest()
        for shape in ("(1, 2)", "(2, 1)") for pixels in (bytes_, turned)
    )  # fmt: skip
    assert {slice_fingerprint(np.array(values, other)) for other in others} == {expected}


def test_other_slices_have_other_fingerprints(small_pair):
    prints = [slice_fingerprint(page) for page in small_pair[0]]
    prints += [slice_fingerprint(page.reshape(48, 61)) for page in small_pair[0]]
    assert len(set(prints)) == 10
