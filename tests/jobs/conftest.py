"""What tests of jobs share."""

from __future__ import annotations

import pytest
from waiting import all_ended


@pytest.fixture
def queue(models_dir, cells, monkeypatch):
    """The queue of a dataset of small cells, whose jobs are real processes; all are stopped in the end."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with all_ended() as queue:
        yield queue
