"""A training inside two slices: nothing but its rows is learned from, chosen on or measured."""

import dataclasses

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from dashboard.viewer import open_layers
from segcore.config import ModelConfig, RunConfig, SplitConfig, TrainConfig
from segcore.data import install
from segcore.errors import ConfigError
from segcore.evaluation import evaluate, read_evaluation
from segcore.runs import make_split
from segcore.stacks import IGNORE, array_stack
from segcore.training import train
from segcore.training.sampling import epoch_samples
from segcore.training.window import Window

CONFIG = RunConfig(
    split=SplitConfig(protocol="bands"),
    model=ModelConfig(width=2, depth=2),
    train=TrainConfig(epochs=2, epoch_samples=8, batch_size=4, patch_px=32, precision="32"),
)
HEIGHT, WIDTH = 330, 64


@pytest.fixture
def pair():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    interior = np.stack([np.hypot(y % 17 - 8, (x + z) % 17 - 8) < 7 for z in (0, 5)])
    noise = np.random.default_rng(0).normal(0, 12, interior.shape)
    images = (ndimage.gaussian_filter(np.where(interior, 170.0, 70.0), (0, 0.7, 0.7)) + noise).clip(1, 254)
    return images.astype(np.uint8), np.where(interior, np.uint8(255), np.uint8(0))


def split():
    return make_split(2, CONFIG.split, height=HEIGHT, gap_px=CONFIG.model.halo)


def installed(name, images, labels):
    return install(name, array_stack(images), array_stack(labels))


def test_labels_of_other_rows_change_nothing(pair, data_dir, models_dir):
    images, labels = pair
    bands = split().bands
    other = 255 - labels
    for first, last in (bands.train, bands.validation):
        other[:, first:last] = labels[:, first:last]
    assert (other != labels).any()
    runs = [train(installed(name, images, these), CONFIG, name) for name, these in (("a", labels), ("b", other))]
    assert runs[0].weights.read_bytes() == runs[1].weights.read_bytes()
    assert runs[0].info.operating_points == runs[1].info.operating_points
    rows = [[dataclasses.replace(row, seconds=0) for row in run.history()] for run in runs]
    assert rows[0] == rows[1]
    # Those of the rows that are learned from, and of those that choose, do.
    for part in ("train", "validation"):
        first, last = bands.of(part)
        these = labels.copy()
        these[:, first:last] = 255 - labels[:, first:last]
        history = train(installed(part, images, these), CONFIG, part).history()
        assert [dataclasses.replace(row, seconds=0) for row in history] != rows[0]


def test_the_test_rows_alone_are_measured(pair, data_dir, models_dir):
    dataset = installed("cells", *pair)
    run = train(dataset, CONFIG, "a")
    first, last = run.split.bands.test
    found = evaluate(run, dataset)
    assert found.part == "test"
    assert found.evaluation.evidence.counts.sum() == 2 * (last - first) * WIDTH
    assert not found.audit.leaks
    assert found.audit.gap_px == CONFIG.model.halo
    _, facts = read_evaluation(found.folder)
    assert facts["gap_px"] == CONFIG.model.halo
    kept = tifffile.imread(found.folder / "labels.tif")
    np.testing.assert_array_equal(kept[:, first:last], pair[1][:, first:last])
    assert (kept[:, :first] == IGNORE).all()
    layers = open_layers("cells", "a", "test")
    assert layers.ignores
    np.testing.assert_array_equal(layers.labels.window(1, 0, HEIGHT, 0, WIDTH), kept[1])
    whole = evaluate(run, dataset, part="all")
    assert whole.audit.trained_on == (0, 1)
    assert whole.evaluation.evidence.counts.sum() == 2 * HEIGHT * WIDTH
    assert not (whole.folder / "labels.tif").exists()


def test_patches_lie_in_the_band_that_is_learned_from():
    parts = split()
    first, last = parts.bands.train
    centres = [sample.centre for sample in epoch_samples(parts, CONFIG, 1, height=HEIGHT)]
    tops = [Window.about(centre, (32, 32), (HEIGHT, WIDTH), 32).top for centre in centres]
    assert min(tops) >= first
    assert max(tops) <= last - 32
    assert len({*tops}) > 4
    large = dataclasses.replace(CONFIG, train=dataclasses.replace(CONFIG.train, patch_px=256))
    high = [
        Window.about(one.centre, (256, 64), (HEIGHT, WIDTH), 256).top
        for one in epoch_samples(parts, large, 1, height=HEIGHT)
    ]
    assert {*high} == {0}


def test_slices_that_are_too_low_are_refused(cells, models_dir):
    with pytest.raises(ConfigError, match="too low to be divided into bands; found 45 rows, of which the gap takes 10"):
        train(cells, CONFIG, "a")
    assert not (models_dir / "a").exists()
