"""Prediction: tiles change nothing, eight views are their mean, and only whole weights are taken."""

import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from segcore.checked import from_dict
from segcore.config import ModelConfig, PredictionConfig, RunConfig, override
from segcore.errors import ConfigError, RunError
from segcore.network.prediction import predict, predict_slices
from segcore.network.unet import UNet, scale_intensity
from segcore.network.weights import load_network, load_weights, save_weights

SMALL = ModelConfig(width=4, depth=3)
WHOLE = PredictionConfig()


def predict_slice(model, image, config):
    """One slice (H, W)."""
    return predict_slices(model, image[None], config)[0]


def network(seed=0, config=SMALL):
    """A network with weights large enough to matter, and statistics that are not those of a fresh one."""
    torch.manual_seed(seed)
    made = UNet(config)
    made.train()
    with torch.no_grad():
        made(torch.randn(4, 1, 32, 32))
    return made.eval()


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("normalisation", ["none", "batch"])
@pytest.mark.parametrize("shape", [(200, 200), (151, 173), (65, 301), (64, 65), (129, 64)])
@pytest.mark.parametrize("tile_px", [64, 90])
def test_tiles_change_nothing(depth, normalisation, shape, tile_px):
    model = network(config=ModelConfig(width=3, depth=depth, normalisation=normalisation))
    image = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    whole = predict_slice(model, image, WHOLE)
    tiled = predict_slice(model, image, PredictionConfig(tile_px=tile_px))
    assert tiled.shape == shape
    torch.testing.assert_close(tiled, whole, atol=1e-5, rtol=0)
    assert whole.std() > 1e-3


def test_tiles_without_a_middle_are_refused_before_any_work():
    model = network(config=ModelConfig(width=1, depth=5))
    # The halo of five levels is 112: a middle of 16, one pixel of the deepest level, needs 240.
    with pytest.raises(ConfigError, match=r"too small.*found 239; expected at least 240 with model\.depth=5"):
        predict(model, iter(()), PredictionConfig(tile_px=239))
    image = torch.rand(97, 250)
    torch.testing.assert_close(
        predict_slice(model, image, PredictionConfig(tile_px=240)),
        predict_slice(model, image, WHOLE),
        atol=1e-5,
        rtol=0,
    )


def test_tiles_without_a_middle_are_refused_as_a_setting_but_old_runs_open():
    with pytest.raises(ConfigError, match="tile_px is too small"):
        override(RunConfig(), ["prediction.tile_px=64"])
    assert override(RunConfig(), ["model.depth=3", "prediction.tile_px=64"]).prediction.tile_px == 64
    assert from_dict(RunConfig, {"prediction": {"tile_px": 64}}).prediction.tile_px == 64


def test_tiles_and_eight_views():
    model, image = network(), torch.rand(101, 130)
    torch.testing.assert_close(
        predict_slice(model, image, PredictionConfig(eightfold=True, tile_px=64)),
        predict_slice(model, image, PredictionConfig(eightfold=True)),
        atol=1e-5,
        rtol=0,
    )


@pytest.mark.parametrize("shape", [(32, 32), (33, 47)])
def test_eight_views_are_their_mean(shape):
    model, image = network(), torch.rand(shape)
    views = []
    for quarters in range(4):
        turned = torch.rot90(image, quarters)
        views.append(torch.rot90(predict_slice(model, turned, WHOLE), -quarters))
        mirrored = turned.T.contiguous()
        views.append(torch.rot90(predict_slice(model, mirrored, WHOLE).T, -quarters))
    found = predict_slice(model, image, PredictionConfig(eightfold=True))
    torch.testing.assert_close(found, torch.stack(views).mean(dim=0), atol=1e-5, rtol=0)


def test_eight_views_turn_with_the_image():
    model, image, eight = network(), torch.rand(30, 41), PredictionConfig(eightfold=True)
    found = predict_slice(model, image, eight)
    for view in (lambda x: x.flip(0), lambda x: x.flip(1), lambda x: torch.rot90(x, 1), lambda x: x.T):
        torch.testing.assert_close(predict_slice(model, view(image), eight), view(found), atol=1e-5, rtol=0)
    once = predict_slice(model, image, WHOLE)
    assert (predict_slice(model, image.flip(0), WHOLE) - once.flip(0)).abs().max() > 1e-3


