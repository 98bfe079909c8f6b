"""The file of verdicts where it is damaged, another program's, or cannot be written: a sentence, never a traceback."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import PRINT, at, complaint, verdict

from segcore.errors import RunError, StorageError
from segcore.reviews import Reviews
from segcore.reviews.database import FILE


def filled(folder, count=40):
    reviews = Reviews(folder, PRINT)
    for z in range(count):
        reviews.put(verdict(slice=z, note="n" * 300, at=at(z)))
    return reviews


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A file with 40 verdicts."""
    folder = tmp_path_factory.mktemp("run")
    filled(folder)
    return folder / FILE


def changed(path, *statements):
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def refused(folder, message):
    """Both reading and writing are refused, in a line that names the file; it stays as it was."""
    before = (folder / FILE).read_bytes()
    for use in (
        lambda: Reviews(folder, PRINT).latest(),
        lambda: Reviews(folder, PRINT).put(verdict()),
        lambda: Reviews(folder, PRINT).undo("Ana"),
    ):
        with pytest.raises(RunError, match=message) as error:
            use()
        assert error.value.path == str(folder / FILE)
        assert "\n" not in str(error.value)
        assert "expected" in str(error.value)
    assert (folder / FILE).read_bytes() == before


def test_writing_ahead_and_waiting_for_the_disk(tmp_path):
    filled(tmp_path, 1)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_empty_file(tmp_path):
    (tmp_path / FILE).touch()
    refused(tmp_path, "file of verdicts is damaged; found an empty file; expected .* import what was exported")


@pytest.mark.parametrize("content", [b"x", b"hello\n" * 1000, b"SQLite format 3\0", bytes(5000)])
def test_a_file_of_something_else(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    refused(tmp_path, "damaged|not a file of verdicts")


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9])
def test_a_file_cut_short(tmp_path, whole, share):
    content = whole.read_bytes()
    (tmp_path / FILE).write_bytes(content[: int(len(content) * share)])
    refused(tmp_path, "damaged")


@settings(max_examples=50)
@given(st.integers(0, 10**9), st.binary(min_size=1, max_size=400))
def test_whatever_bytes_are_wrong_nothing_but_a_sentence_is_said(tmp_path_factory, whole, start, noise):
    folder = tmp_path_factory.mktemp("run")
    content = whole.read_bytes()
    start %= len(content)
    (folder / FILE).write_bytes((content[:start] + noise + content[start + len(noise) :])[: len(content)])
    for use in (lambda: Reviews(folder, PRINT).latest(), lambda: Reviews(folder, PRINT).put(verdict(slice=99))):
        error = complaint(use)
        assert error is None or error.path == str(folder / FILE)
        assert "\n" not in str(error)


def test_a_value_that_no_verdict_has(tmp_path):
    filled(tmp_path, 2)
    changed(tmp_path / FILE, "UPDATE verdicts SET decision = 'fine' WHERE number = 2")
    with pytest.raises(RunError, match="file of verdicts is damaged: unknown decision; found 'fine'"):
        Reviews(tmp_path, PRINT).latest()
    with pytest.raises(RunError, match="unknown decision"):
        Reviews(tmp_path, PRINT).undo("Ana")
    changed(tmp_path / FILE, "UPDATE verdicts SET decision = 'unsure', note = x'ff' WHERE number = 2")
    with pytest.raises(RunError, match="the note cannot be used"):
        Reviews(tmp_path, PRINT).latest()
    changed(tmp_path / FILE, "UPDATE verdicts SET note = CAST(x'ff' AS TEXT) WHERE number = 2")
    with pytest.raises(RunError, match="damaged"):
        Reviews(tmp_path, PRINT).latest()


def test_another_programs_database(tmp_path):
    changed(
        tmp_path / FILE, "CREATE TABLE verdicts (number INTEGER, note TEXT)", "INSERT INTO verdicts VALUES (1, 'a')"
    )
    refused(tmp_path, "not a file of verdicts; found a database of another program")


def test_a_newer_version(tmp_path):
    filled(tmp_path, 1)
    changed(tmp_path / FILE, "PRAGMA user_version = 2")
    refused(tmp_path, "written by a newer segcore; found format 2; expected format 1 or older; update segcore")


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE verdicts",
        "ALTER TABLE verdicts ADD COLUMN colour TEXT",
        "CREATE TRIGGER more AFTER INSERT ON verdicts BEGIN DELETE FROM verdicts; END",
        "CREATE VIEW other AS SELECT 1",
        "PRAGMA user_version = 0",
    ],
)
def test_other_tables_than_were_made(tmp_path, statement):
    filled(tmp_path, 1)
    changed(tmp_path / FILE, statement)
    refused(tmp_path, "damaged; found other tables")


def test_something_else_of_this_name(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(RunError, match=r"reviews\.sqlite: not a file of verdicts"):
        Reviews(tmp_path, PRINT)
    (tmp_path / FILE).rmdir()
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(RunError, match=r"reviews\.sqlite: not a file of verdicts"):
        Reviews(tmp_path, PRINT)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).symlink_to(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"reviews\.sqlite: not a file of verdicts"):
        Reviews(tmp_path, PRINT)


