"""What a dataset is called after its files."""

from __future__ import annotations

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from dashboard.views.datasets.suggested import suggested_name


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["stack.tif"], "stack"),
        (["/data/Mouse cortex (layer 4).ome.tif"], "Mouse-cortex-layer-4"),
        (["slice_007.png", "slice_008.png", "slice_012.png"], "slice"),
        (["a1.png"], "a1"),
        (["1.png", "2.png"], ""),
        (["/data/volume.h5:volumes/raw"], "volume"),
        (["/data/images/*.tif"], "images"),
        (["/data/cortex/0001.png", "/data/cortex/0002.png"], "cortex"),
        (["*.tif"], ""),
        (["v1.2_stack.tif"], "v1.2_stack"),
        (["/data/mouse.zarr/volumes/raw"], "mouse"),
        (["Größe.nii.gz"], "Gro-e"),
        (["tif.tif"], "tif"),
        (["/data/images/"], "images"),
        (["ネズミ.tif"], ""),
        (["con.tif"], ""),
        (["x" * 200 + ".tif"], "x" * 90),
        ([], ""),
    ],
)
def test_a_name_after_the_files(files, name):
    assert suggested_name(files, set()) == name


def test_a_name_that_is_taken_gets_a_number():
    assert suggested_name(["a.tif"], {"a"}) == "a-2"
    assert suggested_name(["a.tif"], {"a", "a-2", "a-3"}) == "a-4"
