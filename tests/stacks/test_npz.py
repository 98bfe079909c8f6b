"""NumPy's archives: the array that is meant is read, and nothing of the others but their headers."""

from __future__ import annotations

import io
import pickle
import tempfile
import tracemalloc
import zipfile

import numpy as np
import pytest

from segcore.errors import DataError
from segcore.stacks import open_stack
from segcore.stacks.npz import open_npz

RAW, LABELS = np.random.default_rng(0).random((2, 5, 30, 20)).astype(np.float32)


def member(array, shape=None):
    """A file in an archive, whose header may say another shape."""
    file = io.BytesIO()
    said = np.lib.format.header_data_from_array_1_0(array) | ({} if shape is None else {"shape": shape})
    np.lib.format.write_array_header_1_0(file, said)
    return file.getvalue() + array.tobytes()


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(f"{name}.npy", content)
    return path


def read(path):
    with open_stack(path) as stack:
        return np.stack([stack.read(z) for z in range(len(stack))]), stack.notes


def test_an_archive_of_several_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", raw=RAW, ids=np.arange(7), labels=LABELS > 0.5)
    with pytest.raises(DataError) as raised:
        open_stack(tmp_path / "a.npz")
    assert raised.value.found == "raw (5 x 30 x 20 pixels float32), labels (5 x 30 x 20 pixels bool)"
    assert raised.value.expected == "a path inside it, such as a.npz:raw"
    with open_stack(tmp_path / "a.npz:labels") as stack:
        np.testing.assert_array_equal(stack.read(2), 255 * (LABELS[2] > 0.5))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "u1", ">u2"])
def test_every_order_and_type_that_numpy_writes(tmp_path, save, order, dtype):
    array = np.asarray(1000 * RAW).astype(dtype, order=order)
    save(tmp_path / "a.npz", array)
    pages, notes = read(tmp_path / "a.npz")
    np.testing.assert_array_equal(pages, array)
    assert notes == ()


def test_the_others_may_be_of_any_size(tmp_path):
    """Of 256 MiB as unpacked nothing is unpacked; of a petabyte there is only the header."""
    path = archive(
        tmp_path / "a.npz", raw=member(RAW), zeros=member(np.zeros(2**28, np.uint8)),
        petabyte=member(np.zeros(3, np.uint8), (2**20, 2**15, 2**15)),
    )  # fmt: skip
    tracemalloc.start()
    try:
        pages, _ = read(f"{path}:raw")
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(pages, RAW)


def damage(path, name):
    """Turns over the bytes in the middle of what is packed of an array."""
    with zipfile.ZipFile(path) as packed:
        one = packed.getinfo(f"{name}.npy")
    whole = bytearray(path.read_bytes())
    middle = one.header_offset + 200 + one.compress_size // 2
    for at in range(middle, middle + 50):
        whole[at] ^= 0xFF
    path.write_bytes(whole)


def test_another_one_that_is_damaged(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, raw=RAW, labels=LABELS)
    damage(path, "labels")
    np.testing.assert_array_equal(read(f"{path}:raw")[0], RAW)
    with pytest.raises(DataError, match=r"a\.npz: labels in this file is damaged"):
        read(f"{path}:labels")


def test_a_damaged_header_is_told_of_where_nobody_said_which(tmp_path):
    path = archive(tmp_path / "a.npz", raw=member(RAW), labels=b"\x93NUMPY\x01\x00\x05\x00{{{{{")
    pages, notes = read(path)
    np.testing.assert_array_equal(pages, RAW)
    assert notes == ("labels in the same file is damaged; raw was read",)
    assert read(f"{path}:raw")[1] == ()
    with pytest.raises(DataError, match="labels in this file is damaged"):
        open_stack(tmp_path / "a.npz:labels")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (member(RAW)[:-4], "less than the 12,000 bytes"),
        (member(RAW) + b"more", "more than the 12,000 bytes"),
        (member(RAW, (-5, -30, 20)), "a shape of"),
        # As long as 4 GB, of which nothing is read.
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 10**6, "EOF"),
        (b"\x93NUMPY\x03\x00\x05\x00\x00\x00{    ", r"version \(3, 0\)"),
        (b"no array", "magic string"),
        (b"", "magic string"),
    ],
)
def test_what_disagrees_with_its_header_is_damaged(tmp_path, content, says):
    path = archive(tmp_path / "a.npz", raw=content)
    with pytest.raises(DataError, match=rf"a\.npz: raw in this file is damaged; found .*{says}.*; expected "):
        read(path)


def test_more_than_the_limit_is_refused_before_it_is_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", raw=RAW)
    with open_npz(tmp_path / "a.npz", limit=RAW.nbytes) as stack:
        np.testing.assert_array_equal(stack.read(4), RAW[4])
    with pytest.raises(
        DataError, match=r"a\.npz: raw unpacks to too much; found 12,000 bytes; expected at most 11,999"
    ):
        open_npz(tmp_path / "a.npz", limit=RAW.nbytes - 1)
    path = archive(tmp_path / "b.npz", raw=member(np.zeros(3, np.uint8), (2**20, 2**15, 2**15)))
    with pytest.raises(DataError, match=r"found 1,125,899,906,842,624 bytes; expected at most 68,719,476,736 bytes"):
        open_stack(path)


def test_nothing_is_unpacked_before_a_slice_is_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", raw=RAW)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there is no such folder"))
    with open_stack(tmp_path / "a.npz") as stack:
        assert (len(stack), stack.height, stack.width, stack.dtype) == (5, 30, 20, np.float32)
        with pytest.raises(DataError, match="No such file or directory"):
            stack.read(0)


class Executed:
    """What would be run by whoever unpickles it."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def test_python_objects_are_refused_and_not_unpickled(tmp_path):
    objects = np.empty((5, 30, 20), object)
    path = archive(
        tmp_path / "a.npz", raw=member(objects)[: -objects.nbytes] + pickle.dumps(Executed()), more=member(RAW)
    )
    with pytest.raises(DataError, match=r"raw is no stack of slices; found raw \(5 x 30 x 20 pixels object\)"):
        open_stack(tmp_path / "a.npz:raw")
    np.testing.assert_array_equal(read(path)[0], RAW)


def test_what_is_no_archive(tmp_path):
    np.save(tmp_path / "a.npy", RAW)
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(DataError, match=r"a\.npz: no \.npz file that can be read; .*expected an archive of arrays"):
        open_stack(tmp_path / "a.npz")
    archive(tmp_path / "b.npz")
    with pytest.raises(DataError, match="there is no stack of numbers in this file"):
        open_stack(tmp_path / "b.npz")
