"""Epochs deal slices evenly, and batches are cut where their samples say."""

import dataclasses
import tracemalloc
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segcore.augmentation import Transform, apply
from segcore.config import AugmentConfig, LossConfig, RunConfig, SplitConfig, TrainConfig
from segcore.network import boundary_weights
from segcore.runs import make_split
from segcore.stacks import IGNORE
from segcore.training.sampling import BatchMaker, Sample, epoch_samples, pool_copy, validation_samples

OFF = AugmentConfig.off()


def config(**parts):
    return RunConfig(**{"augment": OFF} | parts)


def maker(images, labels, settings):
    return BatchMaker(images, labels, settings, torch.device("cpu"))


@pytest.mark.parametrize("wanted", [1, 16, 37, 64])
def test_slices_are_dealt_evenly(wanted):
    split = make_split(30, SplitConfig())
    samples = epoch_samples(split, config(train=TrainConfig(epoch_samples=wanted)), 1)
    counts = Counter(sample.source for sample in samples)
    assert len(samples) == wanted
    assert set(counts) <= set(split.train)
    assert max(counts.values()) - min([counts[source] for source in split.train]) <= 1


def test_zero_means_every_training_slice_once():
    split = make_split(30, SplitConfig())
    samples = epoch_samples(split, config(train=TrainConfig(epoch_samples=0)), 1)
    assert sorted(sample.source for sample in samples) == list(split.train)


def test_epochs_are_repeatable_and_differ():
    split = make_split(30, SplitConfig())
    settings = RunConfig()
    assert epoch_samples(split, settings, 3) == epoch_samples(split, settings, 3)
    assert epoch_samples(split, settings, 3) != epoch_samples(split, settings, 4)
    other = dataclasses.replace(settings, train=TrainConfig(seed=1))
    assert epoch_samples(split, settings, 3) != epoch_samples(split, other, 3)


def test_validation_slices_are_not_varied():
    split = make_split(30, SplitConfig())
    assert validation_samples(split, RunConfig(), 512 * 512) == [
        Sample(source=z, transform=Transform()) for z in (17, 18, 19)
    ]


def test_the_notebooks_epoch_is_its_pool():
    split = make_split(30, SplitConfig(protocol="notebook", copies=50, validation_fraction=0.2))
    settings = config(
        split=SplitConfig(protocol="notebook", copies=50),
        augment=AugmentConfig.notebook(),
        train=TrainConfig(epoch_samples=0, patch_px=0),
    )
    trained, judged = epoch_samples(split, settings, 1), validation_samples(split, settings, 512 * 512)
    assert (len(trained), len(judged)) == (40, 10)
    by_hand = [Sample(source=n % 20, transform=pool_copy(n, 20, settings.augment, 0)) for n in range(50)]
    assert all(sample in by_hand for sample in trained + judged)
    assert sorted(sample.source for sample in trained + judged) == sorted(n % 20 for n in range(50))
    assert {s.transform for s in epoch_samples(split, settings, 2)} == {s.transform for s in trained}
    originals = [sample for sample in trained + judged if sample.transform == Transform()]
    assert sorted(sample.source for sample in originals) == list(range(20))


@given(
    st.tuples(st.integers(1, 70), st.integers(1, 70)), st.sampled_from([0, 16, 33, 64]), st.floats(0, 1),
    st.floats(0, 1), st.sampled_from([OFF, dataclasses.replace(OFF, rotation_deg=180, scale=0.1, elastic_px=1.3)]),
)  # fmt: skip
def test_a_patch_that_is_not_varied_is_a_piece_of_its_slice(shape, patch, down, right, augment):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (2, *shape), np.uint8), rng.choice([0, 255], (2, *shape)).astype(np.uint8)
    sample = Sample(source=1, transform=Transform(), centre=(down, right))
    made = maker(images, labels, config(augment=augment)).make([sample], patch_px=patch)
    height, width = (min(patch or 999, side) for side in shape)
    top, left = round(down * (shape[0] - height)), round(right * (shape[1] - width))
    piece = (1, slice(top, top + height), slice(left, left + width))
    np.testing.assert_allclose(made.images[0, 0].numpy(), images[piece] / np.float32(255), atol=1e-4)
    if made.counted is None:
        np.testing.assert_array_equal(made.labels[0, 0].numpy(), labels[piece] > 0)
    else:  # of one value, which is nothing but padding
        assert not made.counted.any()


def test_a_turned_patch_shows_what_the_turned_slice_shows():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1, 151, 151), np.uint8)
    labels = np.where(images > 127, 255, 0).astype(np.uint8)
    settings = config(augment=AugmentConfig())
    for angle in (30.0, 45.0, 180.0, -100.0):
        transform = Transform(angle_deg=angle, scale=1 / 1.1, flip_vertical=True)
        patch = maker(images, labels, settings).make([Sample(source=0, transform=transform)], patch_px=65)
        whole = apply(torch.tensor(images)[None] / 255, torch.tensor(labels)[None] > 0, [transform], size=(65, 65))
        torch.testing.assert_close(patch.images, whole.images, atol=1e-3, rtol=0)


def test_beyond_the_border_lies_the_mirror_image_or_black():
    images = np.full((1, 32, 32), 200, np.uint8)
    images[0, 31, 31] = 201  # a slice of one value would be nothing but padding
    labels = np.full_like(images, 255)
    turned = Sample(source=0, transform=Transform(angle_deg=45), centre=(0, 0))
    light = maker(images, labels, config(augment=AugmentConfig())).make([turned], patch_px=16)
    assert light.images.min() > 0.999 * 200 / 255
    assert light.labels.all()
    black = Sample(source=0, transform=Transform(angle_deg=45, border="black"), centre=(0, 0))
    dark = maker(images, labels, config(augment=AugmentConfig(border="black"))).make([black], patch_px=16)
    assert dark.images[0, 0, 0, 0] == 0  # outside of the slice
    assert not dark.labels[0, 0, 0, 0]
    assert dark.images[0, 0, 15, 15] == pytest.approx(200 / 255)


