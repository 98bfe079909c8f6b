"""Losses worked out by hand, and boundary weights against their formula."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from segcore.config import LossConfig
from segcore.network.losses import boundary_weights, dice_loss, jaccard_loss, segmentation_loss, training_counts

masks = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def batch(values):
    return torch.tensor(values, dtype=torch.float32)[None, None]


P = batch([[0.5, 1.0], [0.0, 0.5]])
G = batch([[1.0, 1.0], [0.0, 0.0]])
# sum(p g) = 1.5, sum(p) = 2, sum(p^2) = 1.5, sum(g) = sum(g^2) = 2


@pytest.mark.parametrize(
    ("squared", "smooth", "dice", "jaccard"),
    [
        (True, 0, 3 / 3.5, 1.5 / 2),
        (True, 1, 4 / 4.5, 2.5 / 3),
        (False, 0, 3 / 4, 1.5 / 2.5),
        (False, 1, 4 / 5, 2.5 / 3.5),
    ],
)
def test_dice_and_jaccard_by_hand(squared, smooth, dice, jaccard):
    assert dice_loss(P, G, squared=squared, smooth=smooth).item() == pytest.approx(1 - dice)
    assert jaccard_loss(P, G, squared=squared, smooth=smooth).item() == pytest.approx(1 - jaccard)


def test_a_batch_is_the_mean_of_its_masks():
    two_p, two_g = torch.cat([P, G]), torch.cat([G, G])
    assert dice_loss(two_p, two_g, squared=True, smooth=0).item() == pytest.approx((1 - 3 / 3.5) / 2)


@given(masks, st.data())
def test_jaccard_and_dice_of_binary_masks(mask, data):
    other = data.draw(arrays(bool, mask.shape))
    p, g = batch(mask), batch(other)
    for squared in (False, True):  # the same for 0 and 1
        dice = 1 - dice_loss(p, g, squared=squared, smooth=1e-9).item()
        jaccard = 1 - jaccard_loss(p, g, squared=squared, smooth=1e-9).item()
        assert jaccard == pytest.approx(dice / (2 - dice), abs=1e-5)
    if mask.any() or other.any():
        assert dice == pytest.approx(2 * (mask & other).sum() / (mask.sum() + other.sum()), abs=1e-5)


def test_kinds():
    logits, labels = torch.tensor([[[[0.0, 2.0], [-1.0, 3.0]]]]), torch.tensor([[[[True, True], [False, False]]]])
    p = logits.sigmoid()
    entropy = -(math.log(p[0, 0, 0, 0]) + math.log(p[0, 0, 0, 1]) + math.log(1 - p[0, 0, 1, 0])
                + math.log(1 - p[0, 0, 1, 1])) / 4  # fmt: skip
    dice = dice_loss(p, labels.float(), squared=True, smooth=1).item()
    assert segmentation_loss(logits, labels, LossConfig(kind="bce")).item() == pytest.approx(entropy)
    assert segmentation_loss(logits, labels, LossConfig(kind="dice")).item() == pytest.approx(dice)
    assert segmentation_loss(logits, labels, LossConfig(kind="bce+dice")).item() == pytest.approx(entropy + dice)
    plain = LossConfig(kind="jaccard", dice_form="plain", smooth=2)
    expected = jaccard_loss(p, labels.float(), squared=False, smooth=2).item()
    assert segmentation_loss(logits, labels, plain).item() == pytest.approx(expected)


def test_weights_count_in_the_cross_entropy_only():
    logits, labels = torch.zeros(1, 1, 1, 2), torch.tensor([[[[True, False]]]])
    weights = torch.tensor([[[[1.0, 5.0]]]])
    found = segmentation_loss(logits, labels, LossConfig(kind="bce"), weights).item()
    assert found == pytest.approx(math.log(2) * 6 / 2)
    both = segmentation_loss(logits, labels, LossConfig(), weights).item()
    assert both == pytest.approx(found + dice_loss(logits.sigmoid(), labels.float(), squared=True, smooth=1).item())


@pytest.mark.parametrize("kind", ["dice", "bce", "bce+dice", "jaccard"])
@pytest.mark.parametrize("form", ["squared", "plain"])
@pytest.mark.parametrize("full", [False, True])
def test_gradients_are_finite_on_empty_and_full_masks(kind, form, full):
    for scale in (1e-3, 1, 60):
        logits = (scale * torch.randn(2, 1, 8, 8)).requires_grad_()
        labels = torch.full((2, 1, 8, 8), full)
        loss = segmentation_loss(logits, labels, LossConfig(kind=kind, dice_form=form))
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("kind", ["dice", "bce", "bce+dice", "jaccard"])
def test_a_perfect_prediction_costs_nothing_and_half_precision_is_lifted(kind):
    labels = torch.rand(2, 1, 8, 8) > 0.5
    logits = torch.where(labels, 100.0, -100.0).bfloat16()
    loss = segmentation_loss(logits, labels, LossConfig(kind=kind))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(0, abs=1e-6)


def by_formula(interior, weight, sigma):
    """Equation 2 of the U-Net paper, a distance map of the whole slice for each neurite."""
    neurites, count = ndimage.label(interior)
    if count < 2:
        return np.ones(interior.shape)
    distances = np.sort([ndimage.distance_transform_edt(neurites != n) for n in range(1, count + 1)], axis=0)
    extra = weight * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return np.where(interior, 1, 1 + extra)


@given(arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24))), st.sampled_from([0.5, 1, 2, 5]))
def test_boundary_weights_are_the_formula(interior, sigma):
    found = boundary_weights(interior, weight=10, sigma_px=sigma)
    assert found.dtype == np.float32
    # Beyond four sigma it is taken as 0, which is off by 10 exp(-8) at most.
    np.testing.assert_allclose(found, by_formula(interior, 10, sigma), atol=10 * math.exp(-8) + 1e-5)


def test_boundary_weights_by_hand():
    # Two neurites with two pixels of membrane between them: distances 1 and 2 from each.
    interior = np.array([[True, False, False, True]])
    between = 1 + 10 * math.exp(-9 / 50)
    np.testing.assert_allclose(boundary_weights(interior, weight=10, sigma_px=5), [[1, between, between, 1]], rtol=1e-6)
    np.testing.assert_array_equal(boundary_weights(np.eye(1, 9, dtype=bool), weight=10, sigma_px=5), np.ones((1, 9)))
    np.testing.assert_array_equal(boundary_weights(np.zeros((3, 3), bool), weight=10, sigma_px=5), np.ones((3, 3)))


def test_training_counts_by_hand():
    logits = torch.tensor([[[[1.0, -1.0], [2.0, 0.0]]]])
    labels = torch.tensor([[[[True, True], [False, False]]]])
    # Interior is predicted at 1 and 2; 0 is exactly one half, and not above it.
    assert training_counts(logits, labels).tolist() == [1, 2, 2, 2, 4]


@pytest.mark.parametrize("kind", ["dice", "jaccard", "bce", "bce+dice"])
@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_ignored_changes_nothing(kind, weighted):
    """The loss, its gradient and the counts are those of the part that counts, whatever the rest says."""
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 1, 6, 8), torch.rand(2, 1, 6, 8) > 0.4
    weights = 1 + torch.rand(2, 1, 6, 8) if weighted else None
    counted = torch.ones_like(labels)
    counted[..., 5:] = False
    config = LossConfig(kind=kind)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        ours, theirs = logits.clone(), labels.clone()
        ours[~counted] = torch.randn_like(ours[~counted])
        theirs[~counted] = torch.rand(int((~counted).sum())) > 0.5
        ours.requires_grad_()
        loss = segmentation_loss(ours, theirs, config, weights, counted)
        loss.backward()
        assert not ours.grad[~counted].any()
        found.append((loss.item(), ours.grad, training_counts(ours, theirs, counted).tolist()))
    part = [one[..., :5] for one in (logits, labels)]
    expected = segmentation_loss(*part, config, None if weights is None else weights[..., :5])
    assert found[0][0] == pytest.approx(found[1][0]) == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1])
    assert found[0][2] == found[1][2] == training_counts(*part).tolist()


@pytest.mark.parametrize("kind", ["dice", "jaccard", "bce", "bce+dice"])
def test_the_loss_of_a_batch_is_the_mean_of_its_images_whatever_is_ignored(kind):
    torch.manual_seed(0)
    logits, labels = torch.randn(3, 1, 6, 8), torch.rand(3, 1, 6, 8) > 0.4
    counted = torch.ones_like(labels)
    counted[0, ..., 1:], counted[1, :, :2] = False, False
    config = LossConfig(kind=kind)
    together = segmentation_loss(logits, labels, config, None, counted)
    apart = [
        segmentation_loss(logits[n : n + 1], labels[n : n + 1], config, None, counted[n : n + 1]).item()
        for n in range(3)
    ]
    assert together.item() == pytest.approx(sum(apart) / 3, rel=1e-5)


def test_a_batch_of_which_nothing_counts_has_no_gradient():
    logits = torch.randn(1, 1, 4, 4, requires_grad=True)
    nothing = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    segmentation_loss(logits, nothing, LossConfig(), None, nothing).backward()
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad.any()
