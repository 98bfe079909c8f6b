"""The folder an evaluation is kept in: written whole, read with every number checked.

    evidence.npz    pixel tables, from which all pixel measures follow
    slices.csv      a row a slice
    events.csv      a row a split or merge, with its place
    summary.json    the measures of all slices together, and the facts the caller adds
    probability.tif the predictions, if they were handed over; of large slices also at an eighth of their size

Empty cells and null are values that are not defined, such as V_Rand of a slice without neurites. An
infinite PSNR (nothing wrong) is `inf` in the table and null in JSON, which has no infinity.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from segcore.errors import ConfigError, RunError
from segcore.evaluation.scoring import Evaluation, PointScore
from segcore.evaluation.summing import FORMAT_VERSION, finite, pixel_measures, summary
from segcore.measures import CHALLENGE_THRESHOLDS, Event, PixelEvidence, SegmentationScore
from segcore.stacks import write_reduced_prediction
from segcore.storage import alone_beside, atomic_folder, read_json, write_json

_EVALUATE_AGAIN = "what an evaluation wrote; evaluate again"
_POINT_FIELDS = tuple(field.name for field in fields(PointScore))
_TUPLES = ("neurites", "segments", "overlaps_px")


def write_evaluation(
    folder: Path,
    evaluation: Evaluation,
    facts: Mapping[str, Any],
    *,
    probability: Path | None = None,
    labels: Path | None = None,
) -> None:
    """Writes an evaluation folder and puts it in place of the one that was there, if any.

    The new folder is complete before the old one is moved aside, and the old one is back in its
    place if the exchange fails. Everything in the old folder goes with it. Two that write one folder
    take turns.

    Args:
        folder: to be written.
        evaluation: what was measured.
        facts: JSON values for `summary.json` under `facts`: the run, the dataset, whether it leaks.
        probability: a file to be moved into the folder as `probability.tif`; it may lie in the old
            folder.
        labels: the stack they were measured against; needed to show large slices at an eighth of their size.

    Raises:
        StorageError: it cannot be written; then the old folder and `probability` are as they were.
    """
    fresh, old = (folder.with_name(f".{folder.name}.{kind}") for kind in ("new", "old"))
    with alone_beside(folder):
        _recover(folder, old)
        shutil.rmtree(fresh, ignore_errors=True)
        with atomic_folder(fresh) as making:
            evaluation.evidence.save(making / "evidence.npz")
            _write_table(making / "slices.csv", _slice_rows(evaluation))
            _write_table(making / "events.csv", _event_rows(evaluation), [field.name for field in fields(Event)])
            write_json(making / "summary.json", summary(evaluation) | {"facts": finite(facts)})
            if probability is not None and labels is not None:
                write_reduced_prediction(making, probability, labels, evaluation.slices)
        try:
            if probability is not None:
                os.replace(probability, fresh / "probability.tif")
            if folder.exists():
                os.rename(folder, old)
            os.rename(fresh, folder)
        except BaseException:
            _recover(folder, old)
            if probability is not None and not probability.exists():
                with suppress(OSError):
                    os.replace(fresh / "probability.tif", probability)
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _recover(folder: Path, old: Path) -> None:
    """Undoes an exchange that was cut off between its two renamings."""
    if old.exists() and not folder.exists():
        os.rename(old, folder)
    shutil.rmtree(old, ignore_errors=True)


def _slice_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    confusions = {name: evaluation.evidence.confusion(t) for name, t in evaluation.thresholds.items()}
    counts = Counter((event.kind, event.slice) for event in evaluation.events)
    rows = []
    for i, (z, name) in enumerate(zip(evaluation.slices, evaluation.names, strict=True)):
        row: dict[str, Any] = {"slice": z, "name": name, "neurites": evaluation.neurites[i]}
        row["pixels"] = int(next(iter(confusions.values())).pixels[i])
        for point, confusion in confusions.items():
            measures = pixel_measures(confusion[i])
            del measures["pixels"]
            measures |= measures.pop("confusion")
            measures |= {key: getattr(evaluation.points[point][i], key) for key in _POINT_FIELDS}
            row |= {f"{point}_{key}": value for key, value in measures.items()}
        row |= {"splits": counts["split", z], "merges": counts["merge", z]}
        for threshold, found in zip(CHALLENGE_THRESHOLDS, evaluation.over_thresholds[i], strict=True):
            row |= {f"at_{threshold}_{field.name}": getattr(found, field.name) for field in fields(SegmentationScore)}
        rows.append(row)
    return rows


def _event_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    rows = []
    for event in evaluation.events:
        row = {field.name: getattr(event, field.name) for field in fields(Event)}
        rows.append(row | {key: " ".join(map(str, row[key])) for key in _TUPLES})
    return rows


def _write_table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: "" if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()})


def read_evaluation(folder: Path) -> tuple[Evaluation, dict[str, Any]]:
    """Reads what `write_evaluation` wrote: the evaluation and the caller's facts.

    Every pixel measure in the tables is computed again from the evidence, and every number in the
    summary from the tables, so that a file that was cut or edited by hand does not go unnoticed.

    Raises:
        RunError: a file is missing, damaged, of a newer format, or does not agree with the others.
    """
    path = folder / "summary.json"
    stored = read_json(path, RunError)
    if not isinstance(stored, dict) or not isinstance(stored.get("facts"), dict):
        raise RunError("not the summary of an evaluation", path=path, expected=_EVALUATE_AGAIN)
    version = stored.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise RunError("the evaluation is of a newer format", path=path, found=version, expected=FORMAT_VERSION)
    facts = stored.pop("facts")
    evidence = PixelEvidence.load(folder / "evidence.npz")
    slice_rows = _read_table(folder / "slices.csv")
    events = tuple(_event(row, folder / "events.csv", line) for line, row in _read_table(folder / "events.csv"))
    try:
        evaluation = _evaluation(stored, evidence, slice_rows, events)
        checked = (
            (folder / "slices.csv", [row for _, row in slice_rows], _as_read(_slice_rows(evaluation))),
            (path, stored, json.loads(json.dumps(summary(evaluation)))),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ConfigError) as error:
        raise RunError(
            "the files of the evaluation do not fit together", path=folder, found=error, expected=_EVALUATE_AGAIN
        ) from error
    for file, found, expected in checked:
        if not _agree(found, expected):
            raise RunError("numbers do not agree with the evidence and the tables", path=file, expected=_EVALUATE_AGAIN)
    return evaluation, facts


def _evaluation(
    stored: dict[str, Any],
    evidence: PixelEvidence,
    rows: Sequence[tuple[int, dict[str, str]]],
    events: tuple[Event, ...],
) -> Evaluation:
    thresholds = {name: float(point["threshold"]) for name, point in stored["operating_points"].items()}
    if not rows or len(rows) != len(evidence) or not thresholds:
        raise ValueError(f"{len(rows)} slices in slices.csv, {len(evidence)} in evidence.npz")
    notebook = stored.get("notebook_confusion")
    return Evaluation(
        slices=tuple(int(row["slice"]) for _, row in rows),
        names=tuple(row["name"] for _, row in rows),
        thresholds=thresholds,
        evidence=evidence,
        neurites=tuple(int(row["neurites"]) for _, row in rows),
        points={
            name: tuple(PointScore(**{key: _number(row[f"{name}_{key}"]) for key in _POINT_FIELDS}) for _, row in rows)
            for name in thresholds
        },
        over_thresholds=tuple(
            tuple(
                SegmentationScore(
                    **{f.name: _number(row[f"at_{threshold}_{f.name}"]) for f in fields(SegmentationScore)}
                )
                for threshold in CHALLENGE_THRESHOLDS
            )
            for _, row in rows
        ),
        events=events,
        events_at=str(stored["events"]["operating_point"]),
        notebook_sums=None if notebook is None else np.array(notebook["index_sums"], dtype=np.int64).reshape(2, 2),
    )


def _read_table(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line number and cells of every row."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise RunError("there is no such file", path=path, expected=_EVALUATE_AGAIN) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RunError("cannot be read", path=path, found=error, expected=_EVALUATE_AGAIN) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        for row in reader:
            if None in row or None in row.values():
                raise RunError(f"line {reader.line_num} is cut short or too long", path=path, expected=_EVALUATE_AGAIN)
            rows.append((reader.line_num, row))
    except csv.Error as error:
        raise RunError(
            f"line {reader.line_num} is damaged", path=path, found=error, expected=_EVALUATE_AGAIN
        ) from error
    if not text.endswith("\n"):
        raise RunError("the last line is cut short", path=path, expected=_EVALUATE_AGAIN)
    return rows


def _event(row: dict[str, str], path: Path, line: int) -> Event:
    try:
        numbers = {key: tuple(int(part) for part in row[key].split()) for key in _TUPLES}
        plain = {f.name: int(row[f.name]) for f in fields(Event) if f.name not in (*_TUPLES, "kind")}
        if row["kind"] not in ("split", "merge"):
            raise ValueError(f"kind {row['kind']}")
        return Event(kind="split" if row["kind"] == "split" else "merge", **numbers, **plain)  # type: ignore[arg-type]
    except (KeyError, ValueError) as error:
        raise RunError(f"line {line} is not an event", path=path, found=error, expected=_EVALUATE_AGAIN) from error


def _number(cell: str) -> float:
    return float(cell) if cell else math.nan


def _as_read(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{k: "" if isinstance(v, float) and math.isnan(v) else str(v) for k, v in row.items()} for row in rows]


def _agree(found: Any, expected: Any) -> bool:
    """Equal but for the last digits of numbers, which another version of numpy may round differently."""
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(_agree(found[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(_agree(one, other) for one, other in zip(found, expected, strict=True))
        )
    if found == expected or isinstance(expected, int):
        return found == expected and type(found) is type(expected)
    try:
        return math.isclose(float(found), float(expected), rel_tol=1e-9, abs_tol=1e-12)
    except (TypeError, ValueError):
        return False
