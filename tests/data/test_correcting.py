"""Corrected copies: labels changed as recorded, taken back to the bit, replaced whole, and never over anything else."""

import dataclasses
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from segcore.data import (
    CORRECTIONS,
    Correction,
    add_correction,
    copy_name,
    correct,
    corrections_of,
    install,
    installed,
    open_dataset,
    runs_of,
    take_back_correction,
)
from segcore.errors import DataError, StorageError
from segcore.reviews import Place
from segcore.stacks import IGNORE, INTERIOR, MEMBRANE, array_stack

COPY = "cells-corrected"


def block(z, y, x, size, become, *, reviewer="Ada"):
    """A square of pixels that becomes something."""
    place = Place(kind="wrong pixels", slice=z, y=y, x=x, top=y, left=x, bottom=y + size, right=x + size)
    runs = tuple((row, x, x + size) for row in range(y, y + size))
    return Correction(place=place, become=become, runs=runs, reviewer=reviewer)


def pixels(dataset):
    return np.array(dataset.images), np.array(dataset.labels)


def test_labels_by_hand(cells, cell_stack, listing):
    changes = block(3, 10, 20, 4, "ignore"), block(7, 0, 0, 6, "membrane"), block(7, 3, 3, 2, "interior")
    copy = correct(cells, COPY, changes)
    expected = cell_stack[1].copy()
    expected[3, 10:14, 20:24] = IGNORE
    expected[7, :6, :6] = MEMBRANE
    expected[7, 3:5, 3:5] = INTERIOR  # of two about one pixel the later counts
    images, labels = pixels(copy)
    np.testing.assert_array_equal(images, cell_stack[0])
    np.testing.assert_array_equal(labels, expected)
    info = copy.info
    assert (info.name, info.title, info.synthetic) == (COPY, "Round cells, corrected in 3 places", True)
    assert (info.source, info.terms, info.citation) == (cells.info.source, cells.info.terms, cells.info.citation)
    assert info.slice_fingerprints == cells.info.slice_fingerprints
    assert info.slice_names == cells.info.slice_names
    assert info.fingerprint != cells.info.fingerprint
    assert info.ignored_percent == (0, 0, 0, round(100 * 16 / (45 * 52), 4), *[0] * 8)
    labelled = expected[7] != IGNORE
    assert info.membrane_percent[7] == round(100 * (expected[7] == MEMBRANE).sum() / labelled.sum(), 4)
    # The fingerprint is the one that such a stack would have if it were installed.
    twin = install("twin", array_stack(cell_stack[0]), array_stack(expected))
    assert twin.info.fingerprint == info.fingerprint
    assert twin.info.membrane_percent == info.membrane_percent
    assert twin.info.ignored_percent == info.ignored_percent
    found = corrections_of(copy)
    assert (found.original, found.original_fingerprint) == ("cells", cells.info.fingerprint)
    assert found.corrections == changes
    assert corrections_of(cells) is None
    assert [one.name for one in installed()] == ["cells", COPY, "twin"]
    assert listing(copy.folder) == [CORRECTIONS, "dataset.json", "images.tif", "labels.tif"]


def test_taking_back_gives_the_labels_back_to_the_bit(cells, cell_stack):
    first, second = block(3, 10, 20, 4, "ignore"), block(3, 12, 22, 4, "membrane")
    add_correction(cells, COPY, first)
    add_correction(cells, COPY, second)
    copy = take_back_correction(cells, COPY, first)
    expected = cell_stack[1].copy()
    expected[3, 12:16, 22:26] = MEMBRANE
    np.testing.assert_array_equal(pixels(copy)[1], expected)
    copy = take_back_correction(cells, COPY, second)
    np.testing.assert_array_equal(pixels(copy)[1], cell_stack[1])
    # A copy without corrections is the original, and says so.
    assert copy.info.fingerprint == cells.info.fingerprint
    assert copy.info.title == "Round cells, corrected in no place"
    assert corrections_of(copy).corrections == ()
    # What is not there any more is no mistake.
    assert take_back_correction(cells, COPY, second).info.fingerprint == cells.info.fingerprint


def test_a_place_has_one_correction(cells, cell_stack):
    add_correction(cells, COPY, block(3, 10, 20, 4, "ignore"))
    add_correction(cells, COPY, block(5, 1, 1, 2, "ignore"))
    copy = add_correction(cells, COPY, block(3, 10, 20, 2, "interior", reviewer="Bo"))
    assert [(one.place.slice, one.become, one.reviewer) for one in corrections_of(copy).corrections] == [
        (5, "ignore", "Ada"), (3, "interior", "Bo"),
    ]  # fmt: skip
    assert not (np.array(copy.labels)[3] == IGNORE).any()
    assert copy.info.title == "Round cells, corrected in 2 places"


