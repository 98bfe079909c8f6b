"""Every setting of a run: frozen, checked where it is made, and the same in Python, JSON and `--set`."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from segcore.errors import ConfigError

Config = TypeVar("Config")


def _require(ok: bool, key: str, value: object, expected: str) -> None:
    if not ok:
        raise ConfigError(f"setting {key} is out of range", found=value, expected=expected)


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Which slices a run trains on, decides with, and is judged by.

    Attributes:
        protocol: `blocks` holds out the last slices as test; `kfold` cuts the stack into
            contiguous folds and holds out one; `notebook` holds out the same test block as
            `blocks`, then augments the rest first and splits the copies at random, as the
            notebook did, which leaks validation into training.
        test_fraction: share of the stack held out as test (`blocks` and `notebook`). 0 holds
            nothing out.
        folds: number of contiguous folds (`kfold`).
        fold: which fold is the test part, counted from 0 (`kfold`).
        validation_fraction: share of the remaining slices that decides early stopping and
            thresholds; of the copies, with `notebook`.
        gap: slices left out between training and validation, because neighbours look alike.
        copies: augmented pairs in the fixed pool, originals included (`notebook`).
    """

    protocol: Literal["blocks", "kfold", "notebook"] = "blocks"
    test_fraction: float = 1 / 3
    folds: int = 3
    fold: int = 0
    validation_fraction: float = 0.15
    gap: int = 1
    copies: int = 800

    def __post_init__(self) -> None:
        _require(0 <= self.test_fraction <= 0.9, "split.test_fraction", self.test_fraction, "0 to 0.9")
        _require(self.folds >= 2, "split.folds", self.folds, "at least 2")
        _require(0 <= self.fold < self.folds, "split.fold", self.fold, f"0 to {self.folds - 1}")
        _require(
            0 < self.validation_fraction <= 0.5,
            "split.validation_fraction",
            self.validation_fraction,
            "more than 0, at most 0.5",
        )
        _require(self.gap >= 0, "split.gap", self.gap, "0 or more slices")
        _require(2 <= self.copies <= 1_000_000, "split.copies", self.copies, "2 to 1000000")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The U-Net: its size, and how a slice is scaled before it enters.

    Attributes:
        width: features at full resolution; each level down doubles them.
        depth: number of levels; 5 is the original's.
        normalisation: `none` as in the original, `batch`, or `group` (eight channels a group).
        dropout: probability of dropping a feature map at the two deepest levels.
        intensity: `standardised` gives each slice mean 0 and standard deviation 1, which makes
            stain and exposure matter less; `unit` divides 8-bit values by 255, as the notebook.
    """

    width: int = 32
    depth: int = 5
    normalisation: Literal["none", "batch", "group"] = "batch"
    dropout: float = 0.0
    intensity: Literal["standardised", "unit"] = "standardised"

    def __post_init__(self) -> None:
        _require(1 <= self.width <= 256, "model.width", self.width, "1 to 256 features")
        _require(2 <= self.depth <= 7, "model.depth", self.depth, "2 to 7 levels")
        _require(0 <= self.dropout < 1, "model.dropout", self.dropout, "0 or more, less than 1")

    @property
    def stride(self) -> int:
        """Side, in pixels, of the square that one pixel of the deepest level stands for."""
        return int(2 ** (self.depth - 1))

    @property
    def halo(self) -> int:
        """How many pixels around a place can change its output, rounded up to the stride.

        Two 3 x 3 convolutions on each level, down and up, reach 2 pixels of that level each; the
        pooling grid may lie up to stride - 1 pixels off.
        """
        reach = sum(4 * 2**level for level in range(self.depth - 1)) + 2 * self.stride + self.stride - 1
        return int(-(-reach // self.stride) * self.stride)

    def check_tile(self, tile_px: int) -> None:
        """Raises a `ConfigError` if a tile of this side has no middle that its halo leaves."""
        least = 2 * self.halo + self.stride
        if 0 < tile_px < least:
            raise ConfigError(
                "prediction.tile_px is too small for the network",
                found=tile_px,
                expected=f"at least {least} with model.depth={self.depth}, or 0",
            )


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How copies of a slice are varied. Every range is symmetric unless it says otherwise.

    Attributes:
        rotation_deg: angle, uniform in [-rotation_deg, rotation_deg] degrees.
        flips: `none`; `independent` flips each axis with probability 1/2; `one-of-three` picks
            vertical, horizontal or none, as the notebook meant; `vertical-only` is what the
            notebook did, whose horizontal flip never fired.
        scale: zoom factor, log-uniform in [1 / (1 + scale), 1 + scale].
        elastic_px: standard deviation of the elastic displacement, pixels.
        elastic_spacing_px: distance between control points, pixels.
        brightness: added to the intensity (range 0..1), uniform.
        contrast: factor about the mean, log-uniform in [1 / (1 + contrast), 1 + contrast].
        gamma: exponent, log-uniform in [1 / (1 + gamma), 1 + gamma].
        noise: kinds to choose from, each as likely as another, `none` among them if wanted.
        noise_level: standard deviation in units of the intensity range: exact for gaussian,
            that of a mid-grey pixel for poisson and speckle. Drawn uniformly from
            [0, noise_level], or exactly this with `noise_fixed`.
        noise_fixed: always the full noise level, as scikit-image's `random_noise` does.
        border: what lies outside a slice that was turned: `reflect`, or `black` as in the
            notebook, where invented membrane enters at the corners.
    """

    rotation_deg: float = 180.0
    flips: Literal["none", "independent", "one-of-three", "vertical-only"] = "independent"
    scale: float = 0.1
    elastic_px: float = 5.0
    elastic_spacing_px: float = 48.0
    brightness: float = 0.1
    contrast: float = 0.4
    gamma: float = 0.4
    noise: tuple[Literal["none", "gaussian", "poisson", "speckle"], ...] = ("none", "gaussian", "poisson")
    noise_level: float = 0.05
    noise_fixed: bool = False
    border: Literal["reflect", "black"] = "reflect"

    def __post_init__(self) -> None:
        _require(0 <= self.rotation_deg <= 180, "augment.rotation_deg", self.rotation_deg, "0 to 180 degrees")
        _require(0 <= self.scale <= 1, "augment.scale", self.scale, "0 to 1")
        _require(0 <= self.elastic_px <= 64, "augment.elastic_px", self.elastic_px, "0 to 64 pixels")
        _require(
            4 <= self.elastic_spacing_px <= 1024,
            "augment.elastic_spacing_px",
            self.elastic_spacing_px,
            "4 to 1024 pixels",
        )
        _require(0 <= self.brightness <= 1, "augment.brightness", self.brightness, "0 to 1")
        _require(0 <= self.contrast <= 4, "augment.contrast", self.contrast, "0 to 4")
        _require(0 <= self.gamma <= 4, "augment.gamma", self.gamma, "0 to 4")
        _require(len(self.noise) > 0, "augment.noise", "an empty list", "at least one kind, perhaps none")
        _require(0 <= self.noise_level <= 1, "augment.noise_level", self.noise_level, "0 to 1")

    @classmethod
    def off(cls) -> AugmentConfig:
        """Leaves every slice as it is."""
        return cls(
            rotation_deg=0,
            flips="none",
            scale=0,
            elastic_px=0,
            brightness=0,
            contrast=0,
            gamma=0,
            noise=("none",),
            noise_level=0,
        )

    @classmethod
    def notebook(cls) -> AugmentConfig:
        """The notebook's ranges: 25 degrees, one flip of three, Gaussian noise of variance 0.01."""
        return dataclasses.replace(
            cls.off(), rotation_deg=25, flips="one-of-three", noise=("gaussian",), noise_level=0.1, noise_fixed=True
        )


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What training minimises.

    Attributes:
        kind: `dice`, `bce`, their sum `bce+dice`, or `jaccard`.
        dice_form: `squared` has squared terms in the denominator (V-Net, the notebook);
            `plain` has not. For `jaccard` likewise.
        smooth: added to numerator and denominator, so that an empty mask has a value.
        boundary_weight: `w0` of the U-Net paper: extra weight of the binary cross-entropy in the
            narrow membranes between two neurites. 0 turns it off.
        boundary_sigma_px: how fast that weight falls off with the distance to both neurites.
    """

    kind: Literal["dice", "bce", "bce+dice", "jaccard"] = "bce+dice"
    dice_form: Literal["squared", "plain"] = "squared"
    smooth: float = 1.0
    boundary_weight: float = 0.0
    boundary_sigma_px: float = 5.0

    def __post_init__(self) -> None:
        _require(self.smooth > 0, "loss.smooth", self.smooth, "more than 0")
        _require(0 <= self.boundary_weight <= 100, "loss.boundary_weight", self.boundary_weight, "0 to 100")
        _require(self.boundary_sigma_px > 0, "loss.boundary_sigma_px", self.boundary_sigma_px, "more than 0 pixels")
        if self.boundary_weight > 0 and "bce" not in self.kind:
            raise ConfigError(
                "loss.boundary_weight needs a loss that has a term for each pixel",
                found=f"loss.kind={self.kind}",
                expected="loss.kind=bce or bce+dice",
            )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long, how fast, and with what training runs.

    Attributes:
        epochs: passes; validation, checkpoint and one row of history after each.
        epoch_samples: augmented patches in an epoch. 0 means one for every training slice
            (every copy of the pool, with the notebook's split).
        batch_size: patches in a step, over all devices together.
        patch_px: side of the square cut from a slice; 0 trains on whole slices.
        optimizer: `adam` or `adamw`.
        learning_rate: at the start (after the warm-up).
        weight_decay: of `adamw`.
        schedule: `plateau` reduces the rate when the validation loss stalls, `cosine` lets it
            fall to a hundredth over all epochs, `constant` leaves it.
        plateau_patience: epochs without a better validation loss before a reduction.
        plateau_factor: what the rate is multiplied by.
        warmup_steps: steps over which the rate rises linearly from 0.
        validation_megapixels: about how much is validated after each epoch, in whole slices spread
            evenly, so that a long stack of large slices is not validated longer than trained on;
            four times as much, and three slices or more, choose the thresholds at the end.
        early_stopping: epochs without a better validation Dice before training ends; 0 never.
        ema_decay: validate and keep an exponential moving average of the weights with this
            decay a step; 0 keeps the weights themselves.
        gradient_clip: largest norm of the gradient; 0 does not clip.
        precision: `auto` uses bfloat16 where the hardware multiplies it; `32` and `bf16` say so.
        compile: hand the network to `torch.compile`.
        seed: of everything random in the run.
    """

    epochs: int = 60
    epoch_samples: int = 64
    batch_size: int = 4
    patch_px: int = 256
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: Literal["plateau", "cosine", "constant"] = "cosine"
    plateau_patience: int = 5
    plateau_factor: float = 0.5
    warmup_steps: int = 20
    validation_megapixels: float = 16.0
    early_stopping: int = 0
    ema_decay: float = 0.99
    gradient_clip: float = 1.0
    precision: Literal["auto", "32", "bf16"] = "auto"
    compile: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _require(1 <= self.epochs <= 100_000, "train.epochs", self.epochs, "1 to 100000")
        _require(0 <= self.epoch_samples <= 1_000_000, "train.epoch_samples", self.epoch_samples, "0 to 1000000")
        _require(1 <= self.batch_size <= 4096, "train.batch_size", self.batch_size, "1 to 4096")
        _require(
            self.patch_px == 0 or 16 <= self.patch_px <= 8192,
            "train.patch_px",
            self.patch_px,
            "0 for whole slices, or 16 to 8192 pixels",
        )
        _require(0 < self.learning_rate <= 10, "train.learning_rate", self.learning_rate, "more than 0, at most 10")
        _require(0 <= self.weight_decay <= 1, "train.weight_decay", self.weight_decay, "0 to 1")
        _require(self.plateau_patience >= 0, "train.plateau_patience", self.plateau_patience, "0 or more epochs")
        _require(0 < self.plateau_factor < 1, "train.plateau_factor", self.plateau_factor, "between 0 and 1")
        _require(self.warmup_steps >= 0, "train.warmup_steps", self.warmup_steps, "0 or more")
        _require(self.validation_megapixels > 0, "train.validation_megapixels", self.validation_megapixels, "above 0")
        _require(self.early_stopping >= 0, "train.early_stopping", self.early_stopping, "0 or more epochs")
        _require(0 <= self.ema_decay < 1, "train.ema_decay", self.ema_decay, "0 or more, less than 1")
        _require(self.gradient_clip >= 0, "train.gradient_clip", self.gradient_clip, "0 or more")
        _require(0 <= self.seed < 2**31, "train.seed", self.seed, "0 to 2147483647")


