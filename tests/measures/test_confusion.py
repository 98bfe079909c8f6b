"""A model that collapsed is known by its confusion matrix."""

import numpy as np
import pytest

from segcore.measures import Confusion, pixel_measures


def matrix(*cells):
    """Membrane as membrane, as interior; interior as membrane, as interior."""
    return Confusion(np.array(cells, dtype=np.int64).reshape(2, 2))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ((11, 527_154, 0, 1_872_835), "interior"),  # 11 of 527,165 pixels of membrane found
        ((500, 3, 99_000, 7), "membrane"),
        ((20_000, 2_000, 5_000, 73_000), None),
        ((200, 21_800, 300, 77_700), None),  # bad, but half a percent was called membrane
        ((0, 3, 0, 99_997), None),  # the label has next to none of it: nothing to find
        ((0, 0, 0, 100), None),
        ((0, 100, 0, 0), "interior"),
    ],
)
def test_one_class_for_all(cells, expected):
    assert matrix(*cells).one_class_for_all == expected


def test_cells_by_name_come_back():
    found = matrix(1, 2, 3, 4)
    np.testing.assert_array_equal(Confusion.from_cells(pixel_measures(found)["confusion"]).counts, found.counts)
