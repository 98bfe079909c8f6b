"""Pools of augmented pairs: matrices, a table from which each copy can be made again, and a preview."""

import cProfile
import csv
import dataclasses
from typing import get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image

from segcore.augmentation import Transform, apply
from segcore.config import AugmentConfig, RunConfig
from segcore.data import install
from segcore.errors import ConfigError, DataError, StorageError
from segcore.presets import preset
from segcore.stacks import array_stack
from segcore.training.pool import write_pool

STRONG = RunConfig(augment=AugmentConfig(noise=("none", "gaussian", "poisson", "speckle")))


def table(folder):
    """Rows of copies.csv, with the transforms they describe."""
    kinds = get_type_hints(Transform)
    with (folder / "copies.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values = {
                name: row[name] == "True" if kind is bool else kind(row[name]) if kind in (int, float) else row[name]
                for name, kind in kinds.items()
            }
            yield int(row["copy"]), int(row["source_slice"]), row["source_name"], Transform(**values)


def test_matrices_and_originals(cells, tmp_path, listing):
    pool = write_pool(cells, STRONG, tmp_path / "out", count=30, seed=0)
    assert (pool.copies, pool.originals, pool.folder) == (30, 12, tmp_path / "out")
    assert listing(tmp_path / "out") == ["copies.csv", "images.npy", "labels.npy", "preview.png"]
    images, labels = (np.load(pool.folder / f"{name}.npy", mmap_mode="r") for name in ("images", "labels"))
    assert (images.shape, images.dtype) == ((30, 45, 52), np.float32)
    assert (labels.shape, labels.dtype) == ((30, 45, 52), np.uint8)
    assert 0 <= images.min() < images.max() <= 1
    assert set(np.unique(labels)) == {0, 1}
    np.testing.assert_allclose(images[:12], cells.images / np.float32(255), atol=1e-5)
    np.testing.assert_array_equal(labels[:12], np.asarray(cells.labels) > 0)
    # Copies follow the slices in turn, and no two are alike.
    assert [source for _, source, _, _ in table(pool.folder)] == [n % 12 for n in range(30)]
    assert len({image.tobytes() for image in images}) == 30


def test_every_copy_can_be_made_again_from_the_table(cells, tmp_path):
    pool = write_pool(cells, STRONG, tmp_path / "out", count=24, seed=5)
    images, labels = np.load(pool.folder / "images.npy"), np.load(pool.folder / "labels.npy")
    kinds = set()
    for copy, source, name, transform in table(pool.folder):
        made = apply(
            torch.tensor(cells.images[source])[None, None] / 255, torch.tensor(cells.labels[source])[None, None] > 0,
            [transform],
        )  # fmt: skip
        np.testing.assert_allclose(images[copy], made.images[0, 0].numpy(), atol=1e-5)
        assert (labels[copy] != made.labels[0, 0].numpy()).sum() <= 2
        assert name == cells.info.slice_names[source]
        assert (transform == Transform()) == (copy < 12)
        kinds.add(transform.noise)
    assert len(kinds) == 4


def test_the_same_seed_gives_the_same_pairs(cells, tmp_path):
    pairs = {}
    for name, seed, count in (("one", 1, 20), ("again", 1, 20), ("other", 2, 20), ("longer", 1, 25)):
        folder = write_pool(cells, STRONG, tmp_path / name, count=count, seed=seed).folder
        pairs[name] = np.load(folder / "images.npy")
    np.testing.assert_array_equal(pairs["one"], pairs["again"])
    np.testing.assert_allclose(pairs["one"], pairs["longer"][:20], atol=1e-5)
    np.testing.assert_allclose(pairs["one"][:12], pairs["other"][:12], atol=1e-5)
    assert all(np.abs(pairs["one"][n] - pairs["other"][n]).max() > 0.1 for n in range(12, 20))


def test_a_loss_with_weights_costs_no_more(cells, tmp_path):
    with cProfile.Profile() as profile:
        write_pool(cells, preset("standard"), tmp_path / "out", count=2, seed=0)
    called = {entry.code.co_name for entry in profile.getstats() if not isinstance(entry.code, str)}
    assert preset("standard").loss.boundary_weight > 0
    assert "apply" in called
    assert "boundary_weights" not in called


def test_the_notebooks_ranges(cells, tmp_path):
    folder = write_pool(cells, preset("notebook"), tmp_path / "out", count=40, seed=0).folder
    copies = [transform for copy, _, _, transform in table(folder) if copy >= 12]
    assert max(abs(transform.angle_deg) for transform in copies) <= 25
    assert {(transform.noise, transform.noise_level) for transform in copies} == {("gaussian", 0.1)}
    assert any(transform.flip_horizontal for transform in copies)


@pytest.mark.parametrize("count", [1, 5, 40])
def test_the_preview_shows_copies_over_their_masks(cells, tmp_path, count):
    folder = write_pool(cells, STRONG, tmp_path / "out", count=count, seed=0).folder
    with Image.open(folder / "preview.png") as sheet:
        columns, rows = min(6, count), min(4, -(-count // 6))
        assert sheet.size == (192 * columns, 192 * 2 * rows)
        pixels = np.asarray(sheet)
    # The first is the first slice, its mask below it.
    first, mask = np.array(cells.image(0)), np.array(cells.label(0))
    assert np.abs(pixels[2:47, 2:54].astype(int) - first).max() <= 1
    np.testing.assert_array_equal(pixels[194:239, 2:54], mask)


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (-3, 0), (5, -1)])
def test_refused_numbers(cells, tmp_path, count, seed, listing):
    with pytest.raises(ConfigError):
        write_pool(cells, STRONG, tmp_path / "out", count=count, seed=seed)
    assert not (tmp_path / "out").exists()


def test_refused_places_and_data(cells, tmp_path, cell_stack):
    (tmp_path / "there").mkdir()
    with pytest.raises(StorageError, match="there: there is already something of this name"):
        write_pool(cells, STRONG, tmp_path / "there", count=2, seed=0)
    with pytest.raises(StorageError):
        write_pool(cells, STRONG, tmp_path / "large", count=10**12, seed=0)
    plain = install("plain", array_stack(cell_stack[0]))
    with pytest.raises(DataError, match="no labels to augment; expected a labelled dataset"):
        write_pool(plain, STRONG, tmp_path / "out", count=2, seed=0)
    assert {path.name for path in tmp_path.iterdir()} == {"there", "data-root"}


def test_every_parameter_is_in_the_table(cells, tmp_path):
    folder = write_pool(cells, STRONG, tmp_path / "out", count=1, seed=0).folder
    header = (folder / "copies.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert header == ["copy", "source_slice", "source_name", *(f.name for f in dataclasses.fields(Transform))]
