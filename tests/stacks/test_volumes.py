"""Volumes of every format, written by its own library: what lies inside is found, listed and read a slice at a time."""

import h5py
import mrcfile
import nibabel
import nrrd
import numpy as np
import pytest
import z5py
import zarr
from PIL import Image

from segcore.data import import_source
from segcore.errors import DataError
from segcore.stacks.formats import open_stack
from segcore.stacks.volumes import file_of


def volume(dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 250, (4, 30, 20)).astype(dtype)


@pytest.fixture
def cremi(tmp_path):
    """Two stacks beside each other and a table, as CREMI has them."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        raw = file.create_dataset("volumes/raw", data=volume(), chunks=(1, 30, 20), compression="gzip")
        raw.attrs["resolution"] = (40.0, 4.0, 4.0)
        file["volumes/labels/neuron_ids"] = volume(">u8")
        file["annotations/ids"] = np.arange(7)
    return tmp_path / "a.h5"


def test_by_the_path_inside(cremi):
    with open_stack(cremi.with_name("a.h5:volumes") / "raw") as stack:
        assert (len(stack), stack.height, stack.width, stack.dtype) == (4, 30, 20, np.uint8)
        assert stack.voxel_size_nm == (40, 4, 4)
        np.testing.assert_array_equal(stack.read(2), volume()[2])
    with open_stack(cremi.parent / "a.h5:/volumes/labels/neuron_ids") as stack:
        assert stack.voxel_size_nm is None
        np.testing.assert_array_equal(stack.read(3), volume(np.uint64)[3])


@pytest.mark.parametrize("inside", ["", ":volumes/seg"])
def test_what_lies_inside_is_listed(cremi, inside):
    with pytest.raises(DataError) as raised:
        open_stack(cremi.parent / f"a.h5{inside}")
    assert "volumes/raw (4 x 30 x 20 pixels uint8)" in raised.value.found
    assert "annotations" not in raised.value.found
    assert raised.value.expected == "a path inside it, such as a.h5:volumes/raw"


def test_the_only_stack_needs_no_path(tmp_path):
    with h5py.File(tmp_path / "one.hdf5", "w") as file:
        file["page"] = volume()[0]
    with open_stack(tmp_path / "one.hdf5") as stack:
        assert len(stack) == 1
        np.testing.assert_array_equal(stack.read(0), volume()[0])


def test_no_stack_inside_and_no_hdf5_at_all(tmp_path):
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file["names"] = ["a", "b"]
    with pytest.raises(DataError, match="no stack of numbers in this file"):
        open_stack(tmp_path / "empty.h5")
    (tmp_path / "text.h5").write_text("dear diary")
    with pytest.raises(DataError, match="no HDF5 file that can be read"):
        open_stack(tmp_path / "text.h5")
    with pytest.raises(DataError, match="there is no such file"):
        open_stack(tmp_path / "none.h5:a")


def test_a_file_with_a_colon_in_its_name_is_a_file(tmp_path):
    (tmp_path / "a.h5:b").write_text("x")
    assert file_of(tmp_path / "a.h5:b") == tmp_path / "a.h5:b"
    assert file_of(tmp_path / "c.h5:b/d") == tmp_path / "c.h5"
    assert file_of(tmp_path / "c.tif:b") == tmp_path / "c.tif:b"


def test_npy(tmp_path):
    np.save(tmp_path / "a.npy", volume(">u2"))
    with open_stack(tmp_path / "a.npy") as stack:
        assert (len(stack), stack.dtype) == (4, np.uint16)
        np.testing.assert_array_equal(stack.read(1), volume()[1])
    for bad in (np.zeros((2, 2, 2, 2)), np.array([[None]]), np.zeros((3, 3), complex)):
        np.save(tmp_path / "bad.npy", bad)
        with pytest.raises(DataError, match=r"bad\.npy: no (stack of slices|\.npy file)"):
            open_stack(tmp_path / "bad.npy")


@pytest.mark.parametrize("name", ["a.dm3", "a.czi", "a.json.gz"])
def test_what_is_not_read_is_called_by_its_name(name, tmp_path):
    (tmp_path / name).write_bytes(b"whatever")
    with pytest.raises(DataError, match=r"is not read; found .*; expected TIFF, HDF5, Zarr, MRC or PNG"):
        open_stack(tmp_path / name)


@pytest.mark.parametrize("name", ["a.h5", "a.npy", "a.npz", "a.mrc", "a.nrrd", "a.nii", "a.nii.gz"])
@pytest.mark.parametrize("content", [b"", b"whatever", bytes(4096)])
def test_what_is_damaged_is_told_in_one_line(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"no .* file that can be read|no stack of slices|damaged") as caught:
        open_stack(tmp_path / name)
    assert "\n" not in str(caught.value)


def mrc(path, values, imod=False):
    with mrcfile.new(path) as file:
        file.set_data(values)
        file.voxel_size = (40, 40, 500)  # x, y, z in angstrom
    if imod:
        data = bytearray(path.read_bytes())
        data[152:160] = np.array([1146047817, 0], np.int32).tobytes()
        path.write_bytes(data)


def zarr_array(path, values, version):
    zarr.open_group(path, mode="w", zarr_format=version).create_array("volumes/raw", data=values, chunks=(1, 30, 20))


def ome_zarr(path, values, version):
    """With a coarser level, and axes of time and channel that have one entry."""
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    group.create_array("0", data=values[None, None], chunks=(1, 1, 1, 30, 20))
    group.create_array("1", data=values[None, None, :, ::2, ::2], chunks=(1, 1, 1, 15, 10))
    image = {
        "axes": [
            {"name": "t", "type": "time"}, {"name": "c", "type": "channel"},
            *({"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"),
        ],
        "datasets": [
            {
                "path": str(level),
                "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 0.05, 0.004 * 2**level, 0.004]}],
            }
            for level in range(2)
        ],
    }  # fmt: skip
    if version == "0.4":
        group.attrs["multiscales"] = [image | {"version": version}]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [image]}


def n5(path, values):
    made = z5py.File(path, "a", use_zarr_format=False).create_dataset("volumes/raw", data=values, chunks=(1, 30, 20))
    made.attrs["resolution"] = [4, 4, 50]


def nifti(path, values):
    image = nibabel.Nifti1Image(values.T, np.diag([0.004, 0.004, 0.05, 1]))
    image.header.set_xyzt_units("micron")
    nibabel.save(image, path)


SIZED = {"space directions": np.diag([4.0, 4.0, 50.0]), "space units": ["nm"] * 3, "space dimension": 3}
WRITERS = {
    "a.mrc": mrc,
    "a.rec": lambda path, values: mrc(path, values, imod=True),
    "a.zarr": lambda path, values: zarr_array(path, values, 2),
    "three.zarr": lambda path, values: zarr_array(path, values, 3),
    "ome.zarr": lambda path, values: ome_zarr(path, values, "0.4"),
    "ome5.zarr": lambda path, values: ome_zarr(path, values, "0.5"),
    "a.n5": n5,
    "raw.nrrd": lambda path, values: nrrd.write(str(path), values.T, SIZED | {"encoding": "raw"}),
    "packed.nrrd": lambda path, values: nrrd.write(str(path), values.T, SIZED | {"encoding": "gzip"}),
    "a.nii": nifti,
    "a.nii.gz": nifti,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.float32])
def test_every_format_as_its_own_library_wrote_it(name, kind, tmp_path):
    values = volume(kind)
    if name == "a.rec":
        if kind != np.uint8:
            pytest.skip("IMOD says so of bytes alone")
        values = volume(np.uint8)
        WRITERS[name](tmp_path / name, values.view(np.int8))
    elif name == "a.mrc" and kind == np.uint8:
        kind = np.int8  # MRC knows no other
        values = (volume().astype(np.int16) - 128).astype(np.int8)
        WRITERS[name](tmp_path / name, values)
    else:
        WRITERS[name](tmp_path / name, values)
    with open_stack(tmp_path / name) as stack:
        assert (len(stack), stack.height, stack.width, stack.dtype) == (4, 30, 20, kind)
        for z in (0, 3, 1):
            np.testing.assert_array_equal(stack.read(z), values[z])
        expected = None if "zarr" in name and "ome" not in name else pytest.approx((50, 4, 4))
        assert stack.voxel_size_nm == expected


def test_a_path_inside_a_container(tmp_path):
    zarr_array(tmp_path / "a.zarr", volume(), 3)
    group = zarr.open_group(tmp_path / "a.zarr", mode="a")
    group.create_array("volumes/labels", data=volume(np.uint64))
    with pytest.raises(DataError, match=r"found volumes/labels \(4 x 30 x 20 pixels uint64\)"):
        open_stack(tmp_path / "a.zarr")
    for path in ("a.zarr:volumes/raw", "a.zarr/volumes/raw"):
        with open_stack(tmp_path / path) as stack:
            np.testing.assert_array_equal(stack.read(1), volume()[1])
    with pytest.raises(DataError, match="there is no stack volumes/seg in this file"):
        open_stack(tmp_path / "a.zarr:volumes/seg")


def test_several_channels_are_refused_by_their_axes(tmp_path):
    ome_zarr(tmp_path / "a.zarr", volume(), "0.5")
    group = zarr.open_group(tmp_path / "a.zarr", mode="a")
    del group["0"]
    group.create_array("0", data=np.zeros((1, 2, 4, 30, 20), np.uint8))
    with pytest.raises(DataError, match="found 1 x 2 x 4 x 30 x 20 pixels uint8, axes t c z y x"):
        open_stack(tmp_path / "a.zarr")


@pytest.mark.parametrize("side", [20, 30])
def test_axes_in_another_order_are_turned(tmp_path, side):
    values = np.random.default_rng(1).integers(0, 250, (side, 30, 20), np.uint8)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("0", data=np.ascontiguousarray(values.T))
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "xyz"]
    scale = [{"type": "scale", "scale": [4, 5, 50]}]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    with open_stack(tmp_path / "a.zarr") as stack:
        assert (len(stack), stack.height, stack.width) == (side, 30, 20)
        assert stack.voxel_size_nm == (50, 5, 4)
        np.testing.assert_array_equal(stack.read(3), values[3])


@pytest.mark.parametrize(
    "image", [{"axes": [], "datasets": [{"path": "0"}]}, {"axes": []}, {"axes": 3, "datasets": [{"path": "there"}]}]
)
def test_an_ome_zarr_without_what_it_speaks_of(tmp_path, image):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("there", data=volume())
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    with pytest.raises(DataError, match="damaged OME-Zarr"):
        open_stack(tmp_path / "a.zarr")


def test_a_nrrd_without_a_unit_has_no_size(tmp_path):
    nrrd.write(str(tmp_path / "a.nrrd"), volume().T, {"spacings": [4.0, 4.0, 50.0]})
    with open_stack(tmp_path / "a.nrrd") as stack:
        assert stack.voxel_size_nm is None


def test_a_nrrd_of_colours_is_no_stack(tmp_path):
    nrrd.write(str(tmp_path / "a.nrrd"), np.zeros((3, 20, 30), np.uint8), {"kinds": ["RGB-color", "domain", "domain"]})
    with pytest.raises(DataError, match="more than one value a pixel; found RGB-color"):
        open_stack(tmp_path / "a.nrrd")


def test_a_nrrd_whose_data_are_elsewhere(tmp_path):
    nrrd.write(str(tmp_path / "a.nhdr"), volume().T, {"encoding": "raw"})
    with open_stack(tmp_path / "a.nhdr") as stack:
        np.testing.assert_array_equal(stack.read(1), volume()[1])
    (tmp_path / "a.raw").unlink()
    with pytest.raises(DataError, match=r"a\.raw: the file with the data is missing; expected it beside a\.nhdr"):
        open_stack(tmp_path / "a.nhdr")


def test_bytes_of_mrc_whose_header_says_that_they_have_no_sign(tmp_path):
    mrc(tmp_path / "a.mrc", volume().view(np.int8))
    data = bytearray((tmp_path / "a.mrc").read_bytes())
    data[76:84] = np.array([0, 249], np.float32).tobytes()  # the lowest and the highest value
    (tmp_path / "a.mrc").write_bytes(data)
    with open_stack(tmp_path / "a.mrc") as stack:
        np.testing.assert_array_equal(stack.read(1), volume()[1])


def test_a_scaled_nifti_is_what_it_stands_for(tmp_path):
    image = nibabel.Nifti1Image(volume(np.int16).T, np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "a.nii")
    with open_stack(tmp_path / "a.nii") as stack:
        assert stack.dtype == np.float64
        assert stack.voxel_size_nm is None
        np.testing.assert_allclose(stack.read(2), nibabel.load(tmp_path / "a.nii").get_fdata()[:, :, 2].T)


@pytest.mark.parametrize("name", ["a.zarr", "a.n5", "a.mrc", "a.nii.gz"])
def test_a_folder_of_two_volumes_is_imported(name, tmp_path, data_dir, cell_stack):
    images, labels = (stack[:5, :30, :20] for stack in cell_stack)
    suffix = name.removeprefix("a")
    if suffix == ".mrc":
        images, labels = images.astype(np.uint16), labels.astype(np.uint16)
    (tmp_path / "s").mkdir()
    WRITERS[name](tmp_path / f"s/raw{suffix}", images)
    WRITERS[name](tmp_path / f"s/labels{suffix}", labels)
    (dataset,) = import_source(tmp_path / "s", "mine")
    np.testing.assert_array_equal(dataset.labels, labels)


def test_a_folder_of_pictures_with_numbers_in_hdf5(tmp_path, data_dir):
    y, x = np.mgrid[:60, :80]
    (tmp_path / "png").mkdir()
    numbers = np.stack([(y + z) // 12 * 8 + (x + z) // 11 + 1 for z in range(5)]).astype(np.uint64)
    rng = np.random.default_rng(0)
    for z in range(5):
        Image.fromarray(rng.integers(50, 200, y.shape, np.uint8)).save(tmp_path / f"png/{z}.png")
    with h5py.File(tmp_path / "neurons.h5", "w") as file:
        file["neuron_ids"] = numbers
    (made,) = import_source(tmp_path / "png", "mine", labels=tmp_path / "neurons.h5:neuron_ids")
    assert made.info.labelled
    assert 0.2 < (np.asarray(made.labels) == 0).mean() < 0.45


def test_truths_are_black_and_white(tmp_path):
    truths = volume() > 120
    np.save(tmp_path / "a.npy", truths)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["mask"] = truths
    zarr.create_array(tmp_path / "a.zarr", data=truths)
    for name in ("a.npy", "a.h5:mask", "a.zarr"):
        with open_stack(tmp_path / name) as stack:
            assert stack.dtype == np.uint8
            np.testing.assert_array_equal(stack.read(1), np.where(truths[1], 255, 0))


def test_an_array_that_is_no_stack_is_named(tmp_path):
    """As ilastik exports it, with an axis of channels."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["exported_data"] = volume()[..., None]
        file["nothing"] = h5py.Empty("f4")
    zarr.create_array(tmp_path / "a.zarr/0", data=volume()[None, None])
    zarr.open_group(tmp_path / "a.zarr", mode="a")
    for name, shape in (
        ("a.h5", "exported_data (4 x 30 x 20 x 1"),
        ("a.h5:exported_data", "exported_data (4 x 30 x 20 x 1"),
        ("a.zarr", "0 (1 x 1 x 4 x 30 x 20"),
    ):
        with pytest.raises(DataError, match="without further axes") as raised:
            open_stack(tmp_path / name)
        assert shape in raised.value.found


