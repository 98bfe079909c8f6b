"""`history.csv` of a run: a row an epoch, flushed to the disk as it is written."""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segcore.errors import RunError
from segcore.storage import atomic_file, storage_errors


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One row of `history.csv`. Dice is that of interior at 0.5, pooled over all pixels of the epoch."""

    epoch: int
    train_loss: float
    train_dice: float
    train_accuracy: float
    validation_loss: float
    validation_dice: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


def moving_mean(values: Sequence[float], epochs: int) -> list[float]:
    """The mean of each value and its neighbours, `epochs` values in all, as many before as after.

    Towards both ends it is of fewer, so that it stays where the values are.
    """
    half = (epochs - 1) // 2
    found = []
    for at in range(len(values)):
        reach = min(half, at, len(values) - 1 - at)
        near = values[at - reach : at + reach + 1]
        found.append(sum(near) / len(near))
    return found


def append_history(path: Path, record: EpochRecord) -> None:
    """Adds a row to `history.csv`, with its header if it is the first, and flushes it to the disk."""
    with storage_errors(path):
        _append_rows(path, [record])


def write_history(path: Path, records: Sequence[EpochRecord]) -> None:
    """Replaces `history.csv`."""
    with atomic_file(path) as temporary:
        temporary.touch()
        if records:
            _append_rows(temporary, records)


def _append_rows(path: Path, records: Sequence[EpochRecord]) -> None:
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [column.name for column in dataclasses.fields(EpochRecord)])
        if file.tell() == 0:
            writer.writeheader()
        writer.writerows(dataclasses.asdict(record) for record in records)
        file.flush()
        os.fsync(file.fileno())


def read_history(path: Path) -> list[EpochRecord]:
    """The rows of `history.csv`; none if there is no file yet. `RunError` for a damaged file."""
    if not path.exists():
        return []
    kinds = {column.name: int if column.type == "int" else float for column in dataclasses.fields(EpochRecord)}
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RunError(f"cannot be read ({error.strerror})", path=path, expected="a table of epochs") from error
    # A row is whole once its line has ended.
    lines = text[: text.rfind("\n") + 1].splitlines()
    records: list[EpochRecord] = []
    if lines and lines[0].split(",") != list(kinds):
        raise RunError("not a history of epochs", path=path, found=lines[0][:80], expected=",".join(kinds))
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            values: dict[str, Any] = {name: kind(row[name]) for name, kind in kinds.items()}
            records.append(EpochRecord(**values))
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"line {number} is not an epoch", path=path, found=list(row.values()), expected=", ".join(kinds)
            ) from error
    return records
