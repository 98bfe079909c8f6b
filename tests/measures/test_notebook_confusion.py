"""The notebook's bug, exactly."""

import numpy as np
import pytest

from segcore.measures.notebook_confusion import index_sums, notebook_percent


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
