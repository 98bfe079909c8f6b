"""Splits are contiguous and disjoint, and damaged ones are refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.config import SplitConfig
from segcore.errors import ConfigError, RunError
from segcore.runs.leaks import audit
from segcore.runs.splits import (
    make_split,
    patches_an_epoch,
    slice_ranges,
    slices_of,
    split_from_dict,
    split_to_dict,
    spread,
)


def in_one_piece(indices):
    return list(indices) == list(range(indices[0], indices[-1] + 1)) if indices else True


def prints(count, prefix="slice"):
    return [f"{prefix} {index}" for index in range(count)]


def test_the_isbi_default():
    split = make_split(30, SplitConfig())
    assert split.train == tuple(range(16))
    assert split.gap == (16,)
    assert split.validation == (17, 18, 19)
    assert split.test == tuple(range(20, 30))
    assert split.part("all") == tuple(range(30))
    assert split.part("validation") == (17, 18, 19)


@pytest.mark.parametrize(
    ("fold", "train", "gap", "validation", "test"),
    [
        # A gap on both sides of the test block, and beside validation.
        (0, "15-29", "10, 14", "11-13", "0-9"),
        (1, "0-4, 21-29", "5, 9, 20", "6-8", "10-19"),
        (2, "0-14", "15, 19", "16-18", "20-29"),
    ],
)
def test_three_folds_of_isbi(fold, train, gap, validation, test):
    split = make_split(30, SplitConfig(protocol="kfold", fold=fold))
    found = [slice_ranges(part) for part in (split.train, split.gap, split.validation, split.test)]
    assert found == [train, gap, validation, test]


@given(st.integers(2, 80).flatmap(lambda slices: st.tuples(st.just(slices), st.integers(2, slices))))
def test_folds_judge_every_slice_once(sizes):
    slices, folds = sizes
    judged = []
    for fold in range(folds):
        config = SplitConfig(protocol="kfold", folds=folds, fold=fold, gap=0, validation_fraction=0.01)
        try:
            test = make_split(slices, config).test
        except ConfigError:
            assert slices <= 4  # nothing left to train on
            return
        assert test
        judged += test
    assert judged == list(range(slices))


@given(
    st.integers(3, 60),
    st.sampled_from(["blocks", "kfold"]),
    st.integers(2, 12).flatmap(lambda folds: st.tuples(st.just(folds), st.integers(0, folds - 1))),
    st.floats(0.01, 0.5),
    st.integers(0, 3),
    st.floats(0, 0.9),
)
def test_parts_are_disjoint_and_in_one_piece(slices, protocol, fold, validation_fraction, gap, test_fraction):
    config = SplitConfig(
        protocol=protocol, folds=fold[0], fold=fold[1], validation_fraction=validation_fraction, gap=gap,
        test_fraction=test_fraction,
    )  # fmt: skip
    try:
        split = make_split(slices, config)
    except ConfigError:
        return
    parts = [*split.train, *split.validation, *split.gap, *split.test]
    assert sorted(parts) == list(range(slices))
    assert split.train
    assert split.validation
    assert in_one_piece(split.validation)
    assert in_one_piece(split.test)
    assert all(abs(one - other) > gap for one in split.train for other in split.validation + split.test)
    if protocol == "kfold":
        assert all(abs(one - other) > gap for one in split.validation for other in split.test)
    assert len(split.gap) <= 3 * gap
    assert not audit(split, prints(slices), [*split.validation, *split.test], prints(slices)).leaks
    assert split_from_dict(json.loads(json.dumps(split_to_dict(split)))) == split


def test_several_volumes_are_each_divided_by_themselves():
    """Ten, six and nine slices: a third of each is held out, and its gap ends with it."""
    split = make_split(25, SplitConfig(), borders=(10, 16))
    found = [slice_ranges(part) for part in (split.train, split.gap, split.validation, split.test)]
    assert found == ["0-3, 10-11, 16-19", "4, 12, 20", "5, 13, 21", "6-9, 14-15, 22-24"]
    assert split.borders == (10, 16)
    assert split_from_dict(json.loads(json.dumps(split_to_dict(split)))) == split


def test_a_volume_too_short_for_that_is_a_part_of_the_whole():
    """Twelve slices, the last two of which are another volume: no gap is needed across its border."""
    split = make_split(12, SplitConfig(test_fraction=0.1), borders=(10,))
    found = [slice_ranges(part) for part in (split.train, split.gap, split.validation, split.test)]
    assert found == ["0-6", "7", "8-9", "10-11"]
    without = make_split(12, SplitConfig(test_fraction=0.1, validation_fraction=0.01))
    beside = make_split(12, SplitConfig(test_fraction=0.1, validation_fraction=0.01), borders=(9,))
    assert (without.gap, beside.gap) == ((8,), ())


def test_slices_that_are_left_out_move_the_borders_of_what_remains():
    split = make_split(25, SplitConfig(gap=0), left_out=(0, 1, 2, 3, 10), borders=(10, 16))
    among = make_split(20, SplitConfig(gap=0), borders=(6, 11))
    numbers = [z for z in range(25) if z not in (0, 1, 2, 3, 10)]
    assert split.test == tuple(numbers[z] for z in among.test)
    assert split.borders == (10, 16)
    assert not {0, 1, 2, 3, 10} & {*split.train, *split.validation, *split.test}


@given(
    st.lists(st.integers(1, 12), min_size=2, max_size=5),
    st.sampled_from(["blocks", "kfold"]),
    st.integers(0, 2),
    st.integers(0, 2),
)
def test_no_trained_slice_is_beside_a_judged_one_of_its_volume(lengths, protocol, fold, gap):
    slices = sum(lengths)
    volume = [number for number, length in enumerate(lengths) for _ in range(length)]
    borders = tuple(z for z in range(1, slices) if volume[z] != volume[z - 1])
    try:
        split = make_split(slices, SplitConfig(protocol=protocol, fold=fold, gap=gap), borders=borders)
    except ConfigError:
        return
    assert sorted([*split.train, *split.validation, *split.gap, *split.test]) == list(range(slices))
    for one in split.train:
        for other in split.validation + split.test:
            assert volume[one] != volume[other] or abs(one - other) > gap
    for z in split.gap:
        beside = [other for other in split.validation + split.test if volume[other] == volume[z]]
        assert min(abs(z - other) for other in beside) <= gap


def test_validation_stays_in_one_piece_where_one_side_of_the_test_block_is_short():
    # Four are wanted, two lie before the test block and its gap: they come from behind it.
    split = make_split(30, SplitConfig(protocol="kfold", folds=10, fold=1))
    assert (split.test, split.validation, split.gap) == ((3, 4, 5), (7, 8, 9, 10), (2, 6, 11))


@pytest.mark.parametrize("slices", range(3, 13))
def test_tiny_stacks_split_or_say_why_not(slices):
    if slices < 5:
        with pytest.raises(ConfigError, match=f"a stack of {slices} slices leaves none to train on; .*split.gap"):
            make_split(slices, SplitConfig())
    else:
        split = make_split(slices, SplitConfig())
        assert split.train[0] == 0
        assert split.test[-1] == slices - 1
        assert len(split.test) == -(-slices // 3)


def test_slices_that_are_left_out_are_in_no_part():
    # The others, 0-2 and 5-9, are divided as if they followed each other.
    split = make_split(10, SplitConfig(test_fraction=0.25), left_out=(3, 4))
    assert (split.train, split.gap, split.validation, split.test) == ((0, 1, 2, 5), (3, 4, 6), (7,), (8, 9))
    assert split_from_dict(split_to_dict(split)) == split
    copies = make_split(10, SplitConfig(protocol="notebook", copies=40), left_out=(3, 4))
    assert not {3, 4} & {*copies.train, *copies.validation, *copies.test}
    assert {copy.source for copy in copies.pool} == {*copies.train, *copies.validation}


def test_gap_and_fractions():
    split = make_split(20, SplitConfig(test_fraction=0.25, validation_fraction=0.2, gap=2))
    assert [slice_ranges(part) for part in (split.train, split.gap, split.validation, split.test)] == [
        "0-9", "10-11", "12-14", "15-19",
    ]  # fmt: skip
    nothing_held_out = make_split(10, SplitConfig(test_fraction=0, gap=0, validation_fraction=0.3))
    assert nothing_held_out.test == ()
    assert nothing_held_out.validation == (7, 8, 9)


def test_more_folds_than_slices():
    with pytest.raises(ConfigError, match="found 5 folds, 4 slices"):
        make_split(4, SplitConfig(protocol="kfold", folds=5))


def test_the_notebook_augments_first_and_so_leaks():
    split = make_split(30, SplitConfig(protocol="notebook", validation_fraction=0.2), seed=3)
    assert split.test == tuple(range(20, 30))
    assert len(split.pool) == 800
    assert [copy.source for copy in split.pool[:21]] == [*range(20), 0]
    assert sum(copy.part == "validation" for copy in split.pool) == 160
    assert {copy.source for copy in split.pool} == set(range(20))
    # 40 copies of each slice: some of each are in both parts.
    assert split.train == split.validation == tuple(range(20))
    found = audit(split, prints(30), [*split.validation, *split.test], prints(30))
    assert found.leaks
    assert found.trained_on == tuple(range(20))
    assert found.neighbours == (20,)
    assert make_split(30, SplitConfig(protocol="notebook", validation_fraction=0.2), seed=3) == split
    assert make_split(30, SplitConfig(protocol="notebook", validation_fraction=0.2), seed=4) != split
    assert split_from_dict(json.loads(json.dumps(split_to_dict(split)))) == split


def test_the_notebook_on_a_stack_longer_than_its_pool_has_every_original():
    split = make_split(10, SplitConfig(protocol="notebook", test_fraction=0, copies=2))
    assert [copy.source for copy in split.pool] == list(range(10))
    with pytest.raises(ConfigError, match="no slices are left"):
        make_split(1, SplitConfig(protocol="notebook"))


@pytest.mark.parametrize(
    ("indices", "text"),
    [([], "none"), ([3], "3"), ([2, 0, 1], "0-2"), ([0, 1, 3, 5, 6], "0-1, 3, 5-6")],
)
def test_slice_ranges(indices, text):
    assert slice_ranges(indices) == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": None}, "not a split"),
        ({"train": "12"}, "not a split"),
        ({"train": [1.5]}, "1.5 is no whole number"),
        ({"train": [True]}, "True is no whole number"),
        ({"train": [12]}, "slice numbers outside the stack; found .*12.*; expected 0..11"),
        ({"test": [-1]}, "slice numbers outside the stack"),
        ({"slices": float("inf")}, "not a split"),
        ({"protocol": "other"}, "unknown protocol or part; found other"),
        ({"pool": [[0]]}, "not a split"),
        ({"pool": [[12, "train"]]}, "outside the stack"),
        ({"pool": [[0, "test"]]}, "unknown protocol or part; found test"),
    ],
)
def test_edited_splits_are_refused(change, message):
    values = split_to_dict(make_split(12, SplitConfig())) | change
    with pytest.raises(RunError, match=message):
        split_from_dict(values, path="split.json")


@pytest.mark.parametrize("key", ["train", "validation", "gap", "test", "pool", "slices", "protocol"])
def test_splits_with_a_missing_entry_are_refused(key):
    values = split_to_dict(make_split(12, SplitConfig()))
    del values[key]
    with pytest.raises(RunError, match=f"split.json: not a split; found KeyError: '{key}'"):
        split_from_dict(values, path="split.json")


def test_long_stacks_of_large_slices_are_validated_in_part():
    assert spread(range(50), 16, 512 * 512, at_least=1) == list(range(50))
    assert spread(range(100, 150), 16, 2048 * 2048, at_least=1) == [100, 116, 133, 149]
    assert spread(range(50), 16, 8192 * 8192, at_least=3) == [0, 24, 49]
    assert spread([7], 16, 8192 * 8192, at_least=3) == [7]
    assert spread([], 16, 100, at_least=1) == []


def test_patches_of_an_epoch():
    blocks = make_split(30, SplitConfig())
    assert [patches_an_epoch(blocks, wanted) for wanted in (0, 5, 64)] == [16, 5, 64]
    pool = make_split(30, SplitConfig(protocol="notebook", copies=100, validation_fraction=0.2))
    assert [patches_an_epoch(pool, wanted) for wanted in (0, 5, 500)] == [80, 5, 80]


@given(st.sets(st.integers(0, 40)))
def test_slices_are_read_as_they_are_written(indices):
    assert slices_of(slice_ranges(indices), 41) == tuple(sorted(indices))


@pytest.mark.parametrize("text", ["", "all", "3-", "-3", "1..4", "5-2", "41", "0-41", "1,,2", "\u0663"])
def test_what_names_no_slices_is_refused(text):
    with pytest.raises(ConfigError):
        slices_of(text, 41)


@pytest.mark.parametrize(
    ("train", "test", "fine"), [((0, 1), (2, 3), True), ((), (0,), True), ((0, 1), (1, 2), False), ((0,), (), False)]
)
def test_what_another_program_predicted_has_test_slices_and_maybe_others(train, test, fine):
    values = {"protocol": "outside", "slices": 4, "train": train, "validation": (), "gap": (), "test": test, "pool": ()}
    if fine:
        assert split_from_dict(values).test == test
    else:
        with pytest.raises(RunError, match="not empty"):
            split_from_dict(values)
