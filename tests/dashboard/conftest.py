"""What the tests of the dashboard leave as they found it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """A page that is run without a browser takes the place of the program, which new processes would then run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before
