"""Points of a run that are out of range are refused where they are made."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.errors import ConfigError
from segcore.runs import OperatingPoints, PointOfSlices, SegmentPoint, by_point

ONE = SegmentPoint(smoothing_px=1, bias=0.35, smallest_px=25)
OTHER = SegmentPoint(smoothing_px=2, bias=0.55, smallest_px=25)


def test_segments_out_of_range():
    for changes in ({"bias": 0}, {"bias": 1}, {"smoothing_px": 0}, {"smoothing_px": 99}, {"smallest_px": -1}):
        with pytest.raises(ConfigError, match="out of range"):
            SegmentPoint(**({"smoothing_px": 1, "bias": 0.5, "smallest_px": 25} | changes))


@pytest.mark.parametrize("name", ["pixel", "topology"])
@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_thresholds_out_of_range(name, value):
    with pytest.raises(ConfigError, match=f"threshold {name} is out of range"):
        OperatingPoints(**({"pixel": 0.5, "topology": 0.5} | {name: value}))


def own(*of_slices):
    return OperatingPoints(
        pixel=0.5, topology=0.5,
        segments_of_slices=tuple(PointOfSlices(slices=slices, point=point) for slices, point in of_slices),
    )  # fmt: skip


def test_settings_of_slices():
    points = own(((3, 4), ONE), ((0, 7), OTHER))
    assert points.segment_points([0, 3, 7, 4]) == (OTHER, ONE, OTHER, ONE)
    assert points.segment_points([]) == ()
    with pytest.raises(ConfigError, match=r"no settings of segments.*slice 5"):
        points.segment_points([3, 5])
    common = OperatingPoints(pixel=0.5, topology=0.5, segments=ONE)
    assert common.segment_points([9, 2]) == (ONE, ONE)
    assert OperatingPoints(pixel=0.5, topology=0.5).segment_points([9, 2]) == ()


def test_settings_of_slices_that_contradict_each_other():
    with pytest.raises(ConfigError, match=r"two settings of segments.*slice 4"):
        own(((3, 4), ONE), ((4,), OTHER))
    with pytest.raises(ConfigError, match="beside those for all"):
        dataclasses.replace(own(((3,), ONE)), segments=OTHER)


@given(st.dictionaries(st.integers(0, 30), st.sampled_from([ONE, OTHER])))
def test_slices_by_their_settings_and_back(of):
    made = by_point([*of], [*of.values()])
    assert len(made) == len({*of.values()})
    assert own(*((one.slices, one.point) for one in made)).segment_points([*of]) == tuple(of.values())
