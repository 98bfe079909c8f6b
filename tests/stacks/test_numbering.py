"""What the names of slices say besides their order."""

import pytest

from segcore.stacks import channels_in, missing_numbers


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["z2.tif", "z4.tif", "z5.tif"], [3]),
        (["s1_00.png", "s1_01.png", "s1_05.png", "s1_06.png", "s1_07.png", "s1_08.png", "s1_09.png"], [2, 3, 4]),
        (["0.tif", "1.tif", "2.tif"], []),
        (["0.tif", "10.tif", "20.tif"], []),
        (["a.tif", "b.tif"], []),
        (["1_1.tif", "1_2.tif", "2_1.tif", "2_2.tif"], []),
        (["7.tif"], []),
        ([], []),
    ],
)
def test_missing_numbers(names, missing):
    assert missing_numbers(names) == missing


@pytest.mark.parametrize(
    ("names", "channels"),
    [
        (["z000_c0.tif", "z000_c1.tif", "z001_c0.tif", "z001_c1.tif"], ["c0", "c1"]),
        (["a ch1.tif", "a ch2.tif"], ["ch1", "ch2"]),
        (["z0_channel-1.tif", "z0_channel-2.tif"], ["channel-1", "channel-2"]),
        (["z000_c0.tif", "z001_c0.tif"], []),
        (["c0.tif", "c1.tif", "c2.tif"], []),
        (["z0_c0.tif", "z1_c1.tif"], []),
        (["z0_c0.tif", "z0_c1.tif", "z1_c0.tif"], []),
        (["cell1.tif", "cell2.tif"], []),
        (["z0_c0.tif", "z0.tif"], []),
    ],
)
def test_channels(names, channels):
    assert channels_in(names) == channels
