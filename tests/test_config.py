"""Settings: the same in Python, JSON and --set; anything else is refused with the names there are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.checked import from_dict
from segcore.config import (
    SETTINGS,
    AugmentConfig,
    LossConfig,
    ModelConfig,
    RunConfig,
    SplitConfig,
    TrainConfig,
    flatten,
    override,
    to_dict,
)
from segcore.errors import ConfigError
from segcore.presets import PRESETS, preset


def through_json(config: RunConfig) -> RunConfig:
    return from_dict(RunConfig, json.loads(json.dumps(to_dict(config), allow_nan=False)))


unit = st.floats(0, 1)
configs = st.builds(
    RunConfig,
    split=st.builds(
        SplitConfig,
        protocol=st.sampled_from(["blocks", "kfold", "notebook"]),
        test_fraction=st.floats(0, 0.9),
        folds=st.integers(5, 9),
        fold=st.integers(0, 4),
        gap=st.integers(0, 9),
    ),
    model=st.builds(ModelConfig, width=st.integers(1, 256), depth=st.integers(2, 7), dropout=st.floats(0, 0.99)),
    augment=st.builds(
        AugmentConfig,
        rotation_deg=st.floats(0, 180),
        noise=st.lists(st.sampled_from(["none", "gaussian", "poisson", "speckle"]), min_size=1).map(tuple),
        noise_level=unit,
        noise_fixed=st.booleans(),
        brightness=unit,
    ),
    loss=st.builds(LossConfig, smooth=st.floats(1e-9, 1e6), boundary_weight=unit),
    train=st.builds(
        TrainConfig, epochs=st.integers(1, 100_000), learning_rate=st.floats(1e-12, 10), seed=st.integers(0, 2**31 - 1)
    ),
)


@given(configs)
def test_through_json_and_back(config):
    assert through_json(config) == config


@given(configs)
def test_every_setting_can_be_written_with_set(config):
    flat = flatten(to_dict(config))

    def text(value):
        if isinstance(value, list):
            return ",".join(value)
        return value if isinstance(value, str) else json.dumps(value)

    assignments = [f"{key}={text(value)}" for key, value in flat.items() if key != "preset"]
    assert override(RunConfig(), assignments) == config


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name):
    config = preset(name)
    assert config.preset == name
    assert through_json(config) == config
    # A JSON file has lists where Python has tuples.
    assert isinstance(to_dict(config)["augment"]["noise"], list)


def test_the_notebook_preset_is_what_the_notebook_did_without_its_bugs():
    config = preset("notebook")
    assert config.split.protocol == "notebook"
    assert (config.split.copies, config.train.epochs, config.train.batch_size) == (800, 50, 20)
    assert (config.model.width, config.model.depth, config.model.normalisation) == (32, 5, "none")
    assert (config.augment.rotation_deg, config.augment.flips) == (25, "one-of-three")
    assert (config.augment.noise, config.augment.noise_level, config.augment.noise_fixed) == (("gaussian",), 0.1, True)
    assert (config.augment.scale, config.augment.elastic_px, config.augment.gamma) == (0, 0, 0)
    assert (config.loss.kind, config.loss.dice_form) == ("dice", "squared")
    assert (config.train.optimizer, config.train.learning_rate, config.train.schedule) == ("adam", 1e-3, "plateau")
    assert config.augment.border == "reflect"
    assert not config.evaluation.notebook_confusion
    with_bugs = override(
        config, ["augment.flips=vertical-only", "augment.border=black", "evaluation.notebook_confusion=true"]
    )
    assert with_bugs.augment.border == "black"
    assert with_bugs.evaluation.notebook_confusion is True


def test_unknown_preset():
    with pytest.raises(ConfigError, match="found best; expected quick or standard or notebook"):
        preset("best")


@pytest.mark.parametrize(
    ("assignment", "path", "expected"),
    [
        ("train.epochs=5", ("train", "epochs"), 5),
        ("train.epochs = 5 ", ("train", "epochs"), 5),
        ("train.epochs=5.0", ("train", "epochs"), 5),
        ("train.learning_rate=.001", ("train", "learning_rate"), 0.001),
        ("train.learning_rate=+.5", ("train", "learning_rate"), 0.5),
        ("train.learning_rate=1e-4", ("train", "learning_rate"), 1e-4),
        ("train.learning_rate=1", ("train", "learning_rate"), 1.0),
        ("train.compile=true", ("train", "compile"), True),
        ("train.precision=32", ("train", "precision"), "32"),
        ("split.protocol=kfold", ("split", "protocol"), "kfold"),
        ("augment.noise=none,gaussian", ("augment", "noise"), ("none", "gaussian")),
        ("augment.noise=speckle", ("augment", "noise"), ("speckle",)),
        ('augment.noise=["poisson", "none"]', ("augment", "noise"), ("poisson", "none")),
        ("prediction.eightfold=true", ("prediction", "eightfold"), True),
    ],
)
def test_set(assignment, path, expected):
    value = override(RunConfig(), [assignment])
    for name in path:
        value = getattr(value, name)
    assert value == expected
    assert type(value) is type(expected)


def test_the_last_of_two_settings_counts_and_the_rest_stays():
    config = override(preset("notebook"), ["train.epochs=5", "train.epochs=6"])
    assert config.train.epochs == 6
    assert override(config, ["train.epochs=50"]) == preset("notebook")
    assert override(config, []) == config


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.epochs", "found train.epochs; expected key=value"),
        ("train.epoch=5", "unknown setting train.epoch;"),
        ("training.epochs=5", "unknown setting training.epochs"),
        ("train=5", "unknown setting train;"),
        ("train.epochs.more=5", "unknown setting train.epochs.more"),
        ("=5", "unknown setting ;"),
        ("preset=quick", "expected --preset"),
        ("train.epochs=many", "wrong type for train.epochs; found 'many'; expected a whole number"),
        ("train.epochs=2.5", "wrong type for train.epochs; found 2.5; expected a whole number"),
        ("train.epochs=true", "wrong type for train.epochs; found True"),
        ("train.epochs=", "wrong type for train.epochs; found ''"),
        ("train.epochs=" + "9" * 400, "wrong type for train.epochs; found 9{80} …; expected a number"),
        ("train.epochs=" + "9" * 5000, "wrong type for train.epochs"),
        (
            "train.learning_rate=-.5",
            "train.learning_rate is out of range; found -0.5; expected more than 0, at most 10",
        ),
        ("train.learning_rate=NaN", "wrong type for train.learning_rate; found nan; expected a finite number"),
        ("train.learning_rate=Infinity", "wrong type for train.learning_rate"),
        ("train.learning_rate=1e999", "wrong type for train.learning_rate"),
        ("train.compile=yes", "wrong type for train.compile; found 'yes'; expected true or false"),
        ("train.compile=1", "wrong type for train.compile"),
        ("train.schedule=linear", "found linear; expected plateau or cosine or constant"),
        ("train.epochs=" + "[" * 250 + "]" * 250, "too deep"),
        (
            "split.protocol=\udcff",
            r"unknown value of split.protocol; found \?; expected blocks or kfold or bands or notebook",
        ),
        ("augment.noise=salt", "unknown value of augment.noise; found salt"),
        ("augment.noise=", "augment.noise is out of range; found an empty list"),
        ("augment.noise=[none,gaussian]", "wrong type for augment.noise; .* expected a list"),
        ("split.test_fraction=0.95", "split.test_fraction is out of range; found 0.95; expected 0 to 0.9"),
    ],
)
def test_set_refuses(assignment, message):
    with pytest.raises(ConfigError, match=message):
        override(RunConfig(), [assignment])


def test_an_unknown_setting_is_answered_with_all_names():
    with pytest.raises(ConfigError) as error:
        override(RunConfig(), ["epochs=5"])
    assert all(name in str(error.value) for name in SETTINGS)
    assert "train.epochs" in SETTINGS
    assert "preset" not in SETTINGS


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: SplitConfig(test_fraction=-0.1), "split.test_fraction"),
        (lambda: SplitConfig(folds=1), "split.folds"),
        (lambda: SplitConfig(folds=3, fold=3), "split.fold"),
        (lambda: SplitConfig(validation_fraction=0), "split.validation_fraction"),
        (lambda: SplitConfig(gap=-1), "split.gap"),
        (lambda: SplitConfig(copies=1), "split.copies"),
        (lambda: ModelConfig(width=0), "model.width"),
        (lambda: ModelConfig(depth=1), "model.depth"),
        (lambda: ModelConfig(dropout=1), "model.dropout"),
        (lambda: AugmentConfig(rotation_deg=181), "augment.rotation_deg"),
        (lambda: AugmentConfig(elastic_spacing_px=0), "augment.elastic_spacing_px"),
        (lambda: AugmentConfig(noise_level=2), "augment.noise_level"),
        (lambda: LossConfig(smooth=0), "loss.smooth"),
        (lambda: LossConfig(boundary_sigma_px=0), "loss.boundary_sigma_px"),
        (lambda: LossConfig(kind="dice", boundary_weight=1), "loss.boundary_weight"),
        (lambda: TrainConfig(epochs=0), "train.epochs"),
        (lambda: TrainConfig(patch_px=8), "train.patch_px"),
        (lambda: TrainConfig(learning_rate=0), "train.learning_rate"),
        (lambda: TrainConfig(ema_decay=1), "train.ema_decay"),
        (lambda: TrainConfig(seed=-1), "train.seed"),
    ],
)
def test_out_of_range(make, key):
    with pytest.raises(ConfigError, match=key):
        make()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (5, "the configuration is not an object; found int"),
        ({"train": 5}, "train is not an object; found int"),
        ({"trian": {}}, "unknown setting trian; expected one of augment, evaluation, loss, model"),
        ({"train": {"epoch": 5}}, "unknown setting train.epoch"),
        ({"train": {"epochs": "5"}}, "wrong type for train.epochs; found '5'"),
        ({"train": {"epochs": None}}, "wrong type for train.epochs"),
        ({"train": {"schedule": ["cosine"]}}, "unknown value of train.schedule"),
        ({"train": {"compile": 0}}, "wrong type for train.compile"),
        ({"augment": {"noise": "none"}}, "wrong type for augment.noise; found 'none'; expected a list"),
        ({"augment": {"noise": [1]}}, "unknown value of augment.noise"),
        ({"preset": 1}, "wrong type for preset; found 1; expected text"),
    ],
)
def test_json_that_is_no_configuration(values, message):
    with pytest.raises(ConfigError, match=message):
        from_dict(RunConfig, values)


def test_a_whole_number_may_be_written_with_a_point_in_json():
    config = from_dict(RunConfig, {"train": {"epochs": 5.0}, "loss": {"smooth": 2.0}})
    assert (repr(config.train.epochs), repr(config.loss.smooth)) == ("5", "2.0")


def test_settings_that_are_not_given_are_the_standard_ones():
    assert from_dict(RunConfig, {}) == RunConfig()


def test_off_changes_nothing():
    off = AugmentConfig.off()
    assert (off.rotation_deg, off.flips, off.scale, off.elastic_px, off.brightness, off.contrast, off.gamma) == (
        0, "none", 0, 0, 0, 0, 0,
    )  # fmt: skip
    assert off.noise == ("none",)
