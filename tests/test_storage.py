"""Files and folders are written whole or not at all, and refusals of the disk are one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.errors import DataError, RunError, StorageError
from segcore.storage import (
    atomic_file,
    atomic_folder,
    read_json,
    read_only,
    recover_folder,
    replacing_folder,
    safe_name,
    scratch_folder,
    write_json,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", False), ("0", False), ("false", False), (" No ", False), ("off", False), ("1", True), ("true", True),
     ("yes", True), ("please", True)],
)  # fmt: skip
def test_read_only_is_anything_but_a_no(value, expected, monkeypatch):
    monkeypatch.setenv("SEGCORE_READ_ONLY", value)
    assert read_only() is expected
    monkeypatch.delenv("SEGCORE_READ_ONLY")
    assert read_only() is False


def test_file_appears_when_complete(tmp_path, listing):
    target = tmp_path / "new" / "deep" / "file.txt"
    with atomic_file(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        assert temporary.parent.parent == target.parent  # so that a renaming is enough
    assert target.read_text() == "half"
    assert listing(tmp_path) == ["new", "new/deep", "new/deep/file.txt"]


def test_failed_file_leaves_the_old_one_and_nothing_else(tmp_path, listing):
    target = tmp_path / "file.txt"
    target.write_text("old")

    def write_and_fail():
        with atomic_file(target) as temporary:
            temporary.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_fail()
    assert target.read_text() == "old"
    assert listing(tmp_path) == ["file.txt"]


def test_failed_folder_leaves_nothing_not_even_its_parents(tmp_path, listing):
    def write_and_fail():
        with atomic_folder(tmp_path / "new" / "dataset") as temporary:
            (temporary / "sub").mkdir()
            (temporary / "sub" / "a").write_text("a")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_and_fail()
    assert listing(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_folder_never_replaces_anything(tmp_path, kind, listing):
    target = tmp_path / "taken"
    if kind == "file":
        target.write_text("x")
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StorageError, match="already something of this name"), atomic_folder(target):
        pass
    assert listing(tmp_path) == ["taken"]


def test_a_folder_is_replaced_with_all_that_is_in_it(tmp_path, listing):
    target = tmp_path / "data" / "copy"
    for number in range(2):
        with replacing_folder(target) as making:
            (making / f"{number}.txt").write_text("new")
            assert (target / "0.txt").exists() == bool(number)
    assert listing(tmp_path) == ["data", "data/copy", "data/copy/1.txt"]


@pytest.mark.parametrize("fails", ["inside", "first renaming", "second renaming"])
def test_a_folder_that_cannot_be_replaced_is_as_it_was(tmp_path, fails, monkeypatch, listing):
    target = tmp_path / "copy"
    target.mkdir()
    (target / "old.txt").write_text("old")
    rename = os.rename

    def fail(of, to):
        # The new folder is made whole under a hidden name by a renaming of its own.
        if {"first renaming": target == Path(of), "second renaming": target == Path(to) and ".new" in str(of)}[fails]:
            raise OSError(28, "No space left on device")
        rename(of, to)

    def replace():
        with replacing_folder(target) as making:
            (making / "new.txt").write_text("new")
            if fails == "inside":
                raise DataError("no", path=making / "new.txt")

    if fails != "inside":
        monkeypatch.setattr(os, "rename", fail)
    with pytest.raises((DataError, StorageError)) as caught:
        replace()
    if fails == "inside":
        assert caught.value.path == str(target / "new.txt")
    assert listing(tmp_path) == ["copy", "copy/old.txt"]


def test_an_exchange_that_was_cut_off_is_undone(tmp_path, listing):
    for name in (".copy.old", ".copy.new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.txt").write_text(name)
    recover_folder(tmp_path / "copy")
    assert (tmp_path / "copy" / "file.txt").read_text() == ".copy.old"
    with replacing_folder(tmp_path / "copy") as making:
        (making / "file.txt").write_text("third")
    assert listing(tmp_path) == ["copy", "copy/file.txt"]


def test_scratch_folder_goes_away(tmp_path, listing):
    with scratch_folder(tmp_path / "data") as folder:
        (folder / "x").write_text("x")
        assert folder.name.startswith(".")
    assert listing(tmp_path) == []


MAKER = """
import sys
from pathlib import Path
from segcore import storage
with getattr(storage, sys.argv[1])(Path(sys.argv[2])) as made:
    (made / "half" if made.is_dir() else made).write_text("half")
    print("made", flush=True)
    sys.stdin.read()
"""


def maker(how, path):
    """A process that is half way through making something."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAKER, how, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "made\n"
    return process


