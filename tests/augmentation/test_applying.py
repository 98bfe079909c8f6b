"""Augmentation against scikit-image, numpy and statistics; labels follow the image and stay binary."""

import dataclasses
import math

import numpy as np
import pytest
import skimage.transform
import skimage.util
import torch
from hypothesis import given
from hypothesis import strategies as st

from segcore.augmentation.applying import apply
from segcore.augmentation.transform import Transform, draw, support_px
from segcore.config import AugmentConfig


def applied(image, transform, *, label=None, size=None):
    """Image and label (H, W) after one transform."""
    label = image > 0.5 if label is None else label
    made = apply(torch.tensor(image)[None, None].float(), torch.tensor(label)[None, None], [transform], size=size)
    return made.images[0, 0].numpy(), made.labels[0, 0].numpy()


def rough(height, width, seed=0):
    return np.random.default_rng(seed).random((height, width)).astype(np.float32)


def smooth(height, width):
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return (0.5 + 0.2 * np.sin(x / 5) + 0.2 * np.cos(y / 4 + x / 9)).astype(np.float32)


def middle(image, border):
    return image[border:-border, border:-border]


sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@pytest.mark.parametrize("angle", [7, 25, -25, 45, 90, 133, 180])
@pytest.mark.parametrize("shape", [(64, 64), (51, 51), (40, 57)])
def test_rotation_is_that_of_scikit_image(angle, shape):
    image = rough(*shape)
    ours, _ = applied(image, Transform(angle_deg=angle))
    theirs = skimage.transform.rotate(image, angle, mode="symmetric", order=1)
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_rotation_with_black_border_is_the_notebooks():
    image = rough(48, 48) / 2 + 0.5
    ours, label = applied(image, Transform(angle_deg=25, border="black"), label=np.ones((48, 48), bool))
    theirs = skimage.transform.rotate(image, 25, order=1)
    np.testing.assert_allclose(middle(ours, 12), middle(theirs, 12), atol=2e-4)
    # The corner lies outside: black, and membrane.
    assert ours[0, 0] == 0
    assert not label[0, 0]


@given(sizes, st.booleans(), st.booleans())
def test_flips_are_numpys(shape, vertical, horizontal):
    image = rough(*shape)
    ours, label = applied(image, Transform(flip_vertical=vertical, flip_horizontal=horizontal))
    expected = image[:: -1 if vertical else 1, :: -1 if horizontal else 1]
    np.testing.assert_allclose(ours, expected, atol=1e-4)
    safe = np.abs(expected - 0.5) > 1e-3
    np.testing.assert_array_equal(label[safe], (expected > 0.5)[safe])


@given(sizes, st.integers(0, 3), st.booleans())
def test_flips_come_before_the_rotation(shape, quarters, horizontal):
    side = max(shape)
    image = rough(side, side)
    ours, _ = applied(image, Transform(flip_horizontal=horizontal, angle_deg=90.0 * quarters))
    expected = np.rot90(image[:, ::-1] if horizontal else image, quarters)
    np.testing.assert_allclose(ours, expected, atol=1e-3)


def test_flips_exactly_on_labels():
    label = rough(37, 52) > 0.5
    for vertical in (False, True):
        for horizontal in (False, True):
            _, ours = applied(
                label.astype(np.float32), Transform(flip_vertical=vertical, flip_horizontal=horizontal), label=label
            )
            np.testing.assert_array_equal(ours, label[:: -1 if vertical else 1, :: -1 if horizontal else 1])


def test_scale_enlarges_about_the_centre():
    image = smooth(41, 41)
    ours, _ = applied(image, Transform(scale=2))
    # Every second pixel of the result is a pixel of the source; the centre stays.
    np.testing.assert_allclose(ours[::2, ::2], image[10:31, 10:31], atol=1e-4)
    shrunk, _ = applied(image, Transform(scale=0.5))
    np.testing.assert_allclose(shrunk[10:31, 10:31], image[::2, ::2], atol=1e-4)