@dataclass(frozen=True, kw_only=True)
class PredictionConfig:
    """How a trained network is applied.

    Attributes:
        eightfold: average the probabilities over the four rotations and their mirror images.
        tile_px: largest side of what the network sees at once; larger slices are cut into tiles
            with a halo as wide as the receptive field, so it has to be more than two of them
            (240 at depth 5). 0 lets the device's memory decide.
    """

    eightfold: bool = False
    tile_px: int = 0

    def __post_init__(self) -> None:
        _require(
            self.tile_px == 0 or self.tile_px >= 64, "prediction.tile_px", self.tile_px, "0, or at least 64 pixels"
        )


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """What an evaluation adds to the measures it always makes.

    Attributes:
        notebook_confusion: also give the notebook's confusion matrix, which adds up the indices
            of pixels instead of counting them and swaps the two errors; only to show the bug.
    """

    notebook_confusion: bool = False


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything needed to repeat a run, but for the data."""

    preset: str = "standard"
    split: SplitConfig = field(default_factory=SplitConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    prediction: PredictionConfig = field(default_factory=PredictionConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)


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


@lru_cache
def _types_of(cls: Any) -> dict[str, Any]:
    """Of the settings; looking them up takes longer than all else, and is done for every run and job in a list."""
    return get_type_hints(cls)


def to_dict(config: object) -> dict[str, Any]:
    """A configuration as plain JSON values."""
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise TypeError(f"not a configuration: {config!r}")
    return dict(json.loads(json.dumps(dataclasses.asdict(config))))


def from_dict(cls: type[Config], values: object, *, where: str = "") -> Config:
    """Builds a configuration from JSON values; unknown keys and wrong types are `ConfigError`s."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where or 'the configuration'} is not an object", found=type(values).__name__)
    types_of = _types_of(cls)  # type: ignore[arg-type]  # a class has a hash
    made: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{where}.{key}" if where else str(key)
        if key not in types_of:
            raise ConfigError(f"unknown setting {path}", expected="one of " + ", ".join(sorted(types_of)))
        made[key] = _value(types_of[key], value, path)
    return cls(**made)


