"""What the tests of the dashboard leave as they found it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """A page that is run without a browser takes the place of the program, which new processes would then run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(autouse=True, scope="session")
def tiles_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The thread that makes tiles ahead outlives the test it began in, whose data are not those of the next."""
    os.environ.setdefault("SEGCORE_CACHE_DIR", str(tmp_path_factory.mktemp("tiles")))


@pytest.fixture
def evaluated_run(mid_grey_run, cells):
    """The run set by hand with an evaluation of its test slices."""
    from segcore.evaluation import evaluate

    evaluate(mid_grey_run, cells, device="cpu")
    return mid_grey_run
