"""Where a training runs: its devices and processes, and how precisely they multiply."""

from __future__ import annotations

import logging
import os
import platform
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric

from segcore.config import TrainConfig
from segcore.errors import ConfigError
from segcore.network import choose_device, keep_freed_memory


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a training runs.

    Attributes:
        accelerator: `auto`, which takes a GPU where there is one, `cpu` or `cuda`.
        devices: processes on this machine, one a device.
        nodes: machines.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1


def launch(machine: Machine, config: TrainConfig) -> Fabric:
    """Starts the processes of a training; each goes on from here. Raises a `ConfigError` if they cannot be started."""
    processes = machine.devices * machine.nodes
    if config.batch_size < processes:
        raise ConfigError(
            "a step has fewer patches than there are processes",
            found=f"train.batch_size={config.batch_size}, {processes} processes",
            expected=f"train.batch_size={processes} or more, or fewer devices",
        )
    accelerator = choose_device(machine.accelerator).type
    there = torch.cuda.device_count() if accelerator == "cuda" else max(2, os.cpu_count() or 1)
    if machine.devices > there:
        raise ConfigError("there are not as many devices here", found=machine.devices, expected=f"at most {there}")
    keep_freed_memory()
    for noisy in ("lightning_fabric", "lightning.fabric"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    fabric = Fabric(
        # Not Fabric's `auto`, which takes other accelerators too; they lack the float64 of the counts.
        accelerator=accelerator,
        devices=machine.devices,
        num_nodes=machine.nodes,
        strategy="ddp" if processes > 1 else "auto",
        precision="bf16-mixed" if trains_in_bfloat16(machine.accelerator, config.precision) else "32-true",
    )
    fabric.launch()
    return fabric


def is_lead_process() -> bool:
    """Whether this is the process that writes: the only one, or the first of several."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0


def trains_in_bfloat16(accelerator: str, precision: str) -> bool:
    """Whether to train in bfloat16: where the hardware multiplies it itself, or where it is asked for."""
    if precision != "auto":
        return precision == "bf16"
    if accelerator != "cpu" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def device_name(fabric: Fabric) -> str:
    """What a run says it was trained on."""
    one = torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else "CPU"
    if one == "CPU":
        threads = torch.get_num_threads()
        one = f"CPU ({platform.machine()}, {threads} {'thread' if threads == 1 else 'threads'})"
    return one if fabric.world_size == 1 else f"{fabric.world_size} x {one}"