def override(config: RunConfig, assignments: Sequence[str]) -> RunConfig:
    """Applies `--set` assignments such as `train.epochs=5`, in order.

    Values are JSON where they parse as JSON and text otherwise; lists may be written with commas
    (`augment.noise=none,gaussian`).
    """
    values = to_dict(config)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError("a setting needs a name and a value", found=assignment, expected="key=value")
        node: dict[str, Any] = values
        kind: Any = RunConfig
        *groups, leaf = key.strip().split(".")
        for group in groups:
            inner = _types_of(kind).get(group)
            if not dataclasses.is_dataclass(inner):
                raise ConfigError(f"unknown setting {key}", expected="one of " + ", ".join(setting_names()))
            node, kind = node[group], inner
        leaf_type = _types_of(kind).get(leaf)
        if key.strip() == "preset":
            raise ConfigError("a preset is no single setting", found=assignment, expected="--preset")
        if leaf_type is None or dataclasses.is_dataclass(leaf_type):
            raise ConfigError(f"unknown setting {key}", expected="one of " + ", ".join(setting_names()))
        node[leaf] = _parse(leaf_type, text.strip())
    made = from_dict(RunConfig, values)
    made.model.check_tile(made.prediction.tile_px)  # not where it is made: old runs have to open
    return made