def test_a_slice_is_the_sigmoid_of_the_network():
    model, image = network(), torch.rand(40, 40)
    with torch.no_grad():
        expected = model(scale_intensity(image[None, None], "standardised")).sigmoid()[0, 0]
    torch.testing.assert_close(predict_slice(model, image, WHOLE), expected, atol=1e-6, rtol=0)


def test_slices_of_any_size_one_after_the_other():
    model = network()
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, shape, np.uint8) for shape in ((20, 30), (7, 5), (1, 1))]
    found = list(predict(model, iter(images), WHOLE))
    for image, probability in zip(images, found, strict=True):
        assert probability.dtype == np.uint8
        exact = predict_slice(model, torch.tensor(image) / 255, WHOLE).numpy()
        np.testing.assert_allclose(probability, 255 * exact, atol=0.51)
    assert list(predict(model, [], WHOLE)) == []


def test_weights_come_back_with_kernels_in_half_precision(tmp_path):
    model = network()
    save_weights(model, tmp_path / "model.safetensors")
    found = load_weights(SMALL, tmp_path / "model.safetensors")
    assert not found.training
    stored = load_file(tmp_path / "model.safetensors")
    for name, tensor in model.state_dict().items():
        back = found.state_dict()[name]
        assert back.dtype == tensor.dtype
        assert stored[name].dtype == (torch.float16 if tensor.ndim == 4 else tensor.dtype)
        assert torch.equal(back, tensor.half().float() if tensor.ndim == 4 else tensor)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(network(), path)
    return path


def changed(path, change):
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "the weights are missing; expected a run with at least one epoch"),
        (lambda path: path.write_bytes(path.read_bytes()[:-50]), "not a whole safetensors file"),
        (lambda path: path.write_bytes(path.read_bytes()[:5]), "not a whole safetensors file"),
        (lambda path: path.write_bytes(b""), "not a whole safetensors file"),
        (lambda path: path.write_text("weights"), "not a whole safetensors file"),
        (lambda path: path.write_bytes(pickle.dumps({"head.weight": [1.0]})), "not a whole safetensors file"),
        (lambda path: torch.save(network().state_dict(), path), "not a whole safetensors file"),
        (lambda path: changed(path, lambda t: t.pop("head.bias")), "another architecture; found 1 tensors"),
        (lambda path: changed(path, lambda t: t.update(more=torch.zeros(1))), "another architecture; found 1 tensors"),
        (lambda path: changed(path, lambda t: t["head.bias"].fill_(float("nan"))), "not numbers; found head.bias"),
        (lambda path: changed(path, lambda t: t["head.weight"].fill_(float("inf"))), "not numbers; found head.weight"),
    ],
)
def test_weights_that_are_refused(weights, damage, message):
    damage(weights)
    with pytest.raises(RunError, match=message) as error:
        load_weights(SMALL, weights)
    assert str(weights) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "other",
    [
        ModelConfig(width=5, depth=3),
        ModelConfig(width=4, depth=4),
        ModelConfig(width=4, depth=2),
        ModelConfig(width=4, depth=3, normalisation="none"),
        ModelConfig(width=4, depth=3, normalisation="group"),
    ],
)
def test_weights_of_another_architecture(weights, other):
    with pytest.raises(RunError, match=f"another architecture; .*; expected width {other.width}, depth {other.depth}"):
        load_weights(other, weights)


def test_the_network_of_a_run(mid_grey_run):
    model = load_network(mid_grey_run.config.model, mid_grey_run.weights, "cpu")
    image = np.array([[0, 100, 127, 128, 255]], np.uint8)
    expected = np.round(255 / (1 + np.exp(10 - 20 * (image / 255))))
    np.testing.assert_array_equal(next(predict(model, [image], WHOLE)), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_cuda_predicts_the_same():
    model, image = network(), torch.rand(150, 170)
    expected = predict_slice(model, image, WHOLE)
    found = predict_slice(model.cuda(), image.cuda(), PredictionConfig(tile_px=64))
    torch.testing.assert_close(found.cpu(), expected, atol=1e-3, rtol=0)


def test_slices_in_a_batch_are_predicted_as_alone():
    model = network()
    images = [np.random.default_rng(z).integers(0, 256, (40, 56), dtype=np.uint8) for z in range(5)]
    images.insert(3, images[0][:, :48])  # another size in between ends a batch
    together = list(predict(model, iter(images), WHOLE))
    for image, page in zip(images, together, strict=True):
        alone = next(iter(predict(model, [image], WHOLE)))
        assert page.shape == image.shape
        assert np.abs(page.astype(int) - alone).max() <= 1
