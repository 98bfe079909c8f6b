"""A split inside the slices: by hand, and never with a judged pixel within reach of a trained one."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.config import ModelConfig, RunConfig, SplitConfig
from segcore.errors import ConfigError, RunError
from segcore.runs import Bands, audit_split, make_split, row_range, split_of, split_to_dict
from segcore.runs.bands import LEAST_PX, make_bands
from segcore.runs.leaks import Seen, audit
from segcore.runs.splits import split_from_dict

BANDS = SplitConfig(protocol="bands")


@dataclass(frozen=True)
class Stack:
    slices: int
    height: int
    unlabelled_slices: tuple[int, ...] = ()
    borders: tuple[int, ...] = ()


def prints(slices):
    return [f"slice {z}" for z in range(slices)]


def test_by_hand():
    """400 rows beside a gap of 112: a third is test, 15 % of the rest validation."""
    bands = make_bands(512, BANDS, 112)
    assert bands == Bands(train=(0, 227), validation=(339, 379), test=(379, 512))
    assert bands.gap_px == 112
    split = make_split(3, BANDS, height=512, gap_px=112, left_out=(1,))
    assert split.train == split.validation == split.test == (0, 2)
    assert split.gap == (1,)
    assert [row_range(split.rows(part)) for part in ("train", "validation", "test")] == [
        "rows 0-226", "rows 339-378", "rows 379-511",
    ]  # fmt: skip


def test_validation_gets_what_it_needs():
    """144 rows beside a gap of 112: a third is test, and 15 % of the rest would be 14 rows."""
    assert make_bands(256, BANDS, 112) == Bands(train=(0, 64), validation=(176, 208), test=(208, 256))


def test_nothing_held_out():
    split = make_split(1, SplitConfig(protocol="bands", test_fraction=0), height=512, gap_px=112)
    assert split.test == ()
    assert split.bands == Bands(train=(0, 340), validation=(452, 512), test=(512, 512))
    assert row_range(split.rows("test")) == ""


def test_the_gap_is_what_the_network_sees():
    config = RunConfig(split=BANDS, model=ModelConfig(depth=3))
    split = split_of(Stack(slices=1, height=600), config)
    assert split.bands.gap_px == config.model.halo


@given(
    st.integers(1, 3000),
    st.integers(0, 300),
    st.floats(0, 0.9),
    st.floats(0.01, 0.5),
)
def test_bands_follow_each_other_and_are_high_enough(height, gap_px, test_fraction, validation_fraction):
    config = SplitConfig(protocol="bands", test_fraction=test_fraction, validation_fraction=validation_fraction)
    try:
        bands = make_bands(height, config, gap_px)
    except ConfigError:
        return
    assert bands.train[0] == 0
    assert bands.validation[0] - bands.train[1] == gap_px
    assert bands.validation[1] == bands.test[0]
    assert bands.test[1] == height
    heights = [last - first for first, last in (bands.train, bands.validation, bands.test)]
    assert min(heights[:2]) >= LEAST_PX
    assert heights[2] >= LEAST_PX or (heights[2] == 0 and round(test_fraction * (height - gap_px)) == 0)


def test_it_survives_json_and_damage_is_refused():
    split = make_split(2, BANDS, height=512, gap_px=112, borders=(1,))
    values = json.loads(json.dumps(split_to_dict(split)))
    assert split_from_dict(values) == split
    for changes, says in (
        ({"bands": None}, "another protocol"),
        ({"protocol": "blocks"}, "another protocol"),
        ({"validation": [0]}, "parts of other slices"),
        ({"bands": values["bands"] | {"train": [0, 400]}}, "not a split"),
        ({"bands": {"train": [0, 5]}}, "not a split"),
    ):
        with pytest.raises(RunError, match=says):
            split_from_dict(values | changes)


def test_other_rows_of_trained_slices_are_no_leak_and_are_told():
    split = make_split(2, BANDS, height=512, gap_px=112)
    found = audit_split(split, prints(2))
    assert not found.leaks
    assert found.chosen_on == found.neighbours == ()
    assert found.gap_px == 112


def test_whole_slices_are_a_leak():
    split = make_split(2, BANDS, height=512, gap_px=112)
    found = audit(split, prints(2), [0, 1], prints(2))
    assert found.trained_on == (0, 1)
    assert found.gap_px is None


def test_weights_that_knew_the_slices_before_leak():
    split = make_split(2, BANDS, height=512, gap_px=112)
    assert audit_split(split, prints(2), Seen(trained=("slice 1",))).trained_before == (1,)


def test_a_stack_of_one_slice_is_told_of_bands():
    with pytest.raises(ConfigError, match=r"split\.protocol=bands, which divides the rows of every slice"):
        make_split(1, SplitConfig())
    with pytest.raises(ConfigError, match=r"or split.protocol=bands.*or split.test_fraction=0 split.gap=0"):
        make_split(2, SplitConfig())


def test_no_labelled_slice():
    with pytest.raises(ConfigError, match="no slice is labelled"):
        make_split(2, BANDS, height=512, gap_px=112, left_out=(0, 1))