def setting_names() -> list[str]:
    """The dotted names that `--set` takes."""
    return [name for name in flatten(to_dict(RunConfig())) if name != "preset"]


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level of dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _parse(kind: Any, text: str) -> Any:
    if kind is float and re.fullmatch(r"[+-]?\.\d+", text):
        return float(text)
    if kind is str or get_origin(kind) is Literal:
        return text
    if get_origin(kind) is tuple and not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _value(kind: Any, value: Any, path: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return from_dict(kind, value, where=path)
    origin = get_origin(kind)
    if origin is Literal:
        if value not in get_args(kind) or isinstance(value, bool):
            raise ConfigError(f"unknown value of {path}", found=value, expected=" or ".join(get_args(kind)))
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in get_args(kind):
            return None
        return _value(next(part for part in get_args(kind) if part is not type(None)), value, path)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"wrong type for {path}", found=repr(value), expected="a list")
        return tuple(_value(get_args(kind)[0], item, path) for item in value)
    if origin is dict and isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values()):
        return dict(value)
    # Also false for not-a-number, and for whole numbers too large for a float.
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if kind is float and number:
        return float(value)
    if kind is int and number and float(value).is_integer():
        return int(value)
    if kind in (bool, str) and isinstance(value, kind):
        return value
    names = {float: "a finite number", int: "a whole number", bool: "true or false", str: "text"}
    raise ConfigError(f"wrong type for {path}", found=repr(value), expected=names.get(kind, str(kind)))