def test_two_rotations_make_one():
    image = smooth(80, 80)
    once, _ = applied(image, Transform(angle_deg=50))
    twice, _ = applied(applied(image, Transform(angle_deg=20))[0], Transform(angle_deg=30))
    np.testing.assert_allclose(middle(once, 22), middle(twice, 22), atol=5e-3)


def test_nothing_changes_nothing():
    image = rough(33, 47)
    ours, label = applied(image, Transform())
    np.testing.assert_array_equal(ours, image)
    np.testing.assert_array_equal(label, image > 0.5)


def test_a_smaller_result_is_the_middle():
    image = rough(20, 30)
    ours, _ = applied(image, Transform(), size=(10, 12))
    np.testing.assert_allclose(ours, image[5:15, 9:21], atol=1e-5)


transforms = st.builds(
    Transform,
    flip_vertical=st.booleans(),
    flip_horizontal=st.booleans(),
    angle_deg=st.floats(-180, 180),
    scale=st.floats(0.5, 2),
    elastic_px=st.floats(0, 6),
    elastic_spacing_px=st.floats(8, 64),
    elastic_seed=st.integers(0, 2**31 - 1),
)


@given(transforms, sizes)
def test_labels_follow_the_image_and_stay_binary(transform, shape):
    label = np.random.default_rng(1).random(shape) > 0.5
    made = apply(
        torch.tensor(label)[None, None].float(), torch.tensor(label)[None, None], [transform],
        weights=torch.tensor(label)[None, None].float(),
    )  # fmt: skip
    assert made.labels.dtype == torch.bool
    assert torch.equal(made.labels, made.images > 0.5)
    assert torch.equal(made.weights, made.images)


@given(transforms, sizes)
def test_reflection_invents_no_black(transform, shape):
    image = 0.4 + 0.5 * rough(*shape)
    ours, label = applied(image, transform, label=np.ones(shape, bool))
    assert ours.min() >= 0.4 - 1e-5
    assert ours.max() <= 0.9 + 1e-5
    assert label.all()


def test_black_is_invented_only_where_it_is_asked_for():
    white = np.ones((40, 40), np.float32)
    reflected, _ = applied(white, Transform(angle_deg=30))
    black, _ = applied(white, Transform(angle_deg=30, border="black"))
    assert reflected.min() == pytest.approx(1)
    theirs = skimage.transform.rotate(white, 30, order=1)
    assert black.mean() == pytest.approx(theirs.mean(), abs=0.01)


def test_borders_may_differ_in_a_batch():
    white = torch.ones(2, 1, 40, 40)
    made = apply(white, white > 0, [Transform(angle_deg=30, border="black"), Transform(angle_deg=30)])
    assert made.images[0, 0, 0, 0] == 0
    assert made.images[1].min() == pytest.approx(1)


def test_elastic_displacement_has_the_deviation_it_names():
    size, found = 256, []
    ramp = np.tile(np.arange(size, dtype=np.float32), (size, 1))
    for seed in range(12):
        transform = Transform(elastic_px=3, elastic_spacing_px=16, elastic_seed=seed)
        right, _ = applied(ramp, transform, label=ramp > 0)
        down, _ = applied(ramp.T.copy(), transform, label=ramp > 0)
        found.append([middle(right - ramp, 16), middle(down - ramp.T, 16)])
    moves = np.array(found)
    assert moves.std() == pytest.approx(3, rel=0.05)
    assert abs(moves.mean()) < 0.15
    # Right and down are drawn apart.
    assert abs(np.corrcoef(moves[:, 0].ravel(), moves[:, 1].ravel())[0, 1]) < 0.1
    # Neighbouring pixels move together: no folds.
    assert np.abs(np.diff(moves[:, 0], axis=-1)).max() < 1


