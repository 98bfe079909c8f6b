"""The table of segments, by hand."""

import numpy as np
import pytest

from segcore.evaluation.segment_table import segment_rows

SEGMENTS = np.array([[1, 1, 1, 2], [1, 1, 1, 2], [1, 1, 1, 2]], np.int32)


def test_a_row_a_segment():
    first, second = segment_rows(SEGMENTS, 7, None)
    assert first == {"slice": 7, "segment": 1, "area_px": 9, "perimeter_px": 8, "y": 1, "x": 1}
    assert (second["area_px"], second["y"], second["x"]) == (3, 1, 3)


def test_in_micrometres():
    first, _ = segment_rows(SEGMENTS, 0, (50, 4, 4))
    assert first["area_um2"] == pytest.approx(9 * 16e-6)
    assert first["perimeter_um"] == pytest.approx(8 * 4e-3)
    flat, _ = segment_rows(SEGMENTS, 0, (50, 8, 4))
    assert flat["area_um2"] == pytest.approx(9 * 32e-6)
    assert flat["perimeter_um"] is None
