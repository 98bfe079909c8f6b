"""Stacks of every kind are read alike, and damaged ones are refused."""

import struct

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage.color import rgb2gray

from segcore.errors import DataError
from segcore.stacks.formats import open_stack
from segcore.stacks.numbering import in_number_order, unpaired
from segcore.stacks.stack import array_stack, page_names


def noise(*shape, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, min(np.iinfo(dtype).max, 60000), shape, dtype=dtype, endpoint=True)


def read_all(path):
    with open_stack(path) as stack:
        return np.stack([stack.read(z) for z in range(len(stack))])


SHAPES = [(3, 5, 7), (1, 5, 7), (1, 1, 1), (4, 3, 3), (2, 1, 9), (2, 9, 1), (3, 4, 4), (2, 300, 251)]


# --- reading ----------------------------------------------------------------------------------


# tifffile writes a stack of width 1 as one page of one sample.
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[2] > 1 or shape[1] == 1])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32, np.float32, np.float64])
def test_plain_stacks_of_any_size_and_type(tmp_path, shape, dtype):
    pages = noise(*shape, dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    with open_stack(tmp_path / "a.tif") as stack:
        assert (len(stack), stack.height, stack.width, stack.dtype) == (*shape, np.dtype(dtype))
        assert stack.names == tuple(page_names(len(pages)))
        assert stack.voxel_size_nm is None
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), pages)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw"},
        {"compression": "lzw", "predictor": True},
        {"compression": "deflate"},
        {"compression": "zstd"},
        {"compression": "packbits"},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"bigtiff": True, "byteorder": ">", "compression": "zstd"},
        {"tile": (16, 16)},
        {"rowsperstrip": 3},
        {"ome": True},
        {"imagej": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_common_tiff(tmp_path, options, dtype):
    pages = noise(4, 33, 47, dtype=dtype)
    path = tmp_path / ("a.ome.tif" if "ome" in options else "a.tif")
    tifffile.imwrite(path, pages, photometric="minisblack", metadata={"axes": "ZYX"}, **options)
    np.testing.assert_array_equal(read_all(path), pages)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_become_their_luminance(tmp_path, channels, planar, dtype):
    pages = noise(2, 9, 11, channels, dtype=dtype)
    stored = pages if planar == "contig" else np.moveaxis(pages, -1, 1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, metadata=None)
    read = read_all(tmp_path / "a.tif")
    assert read.dtype == dtype
    top = np.iinfo(dtype).max
    np.testing.assert_allclose(read, rgb2gray(pages[..., :3]) * top, atol=0.51)


def test_grey_stored_as_colour_keeps_its_values_exactly(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_all(tmp_path / "a.png")[0], grey)


@pytest.mark.parametrize(
    ("mode", "dtype"),
    [("L", np.uint8), ("LA", np.uint8), ("RGB", np.uint8), ("RGBA", np.uint8), ("P", np.uint8), ("I;16", np.uint16)],
)
def test_png_of_every_mode(tmp_path, mode, dtype):
    grey = noise(13, 8, dtype=dtype)
    image = Image.fromarray(grey)
    (image if mode in ("L", "I;16") else image.convert(mode)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_all(tmp_path / "a.png")[0], grey)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_its_camera_says(tmp_path, orientation):
    page = np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, np.ones((8, 8), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(page).save(tmp_path / "a.jpg", quality=100, exif=exif)
    with open_stack(tmp_path / "a.jpg") as stack:
        found = stack.read(0)
    # 1 is as it lies; the others are its turns and mirror images.
    expected = {
        1: page, 2: page[:, ::-1], 3: page[::-1, ::-1], 4: page[::-1], 5: page.T, 6: np.rot90(page, -1),
        7: page[::-1, ::-1].T, 8: np.rot90(page),
    }[orientation]  # fmt: skip
    np.testing.assert_allclose(found.astype(int), expected, atol=2)


def test_a_link_to_nothing_is_no_slice_less(tmp_path):
    for z in range(3):
        Image.fromarray(noise(5, 6)).save(tmp_path / f"{z}.png")
    (tmp_path / "3.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(DataError, match=r"3\.png: a link to a file that is not there"):
        open_stack(tmp_path)


def test_bilevel_pictures_are_0_and_255(tmp_path):
    mask = noise(9, 17) > 127
    Image.fromarray(mask).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", mask, photometric="minisblack")
    tifffile.imwrite(tmp_path / "inverse.tif", mask, photometric="miniswhite")
    for name, expected in (("a.png", mask), ("a.tif", mask), ("inverse.tif", ~mask)):
        np.testing.assert_array_equal(read_all(tmp_path / name)[0], expected * np.uint8(255))


def test_tiff_whose_zero_is_white_is_shown_the_right_way_round(tmp_path):
    grey = noise(5, 6)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="miniswhite")
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif")[0], 255 - grey)


def test_palette_of_a_tiff_is_looked_up(tmp_path):
    indices = noise(5, 6)
    colours = np.zeros((3, 256), np.uint16)
    colours[:] = (255 - np.arange(256)) << 8
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif")[0], 255 - indices)


LUT = np.zeros((3, 256), np.uint16)
LUT[0], LUT[1] = np.arange(256) << 8, np.clip(2 * np.arange(256) - 256, 0, 255) << 8


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        (noise(3, 6, 7), {"photometric": "miniswhite", "imagej": True, "metadata": {"axes": "ZYX"}}, lambda v: 255 - v),
        (noise(3, 6, 7, dtype=np.uint16), {"photometric": "miniswhite"}, lambda v: 65535 - v),
        (noise(3, 6, 7).astype(np.int16), {"photometric": "miniswhite"}, lambda v: -1 - v),
        (noise(3, 6, 7).astype(np.float32), {"photometric": "miniswhite"}, lambda v: -v),
        (noise(3, 6, 7), {"imagej": True, "colormap": LUT, "metadata": {"axes": "ZYX"}}, lambda v: v),
        (noise(5, 1, 6, 7), {"photometric": "minisblack"}, lambda v: v[:, 0]),
        (noise(3, 6, 7, 2), {"photometric": "minisblack", "extrasamples": ["unassalpha"]}, lambda v: v[..., 0]),
        (noise(3, 6, 7, dtype=np.uint16) >> 4, {"photometric": "minisblack", "bitspersample": 12}, lambda v: v),
    ],
    ids=["imagej inverted", "u2 inverted", "i2 inverted", "f4 inverted", "imagej LUT", "one more axis", "alpha", "12"],
)
def test_what_a_tiff_means_is_what_is_read(tmp_path, values, options, expected):
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), expected(values))


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (noise(3, 6, 7), {"photometric": "rgb", "planarconfig": "separate"}, "slices that were saved as colours"),
        (noise(2, 5, 6, 7), {"photometric": "minisblack"}, "not one stack of slices; found shape 2 x 5 x 6 x 7"),
        (noise(2, 6, 7), {"imagej": True, "metadata": {"axes": "CYX"}}, "found 2 channels, 1 frames, 1 slices"),
        (noise(3, 6, 7), {"photometric": "palette", "colormap": LUT}, "a lookup table of colours"),
        (noise(6, 7, 4), {"photometric": "separated"}, "colours that are not read; found SEPARATED"),
        (noise(6, 7, 3), {"photometric": "ycbcr"}, "colours that are not read; found YCBCR"),
        (noise(6, 7, 3), {"photometric": "cielab"}, "colours that are not read; found CIELAB"),
    ],
)
def test_what_could_be_read_as_something_else_is_refused(tmp_path, values, options, message):
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    with pytest.raises(DataError, match=message):
        open_stack(tmp_path / "a.tif")


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_an_imagej_stack_with_a_single_header_is_no_negative(tmp_path, photometric):
    pages = noise(4, 6, 7)
    with tifffile.TiffWriter(tmp_path / "a.tif", imagej=True) as writer:
        writer.write(pages, truncate=True, photometric=photometric, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), pages if photometric == "minisblack" else 255 - pages)