def test_brightness_contrast_and_gamma_by_hand():
    image = np.array([[0.2, 0.4], [0.6, 0.8]], np.float32)  # mean 0.5
    np.testing.assert_allclose(applied(image, Transform(brightness=0.1))[0], image + 0.1, atol=1e-6)
    np.testing.assert_allclose(applied(image, Transform(contrast=1.5))[0], [[0.05, 0.35], [0.65, 0.95]], atol=1e-6)
    np.testing.assert_allclose(applied(image, Transform(gamma=2))[0], image**2, atol=1e-6)
    together = Transform(contrast=2, brightness=0.1, gamma=0.5)
    np.testing.assert_allclose(applied(image, together)[0], np.sqrt(np.clip([[0.0, 0.4], [0.8, 1.2]], 0, 1)), atol=1e-4)
    _, label = applied(image, together)
    np.testing.assert_array_equal(label, image > 0.5)


def noise_of(kind, grey, level, seed=0):
    flat = np.full((256, 256), grey, np.float32)
    return applied(flat, Transform(noise=kind, noise_level=level, noise_seed=seed))[0] - flat


@pytest.mark.parametrize("grey", [0.25, 0.5, 0.75])
@pytest.mark.parametrize(
    ("kind", "deviation"),
    [
        ("gaussian", lambda grey: 0.05),
        ("poisson", lambda grey: 0.05 * np.sqrt(grey / 0.5)),
        ("speckle", lambda grey: 0.05 * grey / 0.5),
    ],
)
def test_noise_has_the_statistics_of_its_kind(kind, deviation, grey):
    noise = noise_of(kind, grey, 0.05)
    assert abs(noise.mean()) < 5e-4
    assert noise.std() == pytest.approx(deviation(grey), rel=0.01)
    # Pixels are independent.
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("kind", ["gaussian", "speckle"])
def test_noise_is_distributed_as_scikit_images(kind):
    flat = np.full((256, 256), 0.5)
    variance = 0.0025 if kind == "gaussian" else 0.01  # speckle multiplies by the grey value, 0.5
    theirs = skimage.util.random_noise(flat, kind, rng=1, var=variance) - flat
    ours = noise_of(kind, 0.5, 0.05)
    levels = np.linspace(0.01, 0.99, 21)
    np.testing.assert_allclose(np.quantile(ours, levels), np.quantile(theirs, levels), atol=3e-3)


def test_noise_has_the_tails_of_a_normal_distribution():
    deviations = np.concatenate([noise_of("gaussian", 0.5, 0.05, seed) for seed in range(8)]) / 0.05
    for limit in (2, 3, 3.7, 4):
        expected = math.erfc(limit / math.sqrt(2)) * deviations.size  # 524,288 in all; 33 beyond 4
        assert (np.abs(deviations) > limit).sum() == pytest.approx(expected, abs=4 * math.sqrt(expected))


def test_poisson_noise_is_distributed_as_counts():
    # Level 0.05 is 200 counts at white: scikit-image scales by a power of two, numpy by any number.
    counts = np.random.default_rng(1).poisson(0.7 * 200, (256, 256)) / 200 - 0.7
    levels = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(
        np.quantile(noise_of("poisson", 0.7, 0.05), levels), np.quantile(counts, levels), atol=6e-3
    )


def test_noise_stays_in_range_and_leaves_labels():
    image = rough(32, 32)
    for kind in ("gaussian", "poisson", "speckle"):
        ours, label = applied(image, Transform(noise=kind, noise_level=1, noise_seed=5))
        assert ours.min() >= 0
        assert ours.max() <= 1
        np.testing.assert_array_equal(label, image > 0.5)


@pytest.mark.parametrize("kind", ["gaussian", "poisson", "speckle"])
def test_noise_depends_on_the_image_smoothly(kind):
    """So that a device whose warp differs in the last digit gives the same copy."""
    image = 0.2 + 0.6 * rough(256, 256)
    other = image + np.float32(1e-6) * (rough(256, 256, 1) - 0.5)
    transform = Transform(noise=kind, noise_level=0.05, noise_seed=7)
    np.testing.assert_allclose(applied(image, transform)[0], applied(other, transform)[0], atol=1e-5)


