"""The weights of a network on disk: safetensors files, written whole or not at all."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from segcore.config import ModelConfig
from segcore.errors import RunError
from segcore.network.device import choose_device
from segcore.network.unet import UNet
from segcore.storage import atomic_file


def save_weights(model: UNet, path: Path) -> None:
    """Writes the network's weights: kernels in float16, which halves the file, all else as it is."""
    tensors = model.state_dict()
    save_tensors({name: tensor.half() if tensor.ndim == 4 else tensor for name, tensor in tensors.items()}, path)


def load_weights(config: ModelConfig, path: Path) -> UNet:
    """A network with the weights of a file, in float32, ready to predict, on the CPU.

    Raises:
        RunError: if the file is missing, damaged, no safetensors file (a pickle, say), or holds
            the weights of another architecture.
    """
    try:
        tensors = load_file(path)
    except FileNotFoundError as error:
        raise RunError("the weights are missing", path=path, expected="a run with at least one epoch") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError("not a whole safetensors file", path=path, found=error, expected="weights of a run") from error
    _check_size(config, tensors, path)
    model = UNet(config).eval()
    wanted = model.state_dict()
    differing = [name for name in wanted if name not in tensors or tensors[name].shape != wanted[name].shape]
    differing += [name for name in tensors if name not in wanted]
    if differing:
        raise RunError(
            "the weights are of another architecture",
            path=path,
            found=f"{len(differing)} tensors that differ, {differing[0]} the first",
            expected=f"width {config.width}, depth {config.depth}, normalisation {config.normalisation}",
        )
    broken = next((name for name in wanted if not bool(torch.isfinite(tensors[name].float()).all())), None)
    if broken:
        raise RunError(
            "the weights hold values that are not numbers", path=path, found=broken, expected="finite values"
        )
    model.load_state_dict({name: tensors[name].to(wanted[name].dtype) for name in wanted})
    return model


def _check_size(config: ModelConfig, tensors: dict[str, Tensor], path: Path) -> None:
    """Compares width and depth, so that no network is made that takes all memory and fits nothing."""
    outermost = tensors.get("encoder.0.0.weight", torch.empty(0))
    depth = next(level for level in itertools.count() if f"encoder.{level}.0.weight" not in tensors)
    if (len(outermost), depth) != (config.width, config.depth):
        raise RunError(
            "the weights are of another architecture",
            path=path,
            found=f"width {len(outermost)}, depth {depth}",
            expected=f"width {config.width}, depth {config.depth}",
        )


def load_network(config: ModelConfig, path: Path, device: str = "auto") -> UNet:
    """The network with the weights of a file, ready to predict on a device.

    Args:
        config: of the network.
        path: of its weights.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        ConfigError: as for `choose_device`.
        RunError: as for `load_weights`.
    """
    model = load_weights(config, path)
    model.to(choose_device(device), memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Writes tensors, from any device, to a safetensors file.

    Raises:
        StorageError: if the disk refuses.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        try:
            save_file(plain, temporary, metadata)
        except SafetensorError as error:
            # What the system said is in its text only.
            said = re.search(r"os error (\d+)", str(error))
            raise (OSError(int(said[1]), os.strerror(int(said[1]))) if said else OSError(str(error))) from error
