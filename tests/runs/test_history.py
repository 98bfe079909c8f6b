"""A run's history: comes back as it was, also when its last line is cut short, and is refused when damaged."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.errors import RunError
from segcore.runs.history import EpochRecord, append_history, moving_mean, read_history, write_history


def record(epoch, **changes):
    values = {
        "train_loss": 0.1 + 0.2, "train_dice": 0.8, "train_accuracy": 2 / 3, "validation_loss": 1e-17,
        "validation_dice": 0.9, "validation_accuracy": 0.85, "learning_rate": 1e-3, "seconds": 1.5,
    } | changes  # fmt: skip
    return EpochRecord(epoch=epoch, **values)


records = st.lists(
    st.builds(
        EpochRecord,
        epoch=st.integers(1, 10**6),
        **{
            field.name: st.floats(allow_nan=False, allow_infinity=False)
            for field in dataclasses.fields(EpochRecord)
            if field.name != "epoch"
        },
    ),
    max_size=4,
)


@given(records)
def test_a_history_comes_back_to_the_last_bit(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("history")
    for row in rows:
        append_history(folder / "one.csv", row)
    write_history(folder / "other.csv", rows)
    assert read_history(folder / "one.csv") == read_history(folder / "other.csv") == rows


def test_a_last_line_cut_short_is_not_an_epoch_yet(tmp_path):
    path = tmp_path / "history.csv"
    rows = [record(1), record(2, train_loss=12345.678)]
    write_history(path, rows)
    whole = path.read_bytes()
    first = whole.index(b"\r", whole.index(b"\r") + 1) + 1
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        assert read_history(path) == ([] if length < first else rows[:1])
    path.write_bytes(whole)
    assert read_history(path) == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello\n", "not a history of epochs; found hello"),
        ("epoch,train_loss\n1,2\n", "not a history of epochs"),
        ("{header}\n1,2\n", "line 2 is not an epoch"),
        ("{header}\n1,a,0,0,0,0,0,0,0\n", "line 2 is not an epoch"),
        ("{header}\n1,0,0,0,0,0,0,0,0\n1.5,0,0,0,0,0,0,0,0\n", "line 3 is not an epoch"),
    ],
)
def test_a_damaged_history(tmp_path, content, message):
    header = ",".join(field.name for field in dataclasses.fields(EpochRecord))
    (tmp_path / "history.csv").write_text(content.format(header=header))
    with pytest.raises(RunError, match=message) as error:
        read_history(tmp_path / "history.csv")
    assert error.value.path == str(tmp_path / "history.csv")


def test_a_moving_mean_stays_where_the_values_are():
    assert moving_mean([1, 2, 6, 2, 1], 3) == [1, 3, 10 / 3, 3, 1]
    assert moving_mean([1, 2, 6, 2, 1], 5) == [1, 3, 12 / 5, 3, 1]
    assert moving_mean([1, 2, 6, 2, 1], 1) == [1, 2, 6, 2, 1]
    assert moving_mean([1, 2, 3], 99) == [1, 2, 3]  # a straight line has nothing to be smoothed
    assert moving_mean([4], 9) == [4]
    assert moving_mean([], 9) == []