CONFIG = AugmentConfig(noise=("none", "gaussian", "poisson", "speckle"), flips="independent")


def drawn(config, count, seed=0):
    rng = np.random.default_rng(seed)
    return [draw(config, rng) for _ in range(count)]


def test_replay_from_a_record_gives_the_same_pixels():
    image, label = torch.rand(1, 1, 40, 50), torch.rand(1, 1, 40, 50) > 0.5
    for transform in drawn(CONFIG, 6):
        record = Transform(**dataclasses.asdict(transform))
        once, again = apply(image, label, [transform]), apply(image, label, [record])
        assert torch.equal(once.images, again.images)
        assert torch.equal(once.labels, again.labels)


def test_a_batch_is_its_images_one_by_one():
    many = [*drawn(CONFIG, 6), Transform(), Transform(flip_vertical=True)]
    images, labels = torch.rand(len(many), 1, 40, 50), torch.rand(len(many), 1, 40, 50) > 0.5
    weights = torch.rand(len(many), 1, 40, 50)
    together = apply(images, labels, many, weights=weights, size=(32, 24))
    for n, transform in enumerate(many):
        part = slice(n, n + 1)
        alone = apply(images[part], labels[part], [transform], weights=weights[part], size=(32, 24))
        torch.testing.assert_close(together.images[part], alone.images, atol=1e-5, rtol=0)
        torch.testing.assert_close(together.weights[part], alone.weights, atol=1e-5, rtol=0)
        assert (together.labels[part] != alone.labels).sum() <= 2
    assert together.images.shape == (len(many), 1, 32, 24)


def test_what_is_drawn_lies_in_its_range_and_fills_it():
    config = AugmentConfig(
        rotation_deg=25, scale=0.2, brightness=0.1, contrast=0.5, gamma=0.3, noise_level=0.08,
        noise=("none", "gaussian", "poisson", "speckle"), elastic_px=2, elastic_spacing_px=33, border="black",
    )  # fmt: skip
    many = drawn(config, 2000)
    for name, low, high in [
        ("angle_deg", -25, 25), ("scale", 1 / 1.2, 1.2), ("brightness", -0.1, 0.1), ("contrast", 1 / 1.5, 1.5),
        ("gamma", 1 / 1.3, 1.3), ("noise_level", 0, 0.08),
    ]:  # fmt: skip
        values = np.array([getattr(transform, name) for transform in many])
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high >= values.max() > high - 0.02 * (high - low)
    for kind in config.noise:
        assert sum(transform.noise == kind for transform in many) == pytest.approx(500, abs=80)
    assert {transform.noise_level for transform in many if transform.noise == "none"} == {0.0}
    assert {(t.elastic_px, t.elastic_spacing_px, t.border) for t in many} == {(2, 33, "black")}
    assert len({transform.elastic_seed for transform in many}) == len({t.noise_seed for t in many}) == 2000


@pytest.mark.parametrize(
    ("flips", "expected"),
    [
        ("none", {(False, False): 1}),
        ("independent", {(v, h): 1 / 4 for v in (False, True) for h in (False, True)}),
        ("one-of-three", {(False, False): 1 / 3, (True, False): 1 / 3, (False, True): 1 / 3}),
        # The notebook's horizontal flip never fired.
        ("vertical-only", {(False, False): 2 / 3, (True, False): 1 / 3}),
    ],
)
def test_every_kind_of_flip_fires(flips, expected):
    many = drawn(AugmentConfig(flips=flips), 3000)
    found = {}
    for transform in many:
        key = (transform.flip_vertical, transform.flip_horizontal)
        found[key] = found.get(key, 0) + 1 / len(many)
    assert found == pytest.approx(expected, abs=0.04)