def test_a_slice_that_is_left_out(cells):
    whole = Correction(
        place=Place(kind="slice", slice=9, y=0, x=0, top=0, left=0, bottom=45, right=52), become="ignore",
        runs=runs_of(np.ones((45, 52), bool)), reviewer="Ada",
    )  # fmt: skip
    info = correct(cells, COPY, [whole]).info
    assert info.unlabelled_slices == (9,)
    assert info.title == "Round cells, corrected in one place"


@pytest.fixture
def numbered(data_dir):
    """Neurites 4, 7 and 9 in three strips with membrane between them, and a second slice like it."""
    label = np.full((12, 20), INTERIOR, np.uint8)
    numbers = np.full((12, 20), 4, np.uint32)
    numbers[:, 7:14], numbers[:, 14:] = 7, 9
    for column in (6, 13):
        label[:, column] = MEMBRANE
        numbers[:, column] = 0
    images = np.random.default_rng(0).integers(0, 255, (2, 12, 20)).astype(np.uint8)
    return install(
        "numbered", array_stack(images), array_stack(np.stack([label] * 2)),
        numbers=array_stack(np.stack([numbers] * 2)),
    )  # fmt: skip


def test_whose_corrected_pixels_are(numbered):
    wall = block(0, 4, 2, 3, "membrane")
    hole = block(0, 0, 8, 2, "ignore")
    # A stretch of the membrane between 4 and 7, which touches each with three pixels.
    bent = Correction(
        place=Place(kind="merge", slice=0, y=9, x=6, top=9, left=5, bottom=12, right=7), become="interior",
        runs=((9, 6, 7), (10, 6, 7), (11, 6, 7)), reviewer="Ada",
    )  # fmt: skip
    copy = correct(numbered, "better", [wall, hole, block(0, 4, 3, 1, "interior"), bent])
    before, after = np.array(numbered.numbers), np.array(copy.numbers)
    expected = before.copy()
    expected[0, 4:7, 2:5] = 0
    expected[0, 0:2, 8:10] = 0
    expected[0, 4, 3] = 4  # of the two neurites and the membrane around it, 4 is the one it touches
    expected[0, 9:12, 6] = 4  # of two such the lower number
    np.testing.assert_array_equal(after, expected)
    np.testing.assert_array_equal(after[1], before[1])
    assert copy.info.numbered
    assert correct(numbered, "better", []).info.fingerprint == numbered.info.fingerprint
    # Interior that touches no neurite is nobody's.
    lonely = correct(numbered, "better", [block(0, 3, 1, 5, "ignore"), block(0, 5, 3, 1, "interior")])
    assert np.array(lonely.numbers)[0, 5, 3] == 0


def test_large_slices_are_kept_reduced_too(data_dir):
    images = np.random.default_rng(0).integers(0, 255, (1, 16, 2056)).astype(np.uint8)
    labels = np.full((1, 16, 2056), INTERIOR, np.uint8)
    large = install("large", array_stack(images), array_stack(labels))
    copy = correct(large, "large-corrected", [block(0, 0, 0, 8, "membrane")])
    labels[0, :8, :8] = MEMBRANE
    twin = install("twin", array_stack(images), array_stack(labels))
    for name in ("images-eighth.tif", "labels-eighth.tif"):
        assert (copy.folder / name).read_bytes() == (twin.folder / name).read_bytes()


def test_nothing_but_a_copy_of_this_dataset_is_replaced(cells, cell_stack, data_dir, listing):
    install("other", array_stack(cell_stack[0][::-1]), array_stack(cell_stack[1][::-1]))
    unlabelled = install("bare", array_stack(cell_stack[0]))
    (data_dir / "papers").mkdir()
    (data_dir / "notes").write_text("mine")
    copy = correct(cells, COPY, [block(3, 10, 20, 4, "ignore")])
    before = listing(data_dir)
    change = block(0, 0, 0, 2, "ignore")
    for original, name, message in (
        (cells, "other", "already something called other that is no corrected copy"),
        (cells, "papers", "no corrected copy"),
        (cells, "notes", "no corrected copy"),
        (cells, "cells", "name of its original"),
        (open_dataset("other"), COPY, "a corrected copy of another dataset; found cells"),
        (copy, "twice", "not copied again; found twice; expected a copy of cells"),
        (unlabelled, "new", "without labels"),
    ):
        with pytest.raises(DataError, match=message):
            add_correction(original, name, change)
    for name in ("../out", "", ".hidden", "a" * 200):
        with pytest.raises(StorageError, match="safe folder name"):
            add_correction(cells, name, change)
    assert listing(data_dir) == before
    assert (data_dir / "notes").read_text() == "mine"
    assert corrections_of(open_dataset(COPY)).corrections == corrections_of(copy).corrections
    # The same name, another stack.
    changed = dataclasses.replace(cells, info=dataclasses.replace(cells.info, fingerprint="0" * 64))
    with pytest.raises(DataError, match="of another dataset"):
        add_correction(changed, COPY, change)


