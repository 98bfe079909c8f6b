"""OME-Zarr that the library itself reads back, whole or not there."""

import numpy as np
import pytest
import zarr

from segcore.stacks import ZarrWriter, open_stack

PAGES = np.random.default_rng(0).integers(0, 256, (3, 40, 1500), np.uint8)


def written(path, pages=PAGES, **facts):
    with ZarrWriter(path, height=40, width=1500, slices=3, **facts) as writer:
        for page in pages:
            writer.write(page)


def test_it_is_an_image_of_version_0_5(tmp_path):
    written(tmp_path / "a.ome.zarr", voxel_size_nm=(50, 4, 4))
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    assert group.metadata.zarr_format == 3
    said = group.attrs["ome"]
    assert said["version"] == "0.5"
    (image,) = said["multiscales"]
    assert image["name"] == "a"
    assert image["axes"] == [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    (level,) = image["datasets"]
    assert level["coordinateTransformations"] == [{"type": "scale", "scale": [50, 4, 4]}]
    np.testing.assert_array_equal(group[level["path"]][:], PAGES)
    with open_stack(tmp_path / "a.ome.zarr") as stack:
        assert stack.voxel_size_nm == (50, 4, 4)
        np.testing.assert_array_equal(stack.read(2), PAGES[2])


def test_without_a_size_the_axes_have_no_unit(tmp_path):
    written(tmp_path / "a.ome.zarr")
    with open_stack(tmp_path / "a.ome.zarr") as stack:
        assert stack.voxel_size_nm is None


@pytest.mark.parametrize("pages", [PAGES[:2], [*PAGES, PAGES[0]], [PAGES[0], PAGES[1][:5]]])
def test_what_is_not_whole_is_not_there(tmp_path, pages):
    with pytest.raises(ValueError, match=r"of 3|of \(3"):
        written(tmp_path / "a.ome.zarr", pages)
    assert list(tmp_path.iterdir()) == []
