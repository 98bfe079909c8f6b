"""What is missing, damaged or too large is refused in one line that names it, and leaves nothing."""

import zipfile

import numpy as np
import pytest
import tifffile
from bringing import assert_refused, import_source, zipped

from segcore.errors import DataError


def test_missing_paths(tmp_path, twelve, data_dir, listing):
    assert_refused(tmp_path / "nowhere", "nowhere: there is no such file or folder", data_dir, listing)
    tifffile.imwrite(tmp_path / "i.tif", twelve[0])
    options = {"labels": tmp_path / "none.tif"}
    assert_refused(tmp_path / "i.tif", r"none\.tif: there is no such file", data_dir, listing, **options)


@pytest.mark.parametrize("damage", ["text", "empty", "cut in a page", "cut header"])
@pytest.mark.parametrize("place", ["train/5.tif", "label/5.tif", "test/5.tif"])
def test_damaged_files(notebook, data_dir, listing, damage, place):
    path = notebook / place
    whole = path.read_bytes()
    path.write_bytes({"text": b"not a picture", "empty": b"", "cut in a page": whole[:-500]}.get(damage, whole[:100]))
    assert_refused(notebook, place, data_dir, listing)


def test_pixels_that_cannot_be_decoded_in_the_second_dataset_undo_the_first(notebook, data_dir, listing):
    page = tifffile.imread(notebook / "test/11.tif")
    tifffile.imwrite(notebook / "test/11.tif", page, compression="zstd", metadata=None)
    with tifffile.TiffFile(notebook / "test/11.tif") as tiff:
        place, count = tiff.pages.first.dataoffsets[0], tiff.pages.first.databytecounts[0]
    data = bytearray((notebook / "test/11.tif").read_bytes())
    data[place : place + count] = bytes(count)
    (notebook / "test/11.tif").write_bytes(data)
    assert_refused(notebook, r"11\.tif.*cannot be decoded", data_dir, listing)


def test_not_a_number_in_a_float_image_is_padding_and_in_a_mask_refused(tmp_path, twelve, data_dir, listing):
    grey, mask = (pages.astype(np.float32) for pages in twelve)
    grey[:, :10] = np.nan
    tifffile.imwrite(tmp_path / "i.tif", grey)
    tifffile.imwrite(tmp_path / "m.tif", mask)
    (made,) = import_source(tmp_path / "i.tif", "floats", labels=tmp_path / "m.tif")
    assert not made.images[:, :10].any()
    said = next(check.message for check in made.info.checks if check.name == "floats: intensities")
    assert "12 of 12 slices looked at have padding (up to 16.4 % of a slice)" in said
    mask[7, 3, 3] = np.nan
    tifffile.imwrite(tmp_path / "m.tif", mask)
    with pytest.raises(DataError, match=r"mask 007 holds values that are no numbers; found 1 of"):
        import_source(tmp_path / "i.tif", "again", labels=tmp_path / "m.tif")


def test_few_grey_values_are_warned_of(tmp_path, twelve, data_dir):
    tifffile.imwrite(tmp_path / "i.tif", twelve[0] // 16)
    (made,) = import_source(tmp_path / "i.tif", "few")
    assert "WARNING: the tissue has only 14 grey values of 256" in made.info.checks[-1].message


def test_messages_about_a_zip_name_the_file_in_it(notebook, tmp_path, data_dir, listing):
    (notebook / "label/7.tif").write_text("text")
    archive = zipped(notebook, tmp_path / "nb.zip")
    assert_refused(archive, f"^{archive}/nb/label/7.tif: no TIFF file", data_dir, listing)


def test_zip_that_is_too_large(notebook, tmp_path, data_dir, listing):
    archive = zipped(notebook, tmp_path / "nb.zip")
    assert_refused(archive, "unpacks to too much", data_dir, listing, unpack_limit=10_000)


def test_zip_that_leads_out(tmp_path, data_dir, listing):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("../../evil.tif", "x")
    assert_refused(tmp_path / "a.zip", "leads out of the archive", data_dir, listing)
    assert not list(tmp_path.rglob("evil.tif"))