def test_corrections_that_do_not_fit_are_refused(cells, data_dir, listing):
    before = listing(data_dir)
    for one in (block(12, 0, 0, 2, "ignore"), block(0, 44, 0, 2, "ignore"), block(0, 0, 51, 2, "ignore")):
        with pytest.raises(DataError, match="slice"):
            add_correction(cells, COPY, one)
    assert listing(data_dir) == before


def test_a_damaged_record_is_an_error_in_one_line(cells):
    copy = correct(cells, COPY, [block(3, 10, 20, 4, "ignore")])
    path = copy.folder / CORRECTIONS
    values = json.loads(path.read_text())
    for broken in ("{", "[]", json.dumps(values | {"format_version": 2}), json.dumps(values | {"new": 1})):
        path.write_text(broken)
        with pytest.raises(DataError) as caught:
            corrections_of(copy)
        assert str(path) in str(caught.value)
        with pytest.raises(DataError):
            add_correction(cells, COPY, block(0, 0, 0, 2, "ignore"))


def test_names_of_copies():
    assert copy_name("cells") == COPY
    assert len(copy_name("x" * 100)) == 100


def test_images_lie_on_the_disk_once(cells):
    copy = correct(cells, COPY, [block(3, 10, 20, 4, "ignore")])
    assert os.path.samefile(copy.folder / "images.tif", cells.folder / "images.tif")
    assert not os.path.samefile(copy.folder / "labels.tif", cells.folder / "labels.tif")


def test_images_are_copied_where_a_file_has_one_name(cells, cell_stack, monkeypatch):
    def refuse(*_):
        raise OSError("no second names here")

    monkeypatch.setattr(os, "link", refuse)
    copy = correct(cells, COPY, [block(3, 10, 20, 4, "ignore")])
    np.testing.assert_array_equal(copy.images, cell_stack[0])


def test_two_that_correct_at_once_lose_nothing(cells):
    changes = [block(z, 2, 2, 3, "ignore") for z in range(12)]
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(add_correction, cells, COPY, one) for one in changes]:
            done.result()
    found = corrections_of(open_dataset(COPY)).corrections
    assert sorted(one.place.slice for one in found) == list(range(12))


def test_a_write_that_fails_leaves_the_old_copy_whole(cells, data_dir, listing, monkeypatch):
    copy = correct(cells, COPY, [block(3, 10, 20, 4, "ignore")])
    before, labels = listing(data_dir), (copy.folder / "labels.tif").read_bytes()

    def fails(*_):
        raise OSError(28, "No space left on device")

    for name in ("rename", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fails)
            with pytest.raises(StorageError, match="disk is full"):
                add_correction(cells, COPY, block(4, 0, 0, 2, "ignore"))
        assert listing(data_dir) == before
        assert (open_dataset(COPY).folder / "labels.tif").read_bytes() == labels


KILLED = """
import os, sys
from segcore.data import add_correction, open_dataset
from segcore.data.correction import Correction
from segcore.reviews import Place

at, renames = int(sys.argv[1]), 0
rename = os.rename

def counted(*names):
    global renames
    renames += 1
    if renames == at:
        os.kill(os.getpid(), 9)
    rename(*names)

os.rename = counted
place = Place(kind="merge", slice=1, y=0, x=0, top=0, left=0, bottom=1, right=1)
add_correction(
    open_dataset("cells"), "cells-corrected",
    Correction(place=place, become="ignore", runs=((0, 0, 1),), reviewer="Bo"),
)
"""


@pytest.mark.parametrize("at", [1, 2, 3])
def test_what_a_kill_leaves_is_whole_for_the_next(cells, data_dir, at, run_python):
    first = block(3, 10, 20, 4, "ignore")
    correct(cells, COPY, [first])
    killed = run_python(KILLED, at)
    assert killed.returncode == -signal.SIGKILL
    copy = add_correction(cells, COPY, block(4, 0, 0, 2, "ignore"))
    assert [one.place.slice for one in corrections_of(copy).corrections] == [3, 4]
    assert sorted(path.name for path in data_dir.iterdir()) == ["cells", COPY]
