"""What resuming needs, in one safetensors file: weights, their average, the optimiser and the history.

When it is written is decided in `segcore/training/loop.py`: after each epoch.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from segcore.checked import from_dict
from segcore.config import TrainConfig
from segcore.errors import ConfigError, RunError
from segcore.network import save_tensors
from segcore.runs import EpochRecord

_EXPECTED = "what training wrote after an epoch; without it, train anew"


@dataclass
class Plateau:
    """Multiplies the learning rate by `factor` when the loss has not improved for `patience` epochs."""

    scale: float = 1.0
    best: float = math.inf
    waited: int = 0

    def observe(self, loss: float, config: TrainConfig) -> None:
        if loss < self.best * (1 - 1e-4):
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        if self.waited > config.plateau_patience:
            self.scale *= config.plateau_factor
            self.waited = 0


@dataclass
class LoopState:
    """What, besides tensors, a resumed training has to know."""

    epoch: int = 0
    best_epoch: int = 0
    best_dice: float = -1.0
    plateau: Plateau = field(default_factory=Plateau)
    history: list[EpochRecord] = field(default_factory=list)


def save_checkpoint(
    path: Path, network: nn.Module, average: nn.Module | None, optimizer: Optimizer, loop_state: LoopState
) -> None:
    """Writes the state after an epoch, whole or not at all."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    if average is not None:
        tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
    metadata = {"progress": json.dumps(dataclasses.asdict(loop_state))}
    save_tensors(tensors, path, metadata)


def load_checkpoint(path: Path, network: nn.Module, average: nn.Module | None, optimizer: Optimizer) -> LoopState:
    """Puts the state back into what was made anew, and returns where the loop was.

    Raises:
        RunError: if the file is missing, damaged or of another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            values = json.loads(file.metadata()["progress"])
        history = [from_dict(EpochRecord, row) for row in values["history"]]
        loop_state = LoopState(
            epoch=int(values["epoch"]),
            best_epoch=int(values["best_epoch"]),
            best_dice=float(values["best_dice"]),
            plateau=Plateau(
                scale=float(values["plateau"]["scale"]),
                best=float(values["plateau"]["best"]),
                waited=int(values["plateau"]["waited"]),
            ),
            history=history,
        )
        if [record.epoch for record in history] != list(range(1, loop_state.epoch + 1)):
            raise ValueError(f"{len(history)} rows of history after {loop_state.epoch} epochs")
        network.load_state_dict(_of(tensors, "network."))
        if average is not None:
            average.load_state_dict(_of(tensors, "average."))
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _of(tensors, "optimizer.").items():
            number, _, key = name.partition(".")
            states.setdefault(int(number), {})[key] = tensor
        _check_moments(states, optimizer)
        _lay_out(states, optimizer)
        optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
    except FileNotFoundError as error:
        raise RunError("the checkpoint is missing", path=path, expected=_EXPECTED) from error
    except (
        SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError, ConfigError
    ) as error:  # fmt: skip
        found = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        problem = "the checkpoint is damaged or of another network"
        raise RunError(problem, path=path, found=found, expected=_EXPECTED) from error
    return loop_state


def _check_moments(states: dict[int, dict[str, Tensor]], optimizer: Optimizer) -> None:
    """The optimiser itself would notice in its next step only, or never."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if states.keys() != set(range(len(parameters))):
        raise ValueError(f"the optimiser's state of {len(states)} parameters, not {len(parameters)}")
    for number, state in states.items():
        for name, tensor in state.items():
            if tensor.ndim and tensor.shape != parameters[number].shape:
                raise ValueError(f"optimizer.{number}.{name} is of shape {tuple(tensor.shape)}")


def _lay_out(states: dict[int, dict[str, Tensor]], optimizer: Optimizer) -> None:
    """Moments get the strides of their weights: with others a fused optimiser would pair the wrong numbers."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for number, state in states.items():
        for name, tensor in state.items():
            if tensor.ndim:
                laid_out = torch.empty_like(parameters[number], dtype=tensor.dtype, device="cpu")
                state[name] = laid_out.copy_(tensor)


def _of(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
