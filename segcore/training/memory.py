"""How many samples a device has in memory at once: found out when a training begins, and a fact of its run from then.

It is not found out again when the training goes on: other memory is free then, and a resumed training is the
uninterrupted one.
"""

from __future__ import annotations

import logging
import math

import torch
from lightning_fabric import Fabric

from segcore.config import RunConfig
from segcore.posix import memory
from segcore.runs import TrainingMemory, training_memory
from segcore.training.machine import trains_in_bfloat16
from segcore.training.resident import ResidentSlices

log = logging.getLogger("segcore.training.memory")

_SHARE = 0.9
"""Of the free memory that a training counts on; what is freed leaves gaps, and other programs go on."""


def needed_memory(fabric: Fabric, config: RunConfig, height: int, width: int) -> TrainingMemory:
    """What each process takes of its device's memory, for slices of so many pixels."""
    return training_memory(
        config, height, width, bfloat16=trains_in_bfloat16(fabric.device.type, config.train.precision),
        gpu=fabric.device.type == "cuda", shared=fabric.world_size > 1,
    )  # fmt: skip


def samples_at_once(fabric: Fabric, config: RunConfig, shape: tuple[int, int, int], processes: int = 1) -> int:
    """As many samples of a batch as each process can have in memory at once; all processes find the same.

    Args:
        fabric: launched.
        config: of the run; a number that is set there is taken as it is, and a warning if it is too large.
        shape: (Z, H, W) of the stack.
        processes: on this machine.

    Raises:
        TrainingError: if not even one sample fits.
    """
    needed = needed_memory(fabric, config, shape[1], shape[2])
    # What the process with the least has, so that none waits for one that gave up.
    everywhere = fabric.all_gather(torch.tensor(_free(fabric, config, shape, processes), device=fabric.device))
    assert isinstance(everywhere, torch.Tensor)
    free = int(everywhere.min())
    needed.check(free)
    fit, wanted = needed.fitting(free), config.train.samples_at_once
    if wanted > fit and min(wanted, math.ceil(config.train.batch_size / fabric.world_size)) > fit:
        log.warning("train.samples_at_once=%d may be too many: about %d fit into memory", wanted, fit)
    return wanted or min(fit, config.train.batch_size)


def _free(fabric: Fabric, config: RunConfig, shape: tuple[int, int, int], processes: int) -> int:
    """Bytes that this process may count on."""
    if fabric.device.type != "cuda":
        return int(_SHARE * memory().free / processes)
    free, _ = torch.cuda.mem_get_info(fabric.device)
    # What PyTorch has put by is free, too.
    free += torch.cuda.memory_reserved(fabric.device) - torch.cuda.memory_allocated(fabric.device)
    weighted = config.loss.boundary_weight > 0
    kept_there = ResidentSlices.bytes(shape, weighted) if ResidentSlices.fit(shape, weighted, fabric.device) else 0
    return int(_SHARE * free) - kept_there
