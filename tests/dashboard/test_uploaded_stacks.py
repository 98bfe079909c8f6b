"""What was uploaded is opened as one stack, whatever it is."""

import tempfile
import zipfile

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from dashboard.uploads import stack_in
from segcore.errors import DataError


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(1, 255, (height, width), np.uint8)


def test_pictures_of_several_sizes_and_any_names(tmp_path):
    place = tmp_path / "upload"
    place.mkdir()
    pages = {"b2.png": picture(8, 9), "a2.png": picture(6, 12, seed=1), "nucleus.png": picture(8, 9, seed=2)}
    for name, page in pages.items():
        Image.fromarray(page).save(place / name)
    with stack_in(place, tmp_path) as stack:
        assert stack.names == ("a2.png", "b2.png", "nucleus.png")
        assert stack.sizes == ((6, 12), (8, 9), (8, 9))
        for z, name in enumerate(stack.names):
            height, width = stack.sizes[z]
            np.testing.assert_array_equal(stack.read(z)[:height, :width], pages[name])
            assert not stack.read(z)[height:].any()


def test_numbered_pictures_are_in_the_order_of_their_numbers(tmp_path):
    place = tmp_path / "upload"
    place.mkdir()
    for number in (10, 9, 1):
        Image.fromarray(picture(5, 5, seed=number)).save(place / f"s{number}.png")
    with stack_in(place, tmp_path) as stack:
        assert stack.names == ("s1.png", "s9.png", "s10.png")


def test_a_stack_inside_of_a_file_with_slices_last(tmp_path):
    volume = np.random.default_rng(0).integers(0, 255, (3, 5, 7), np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volumes/raw"], file["volumes/other"] = volume.transpose(1, 2, 0), volume
    with stack_in(tmp_path / "a.h5", tmp_path, "volumes/raw", "yxz") as stack:
        np.testing.assert_array_equal([stack.read(z) for z in range(3)], volume)
    with (
        pytest.raises(DataError, match=r"several stacks in this file.*volumes/other.*volumes/raw"),
        stack_in(tmp_path / "a.h5", tmp_path),
    ):
        pass


@pytest.mark.parametrize("axes", ["zyx", "yxz"])
def test_what_packs_well_is_refused_before_it_is_unpacked(tmp_path, monkeypatch, axes):
    """More pixels than may be tried, by what the file says of itself."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as packed, packed.open("raw.npy", "w") as file:
        said = {"descr": "|u1", "fortran_order": False, "shape": (1001, 1000, 1000)}
        np.lib.format.write_array_header_1_0(file, said)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there is no such folder"))
    with (
        pytest.raises(DataError, match="the stack is too large to try here; found 1001 slices of 1000 x 1000 pixels"),
        stack_in(tmp_path / "a.npz", tmp_path, axes=axes),
    ):
        pass


def test_messages_do_not_tell_where_the_server_keeps_files(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture(4, 4))
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:60])
    with pytest.raises(DataError) as raised, stack_in(tmp_path / "a.tif", tmp_path):
        pass
    assert str(tmp_path) not in str(raised.value)
    assert str(raised.value).startswith("a.tif: ")
