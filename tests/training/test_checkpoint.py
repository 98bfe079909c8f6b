"""Checkpoints bring back every bit, and damaged ones are refused."""

import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from segcore.config import ModelConfig, TrainConfig
from segcore.errors import RunError
from segcore.network import UNet
from segcore.runs import EpochRecord
from segcore.training.average import MovingAverage
from segcore.training.checkpoint import LoopState, Plateau, load_checkpoint, save_checkpoint

RECORD = EpochRecord(
    epoch=1, train_loss=0.1 + 0.2, train_dice=0.8, train_accuracy=0.7, validation_loss=1 / 3, validation_dice=0.9,
    validation_accuracy=0.85, learning_rate=1e-3, seconds=1.5,
)  # fmt: skip


def fresh(seed, width=2):
    torch.manual_seed(seed)
    network = UNet(ModelConfig(width=width, depth=2))
    return network, MovingAverage(network, 0.9), torch.optim.AdamW(network.parameters())


def stepped(seed):
    network, average, optimizer = fresh(seed)
    for _ in range(2):
        network(torch.rand(2, 1, 8, 8)).square().mean().backward()
        optimizer.step()
        average.follow(network)
    return network, average, optimizer


def same(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "checkpoint" / "last.safetensors"
    save_checkpoint(path, *stepped(0), LoopState(epoch=1, history=[RECORD]))
    return path


def test_everything_comes_back_to_the_last_bit(tmp_path):
    path = tmp_path / "checkpoint" / "last.safetensors"
    before = stepped(0)
    loop_state = LoopState(
        epoch=1, best_epoch=1, best_dice=0.1 + 0.2, plateau=Plateau(scale=0.5, waited=2), history=[RECORD]
    )
    save_checkpoint(path, *before, loop_state)
    after = fresh(1)
    assert load_checkpoint(path, *after) == loop_state
    for one, other in zip(before, after, strict=True):
        assert same(one.state_dict(), other.state_dict())
    assert [file.name for file in path.parent.iterdir()] == ["last.safetensors"]


def test_moments_are_laid_out_as_their_weights(path):
    """A fused optimiser goes through weights and moments in the order of the memory."""
    network, average, optimizer = fresh(1)
    network.to(memory_format=torch.channels_last)
    load_checkpoint(path, network, average, optimizer)
    four_sided = 0
    for weight, state in optimizer.state.items():
        assert state["exp_avg"].stride() == weight.stride()
        assert state["exp_avg_sq"].stride() == weight.stride()
        four_sided += not weight.is_contiguous()
    assert four_sided > 3


def test_an_average_written_by_pytorchs_own_class_opens(tmp_path):
    network, _, optimizer = stepped(0)
    pytorchs = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    pytorchs.update_parameters(network)
    save_checkpoint(tmp_path / "last", network, pytorchs, optimizer, LoopState())
    _, average, new = fresh(1)
    load_checkpoint(tmp_path / "last", fresh(2)[0], average, new)
    assert same(pytorchs.state_dict(), average.state_dict())


def test_without_an_average(tmp_path):
    network, _, optimizer = stepped(0)
    save_checkpoint(tmp_path / "last", network, None, optimizer, LoopState())
    other, _, new = fresh(1)
    assert load_checkpoint(tmp_path / "last", other, None, new) == LoopState()
    assert same(network.state_dict(), other.state_dict())


def test_of_another_network(path):
    with pytest.raises(RunError, match=r"last.safetensors: the checkpoint is damaged or of another network"):
        load_checkpoint(path, *fresh(0, width=3))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(path.read_bytes()[:40]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("hello"),
        lambda path: path.write_bytes(pickle.dumps({"a": 1})),
        lambda path: path.unlink(),
        lambda path: save_file(load_file(path), path),  # no progress
        lambda path: save_file(load_file(path), path, {"progress": "{}"}),
        lambda path: save_file(load_file(path), path, {"progress": '{"history": [], "plateau": {}, "more": 1}'}),
        lambda path: save_file({"a": torch.zeros(1)}, path, {"progress": '{"history": [], "plateau": {}}'}),
    ],
)
def test_damaged(path, damage):
    damage(path)
    with pytest.raises(RunError, match=r"the checkpoint is (missing|damaged or of another network)") as error:
        load_checkpoint(path, *fresh(0))
    assert error.value.path == str(path)


def test_plateau_by_hand():
    config = TrainConfig(plateau_patience=2, plateau_factor=0.5)
    plateau = Plateau()
    scales = []
    for loss in [1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5, 0.5]:
        plateau.observe(loss, config)
        scales.append(plateau.scale)
    # The third epoch without improvement halves the rate, and waiting begins anew.
    assert scales == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]


def test_plateau_is_pytorchs():
    losses = torch.rand(60, generator=torch.Generator().manual_seed(0)).mul(0.2).add(0.4).tolist()
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=3, eps=0)
    ours, config = Plateau(), TrainConfig(plateau_patience=3, plateau_factor=0.3)
    for loss in losses:
        theirs.step(loss)
        ours.observe(loss, config)
        assert ours.scale == pytest.approx(optimizer.param_groups[0]["lr"])