@pytest.mark.parametrize("how", ["atomic_file", "atomic_folder", "scratch_folder"])
def test_what_a_killed_process_left_goes_with_the_next_one_and_what_a_live_one_makes_stays(tmp_path, how):
    (tmp_path / ".notes.part").write_text("somebody else's")
    place = tmp_path if how == "scratch_folder" else tmp_path / "a"
    with maker(how, place) as live:
        (of_live,) = {path for path in tmp_path.iterdir() if path.name != ".notes.part"}
        with maker(how, place) as dead:
            assert len(list(tmp_path.iterdir())) == 3
            dead.send_signal(signal.SIGKILL)
        write_json(tmp_path / "b", 1)
        assert {path.name for path in tmp_path.iterdir()} == {"b", ".notes.part", of_live.name}
        live.stdin.close()
        assert live.wait(20) == 0
    left = {"b", ".notes.part"} | (set() if how == "scratch_folder" else {"a"})
    assert {path.name for path in tmp_path.iterdir()} == left


@pytest.mark.parametrize("how", [atomic_file, atomic_folder])
def test_all_is_on_the_disk_before_it_gets_its_name_and_the_name_after_that(tmp_path, how, monkeypatch):
    happened = []
    for name in ("fsync", "replace", "rename"):
        real = getattr(os, name)

        def noted(*of, real=real):
            happened.append(Path(of[1]) if len(of) == 2 else os.fstat(of[0]).st_ino)
            return real(*of)

        monkeypatch.setattr(os, name, noted)
    with how(tmp_path / "a") as made:
        if how is atomic_folder:
            (made / "sub").mkdir()
        (made / "sub/file" if how is atomic_folder else made).write_text("x")
    named = happened.index(tmp_path / "a")
    before, after = happened[:named], happened[named + 1 :]
    inside = (tmp_path / "a", *(tmp_path / "a").rglob("*"))
    assert {path.stat().st_ino for path in inside} == set(before)
    assert after == [tmp_path.stat().st_ino]


def test_a_file_where_a_folder_is_needed(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="part of this path is a file"):
        write_json(tmp_path / "file" / "a.json", 1)


def test_disk_that_takes_no_more_bytes(tmp_path, run_python, listing):
    # A limit on the size of files makes the kernel refuse a write half way, for root as well,
    # exactly where a full disk would.
    done = run_python(
        """
        import resource, signal, sys
        from pathlib import Path
        from segcore.errors import StorageError
        from segcore.storage import write_json
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        try:
            write_json(Path(sys.argv[1]) / "new" / "a.json", "x" * 1_000_000)
        except StorageError as error:
            print(error)
        """,
        tmp_path,
    )
    assert done.stdout.strip().startswith(f"{tmp_path}/new/a.json: the file would be larger"), done.stderr
    assert done.stdout.count("\n") == 1
    assert listing(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_is_named():
    with pytest.raises(StorageError, match="the disk is full"), atomic_file(Path("/tmp") / "never"):  # noqa: SIM117
        with open("/dev/full", "w") as full:
            full.write("x")
    assert not Path("/tmp/never").exists()


def test_folder_without_write_permission(tmp_path, run_python, listing):
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    done = run_python(
        """
        import os, sys
        from pathlib import Path
        import json
        from segcore.errors import StorageError
        from segcore.storage import atomic_folder, write_json
        if os.getuid() == 0:
            os.setuid(65534)
        for write in (lambda p: write_json(p, 1), lambda p: atomic_folder(p).__enter__()):
            try:
                write(Path(sys.argv[1]) / "new")
            except StorageError as error:
                print(error)
        """,
        folder,
    )
    line = f"{folder}/new: no permission to write here; expected a folder you may write to"
    assert done.stdout.splitlines() == [line, line], done.stderr
    assert listing(folder) == []


def test_json_round_trip(tmp_path):
    value = {"a": [1, 2.5, None, "Zürich"], "b": {"c": True}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json", DataError) == value
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", float("nan"))
    assert read_json(tmp_path / "a.json", DataError) == value


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_damaged_json_is_an_error_of_the_asked_kind(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RunError, match=r"run\.json: damaged file"):
        read_json(tmp_path / "run.json", RunError)


def test_missing_json(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_json(tmp_path / "run.json", DataError)


@pytest.mark.parametrize("name", ["isbi2012", "isbi2012-test", "a", "A_b.c-9", "0", "x" * 100])
def test_safe_names(name):
    assert safe_name(name, "dataset") == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "/x", "a/b", "a\\b", "a b", ".hidden", "-x", "a.", "CON", "nul.txt", "é", "a\n", "x" * 101],
)
def test_unsafe_names(name):
    with pytest.raises(StorageError, match="dataset name is not a safe folder name"):
        safe_name(name, "dataset")


@given(st.text(max_size=30))
def test_a_safe_name_stays_in_its_folder(name):
    try:
        safe_name(name, "dataset")
    except StorageError:
        return
    assert Path("/data", name).resolve().parent == Path("/data").resolve()
