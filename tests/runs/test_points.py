"""Points of a run that are out of range are refused where they are made."""

import pytest

from segcore.errors import ConfigError
from segcore.runs import OperatingPoints, SegmentPoint


def test_segments_out_of_range():
    for changes in ({"bias": 0}, {"bias": 1}, {"smoothing_px": 0}, {"smoothing_px": 99}, {"smallest_px": -1}):
        with pytest.raises(ConfigError, match="out of range"):
            SegmentPoint(**({"smoothing_px": 1, "bias": 0.5, "smallest_px": 25} | changes))


@pytest.mark.parametrize("name", ["pixel", "topology"])
@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_thresholds_out_of_range(name, value):
    with pytest.raises(ConfigError, match=f"threshold {name} is out of range"):
        OperatingPoints(**({"pixel": 0.5, "topology": 0.5} | {name: value}))
