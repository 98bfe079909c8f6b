"""What several tests of pages share: the sample, and a copy of the run on it that comes with the program."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dashboard.state import Result
from segcore.data import fetch
from segcore.evaluation import read_evaluation
from segcore.runs import open_run

SHIPPED = Path(__file__).parents[3] / "models" / "sample-quick"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The synthetic sample, made once."""
    folder = tmp_path_factory.mktemp("sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGCORE_DATA_DIR", str(folder))
        fetch("sample")
    return folder / "sample"


@pytest.fixture
def result(sample, data_dir, models_dir):
    """The evaluation of that run, which splits and merges neurites."""
    shutil.copytree(sample, data_dir / "sample")
    shutil.copytree(SHIPPED, models_dir / "judged")
    run = open_run("judged")
    folder = run.evaluation("sample")
    evaluation, facts = read_evaluation(folder)
    return Result(run=run, dataset="sample", part="test", evaluation=evaluation, facts=facts, summary={}, folder=folder)
