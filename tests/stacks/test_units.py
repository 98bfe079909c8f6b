"""Units by every name that files give them."""

import pytest

from segcore.stacks.units import nanometres, voxel_size


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nm", 1), ("Å", 0.1), ("A", 0.1), ("µm", 1000), ("μm", 1000), ("\\u00B5m", 1000), ("micron", 1000),
     ("Micrometer", 1000), ('"mm"', 1e6), ("pixel", None), ("", None), (None, None)],
)  # fmt: skip
def test_names(name, expected):
    assert nanometres(name) == expected


@pytest.mark.parametrize(
    ("sides", "unit", "expected"),
    [
        ((0.05, 0.004, 0.004), 1000, (50, 4, 4)),
        ((50, 3.9999999, 4), 1, (50, 4, 4)),
        ((50, 4, 4), None, None),
        ((50, 0, 4), 1, None),
        ((50, float("nan"), 4), 1, None),
        ((50, 4), 1, None),
        (None, 1, None),
        ("abc", 1, None),
    ],
)
def test_sizes(sides, unit, expected):
    assert voxel_size(sides, unit) == expected