def test_voxel_sizes_of_imagej_and_ome(tmp_path):
    pages = noise(3, 6, 7)
    tifffile.imwrite(
        tmp_path / "j.tif", pages, imagej=True, resolution=(1 / 0.004, 1 / 0.005),
        metadata={"axes": "ZYX", "spacing": 0.05, "unit": "um"},
    )  # fmt: skip
    tifffile.imwrite(
        tmp_path / "o.ome.tif", pages, ome=True,
        metadata={"axes": "ZYX", "PhysicalSizeX": 4.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 5.0,
                  "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": 0.05, "PhysicalSizeZUnit": "µm"},
    )  # fmt: skip
    for name in ("j.tif", "o.ome.tif"):
        with open_stack(tmp_path / name) as stack:
            assert stack.voxel_size_nm == (50, 5, 4)


def test_imagej_stack_with_a_single_header(tmp_path):
    pages = noise(4, 6, 7, dtype=np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif", imagej=True) as writer:
        writer.write(pages, truncate=True, metadata={"axes": "ZYX"})
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert len(tiff.pages) == 1
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), pages)
    cut = (tmp_path / "a.tif").read_bytes()[:-200]
    (tmp_path / "cut.tif").write_bytes(cut)
    with pytest.raises(DataError, match="truncated"):
        open_stack(tmp_path / "cut.tif")