def test_weights_come_with_the_pixels_they_belong_to(small_pair):
    images, labels = small_pair
    loss = LossConfig(boundary_weight=5, boundary_sigma_px=3)
    samples = [Sample(source=z, transform=Transform()) for z in (3, 0)]
    made = maker(images, labels, config(loss=loss)).make(samples, patch_px=0)
    for n, z in enumerate((3, 0)):
        expected = boundary_weights(labels[z] > 0, weight=5, sigma_px=3)
        np.testing.assert_allclose(made.weights[n, 0].numpy(), expected, rtol=1e-3)
    patch = maker(images, labels, config(loss=loss)).make(samples, patch_px=16)
    assert patch.weights.shape == (2, 1, 16, 16)
    assert maker(images, labels, config()).make(samples, patch_px=16).weights is None


@pytest.mark.parametrize("border", ["reflect", "black"])
@pytest.mark.parametrize("patch_px", [0, 24])
def test_slices_that_stay_on_the_device_make_the_same_batches(small_pair, border, patch_px):
    images, labels = small_pair
    images, labels = images.copy(), labels.copy()
    images[2, :, 25:], labels[2, :, 25:] = 255, 255  # padding, which is filled on the way
    augment = AugmentConfig(noise=("none", "gaussian", "poisson", "speckle"), border=border)
    settings = config(augment=augment, loss=LossConfig(boundary_weight=5), train=TrainConfig(epoch_samples=8))
    samples = epoch_samples(make_split(len(images), settings.split), settings, 1)
    samples[3] = dataclasses.replace(samples[3], source=2, centre=(0.0, 1.0))
    made = [
        BatchMaker(images, labels, settings, torch.device("cpu"), resident=resident).make(samples, patch_px=patch_px)
        for resident in (False, True)
    ]
    torch.testing.assert_close(made[0].images, made[1].images, atol=2e-3, rtol=0)
    torch.testing.assert_close(made[0].weights, made[1].weights, atol=2e-2, rtol=0)
    assert (made[0].labels != made[1].labels).float().mean() < 5e-3


def test_weights_of_many_slices_take_no_memory():
    labels = np.zeros((40, 512, 512), np.uint8)
    labels[:, 100:110, 100:110] = 255
    making = maker(labels, labels, config(loss=LossConfig(boundary_weight=5)))
    tracemalloc.start()
    try:
        for source in range(40):
            made = making.make([Sample(source=source, transform=Transform())], patch_px=32)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.weights.shape == (1, 1, 32, 32)
    assert kept < 4e6  # 42 MB as they are


def test_weights_that_the_disk_refuses(run_python):
    code = """
        import resource, signal, numpy as np, torch
        from segcore.config import LossConfig, RunConfig
        from segcore.errors import StorageError
        from segcore.training.sampling import BatchMaker, Sample, Transform
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        labels = np.zeros((2, 512, 512), np.uint8)
        making = BatchMaker(labels, labels, RunConfig(loss=LossConfig(boundary_weight=5)), torch.device("cpu"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
        for source in range(2):
            try:
                making.make([Sample(source=source, transform=Transform())], patch_px=32)
                print("made")
            except StorageError as error:
                print(error)
    """
    result = run_python(code)
    assert result.stdout.splitlines()[0] == "made"
    assert "the file would be larger than this system allows" in result.stdout, result.stderr


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_padding_is_the_mirror_image_of_the_tissue_and_its_label_ignored(weight):
    rng = np.random.default_rng(0)
    images = rng.integers(20, 200, (2, 60, 80), np.uint8)
    labels = np.where(images > 90, 255, 0).astype(np.uint8)
    padded, relabelled = images.copy(), labels.copy()
    padded[1, :, 50:], relabelled[1, :, 50:] = 255, 255
    settings = config(augment=OFF, loss=LossConfig(boundary_weight=weight))
    clean, made = (
        maker(*stacks, settings).make([Sample(source=z, transform=Transform()) for z in (0, 1)], patch_px=0)
        for stacks in ((images, labels), (padded, relabelled))
    )
    torch.testing.assert_close(made.images[0], clean.images[0])
    torch.testing.assert_close(made.images[1, ..., :50], clean.images[1, ..., :50])
    mirrored = clean.images[1, ..., 19:49].flip(-1)  # about the last column of tissue, 49
    torch.testing.assert_close(made.images[1, ..., 50:], mirrored)
    assert clean.counted is None
    assert made.counted[0].all()
    assert made.counted[1, ..., :50].all()
    assert not made.counted[1, ..., 50:].any()
    torch.testing.assert_close(made.labels[..., :50], clean.labels[..., :50])


def test_what_is_ignored_turns_with_the_slice(small_pair):
    images, labels = small_pair
    labels = labels.copy()
    labels[1, :8] = IGNORE
    samples = [Sample(source=z, transform=Transform(flip_vertical=True)) for z in (0, 1)]
    made = maker(images, labels, config()).make(samples, patch_px=0)
    assert made.counted[0].all()
    assert not made.counted[1, 0, -8:].any()
    assert made.counted[1, 0, :-8].all()
    alone = maker(images, labels, config()).make(samples[:1], patch_px=0)
    assert alone.counted is None
