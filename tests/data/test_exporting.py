"""A dataset becomes the notebook's folders of zero-padded files, and comes back from them."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from segcore.data.dataset import install
from segcore.data.exporting import export
from segcore.data.importing import import_source
from segcore.errors import DataError
from segcore.stacks import array_stack


@pytest.fixture
def cells(data_dir, small_pair):
    return install("cells", *map(array_stack, small_pair))


@pytest.mark.parametrize(("form", "suffix"), [("png", "png"), ("tiff", "tif")])
def test_folders_and_names(cells, small_pair, tmp_path, listing, form, suffix):
    made = export(cells, tmp_path / "out", form)
    assert made == [tmp_path / "out/train", tmp_path / "out/label"]
    names = [f"00{z}.{suffix}" for z in range(5)]
    assert listing(tmp_path / "out") == [
        "label", *(f"label/{name}" for name in names), "train", *(f"train/{name}" for name in names),
    ]  # fmt: skip
    read = tifffile.imread if form == "tiff" else lambda path: np.asarray(Image.open(path))
    for z, name in enumerate(names):
        np.testing.assert_array_equal(read(tmp_path / "out/train" / name), small_pair[0][z])
        np.testing.assert_array_equal(read(tmp_path / "out/label" / name), small_pair[1][z])


@pytest.mark.parametrize("form", ["png", "tiff"])
def test_exported_and_imported_again_is_the_same(cells, tmp_path, form):
    export(cells, tmp_path / "out", form)
    (again,) = import_source(tmp_path / "out", "again")
    assert again.info.fingerprint == cells.info.fingerprint


def test_ome_zarr_is_imported_again_as_it_was(cells, data_dir, tmp_path, listing):
    made = export(cells, tmp_path / "out", "ome-zarr")
    assert [path.name for path in made] == ["train.ome.zarr", "label.ome.zarr"]
    (again,) = import_source(tmp_path / "out", "again")
    np.testing.assert_array_equal(again.images, cells.images)
    np.testing.assert_array_equal(again.labels, cells.labels)
    assert again.info.voxel_size_nm == cells.info.voxel_size_nm


@pytest.mark.parametrize("form", ["png", "ome-zarr"])
def test_numbers_of_neurites_go_out_as_they_are(data_dir, small_pair, tmp_path, form):
    images, labels = small_pair
    numbers = np.where(labels > 0, 70_000 + np.arange(5)[:, None, None], 0).astype(np.uint32)
    stacks = array_stack(images), array_stack(labels)
    dataset = install("numbered", *stacks, numbers=array_stack(numbers))
    assert dataset.info.fingerprint != install("plain", *stacks).info.fingerprint
    assert export(dataset, tmp_path / "out", form)[-1] == tmp_path / "out/numbers"
    for z in range(5):
        np.testing.assert_array_equal(tifffile.imread(tmp_path / f"out/numbers/00{z}.tif"), numbers[z])


def test_unlabelled_slices_go_to_test(data_dir, tmp_path, small_pair):
    dataset = install("plain", array_stack(small_pair[0]))
    assert export(dataset, tmp_path / "out") == [tmp_path / "out/test"]


def test_names_are_as_wide_as_all_need(data_dir, tmp_path):
    dataset = install("many", array_stack(np.zeros((1001, 1, 1), np.uint8)))
    export(dataset, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out/test").iterdir())
    assert (names[0], names[-1]) == ("0000.png", "1000.png")


def test_training_and_test_stack_into_one_folder(cells, data_dir, tmp_path, small_pair):
    test = install("cells-test", array_stack(small_pair[0]))
    export(cells, tmp_path / "out")
    export(test, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["label", "test", "train"]


def test_nothing_is_written_over(cells, tmp_path, listing):
    (tmp_path / "out/label").mkdir(parents=True)
    with pytest.raises(DataError, match="out/label: there is already a folder"):
        export(cells, tmp_path / "out")
    assert listing(tmp_path / "out") == ["label"]


def test_unknown_format(cells, tmp_path):
    with pytest.raises(DataError, match="unknown format; found bmp; expected png or tiff or ome-zarr"):
        export(cells, tmp_path / "out", "bmp")


def test_a_failure_in_the_labels_takes_the_images_away_again(cells, tmp_path, listing):
    # The label file is cut after the dataset was opened, as a failing disk would.
    _ = cells.images, cells.labels
    path = cells.folder / "labels.tif"
    path.write_bytes(path.read_bytes()[:10_000])
    with pytest.raises((DataError, ValueError)):
        export(cells, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["png", "tiff"])
def test_disk_that_takes_no_more_bytes(cells, data_dir, tmp_path, run_python, form):
    done = run_python(
        """
        import resource, signal, sys
        from pathlib import Path
        from segcore.data.dataset import open_dataset
        from segcore.errors import StorageError
        from segcore.data.exporting import export
        dataset = open_dataset("cells")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            export(dataset, Path(sys.argv[1]) / "out", sys.argv[2])
        except StorageError as error:
            print(error)
        """,
        tmp_path,
        form,
        SEGCORE_DATA_DIR=str(data_dir),
    )
    assert done.stdout.startswith(f"{tmp_path}/out/train"), done.stderr
    assert done.stdout.count("\n") == 1
    assert not (tmp_path / "out").exists()