@pytest.mark.parametrize("axes", ["ZYX", "CYX", "TYX"])
@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_a_stack_by_whatever_name_its_dimension_has(tmp_path, axes, kind):
    path = tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif")
    pages = noise(5, 6, 7)
    tifffile.imwrite(path, pages, photometric="minisblack", metadata={"axes": axes}, **{kind: True})
    np.testing.assert_array_equal(read_all(path), pages)


@pytest.mark.parametrize("axes", ["ZCYX", "TZYX"])
@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_more_than_one_stack_in_a_file_is_refused(tmp_path, axes, kind):
    path = tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif")
    tifffile.imwrite(path, noise(3, 2, 6, 7), photometric="minisblack", metadata={"axes": axes}, **{kind: True})
    with pytest.raises(DataError, match="not one stack of slices"):
        open_stack(path)


# --- folders ----------------------------------------------------------------------------------


def test_folder_is_sorted_by_number(tmp_path):
    for number in (10, 2, 1, 0):
        tifffile.imwrite(tmp_path / f"s{number}.tif", np.full((4, 5), number, np.uint8))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.tif").write_text("x")
    with open_stack(tmp_path) as stack:
        assert stack.names == ("s0.tif", "s1.tif", "s2.tif", "s10.tif")
        assert [int(stack.read(z)[0, 0]) for z in range(4)] == [0, 1, 2, 10]


@given(st.lists(st.integers(0, 10**12), unique=True, min_size=1), st.sampled_from(["", "z", "slice-", "a_"]))
def test_order_is_that_of_the_numbers(numbers, prefix):
    names = [f"{prefix}{number}.png" for number in numbers]
    assert in_number_order(names, "x") == [f"{prefix}{number}.png" for number in sorted(numbers)]


@pytest.mark.parametrize("names", [["1.tif", "01.tif"], ["1.tif", "1.png"], ["a1.tif", "b1.tif"]])
def test_same_number_twice_is_refused(tmp_path, names):
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=f"two files have the same number; found .*{names[0]}"):
        open_stack(tmp_path)


def test_one_name_without_a_number_is_refused(tmp_path):
    for name in ("1.tif", "2.tif", "last.tif"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"last\.tif: a file has no number"):
        open_stack(tmp_path)


def test_keys_are_the_numbers_that_vary():
    assert unpaired(["img_1.tif", "img_2.tif"], ["img_01_mask2.png", "img_02_mask2.png"]) is None
    assert unpaired(["1.tif", "2.tif", "3.tif"], ["1.tif", "2.tif", "4.tif"]) == 2
    assert unpaired(["left.tif", "right.tif"], ["left.png", "right.png"]) is None
    assert unpaired(["left.tif", "right.tif"], ["left.png", "wrong.png"]) == 1
    assert unpaired(["a7.tif"], ["mask_7.tif"]) is None
    assert unpaired(["img_07.png"], ["img_07_mask2.png"]) is None
    assert unpaired(["img_07.png"], ["img_08.png"]) == 0
    assert unpaired(["s1_07.png"], ["s1_08_mask2.png"]) == 0


