"""Applying a trained network: images in, probabilities of interior out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from segcore.config import PredictionConfig
from segcore.errors import RunError
from segcore.network.device import is_out_of_memory
from segcore.network.unet import UNet, scale_intensity

# What the network sees at once on a CPU, pixels: a 2048 x 2048 slice, about 4 GB at width 32.
_CPU_PIXELS = 2048 * 2048

# What makes a batch of small slices on a CPU, pixels, and the most slices in one on any device.
_CPU_BATCH_PIXELS = 512 * 512
_LARGEST_BATCH = 32


def predict(model: UNet, images: Iterable[NDArray[np.uint8]], config: PredictionConfig) -> Iterator[NDArray[np.uint8]]:
    """Probability of interior for each slice, in order, a batch in memory at a time.

    Args:
        model: on any device, in evaluation mode.
        images: (H, W) uint8 slices, of any sizes.
        config: averaging and tiling.

    Yields:
        (H, W) uint8, probability times 255, rounded. On a GPU convolutions are computed in TensorFloat-32, so that some
        pixels differ by 1 from a CPU's.

    Raises:
        RunError: if the device has not the memory.
        ConfigError: at once, if tiles would be smaller than the network's halo allows.
    """
    model.config.check_tile(config.tile_px)
    return _pages(model, images, config)


@torch.inference_mode()
def _pages(model: UNet, images: Iterable[NDArray[np.uint8]], config: PredictionConfig) -> Iterator[NDArray[np.uint8]]:
    device = next(model.parameters()).device
    for batch in _batches(images, model, device, config.tile_px):
        try:
            pixels = torch.from_numpy(np.stack(batch)).to(device)
            probability = predict_slices(model, pixels.float().div_(255), config)
            pages = (probability * 255).round_().to(torch.uint8).cpu().numpy()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            height, width = batch[0].shape
            raise RunError(
                "the device ran out of memory",
                found=f"a slice of {height} x {width} pixels, prediction.tile_px={config.tile_px}",
                expected="a smaller prediction.tile_px, above 0, in the run's configuration",
            ) from error
        yield from pages


def _batches(
    images: Iterable[NDArray[np.uint8]], model: UNet, device: torch.device, tile_px: int
) -> Iterator[list[NDArray[np.uint8]]]:
    """Slices of one size that follow each other, as many as the device takes well at once."""
    batch: list[NDArray[np.uint8]] = []
    for image in images:
        height, width = image.shape
        together = 1
        if not tile_px:
            # A CPU is busy with one slice of this size; a GPU wants more of them.
            pixels = _CPU_BATCH_PIXELS if device.type == "cpu" else _pixels_at_once(model, device) // 4
            together = max(1, min(_LARGEST_BATCH, pixels // (height * width)))
        if batch and (batch[0].shape != image.shape or len(batch) >= together):
            yield batch
            batch = []
        batch.append(image)
    if batch:
        yield batch


@torch.inference_mode()
def predict_slices(model: UNet, images: Tensor, config: PredictionConfig) -> Tensor:
    """Probability of interior of a batch of slices.

    Args:
        model: in evaluation mode, on the device of `images`.
        images: (N, H, W) float32, 0..1.
        config: averaging and tiling. The eight-fold average is that of the probabilities of the
            four quarter turns and their mirror images, each turned back.

    Returns:
        (N, H, W) float32, 0..1.
    """
    scaled = scale_intensity(images[:, None], model.config.intensity)
    if not config.eightfold:
        return predict_logits(model, scaled, config.tile_px).sigmoid()[:, 0]
    total = torch.zeros_like(images)
    for mirrored in (False, True):
        for turns in range(4):
            turned = scaled.flip(-1) if mirrored else scaled
            logits = predict_logits(model, torch.rot90(turned, turns, (-2, -1)).contiguous(), config.tile_px)
            back = torch.rot90(logits.sigmoid(), -turns, (-2, -1))
            total += (back.flip(-1) if mirrored else back)[:, 0]
    return total / 8


def predict_logits(model: UNet, scaled: Tensor, tile_px: int) -> Tensor:
    """Logits of interior of a batch of slices, from one pass or from tiles that overlap by the halo on each side.

    Args:
        model: in evaluation mode, on the device of `scaled`.
        scaled: (N, 1, H, W) float, scaled as a whole by `scale_intensity`.
        tile_px: as in the settings; 0 lets the device's memory decide.

    Returns:
        (N, 1, H, W) float.

    A tile's own middle is farther than the receptive field from each cut, and cuts lie on the grid
    of the pooling, so that tiling changes nothing. (Group normalisation sees the whole of what it
    is given, so with it tiling does change the result.)
    """
    height, width = scaled.shape[-2:]
    side = tile_px or _largest_side(model, height, width, scaled.device)
    if max(height, width) <= side:
        logits: Tensor = model(scaled.contiguous(memory_format=torch.channels_last))
        return logits
    stride, halo = model.config.stride, model.config.halo
    step = (side - 2 * halo) // stride * stride
    padded = F.pad(scaled, (0, -width % stride, 0, -height % stride), mode="replicate")
    full_height, full_width = padded.shape[-2:]
    result = torch.empty_like(padded)
    for top in range(0, full_height, step):
        for left in range(0, full_width, step):
            bottom, right = min(top + step, full_height), min(left + step, full_width)
            above, before = max(0, top - halo), max(0, left - halo)
            tile = padded[..., above : bottom + halo, before : right + halo]
            inner = model(tile.contiguous(memory_format=torch.channels_last))
            result[..., top:bottom, left:right] = inner[
                ..., top - above : bottom - above, left - before : right - before
            ]
    return result[..., :height, :width]


def _largest_side(model: UNet, height: int, width: int, device: torch.device) -> int:
    """Side of the largest tile the device takes in one pass."""
    pixels = _pixels_at_once(model, device)
    return max(height, width) if height * width <= pixels else max(2 * model.config.halo + 256, math.isqrt(pixels))


def _pixels_at_once(model: UNet, device: torch.device) -> int:
    if device.type != "cuda":
        return _CPU_PIXELS * 32 // max(32, model.config.width)
    # Inputs, outputs and skip connections of the top level, with room to spare.
    free, _ = torch.cuda.mem_get_info(device)
    # What PyTorch has put by is free, too.
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(0.5 * free / (model.config.width * 4 * 12))