LEFT = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, "tests/reviews")
    from judging import PRINT, verdict
    from segcore.reviews import Reviews
    from segcore.reviews.database import changing
    reviews = Reviews(Path(sys.argv[1]), PRINT)
    reviews.put(verdict())
    with changing(reviews.path):  # so that the next one is not the last to leave
        pass
    import sqlite3
    open_still = sqlite3.connect(reviews.path)
    open_still.execute("SELECT count(*) FROM verdicts").fetchone()
    reviews.put(verdict(slice=4))
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""Leaves a verdict that is in the log of changes only."""


def test_changes_without_their_file(tmp_path, run_python):
    run_python(LEFT, tmp_path)
    changes = (tmp_path / f"{FILE}-wal").read_bytes()
    assert changes
    (tmp_path / FILE).unlink()
    for use in (lambda: Reviews(tmp_path, PRINT), lambda: Reviews(tmp_path, PRINT).put(verdict())):
        with pytest.raises(RunError, match="is gone, and its latest changes are still here"):
            use()
    assert (tmp_path / f"{FILE}-wal").read_bytes() == changes
    (tmp_path / f"{FILE}-wal").unlink()
    Reviews(tmp_path, PRINT).put(verdict())
    assert Reviews(tmp_path, PRINT).latest() == (verdict(),)


CLOSED = """
    import os, sys
    from pathlib import Path
    sys.path.insert(0, "tests/reviews")
    from judging import PRINT, verdict
    from segcore.errors import StorageError
    from segcore.reviews import Reviews
    "".encode("utf-8-sig")  # while Python may still read its own files
    if os.getuid() == 0:
        os.setuid(65534)
    reviews = Reviews(Path(sys.argv[1]), PRINT)
    print([one.place.slice for one in reviews.latest()])
    for write in (lambda: reviews.put(verdict()), lambda: reviews.undo("Ana")):
        try:
            print("wrote", write())
        except StorageError as error:
            print(error)
    print(len(reviews.csv_bytes()) > 100)
"""


@pytest.mark.parametrize("left", ["nothing", "changes", "changes without their index"])
def test_a_folder_that_cannot_be_written(tmp_path, run_python, listing, left):
    folder = tmp_path / "closed"
    folder.mkdir()
    if left == "nothing":
        filled(folder, 2)
    else:
        run_python(LEFT, folder)
        if left == "changes without their index":
            (folder / f"{FILE}-shm").unlink()
    before = {path: (folder / path).read_bytes() for path in listing(folder)}
    for path in before:
        (folder / path).chmod(0o444)
    folder.chmod(0o555)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    done = run_python(CLOSED, folder)
    folder.chmod(0o755)
    slices, put, undo, exported = done.stdout.splitlines()
    assert slices == ("[0, 1]" if left == "nothing" else "[3, 4]"), done.stderr
    for line in (put, undo):
        assert line.startswith(f"{folder / FILE}: no permission to write here"), done.stdout
        assert line.endswith("expected a folder you may write to")
    assert exported == "True"
    assert {path: (folder / path).read_bytes() for path in listing(folder)} == before


def test_who_may_only_read_the_file_leaves_nothing_beside_it(tmp_path, run_python, listing):
    """What they left would be theirs, and whose the file is could not write it any more."""
    filled(tmp_path, 2)
    (tmp_path / FILE).chmod(0o444)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    tmp_path.chmod(0o777)
    done = run_python(CLOSED, tmp_path)
    line = f"{tmp_path / FILE}: no permission to write here; expected a folder you may write to"
    assert done.stdout.splitlines() == ["[0, 1]", line, line, "True"], done.stderr
    assert listing(tmp_path) == [FILE]


def test_a_closed_folder_without_verdicts(tmp_path, run_python, listing):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    done = run_python(CLOSED, folder)
    folder.chmod(0o755)
    slices, put, undo, _ = done.stdout.splitlines()
    assert (slices, undo) == ("[]", "wrote None"), done.stderr
    assert put == f"{folder / FILE}: no permission to write here; expected a folder you may write to"
    assert listing(folder) == []


FULL = """
    import resource, signal, sys
    from pathlib import Path
    sys.path.insert(0, "tests/reviews")
    from judging import PRINT, verdict
    from segcore.errors import StorageError
    from segcore.reviews import Reviews
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    reviews = Reviews(Path(sys.argv[1]), PRINT)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    saved = 0
    try:
        for z in range(1000):
            reviews.put(verdict(slice=z, note="n" * 1000))
            saved += 1
    except StorageError as error:
        print(error)
    print(saved)
"""


@pytest.mark.parametrize("limit", [1000, 60_000])
def test_a_full_disk(tmp_path, run_python, listing, limit):
    """A limit on the size of files stands for the disk: the system refuses in the same places."""
    done = run_python(FULL, tmp_path, limit)
    line, saved = done.stdout.splitlines()
    assert line.startswith(f"{tmp_path / FILE}: "), done.stderr
    assert "free space" in line or "a higher limit" in line
    assert [one.place.slice for one in Reviews(tmp_path, PRINT).latest()] == list(range(int(saved)))
    assert (int(saved) > 5) == (limit == 60_000)
    assert set(listing(tmp_path)) <= {FILE}


def test_a_file_that_others_keep_for_too_long(tmp_path, monkeypatch):
    reviews = filled(tmp_path, 1)
    monkeypatch.setattr("segcore.reviews.database._WAIT_SECONDS", 0.05)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=r"reviews\.sqlite: others keep it busy .*; expected to try again"):
            reviews.put(verdict())
        assert len(reviews.latest()) == 1
        other.execute("ROLLBACK")
    reviews.put(verdict())
    assert len(reviews.latest()) == 2
