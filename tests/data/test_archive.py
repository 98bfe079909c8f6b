"""Zips unpack whole into their own folder, or not at all."""

import stat
import struct
import zipfile

import pytest

from segcore.data.archive import unpacked, unzip
from segcore.errors import DataError, StorageError


def make(path, entries, **options):
    """A zip of (name, content) pairs; a name may be a ZipInfo."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as packed:
        for name, content in entries:
            packed.writestr(name, content)
    return path


def special(name, kind):
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (kind | 0o777) << 16
    return entry


def test_unpacks_files_and_folders(tmp_path, listing):
    archive = make(
        tmp_path / "a.zip",
        [
            ("train/", ""),
            ("train/0.tif", "x"),
            ("label\\0.tif", "y"),
            ("./é.txt", "z"),
            ("./", ""),
            ("__MACOSX/._0.tif", "m"),
        ],
    )
    unzip(archive, tmp_path / "out")
    assert listing(tmp_path / "out") == ["label", "label/0.tif", "train", "train/0.tif", "é.txt"]
    assert (tmp_path / "out/label/0.tif").read_text() == "y"


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "a/../../evil", "..", "/etc/evil", "//host/evil", "\\evil", "..\\evil", "a\\..\\..\\evil",
        "C:evil", "C:\\evil", "c:/evil", "a/.. /evil", "a/.../evil", "a//evil", "a\nb", "./../evil",
    ],
)  # fmt: skip
def test_names_that_lead_out_are_refused(tmp_path, listing, name):
    archive = make(tmp_path / "a.zip", [("good.txt", "x"), (name, "evil")])
    with pytest.raises(DataError, match=r"a\.zip: a name that leads out") as caught:
        unzip(archive, tmp_path / "in" / "out")
    assert "\n" not in str(caught.value)
    assert listing(tmp_path) == ["a.zip"]


@pytest.mark.parametrize(
    ("kind", "message"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "a special file"), (stat.S_IFCHR, "a special file")]
)
def test_links_and_devices_are_refused(tmp_path, listing, kind, message):
    archive = make(tmp_path / "a.zip", [("good.txt", "x"), (special("link", kind), "/etc/passwd")])
    with pytest.raises(DataError, match=f"{message} in the archive; found 'link'"):
        unzip(archive, tmp_path / "out")
    assert listing(tmp_path) == ["a.zip"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a/0.tif", "a\\0.tif"], "two files of one name"),
        (["A.tif", "a.TIF"], "two files of one name"),
        (["é.tif", "e\u0301.tif"], "two files of one name"),
        (["a", "a/0.tif"], "a file where a folder is needed"),
        (["x/A/b", "x/a"], "a file where a folder is needed"),
    ],
)
def test_colliding_names_are_refused(tmp_path, listing, names, message):
    archive = make(tmp_path / "a.zip", [(name, "x") for name in names])
    with pytest.raises(DataError, match=message):
        unzip(archive, tmp_path / "out")
    assert listing(tmp_path) == ["a.zip"]


def test_the_same_name_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        archive = make(tmp_path / "a.zip", [("a", "1"), ("a", "2")])
    with pytest.raises(DataError, match="two files of one name"):
        unzip(archive, tmp_path / "out")


def test_too_much_is_refused_before_a_byte_is_written(tmp_path, listing):
    archive = make(tmp_path / "a.zip", [("a", bytes(600_000)), ("b", bytes(600_000))])
    unzip(archive, tmp_path / "fits", limit=1_200_000)
    with pytest.raises(DataError, match="unpacks to too much; found 1,200,000 bytes; expected at most 1,199,999 bytes"):
        unzip(archive, tmp_path / "out", limit=1_199_999)
    assert listing(tmp_path) == ["a.zip", "fits", "fits/a", "fits/b"]


def test_a_size_that_is_not_true_does_not_help(tmp_path, listing):
    archive = make(tmp_path / "a.zip", [("a", bytes(5_000_000))])
    data = bytearray(archive.read_bytes())
    directory = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, directory + 24, 10)
    struct.pack_into("<I", data, 22, 10)
    archive.write_bytes(data)
    with pytest.raises(DataError):
        unzip(archive, tmp_path / "out", limit=1000)
    assert listing(tmp_path) == ["a.zip"]


def test_encrypted_archives_are_refused(tmp_path, listing):
    archive = make(tmp_path / "a.zip", [("a", "x")])
    data = bytearray(archive.read_bytes())
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(DataError, match="encrypted"):
        unzip(archive, tmp_path / "out")
    assert listing(tmp_path) == ["a.zip"]


def test_damaged_archives_leave_nothing(tmp_path, listing):
    content = bytes(range(256)) * 40
    whole = make(tmp_path / "a.zip", [("good", content), ("bad", content[::-1])]).read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(b"bad") + 30] ^= 0xFF
    for damaged in (b"", b"no zip at all", whole[: len(whole) // 2], whole[:-10], bytes(flipped)):
        (tmp_path / "a.zip").write_bytes(damaged)
        with pytest.raises(DataError, match=r"a\.zip: damaged or no zip file") as caught:
            unzip(tmp_path / "a.zip", tmp_path / "out")
        assert "\n" not in str(caught.value)
        assert listing(tmp_path) == ["a.zip"]


def test_missing_archive_and_taken_folder(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        unzip(tmp_path / "a.zip", tmp_path / "out")
    archive = make(tmp_path / "a.zip", [("a", "x")])
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError, match="already something of this name"):
        unzip(archive, tmp_path / "out")


def test_unpacked_for_a_while(tmp_path, listing):
    archive = make(tmp_path / "a.zip", [("in/a.txt", "x")])
    with unpacked(archive, tmp_path / "data") as folder:
        assert (folder / "in/a.txt").read_text() == "x"
    assert listing(tmp_path) == ["a.zip"]
    with unpacked(tmp_path, tmp_path / "data") as folder:
        assert folder == tmp_path


def test_errors_name_the_file_in_the_archive(tmp_path, listing):
    archive = make(tmp_path / "a.zip", [("in/a.txt", "x")])

    def complain():
        with unpacked(archive, tmp_path / "data") as folder:
            raise DataError("bad", path=folder / "in/a.txt", found="x", expected="y")

    with pytest.raises(DataError) as caught:
        complain()
    assert str(caught.value) == f"{archive}/in/a.txt: bad; found x; expected y"
    assert listing(tmp_path) == ["a.zip"]
