"""OME-TIFF whose planes lie in several files of a folder, each of which names all of them."""

import uuid

import numpy as np
import pytest
import tifffile

from segcore.errors import DataError
from segcore.stacks import open_stack

STACK = np.random.default_rng(0).integers(0, 256, (5, 20, 30), np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Five files of a page, as Bio-Formats writes them: the first page of each, and what is in the others."""
    identities = [uuid.UUID(int=z + 1).urn for z in range(5)]
    planes = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="img_Z{z}.ome.tif">{one}</UUID></TiffData>'
        for z, one in enumerate(identities)
    )
    sizes = "".join(
        f' PhysicalSize{axis}="{size}" PhysicalSize{axis}Unit="nm"'
        for axis, size in zip("XYZ", (4, 4, 50), strict=True)
    )
    for z, identity in enumerate(identities):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{identity}"><Image ID="Image:0">'
            f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="30" SizeY="20" SizeZ="5" SizeC="1" '
            f'SizeT="1"{sizes}><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        path = tmp_path / f"img_Z{z}.ome.tif"
        tifffile.imwrite(path, STACK[z], description=xml, metadata=None, photometric="minisblack")
    return tmp_path


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("which", ["", "img_Z0.ome.tif", "img_Z3.ome.tif"])
def test_the_folder_and_each_of_its_files_are_the_whole_stack(folder, which):
    with open_stack(folder / which) as stack:
        assert stack.names == tuple(f"img_Z{z}.ome.tif" for z in range(5))
        np.testing.assert_array_equal([stack.read(z) for z in (4, 0, 2)], STACK[[4, 0, 2]])
        assert stack.voxel_size_nm == (50, 4, 4)
        assert stack.files == tuple(folder / f"img_Z{z}.ome.tif" for z in range(5))


@pytest.mark.filterwarnings("ignore:.*OME series.*")
def test_a_file_that_is_not_here_is_missed(folder):
    (folder / "img_Z2.ome.tif").unlink()
    with pytest.raises(DataError, match="planes are missing, or in files that are not here; found 4 pages; expected 5"):
        open_stack(folder)


def test_another_image_in_the_folder_is_refused(folder):
    tifffile.imwrite(folder / "img_Z9.tif", STACK[0], photometric="minisblack")
    with pytest.raises(DataError, match=r"do not belong to the stack in the other files.*found img_Z9\.tif"):
        open_stack(folder)


def test_a_file_that_was_replaced_by_a_smaller_one_is_refused(folder):
    xml = tifffile.tiffcomment(folder / "img_Z2.ome.tif")
    tifffile.imwrite(folder / "img_Z2.ome.tif", STACK[2, :10], description=xml, metadata=None, photometric="minisblack")
    with pytest.raises(DataError, match="slices differ in size; found 10 x 30 pixels; expected 20 x 30"):
        open_stack(folder / "img_Z0.ome.tif")


def test_a_part_without_what_describes_it_is_told(tmp_path):
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:0"/></OME>'
    )
    tifffile.imwrite(tmp_path / "z0.ome.tif", STACK[0], description=xml, metadata=None, photometric="minisblack")
    with open_stack(tmp_path / "z0.ome.tif") as stack:
        assert len(stack) == 1
        assert "a part of an OME image that set.companion.ome describes" in stack.notes[0]
