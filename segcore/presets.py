"""The presets: settings that belong together, by name."""

from __future__ import annotations

from collections.abc import Callable

from segcore.config import (
    AugmentConfig,
    LossConfig,
    ModelConfig,
    PredictionConfig,
    RunConfig,
    SplitConfig,
    TrainConfig,
)
from segcore.errors import ConfigError


def standard() -> RunConfig:
    """The best honest result on unseen slices; the shipped model's settings.

    Half the original's width: the weights are a few megabytes, and a laptop trains it in half an hour.
    """
    return RunConfig(
        model=ModelConfig(width=16, dropout=0.2),
        loss=LossConfig(boundary_weight=2),
        train=TrainConfig(epochs=75, epoch_samples=128),
        prediction=PredictionConfig(eightfold=True),
    )


def quick() -> RunConfig:
    """A usable model in about two minutes on two CPU cores."""
    return RunConfig(preset="quick", model=ModelConfig(width=16), train=TrainConfig(epochs=20, epoch_samples=64))


def notebook() -> RunConfig:
    """The notebook's pipeline, leak and all, without its bugs.

    Its bugs come back with `augment.flips=vertical-only`, `augment.border=black` and
    `evaluation.notebook_confusion=true`.
    """
    return RunConfig(
        preset="notebook",
        split=SplitConfig(protocol="notebook", validation_fraction=0.2),
        model=ModelConfig(normalisation="none", intensity="unit"),
        augment=AugmentConfig.notebook(),
        loss=LossConfig(kind="dice"),
        train=TrainConfig(
            epochs=50,
            epoch_samples=0,
            batch_size=20,
            patch_px=0,
            optimizer="adam",
            weight_decay=0,
            schedule="plateau",
            warmup_steps=0,
            ema_decay=0,
            gradient_clip=0,
        ),
    )


PRESETS: dict[str, Callable[[], RunConfig]] = {"quick": quick, "standard": standard, "notebook": notebook}


def preset(name: str) -> RunConfig:
    """The preset of that name, or a `ConfigError` that lists the names there are."""
    if name not in PRESETS:
        raise ConfigError("unknown preset", found=name, expected=" or ".join(PRESETS))
    return PRESETS[name]()
