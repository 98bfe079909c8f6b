"""How much there is to compute in an epoch, counted without making the network, and what that costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from segcore.config import ModelConfig, RunConfig
from segcore.data import DatasetInfo
from segcore.runs import describe, make_split, patches_an_epoch, spread


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the time of steps, or of looks at validation, goes with, added up over all of them.

    Attributes:
        parts: parts of the network that were called: what each call costs, however small it is.
        parameters: that were changed.
        pixels: that were cut and varied.
        multiply_adds: of one pass forward.
    """

    parts: float = 0.0
    parameters: float = 0.0
    pixels: float = 0.0
    multiply_adds: float = 0.0

    def seconds(self, costs: Work) -> float:
        """The time it takes where each of these costs so many seconds."""
        return (
            self.parts * costs.parts
            + self.parameters * costs.parameters
            + self.pixels * costs.pixels
            + self.multiply_adds * costs.multiply_adds
        )


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds on this machine.

    Attributes:
        training: of what a step consists of.
        validation: of a pass forward.
        epoch: of an epoch's end, whatever the network.
        parameter: of writing one of the network's numbers, with all that resuming needs.
        other_precision: how many times as long a step takes in the precision that `auto` does not choose.
    """

    training: Work
    validation: Work
    epoch: float
    parameter: float
    other_precision: float


@dataclass(frozen=True, kw_only=True)
class EpochWork:
    """What one epoch consists of; `parameters` is what is written to the disk at its end."""

    training: Work
    validation: Work
    parameters: int


def work_of_steps(model: ModelConfig, *, steps: int, patches: int, height: int, width: int) -> Work:
    """The work of so many steps on so many patches of this size altogether."""
    levels = describe(model, height=height, width=width)
    return Work(
        parts=steps * len(levels),
        parameters=steps * sum(level.parameters for level in levels),
        pixels=patches * height * width,
        multiply_adds=patches * sum(level.multiply_adds for level in levels),
    )


def epoch_work(config: RunConfig, dataset: DatasetInfo) -> EpochWork:
    """The work of an epoch of a run; `ConfigError` if the stack cannot be split so."""
    train = config.train
    split = make_split(dataset.slices, config.split, seed=train.seed)
    patches = patches_an_epoch(split, train.epoch_samples)
    height, width = dataset.height, dataset.width
    validated = (
        sum(copy.part == "validation" for copy in split.pool)
        or len(spread(split.validation, train.validation_megapixels, height * width, at_least=1))
    )  # fmt: skip
    whole = work_of_steps(config.model, steps=validated, patches=validated, height=height, width=width)
    return EpochWork(
        training=work_of_steps(
            config.model,
            steps=math.ceil(patches / train.batch_size),
            patches=patches,
            height=min(train.patch_px or height, height),
            width=min(train.patch_px or width, width),
        ),
        validation=whole,
        parameters=sum(level.parameters for level in describe(config.model)),
    )