def test_mixed_sizes_and_types_in_a_folder(tmp_path):
    tifffile.imwrite(tmp_path / "0.tif", noise(6, 7))
    tifffile.imwrite(tmp_path / "1.tif", noise(6, 8))
    with pytest.raises(DataError, match=r"1\.tif: slices differ in size; found 6 x 8 pixels; expected 6 x 7 pixels"):
        open_stack(tmp_path)
    tifffile.imwrite(tmp_path / "1.tif", noise(6, 7, dtype=np.uint16))
    with pytest.raises(DataError, match="differ in pixel type; found uint16; expected uint8"):
        open_stack(tmp_path)
    tifffile.imwrite(tmp_path / "1.tif", noise(2, 6, 7))
    with pytest.raises(DataError, match="several pages in a file of a folder"):
        open_stack(tmp_path)


def test_mixed_sizes_in_a_stack(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(noise(6, 7))
        writer.write(noise(7, 6))
    with pytest.raises(DataError, match="page 1 differs"):
        open_stack(tmp_path / "a.tif")


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match="no images in this folder"):
        open_stack(tmp_path)


# --- damage -----------------------------------------------------------------------------------


def test_missing_path(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.tif: there is no such file or folder"):
        open_stack(tmp_path / "nowhere.tif")


@pytest.mark.parametrize("content", [b"", b"I", b"II*\0", b"hello, this is text\n" * 20, b"II*\0\xff\xff\xff\x7f"])
@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_something_else_by_that_name(tmp_path, content, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_stack(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_zero_pages(tmp_path):
    (tmp_path / "a.tif").write_bytes(struct.pack("<2sHI", b"II", 42, 0))
    with pytest.raises(DataError, match="without pages; found 0 pages; expected at least one page"):
        open_stack(tmp_path / "a.tif")


def test_pages_in_a_circle(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise(4, 4), metadata=None)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(DataError, match="damaged or truncated"):
        open_stack(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "zstd"])
@pytest.mark.parametrize("layout", ["one series", "page by page"])
def test_a_tiff_cut_anywhere_is_refused(tmp_path, compression, layout):
    pages = noise(3, 20, 21)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        if layout == "one series":
            writer.write(pages, compression=compression, photometric="minisblack")
        else:
            for page in pages:
                writer.write(page, compression=compression, metadata=None)
    whole = (tmp_path / "a.tif").read_bytes()
    for size in [*range(0, len(whole) - 40, 97), len(whole) - 40]:
        (tmp_path / "cut.tif").write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"cut\.tif"):
            read_all(tmp_path / "cut.tif")


def test_a_png_cut_short_is_refused_when_it_is_read(tmp_path):
    Image.fromarray(noise(64, 64)).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:-900])
    with open_stack(tmp_path / "a.png") as stack, pytest.raises(DataError, match="cannot be decoded"):
        stack.read(0)


