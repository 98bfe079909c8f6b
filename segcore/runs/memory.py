"""How much memory a training takes, counted from its network without making it and without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from segcore.config import ModelConfig, RunConfig
from segcore.errors import TrainingError
from segcore.runs.parts import NetworkPart, describe

_PROGRAM = 400e6
"""Bytes of Python and PyTorch, before there is a network."""
_GPU_LIBRARIES = 300e6
"""Bytes on a GPU that cuDNN and cuBLAS work with."""
_PASSING = 6
"""Feature maps at full resolution, all features of them, that come and go while gradients are worked out."""
_PASSING_BATCH, _PASSING_BFLOAT16 = 4, 5
"""So many more with batch normalisation, and in bfloat16, where PyTorch lays out copies. Measured, as `_PASSING` is."""
_PIXEL = 60
"""Bytes of a pixel of a patch for image, label, weight, what they are cut from, and the loss."""
_LOOKED_AT_PX = 2048 * 2048 * 32
"""Pixels times features that a CPU validates at once."""
_LOOK = 8
"""Feature maps of the top level that are there at once when nothing is learned."""


@dataclass(frozen=True, kw_only=True)
class TrainingMemory:
    """Bytes that a process of a training takes.

    Attributes:
        fixed: whatever it learns from at once.
        sample: more for each sample that it learns from at once.
        look: more for validating, when no sample is there.
    """

    fixed: int
    sample: int
    look: int

    def of(self, samples: int) -> int:
        """Bytes at most, with so many samples at once."""
        return self.fixed + max(self.look, self.sample * samples)

    def fitting(self, free: int) -> int:
        """How many samples fit at once into so many bytes, perhaps none."""
        return 0 if self.of(0) > free else (free - self.fixed) // self.sample

    def check(self, available: int) -> None:
        """Raises a `TrainingError` if so many bytes are too few for a single sample at once."""
        if self.of(1) > available:
            raise TrainingError(
                "the training does not fit into memory, not even with one patch at once",
                found=f"{available / 1e9:.1f} GB available",
                expected=f"{self.of(1) / 1e9:.1f} GB, or a smaller train.patch_px, model.width or prediction.tile_px",
            )


def training_memory(
    config: RunConfig, height: int, width: int, *, bfloat16: bool, gpu: bool = False, shared: bool = False
) -> TrainingMemory:
    """Counts what a training keeps for its gradients; on two-core CPUs it was within a tenth (benchmarks/README.md).

    Args:
        config: of the run.
        height, width: of a slice, in pixels.
        bfloat16: whether features are kept in it.
        gpu: whether it is the GPU's memory that counts, which the program takes nothing of.
        shared: whether several processes train together, each with a copy of the gradients to send.
    """
    model, train = config.model, config.train
    sides = (min(train.patch_px or height, height), min(train.patch_px or width, width))
    parts = describe(model, height=sides[0], width=sides[1])
    number = 2 if bfloat16 else 4
    pixels = sides[0] * sides[1]
    # Weights, their gradients, two moments; perhaps an average; the weights once more in bfloat16.
    copies = 4 + (train.ema_decay > 0) + shared + bfloat16 / 2
    weights = sum(part.parameters for part in parts) * 4 * copies
    passing = _PASSING + _PASSING_BATCH * (model.normalisation == "batch") + _PASSING_BFLOAT16 * bfloat16
    kept = sum(_kept(part, model, number) for part in parts)
    # A GPU validates as much at once as is free.
    tile = config.prediction.tile_px**2 or _LOOKED_AT_PX // max(32, model.width)
    looked_at = 0 if gpu else min(height * width, tile) * model.width
    return TrainingMemory(
        fixed=int((_GPU_LIBRARIES if gpu else _PROGRAM) + weights),
        sample=int(kept + (passing * model.width * number + _PIXEL) * pixels),
        look=int(looked_at * _LOOK * number),
    )


def _kept(part: NetworkPart, model: ModelConfig, number: int) -> float:
    """Bytes that a part of the network keeps of a sample until its gradient is known; `number` bytes each."""
    features = part.channels * part.height * part.width
    if part.part == "upsample":
        return 0.0  # copied at once into what the decoder sees
    if part.part == "head":
        return features * number
    # Two convolutions; a normalisation keeps what it was given beside what became of it.
    maps = 2.0 if model.normalisation == "none" else 4.0
    if part.part == "decoder":
        return features * number * (maps + 2)  # and what it sees, from beside and from below
    if model.dropout and part.level >= model.depth - 2:
        maps += 1
    below = part.level < model.depth - 1
    # A quarter of the pixels goes down, with the place of each, which takes eight bytes.
    return features * (maps * number + below * (number + 8) / 4)


def memory_in_words(needed: float, parts: int) -> str:
    """As it is said to people, of so many bytes: `about 3.1 GB of memory, a batch in 5 parts`."""
    return f"about {needed / 1e9:.1f} GB of memory" + (f", a batch in {parts} parts" if parts > 1 else "")
