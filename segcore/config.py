"""Every setting of a run: frozen, checked where it is made, and the same in Python, JSON and `--set`.

A setting is one line: its type, its default, its title, what it does, its range. The command line, the app's forms and
SETTINGS.md take them from here.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, get_origin, get_type_hints

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from segcore.checked import STRICT, from_dict, mistake
from segcore.errors import ConfigError

NoiseKind = Literal["none", "gaussian", "poisson", "speckle"]


def _setting(
    default: Any, title: str, description: str, *, unit: str = "", slider: tuple[float, ...] = (), **limits: Any
) -> Any:
    """A field; `slider` is what one offers: from, to, step. A value may lie outside of it, within the limits."""
    extra: dict[str, Any] = {name: value for name, value in (("unit", unit), ("slider", slider)) if value}
    return Field(default, title=title, description=description, json_schema_extra=extra, **limits)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Settings:
    """What the sections have in common: a mistake is a `ConfigError` in one line, wherever they are made."""

    @model_validator(mode="wrap")
    @classmethod
    def _told_in_one_line(cls, values: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(values)
        except ValidationError as error:
            section = cls.__name__.removesuffix("Config").lower()
            raise mistake(error, cls, "" if section == "run" else section) from error


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SplitConfig(Settings):
    """Which slices a run trains on, decides with, and is judged by."""

    protocol: Literal["blocks", "kfold", "bands", "notebook"] = _setting(
        "blocks",
        "Split",
        "Which slices are learned from, and which the run is judged by. `blocks` holds out the last slices as test; "
        "`kfold` cuts the stack into contiguous folds and holds out one; `bands` gives each part a band of rows of "
        "every slice, for stacks too short to hold slices out; `notebook` holds out the same test block as `blocks`, "
        "then augments the rest first and splits the copies at random, which leaks validation into training.",
    )
    test_fraction: float = _setting(
        1 / 3, "Test share",
        "Share of the stack held out as test (`blocks` and `notebook`), or of the rows (`bands`); 0 holds nothing out.",
        ge=0, le=0.9,
    )  # fmt: skip
    folds: int = _setting(3, "Folds", "Number of contiguous folds (`kfold`).", ge=2)
    fold: int = _setting(0, "Fold", "Which fold is the test part, counted from 0 (`kfold`).", ge=0)
    validation_fraction: float = _setting(
        0.15, "Validation share",
        "Share of the remaining slices that decides early stopping and thresholds; of the copies with `notebook`, of "
        "the rows with `bands`.",
        gt=0, le=0.5,
    )  # fmt: skip
    gap: int = _setting(
        1, "Gap",
        "Slices left out between training and validation, because neighbours look alike; with `bands` it is rows, as "
        "many as the network sees.",
        ge=0, unit="slices",
    )  # fmt: skip
    copies: int = _setting(
        800, "Copies", "Augmented pairs in the fixed pool, originals included (`notebook`).", ge=2, le=1_000_000
    )

    @model_validator(mode="after")
    def _a_fold_there_is(self) -> SplitConfig:
        if self.fold >= self.folds:
            raise ConfigError("setting split.fold is out of range", found=self.fold, expected=f"0 to {self.folds - 1}")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ModelConfig(Settings):
    """The U-Net: its size, and how a slice is scaled before it enters."""

    width: int = _setting(
        32, "Width",
        "Features at full resolution; each level down doubles them. Twice the width takes about three times as long.",
        ge=1, le=256, unit="features",
    )  # fmt: skip
    depth: int = _setting(5, "Depth", "Number of levels; 5 is the original's.", ge=2, le=7, unit="levels")
    normalisation: Literal["none", "batch", "group"] = _setting(
        "batch", "Normalisation", "`none` as in the original, `batch`, or `group` (eight channels a group)."
    )
    dropout: float = _setting(
        0.0, "Dropout", "Probability of dropping a feature map at the two deepest levels.", ge=0, lt=1
    )
    intensity: Literal["standardised", "unit"] = _setting(
        "standardised", "Intensity",
        "`standardised` gives each slice mean 0 and standard deviation 1, which makes stain and exposure matter less; "
        "`unit` divides 8-bit values by 255, as the notebook.",
    )  # fmt: skip

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


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AugmentConfig(Settings):
    """How copies of a slice are varied. Every range is symmetric unless it says otherwise."""

    rotation_deg: float = _setting(
        180.0, "Rotation ±°", "Slices are turned by an angle of up to so many degrees, either way.",
        slider=(0.0, 180.0, 1.0), ge=0, le=180, unit="degrees",
    )  # fmt: skip
    flips: Literal["none", "independent", "one-of-three", "vertical-only"] = _setting(
        "independent", "Flips",
        "`independent` flips each axis one time in two; `one-of-three` picks vertical, horizontal or none, as the "
        "notebook meant; `vertical-only` is what it did, as its horizontal flip never fired.",
    )  # fmt: skip
    scale: float = _setting(
        0.1,
        "Zoom, 1 +",
        "0.1 zooms by up to a factor of 1.1, in and out (log-uniform).",
        slider=(0.0, 1.0, 0.01),
        ge=0,
        le=1,
    )
    elastic_px: float = _setting(
        5.0,
        "Bending, px",
        "Standard deviation of the elastic displacement.",
        slider=(0.0, 32.0, 0.5),
        ge=0,
        le=64,
        unit="pixels",
    )
    elastic_spacing_px: float = _setting(
        48.0, "Bend spacing, px", "Distance between the control points of the elastic displacement. Small: many "
        "small bends.", slider=(8.0, 256.0, 4.0), ge=4, le=1024, unit="pixels",
    )  # fmt: skip
    brightness: float = _setting(
        0.1,
        "Brightness ±",
        "0.1 adds up to a tenth of the intensity range, or takes it away.",
        slider=(0.0, 1.0, 0.01),
        ge=0,
        le=1,
    )
    contrast: float = _setting(
        0.4, "Contrast, 1 +", "0.4 changes the contrast about the mean by up to a factor of 1.4, up and down.",
        slider=(0.0, 2.0, 0.01), ge=0, le=4,
    )  # fmt: skip
    gamma: float = _setting(
        0.4, "Gamma, 1 +",
        "Exponent of the intensity, up to a factor of 1.4 with 0.4: brightens or darkens the middle greys.",
        slider=(0.0, 2.0, 0.01), ge=0, le=4,
    )  # fmt: skip
    noise: Annotated[tuple[NoiseKind, ...], BeforeValidator(_as_tuple)] = _setting(
        ("none", "gaussian", "poisson"), "Noise, one of",
        "Each copy gets one of these kinds, each as likely as another.", min_length=1,
    )  # fmt: skip
    noise_level: float = _setting(
        0.05, "Noise level",
        "Standard deviation of the noise, as a share of the intensity range: exact for gaussian, that of a mid-grey "
        "pixel for poisson and speckle. Drawn from 0 to this.", slider=(0.0, 0.5, 0.005), ge=0, le=1,
    )  # fmt: skip
    noise_fixed: bool = _setting(
        False, "Always the full noise level", "Not drawn from 0 to the level, as scikit-image's `random_noise` does it."
    )
    border: Literal["reflect", "black"] = _setting(
        "reflect", "Beyond the border",
        "What lies outside a slice that was turned: its mirror image, or `black` as in the notebook, where invented "
        "membrane enters at the corners.",
    )  # fmt: skip

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


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LossConfig(Settings):
    """What training minimises."""

    kind: Literal["dice", "bce", "bce+dice", "jaccard"] = _setting(
        "bce+dice", "Loss",
        "What training minimises: Dice, binary cross-entropy (`bce`), their sum, or Jaccard.",
    )  # fmt: skip
    dice_form: Literal["squared", "plain"] = _setting(
        "squared", "Form of Dice",
        "`squared` has squared terms in the denominator (V-Net, the notebook), `plain` has not; for Jaccard likewise.",
    )  # fmt: skip
    smooth: float = _setting(
        1.0, "Smoothing", "Added to numerator and denominator, so that an empty mask has a value.", gt=0
    )
    boundary_weight: float = _setting(
        0.0, "Boundary weight",
        "`w0` of the U-Net paper: extra weight of the cross-entropy in the narrow membranes between two neurites; "
        "0 turns it off.", ge=0, le=100,
    )  # fmt: skip
    boundary_sigma_px: float = _setting(
        5.0, "Boundary sigma, px", "How fast that weight falls off with the distance to both neurites.",
        gt=0, unit="pixels",
    )  # fmt: skip

    @model_validator(mode="after")
    def _a_weight_for_each_pixel(self) -> LossConfig:
        if self.boundary_weight > 0 and "bce" not in self.kind:
            raise ConfigError(
                "loss.boundary_weight needs a loss that has a term for each pixel",
                found=f"loss.kind={self.kind}",
                expected="loss.kind=bce or bce+dice",
            )
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainConfig(Settings):
    """How long, how fast, and with what training runs."""

    epochs: int = _setting(
        60, "Epochs", "Passes; after each one validation, a checkpoint and a row of history.", ge=1, le=100_000
    )
    epoch_samples: int = _setting(
        64, "Patches an epoch",
        "Augmented patches in an epoch; 0 means one for every training slice (every copy of the pool, with the "
        "notebook's split).", ge=0, le=1_000_000,
    )  # fmt: skip
    batch_size: int = _setting(
        4, "Batch size", "Patches in a step, over all devices together. Fewer take less memory.", ge=1, le=4096
    )
    samples_at_once: int = _setting(
        0, "Patches at once",
        "Patches that a device has in memory at once. A larger batch is taken in parts, whose gradients are summed: "
        "but for rounding the step of the whole batch, except that batch normalisation normalises each part by itself, "
        "and that dropout drops other maps. 0 takes as many as fit into the memory that is free when the run begins, "
        "and stays with that.",
        ge=0, le=4096,
    )  # fmt: skip
    patch_px: int = _setting(
        256, "Patch, px", "Side of the square cut from a slice; 0 trains on whole slices, otherwise 16 or more.",
        ge=0, le=8192, unit="pixels",
    )  # fmt: skip
    optimizer: Literal["adam", "adamw"] = _setting("adamw", "Optimiser", "Adam, or Adam with weight decay.")
    learning_rate: float = _setting(
        1e-3, "Learning rate", "How large the steps of training are, at the start (after the warm-up).", gt=0, le=10
    )
    weight_decay: float = _setting(1e-4, "Weight decay", "Of `adamw`.", ge=0, le=1)
    schedule: Literal["plateau", "cosine", "constant"] = _setting(
        "cosine", "Schedule",
        "`plateau` reduces the rate when the validation loss stalls, `cosine` lets it fall to a hundredth over all "
        "epochs, `constant` leaves it.",
    )  # fmt: skip
    plateau_patience: int = _setting(
        5, "Patience", "Epochs without a better validation loss before a reduction (`plateau`).", ge=0, unit="epochs"
    )
    plateau_factor: float = _setting(0.5, "Reduction", "What the rate is multiplied by (`plateau`).", gt=0, lt=1)
    warmup_steps: int = _setting(20, "Warm-up", "Steps over which the rate rises linearly from 0.", ge=0, unit="steps")
    validation_megapixels: float = _setting(
        16.0, "Validated, megapixels",
        "About how much is validated after each epoch, in whole slices spread evenly, so that a long stack of large "
        "slices is not validated longer than trained on; four times as much, and three slices or more, choose the "
        "thresholds at the end.", gt=0, unit="megapixels",
    )  # fmt: skip
    early_stopping: int = _setting(
        0, "Early stopping", "Epochs without a better validation Dice before training ends; 0 never.",
        ge=0, unit="epochs",
    )  # fmt: skip
    ema_decay: float = _setting(
        0.99, "Averaging of weights",
        "Validate and keep an exponential moving average of the weights with this decay a step; 0 keeps the weights "
        "themselves.", ge=0, lt=1,
    )  # fmt: skip
    gradient_clip: float = _setting(1.0, "Gradient clip", "Largest norm of the gradient; 0 does not clip.", ge=0)
    precision: Literal["auto", "32", "bf16"] = _setting(
        "auto",
        "Precision",
        "`auto` uses bfloat16 where the hardware multiplies it; `32` and `bf16` say so. On a GPU, `32` computes "
        "convolutions in TensorFloat-32, which keeps ten bits of each factor.",
    )
    compile: bool = _setting(False, "Compile", "Hand the network to `torch.compile`.")
    seed: int = _setting(0, "Seed", "Of everything random. The same seed gives the same run.", ge=0, le=2**31 - 1)

    @model_validator(mode="after")
    def _a_patch_large_enough(self) -> TrainConfig:
        if 0 < self.patch_px < 16:
            raise ConfigError(
                "setting train.patch_px is out of range",
                found=self.patch_px,
                expected="0 for whole slices, or 16 to 8192 pixels",
            )
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PredictionConfig(Settings):
    """How a trained network is applied."""

    eightfold: bool = _setting(
        False, "Eight-fold", "Average the probabilities over the four rotations and their mirror images."
    )
    tile_px: int = _setting(
        0, "Tile, px",
        "Largest side of what the network sees at once; larger slices are cut into tiles with a halo as wide as the "
        "receptive field, so it has to be more than two of them (240 at depth 5). 0 lets the device's memory decide.",
        ge=0, unit="pixels",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EvaluationConfig(Settings):
    """What an evaluation adds to the measures it always makes."""

    notebook_confusion: bool = _setting(
        False, "Notebook's confusion matrix",
        "Also give the notebook's confusion matrix, which adds up the indices of pixels instead of counting them and "
        "swaps the two errors; only to show the bug.",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RunConfig(Settings):
    """Everything needed to repeat a run, but for the data."""

    preset: str = "standard"
    split: SplitConfig = dataclasses.field(default_factory=SplitConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    prediction: PredictionConfig = dataclasses.field(default_factory=PredictionConfig)
    evaluation: EvaluationConfig = dataclasses.field(default_factory=EvaluationConfig)


def _fields() -> dict[str, FieldInfo]:
    sections = {name: kind for name, kind in get_type_hints(RunConfig).items() if dataclasses.is_dataclass(kind)}
    return {
        f"{section}.{name}": field
        for section, kind in sections.items()
        for name, field in getattr(kind, "__pydantic_fields__").items()  # noqa: B009
    }


SETTINGS: Mapping[str, FieldInfo] = _fields()
"""Every setting by its dotted name, as `--set` takes it: default, title, description, limits."""


def to_dict(config: object) -> dict[str, Any]:
    """A configuration as plain JSON values."""
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise TypeError(f"not a configuration: {config!r}")
    return dict(json.loads(json.dumps(dataclasses.asdict(config))))


def override(config: RunConfig, assignments: Sequence[str]) -> RunConfig:
    """Applies `--set` assignments such as `train.epochs=5`, in order.

    Values are JSON where they parse as JSON and text otherwise; lists may be written with commas
    (`augment.noise=none,gaussian`).
    """
    values = to_dict(config)
    for assignment in assignments:
        key, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals:
            raise ConfigError("a setting needs a name and a value", found=assignment, expected="key=value")
        if key == "preset":
            raise ConfigError("a preset is no single setting", found=assignment, expected="--preset")
        if key not in SETTINGS:
            raise ConfigError(f"unknown setting {key}", expected="one of " + ", ".join(SETTINGS))
        section, name = key.split(".")
        values[section][name] = _parsed(SETTINGS[key].annotation, text)
    made = from_dict(RunConfig, values)
    made.model.check_tile(made.prediction.tile_px)  # not where it is made: old runs have to open
    return made


def _parsed(kind: Any, text: str) -> Any:
    if get_origin(kind) is Literal:
        return text
    if get_origin(kind) is tuple and not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if re.fullmatch(r"[+-]?\.\d+", text):
        return float(text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level of dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