def test_damaged_compressed_pixels_are_refused_when_they_are_read(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise(40, 40), compression="zstd", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        place, count = tiff.pages.first.dataoffsets[0], tiff.pages.first.databytecounts[0]
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[place : place + count] = bytes(count)
    (tmp_path / "a.tif").write_bytes(data)
    with open_stack(tmp_path / "a.tif") as stack, pytest.raises(DataError, match=r"slice 0 \(000\) cannot be decoded"):
        stack.read(0)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_refused(tmp_path, value):
    pages = noise(3, 5, 5, dtype=np.float32)
    pages[1, 2, 3] = value
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    with open_stack(tmp_path / "a.tif") as stack:
        stack.read(0)
        with pytest.raises(DataError, match=r"slice 1 \(001\) holds infinite values; found 1 of 25 pixels"):
            stack.read(1)


def test_complex_numbers_are_no_picture(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((3, 4, 4), np.complex64), photometric="minisblack")
    with pytest.raises(DataError, match="no picture"):
        open_stack(tmp_path / "a.tif")


WHITE = np.arange(12) % 5 > 1


def coloured(white, black):
    return np.where(np.broadcast_to(WHITE, (10, 12))[..., None], np.uint8(white), np.uint8(black))


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize(
    ("white", "black"),
    [
        ((255, 0, 0), (0, 76, 0)),  # as bright as each other
        ((255, 255, 255, 255), (255, 255, 255, 0)),
        ((0, 0, 0, 255), (0, 0, 0, 0)),
    ],
)
def test_labels_in_colours_of_one_brightness_are_refused(name, white, black, tmp_path):
    page = coloured(white, black)
    if name == "a.png":
        Image.fromarray(page).save(tmp_path / name)
    else:
        more = {"extrasamples": ["unassalpha"]} if page.shape[-1] == 4 else {}
        tifffile.imwrite(tmp_path / name, page, photometric="rgb", **more)
    with (
        open_stack(tmp_path / name, as_labels=True) as stack,
        pytest.raises(DataError, match=r"two colours of these labels have the same brightness.*both") as raised,
    ):
        stack.read(0)
    assert raised.value.path == str(tmp_path / name)
    with open_stack(tmp_path / name) as stack:
        assert len(np.unique(stack.read(0))) == 1  # of an image, brightness is what is wanted


def test_labels_in_colours_of_their_own_brightness_are_read(tmp_path):
    Image.fromarray(coloured((255, 0, 0), (0, 0, 255))).save(tmp_path / "a.png")
    Image.fromarray(coloured((255, 255, 255, 255), (0, 0, 0, 0))).save(tmp_path / "b.png")
    Image.fromarray(coloured((255, 255), (0, 255)), "LA").save(tmp_path / "c.png")
    for name, values in (("a.png", [18, 54]), ("b.png", [0, 255]), ("c.png", [0, 255])):
        with open_stack(tmp_path / name, as_labels=True) as stack:
            page = stack.read(0)
        assert np.unique(page).tolist() == values
        np.testing.assert_array_equal(page[0] == values[1], WHITE)


def test_labels_whose_palette_makes_two_alike_are_refused(tmp_path):
    picture = Image.fromarray(np.tile(np.arange(3, dtype=np.uint8), (4, 4)))
    for name, colours, alike in (("a", [0, 0, 0, 200, 0, 0, 0, 200, 0], False), ("b", [0] * 6 + [9] * 3, True)):
        picture.putpalette(colours)
        picture.save(tmp_path / f"{name}.png")
        with open_stack(tmp_path / f"{name}.png", as_labels=True) as stack:
            if alike:
                with pytest.raises(DataError, match="same brightness"):
                    stack.read(0)
            else:
                assert np.unique(stack.read(0)).tolist() == [0, 42, 143]


def test_labels_whose_zero_is_white_are_told_to_be_turned_round(tmp_path):
    numbers = np.arange(20, dtype=np.uint8).reshape(1, 4, 5)
    tifffile.imwrite(tmp_path / "a.tif", numbers, photometric="miniswhite")
    with open_stack(tmp_path / "a.tif", as_labels=True) as stack:
        assert "its 0 is white" in stack.notes[0]
        assert stack.read(0)[0, 0] == 255
    with open_stack(tmp_path / "a.tif") as stack:
        assert stack.notes == ()


def test_no_slice_beyond_the_last(tmp_path):
    stack = array_stack(noise(2, 3, 3))
    for z in (-1, 2):
        with pytest.raises(IndexError):
            stack.read(z)


def test_real_stack(isbi_folder):
    with open_stack(isbi_folder / "train-volume.tif") as stack:
        assert (len(stack), stack.height, stack.width, stack.dtype) == (30, 512, 512, np.uint8)
    np.testing.assert_array_equal(
        read_all(isbi_folder / "train-volume.tif"), tifffile.imread(isbi_folder / "train-volume.tif")
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"hello, world", "begins with the text hell"), (b"\x00\x01\xff\xfe rest", "begins with the bytes 00 01 ff fe")],
)
def test_what_is_no_tiff_is_told_by_how_it_begins(tmp_path, content, said):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(DataError, match=said):
        open_stack(tmp_path / "a.tif")
