"""Which runs there are, and what is refused before anything is trained."""

import pytest

from segcore.config import override
from segcore.crossval import make_plan
from segcore.errors import ConfigError, StorageError
from segcore.presets import quick
from segcore.runs import make_split


def test_a_run_for_each_fold_and_seed():
    plan = make_plan("net", "isbi2012", override(quick(), ["train.seed=4"]), folds=3, seeds=2)
    assert [one.run for one in plan.members] == [
        "net-fold-0", "net-fold-1", "net-fold-2",
        "net-fold-0-seed-5", "net-fold-1-seed-5", "net-fold-2-seed-5",
    ]  # fmt: skip
    assert [(one.fold, one.seed) for one in plan.members] == [(0, 4), (1, 4), (2, 4), (0, 5), (1, 5), (2, 5)]
    assert plan.ensemble == "net-ensemble"
    assert all(one.config.train.seed == one.seed for one in plan.members)
    judged = [z for one in plan.members[:3] for z in make_split(30, one.config.split).test]
    assert sorted(judged) == list(range(30))


def test_more_seeds_leave_the_runs_that_are_there():
    one, three = (make_plan("net", "cells", quick(), seeds=seeds) for seeds in (1, 3))
    assert three.members[:3] == one.members


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"folds": 1}, "needs folds; found 1"),
        ({"seeds": 0}, "needs a seed; found 0"),
        ({"config": override(quick(), ["split.gap=0"])}, "judged by neighbours"),
    ],
)
def test_what_is_no_cross_validation(wrong, problem):
    with pytest.raises(ConfigError, match=problem):
        make_plan("net", "cells", **({"config": quick()} | wrong))


def test_a_name_that_is_no_folder():
    with pytest.raises(StorageError):
        make_plan("a/b", "cells", quick())