def test_the_notebooks_ranges():
    many = drawn(AugmentConfig.notebook(), 300)
    assert {(t.noise, t.noise_level) for t in many} == {("gaussian", 0.1)}
    assert {(t.scale, t.elastic_px, t.contrast, t.brightness, t.gamma) for t in many} == {(1, 0, 1, 0, 1)}
    assert max(abs(t.angle_deg) for t in many) <= 25


def test_changing_one_range_leaves_the_other_draws():
    one = drawn(CONFIG, 20)
    other = drawn(dataclasses.replace(CONFIG, rotation_deg=10, scale=0, noise_level=0.2), 20)
    for before, after in zip(one, other, strict=True):
        assert (before.gamma, before.noise_seed, before.flip_vertical) == (
            after.gamma, after.noise_seed, after.flip_vertical,
        )  # fmt: skip


def test_off_draws_nothing():
    assert {dataclasses.replace(t, elastic_seed=0, noise_seed=0) for t in drawn(AugmentConfig.off(), 50)} == {
        Transform()
    }


@pytest.mark.parametrize("rotation_deg", [0, 10, 45, 90, 180])
def test_a_turned_patch_draws_on_its_support_alone(rotation_deg):
    """A patch cut with its support is the same as the middle of the whole slice transformed: no mirror needed."""
    config = AugmentConfig(rotation_deg=rotation_deg, scale=0.2, elastic_px=0)
    image = rough(201, 201)
    patch = 41
    side = support_px(config, patch)
    side += (side - patch) % 2
    start = (201 - side) // 2
    cut = image[start : start + side, start : start + side]
    for angle in {rotation_deg, -rotation_deg, min(rotation_deg, 45), rotation_deg / 2}:
        transform = Transform(angle_deg=angle, scale=1 / 1.2)
        whole, _ = applied(image, transform, size=(patch, patch))
        part, _ = applied(cut, transform, size=(patch, patch))
        np.testing.assert_allclose(part, whole, atol=1e-3)


def test_support_by_hand():
    assert support_px(AugmentConfig.off(), 100) == 102
    turned = dataclasses.replace(AugmentConfig.off(), rotation_deg=180)
    assert support_px(turned, 100) == 144  # 100 sqrt(2), rounded up, and one at each side
    assert support_px(dataclasses.replace(turned, scale=0.1, elastic_px=4), 100) == 182


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_cuda_makes_the_same_copies():
    many = drawn(CONFIG, 8)
    images, labels = torch.rand(8, 1, 96, 80), torch.rand(8, 1, 96, 80) > 0.5
    here = apply(images, labels, many)
    there = apply(images.cuda(), labels.cuda(), many)
    assert there.images.device.type == "cuda"
    torch.testing.assert_close(there.images.cpu(), here.images, atol=1e-4, rtol=0)
    assert (there.labels.cpu() != here.labels).float().mean() < 1e-4


def test_arrays_and_tensors_make_the_same_copies():
    """What a GPU does, on the CPU."""
    many = [*drawn(CONFIG, 12), Transform(), Transform(noise="speckle", noise_level=0.1), Transform(gamma=1.2)]
    image = torch.rand(len(many), 1, 96, 80)
    for transforms in (many, [*many[:-1], Transform(angle_deg=9, border="black")]):
        one, other = (
            apply(image, image > 0.5, transforms, weights=image, size=(64, 72), as_tensors=as_tensors)
            for as_tensors in (False, True)
        )
        torch.testing.assert_close(one.images, other.images, atol=5e-4, rtol=0)
        torch.testing.assert_close(one.weights, other.weights, atol=5e-4, rtol=0)
        assert (one.labels != other.labels).float().mean() < 2e-3


def test_tensors_that_are_not_varied_stay_as_they_are():
    image = torch.rand(3, 1, 20, 24)
    made = apply(image, image > 0.5, [Transform()] * 3, as_tensors=True)
    assert torch.equal(made.images, image)
    assert torch.equal(made.labels, image > 0.5)
