"""Datasets are installed whole, opened as they were described, and recognised when turned."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from segcore.data.dataset import (
    Check,
    data_root,
    install,
    installed,
    open_dataset,
)
from segcore.errors import DataError, StorageError
from segcore.stacks import array_stack


@pytest.fixture
def made(data_dir, small_pair):
    images, labels = small_pair
    return install(
        "cells", array_stack(images), array_stack(labels), title="Cells", voxel_size_nm=(50, 4, 4), source="a test",
        terms="free", citation="nobody", checks=[Check(name="pairs", passed=True, message="5 pairs")],
    )  # fmt: skip


def test_what_was_installed_comes_back(made, small_pair, data_dir):
    images, labels = small_pair
    opened = open_dataset("cells")
    assert opened.info == made.info
    assert opened.folder == data_dir / "cells"
    np.testing.assert_array_equal(opened.images, images)
    np.testing.assert_array_equal(opened.labels, labels)
    for z in range(5):
        np.testing.assert_array_equal(opened.image(z), images[z])
        np.testing.assert_array_equal(opened.label(z), labels[z])
    info = opened.info
    assert (info.slices, info.height, info.width, info.labelled, info.synthetic) == (5, 61, 48, True, False)
    assert info.voxel_size_nm == (50, 4, 4)
    assert info.slice_names == ("000", "001", "002", "003", "004")
    assert info.checks == (Check(name="pairs", passed=True, message="5 pairs"),)
    np.testing.assert_allclose(info.membrane_percent, 100 * (labels == 0).mean(axis=(1, 2)), atol=1e-4)


def test_pixels_are_read_only_maps(made):
    for stack in (made.images, made.labels):
        assert isinstance(stack, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            stack[0, 0, 0] = 1


def test_slices_of_a_dataset_are_numbered_from_0_to_the_last(made):
    for z in (-1, 5):
        with pytest.raises(IndexError):
            made.image(z)


def test_without_labels(data_dir, small_pair):
    dataset = install("cells", array_stack(small_pair[0]))
    assert dataset.labels is None
    assert not dataset.info.labelled
    assert dataset.info.membrane_percent == ()
    assert not (dataset.folder / "labels.tif").exists()
    with pytest.raises(DataError, match="without labels"):
        dataset.label(0)


def pixel_fingerprint(images, labels):
    """As its description says: the hash of those of images and labels, each over its shape and its pixels."""
    stacks = [images] if labels is None else [images, labels]
    each = [hashlib.sha256(repr(stack.shape).encode() + stack.tobytes()).digest() for stack in stacks]
    return hashlib.sha256(b"".join(each)).hexdigest()


def test_fingerprint_is_of_shape_pixels_and_labels(made, data_dir, small_pair):
    images, labels = small_pair
    assert made.info.fingerprint == pixel_fingerprint(images, labels)
    assert install("again", array_stack(images), array_stack(labels)).info.fingerprint == made.info.fingerprint
    changed = images.copy()
    changed[4, 60, 47] ^= 1
    others = {
        pixel_fingerprint(images, None),
        pixel_fingerprint(changed, labels),
        pixel_fingerprint(images, 255 - labels),
        pixel_fingerprint(images.reshape(5, 48, 61), labels.reshape(5, 48, 61)),
    }
    assert len(others | {made.info.fingerprint}) == 5


def test_stacks_of_more_than_8_bits_that_overlap_are_known_though_each_is_stretched_by_its_own_range(data_dir):
    deep = np.random.default_rng(0).integers(0, 4096, (6, 20, 20)).astype(np.uint16)
    deep[5] *= 15  # only one of them holds such bright pixels
    first = install("first", array_stack(deep[:5]), intensity_range=(0, 4095))
    second = install("second", array_stack(deep[2:]), intensity_range=(0, 61425))
    assert not (first.image(2) == second.image(0)).all()
    assert first.info.slice_fingerprints[2:] == second.info.slice_fingerprints[:3]
    np.testing.assert_array_equal(second.image(0), np.rint(deep[2] * (255 / 61425)))


def test_installed_lists_by_name_and_leaves_damaged_ones_out(made, data_dir, small_pair, caplog):
    install("a", array_stack(small_pair[0]))
    install("broken", array_stack(small_pair[0]))
    (data_dir / "broken" / "dataset.json").write_text("{")
    (data_dir / "stray").mkdir()
    (data_dir / ".scratch").mkdir()
    assert [info.name for info in installed()] == ["a", "cells"]
    assert "damaged file" in caplog.text


def test_nothing_is_installed_at_first(data_dir):
    assert installed() == []
    with pytest.raises(DataError, match="there is no dataset cells; expected one made by `fetch` or `import`"):
        open_dataset("cells")


def test_unknown_name_lists_the_known(made):
    with pytest.raises(DataError, match="there is no dataset other; expected one of cells"):
        open_dataset("other")


@pytest.mark.parametrize("name", ["../cells", "", "a/b"])
def test_unsafe_names(data_dir, small_pair, name, listing):
    with pytest.raises(StorageError, match="not a safe folder name"):
        install(name, array_stack(small_pair[0]))
    with pytest.raises(StorageError, match="not a safe folder name"):
        open_dataset(name)
    assert listing(data_dir) == []


def test_a_name_is_taken_once(made, small_pair, data_dir, listing):
    before = listing(data_dir)
    with pytest.raises(DataError, match="already a dataset cells"):
        install("cells", array_stack(small_pair[0]))
    assert listing(data_dir) == before


def test_labels_have_to_fit(data_dir, small_pair, listing):
    images, labels = small_pair
    for wrong in (labels[:4], labels[:, :60]):
        with pytest.raises(DataError, match="images and labels differ"):
            install("cells", array_stack(images), array_stack(wrong))
    with pytest.raises(DataError, match="other values; found values 0, 1; expected 0, 128 and 255"):
        install("cells", array_stack(images), array_stack(labels // 255))
    assert listing(data_dir) == []


def test_no_root_is_left_by_a_failure_half_way(data_dir, small_pair, listing):
    def fail_at_the_end(page):
        if page is not small_pair[0][0] and np.array_equal(page, small_pair[0][4]):
            raise KeyboardInterrupt
        return page

    with pytest.raises(KeyboardInterrupt):
        install("cells", array_stack(small_pair[0]).mapped(fail_at_the_end, np.uint8))
    assert not data_dir.exists()


def test_root_is_the_environments_or_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEGCORE_DATA_DIR", raising=False)
    assert data_root() == tmp_path / "data"
    monkeypatch.setenv("SEGCORE_DATA_DIR", "elsewhere")
    assert data_root() == tmp_path / "elsewhere"


def change(folder, **values):
    path = folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format_version": 2}, "newer format; found 2"),
        ({"format_version": None}, "newer format"),
        ({"slices": "many"}, "damaged file"),
        ({"slices": 4}, "its parts disagree"),
        ({"name": "other"}, "its parts disagree"),
        ({"colour": "blue"}, "damaged file"),
        ({"height": 48, "width": 61}, r"images\.tif: another stack than its description says"),
    ],
)
def test_edited_descriptions_are_refused(made, values, message):
    change(made.folder, **values)
    with pytest.raises(DataError, match=message):
        open_dataset("cells")


def test_missing_keys_are_refused(made):
    values = dataclasses.asdict(made.info)
    del values["fingerprint"]
    (made.folder / "dataset.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="damaged file"):
        open_dataset("cells")


@pytest.mark.parametrize("file", ["images.tif", "labels.tif"])
def test_missing_and_truncated_pixels_are_refused(made, file):
    whole = (made.folder / file).read_bytes()
    (made.folder / file).write_bytes(whole[:-3000])
    with pytest.raises(DataError, match=file):
        open_dataset("cells")
    (made.folder / file).unlink()
    with pytest.raises(DataError, match=f"{file}: there is no such file"):
        open_dataset("cells")


def test_memory_of_reading_slices_stays_flat(data_dir, run_python):
    pages = np.zeros((64, 512, 512), np.uint8)
    install("large", array_stack(pages))
    done = run_python(
        """
        import resource
        from segcore.data.dataset import open_dataset
        dataset = open_dataset("large")
        dataset.image(0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for z in range(64):
            dataset.image(z)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        """,
        SEGCORE_DATA_DIR=str(data_dir),
    )
    # Kilobytes on Linux; all slices together are 16384.
    assert int(done.stdout) < 4096, done.stderr
