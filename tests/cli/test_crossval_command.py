"""A cross-validation from the command line, with real processes."""

import json

import pytest
from waiting import all_ended

from segcore.cli.grammar import main
from segcore.data import install
from segcore.runs import open_run
from segcore.stacks import array_stack

COMMAND = [
    "crossval", "cells", "--preset", "quick", "--folds", "2", "--name", "net", "--device", "cpu",
    "--set", "model.width=2", "model.depth=2", "train.epochs=1", "train.epoch_samples=4", "train.patch_px=32",
    "train.precision=32",
]  # fmt: skip


@pytest.fixture
def queue(models_dir, cells, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with all_ended() as queue:
        yield queue


def test_from_nothing_to_a_table_and_again_without_training(queue, cell_stack, models_dir, capsys):
    assert main(COMMAND) == 0
    printed = capsys.readouterr()
    assert "net-ensemble has all 12 slices" in printed.out
    assert "95 % interval, by slice" in printed.out
    ended = [open_run(name).info.ended for name in ("net-fold-0", "net-fold-1")]
    assert main([*COMMAND, "--json", "--against", "net"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert [open_run(name).info.ended for name in ("net-fold-0", "net-fold-1")] == ended
    assert len(queue.jobs()) == 2
    assert [one["slices"] for one in values["members"]] == [[*range(6)], [*range(6, 12)]]
    assert values["difference"]["wrong_percent"] == {"mean": 0, "by_slice": [0, 0], "by_blocks_of_5": [0, 0]}
    assert values["measures"]["wrong_percent"]["deviation_of_seeds"] is None
    # Other settings under the same name.
    assert main([*COMMAND, "train.learning_rate=0.5"]) == 2
    # What cannot be compared is told before anything is trained.
    images, labels = cell_stack
    install("others", array_stack(images[::-1]), array_stack(labels[::-1]))
    capsys.readouterr()
    assert main(["crossval", "others", "--name", "later", "--device", "cpu", "--against", "net"]) == 2
    assert "of another dataset, or of other labels; found cells" in capsys.readouterr().err
    assert not list(models_dir.glob("later*"))


def test_what_would_fail_at_once_leaves_nothing(queue, models_dir):
    assert main([*COMMAND, "train.batch_size=4096", "--devices", "3"]) == 2
    assert not list(models_dir.glob("net*"))