def test_chunks_that_were_never_written_are_told(tmp_path):
    values = np.maximum(volume(), 1)
    array = zarr.create_array(tmp_path / "a.zarr", shape=(4, 30, 20), chunks=(1, 15, 10), dtype="u1", fill_value=7)
    array[:3] = values[:3]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", shape=(4, 30, 20), chunks=(1, 15, 10), dtype="u1", fillvalue=7)[:3] = values[:3]
        file.create_dataset("never", shape=(4, 30, 20), dtype="u1")
        file["whole"] = values
    for name in ("a.zarr", "a.h5:raw"):
        with open_stack(tmp_path / name) as stack:
            assert stack.notes == ("4 of 16 chunks were never written, and are read as 7",)
    with open_stack(tmp_path / "a.h5:never") as stack:
        assert stack.notes == ("1 of 1 chunks were never written, and are read as 0",)
    with open_stack(tmp_path / "a.h5:whole") as stack:
        assert stack.notes == ()


@pytest.mark.parametrize("kind", [2, 3])
def test_shards_and_chunks_in_groups_are_counted(kind, tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=kind)
    more = {"shards": (2, 30, 20)} if kind == 3 else {}
    array = group.create_array("volumes/raw", shape=(4, 30, 20), chunks=(1, 15, 10), dtype="u1", **more)
    array[:2] = 3
    said = "1 of 2 chunks" if kind == 3 else "8 of 16 chunks"
    for path in ("a.zarr", "a.zarr:volumes/raw", "a.zarr/volumes/raw"):
        with open_stack(tmp_path / path) as stack:
            assert stack.notes == (f"{said} were never written, and are read as 0",)
    array[2:] = 3
    with open_stack(tmp_path / "a.zarr") as stack:
        assert stack.notes == ()


def test_chunks_that_were_never_written_are_warned_of_when_imported(tmp_path, data_dir, cell_stack):
    array = zarr.create_array(tmp_path / "a.zarr", shape=cell_stack[0].shape, chunks=(1, 32, 32), dtype="u1")
    array[...] = cell_stack[0]
    (tmp_path / "a.zarr/c/2/0/1").unlink()
    (made,) = import_source(tmp_path / "a.zarr", "mine")
    assert f"WARNING: 1 of {array.nchunks} chunks were never written" in made.info.checks[0].message


@pytest.mark.parametrize("said", ["d%03d.raw 1 4 1", "LIST"])
def test_a_nrrd_whose_data_lie_in_several_files(said, tmp_path):
    nrrd.write(str(tmp_path / "a.nhdr"), volume().T, {"encoding": "raw"})
    header = (tmp_path / "a.nhdr").read_text()
    (tmp_path / "a.nhdr").write_text(header.replace("data file: a.raw", f"data file: {said}"))
    with pytest.raises(DataError, match=r"in several files is not read; found (d%03d.raw 1 4 1|LIST); expected"):
        open_stack(tmp_path / "a.nhdr")
