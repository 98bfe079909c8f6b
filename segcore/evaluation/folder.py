"""The folder an evaluation is kept in: written whole, read with every number checked.

    evidence.npz    pixel tables, from which all pixel measures follow
    error_parts.npz wrong pixels by what they are part of, a table an operating point
    slices.csv      a row a slice: the scores that need the images, and what follows from the tables
    events.csv      a row a split or merge, with its place
    neurites.csv    a row a neurite: its size, what became of it, and its wrong pixels
    summary.json    the thresholds, the measures of all slices together, and the facts the caller adds
    probability.tif the predictions, if they were handed over; of large slices also at an eighth of their size
    segments.tif    the segments of every slice, numbered from 1, where they were handed over
    labels.tif      what they were measured against, only where that is not all of the dataset's labels

Empty cells and null are values that are not defined, such as V_Rand of a slice without neurites. An
infinite PSNR (nothing wrong) is `inf` in the table and null in JSON, which has no infinity.

What follows from other numbers is written for people and other programs. Reading computes it again, so an entry that
an older version did not write is there, and one that is of a newer version is left alone. A score that an older
version did not measure is nan.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from segcore.errors import ConfigError, RunError
from segcore.evaluation.event_table import read_events, write_events
from segcore.evaluation.measured import FORMAT_VERSION, Evaluation, PointScore, finite, slice_rows, summary
from segcore.evaluation.neurite_table import read_neurites, write_neurites
from segcore.evaluation.tables import EVALUATE_AGAIN, read_table, write_table
from segcore.measures import CHALLENGE_THRESHOLDS, ErrorParts, Events, NeuriteSizes, PixelEvidence, SegmentationScore
from segcore.runs import SegmentPoint
from segcore.segments import BIASES
from segcore.stacks import write_reduced_prediction
from segcore.storage import alone_beside, atomic_folder, read_json, write_json

_OF_SEGMENTS = tuple(field.name for field in fields(SegmentPoint))
SEGMENTS = "segments.tif"
ERROR_PARTS_FILE = "error_parts.npz"


def write_evaluation(
    folder: Path,
    evaluation: Evaluation,
    facts: Mapping[str, Any],
    *,
    probability: Path | None = None,
    labels: Path | None = None,
    own_labels: bool = False,
    segments: Path | None = None,
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
        own_labels: whether these are others than the dataset's, and a file to be moved into the folder.
        segments: a file to be moved into the folder as `segments.tif`.

    Raises:
        StorageError: it cannot be written; then the old folder and `probability` are as they were.
    """
    fresh, old = (folder.with_name(f".{folder.name}.{kind}") for kind in ("new", "old"))
    with alone_beside(folder):
        _recover(folder, old)
        shutil.rmtree(fresh, ignore_errors=True)
        with atomic_folder(fresh) as making:
            evaluation.evidence.save(making / "evidence.npz")
            if evaluation.error_parts:
                counts = np.stack([one.counts for one in evaluation.error_parts.values()])
                np.savez_compressed(making / ERROR_PARTS_FILE, points=list(evaluation.error_parts), counts=counts)
            rows = slice_rows(evaluation)
            write_table(making / "slices.csv", rows, list(rows[0]))
            if evaluation.neurite_sizes is not None:
                write_neurites(making, evaluation.neurite_sizes)
            write_events(making, evaluation.events)
            write_json(making / "summary.json", summary(evaluation) | {"facts": finite(facts)})
            if probability is not None and labels is not None:
                write_reduced_prediction(making, probability, labels, evaluation.slices)
            if own_labels and labels is not None:
                os.replace(labels, making / "labels.tif")
            if segments is not None:
                os.replace(segments, making / SEGMENTS)
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


def read_evaluation(folder: Path) -> tuple[Evaluation, dict[str, Any]]:
    """Reads what `write_evaluation` wrote: the evaluation and the caller's facts.

    Every pixel measure is computed again from the evidence, and every measure of all slices together from the
    tables; where the files hold it too it has to agree, so that a file that was cut or edited by hand does not go
    unnoticed.

    Raises:
        RunError: a file is missing, damaged, of a newer format, or does not agree with the others.
    """
    path = folder / "summary.json"
    stored = read_json(path, RunError)
    if not isinstance(stored, dict) or not isinstance(stored.get("facts"), dict):
        raise RunError("not the summary of an evaluation", path=path, expected=EVALUATE_AGAIN)
    version = stored.get("format_version")
    if type(version) is not int:
        raise RunError("no format version", path=path, found=version, expected=EVALUATE_AGAIN)
    if version > FORMAT_VERSION:
        raise RunError("the evaluation is of a newer format", path=path, found=version, expected=FORMAT_VERSION)
    facts = stored.pop("facts")
    evidence = PixelEvidence.load(folder / "evidence.npz")
    rows, events = read_table(folder / "slices.csv").rows(), read_events(folder)
    parts, sizes = _error_parts(folder / ERROR_PARTS_FILE, evidence), read_neurites(folder)
    try:
        evaluation = _evaluation(stored, evidence, rows, events, parts, sizes)
        checked = (
            (folder / "slices.csv", rows, _as_read(slice_rows(evaluation))),
            (path, stored, json.loads(json.dumps(summary(evaluation)))),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ConfigError) as error:
        raise RunError(
            "the files of the evaluation do not fit together", path=folder, found=error, expected=EVALUATE_AGAIN
        ) from error
    for file, found, expected in checked:
        if not _agree(found, expected):
            raise RunError("numbers do not agree with the evidence and the tables", path=file, expected=EVALUATE_AGAIN)
    return evaluation, facts


def _evaluation(
    stored: dict[str, Any],
    evidence: PixelEvidence,
    rows: Sequence[dict[str, str]],
    events: Events,
    error_parts: dict[str, ErrorParts],
    neurite_sizes: NeuriteSizes | None,
) -> Evaluation:
    thresholds = {name: float(point["threshold"]) for name, point in stored["operating_points"].items()}
    if not rows or len(rows) != len(evidence) or not thresholds:
        raise ValueError(f"{len(rows)} slices in slices.csv, {len(evidence)} in evidence.npz")
    suffix = "_v_rand"
    points = {key.removesuffix(suffix) for key in rows[0] if key.endswith(suffix) and not key.startswith("at_")}
    points = {point for point in points if not point.startswith("bias_")}
    if unknown := points - thresholds.keys() - {"segments"}:
        raise ValueError(f"scores in slices.csv at {', '.join(sorted(unknown))}, which summary.json does not know")
    for name, parts in error_parts.items():
        confusion = evidence.confusion(thresholds[name])
        if not np.array_equal(sum(parts.wrong().values()), confusion.wrong_pixels):
            raise ValueError(f"error_parts.npz has another number of wrong pixels at {name} than evidence.npz")
    if neurite_sizes is not None:
        _check_neurites(neurite_sizes, rows, evidence, thresholds)
    notebook, made = stored.get("notebook_confusion"), stored.get("segments")
    return Evaluation(
        slices=tuple(int(row["slice"]) for row in rows),
        names=tuple(row["name"] for row in rows),
        thresholds=thresholds,
        evidence=evidence,
        neurites=tuple(int(row["neurites"]) for row in rows),
        points={name: tuple(PointScore(**_scores(PointScore, name, row)) for row in rows) for name in thresholds},
        over_thresholds=tuple(
            tuple(SegmentationScore(**_scores(SegmentationScore, f"at_{t}", row)) for t in CHALLENGE_THRESHOLDS)
            for row in rows
        ),
        events=events,
        events_at=str(stored["events"]["operating_point"]),
        segment_points=tuple(own[int(row["slice"])] for row in rows) if (own := stored_segment_points(stored)) else (),
        segments=()
        if made is None
        else tuple(SegmentationScore(**_scores(SegmentationScore, "segments", row)) for row in rows),
        over_biases=_over_biases(rows) if made is not None else (),
        error_parts=error_parts,
        neurite_sizes=neurite_sizes,
        notebook_sums=None if notebook is None else np.array(notebook["index_sums"], dtype=np.int64).reshape(2, 2),
    )


def stored_segment_points(stored: Mapping[str, Any]) -> dict[int, SegmentPoint]:
    """How the segments of each slice were made, by slice, as a `summary.json` has it; empty where it says nothing.

    Raises:
        KeyError, TypeError, ConfigError: it is damaged.
    """
    made = stored.get("segments")
    if made is None:
        return {}
    if "of_slices" in made:
        return {z: SegmentPoint(**one["point"]) for one in made["of_slices"] for z in one["slices"]}
    if made["bias"] is None:
        return {}
    return dict.fromkeys(stored["slices"], SegmentPoint(**{key: made[key] for key in _OF_SEGMENTS}))


def _check_neurites(
    sizes: NeuriteSizes, rows: Sequence[dict[str, str]], evidence: PixelEvidence, thresholds: Mapping[str, float]
) -> None:
    """Whether the rows of each slice are all of its neurites, and together all of its pixels."""
    counts = [int(row["neurites"]) + 1 for row in rows]
    starts = np.cumsum([0, *counts[:-1]])
    slices = np.repeat([int(row["slice"]) for row in rows], counts)
    numbers = np.concatenate([np.arange(one) for one in counts])
    if not (np.array_equal(sizes.slice, slices) and np.array_equal(sizes.neurite, numbers)):
        raise ValueError("neurites.csv has other neurites than slices.csv")
    if sizes.wrong_px.keys() != thresholds.keys():
        raise ValueError(f"neurites.csv has wrong pixels at {', '.join(sizes.wrong_px)}")
    for name, wrong_px in sizes.wrong_px.items():
        confusion = evidence.confusion(thresholds[name])
        for found, expected in ((wrong_px, confusion.wrong_pixels), (sizes.territory_px, confusion.pixels)):
            if not np.array_equal(np.add.reduceat(found, starts), expected):
                raise ValueError(f"neurites.csv has other pixels at {name} than evidence.npz")


def _over_biases(rows: Sequence[dict[str, str]]) -> tuple[tuple[SegmentationScore, ...], ...]:
    """Empty in an evaluation that is older than they are."""
    if f"bias_{BIASES[0]}_v_rand" not in rows[0]:
        return ()
    return tuple(
        tuple(SegmentationScore(**_scores(SegmentationScore, f"bias_{bias}", row)) for bias in BIASES) for row in rows
    )


def _error_parts(path: Path, evidence: PixelEvidence) -> dict[str, ErrorParts]:
    """By operating point; none in an evaluation that is older than they are."""
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            counts = archive["counts"].astype(np.int64, casting="safe")
            found = {str(name): ErrorParts(one) for name, one in zip(archive["points"], counts, strict=True)}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RunError("cannot be read", path=path, found=error, expected=EVALUATE_AGAIN) from error
    if any(len(parts.counts) != len(evidence) for parts in found.values()):
        raise RunError("has another number of slices than evidence.npz", path=path, expected=EVALUATE_AGAIN)
    return found


def _scores(kind: type[SegmentationScore], prefix: str, row: Mapping[str, str]) -> dict[str, float]:
    """The scores of a slice by their names; nan for empty cells and for columns that are not there."""
    cells = {field.name: row.get(f"{prefix}_{field.name}") for field in fields(kind)}
    return {name: float(cell) if cell else math.nan for name, cell in cells.items()}


def _as_read(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{k: "" if isinstance(v, float) and math.isnan(v) else str(v) for k, v in row.items()} for row in rows]


def _agree(found: Any, expected: Any) -> bool:
    """Equal where both have an entry, but for the last digits, which another version of numpy may round differently."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(_agree(found[key], expected[key]) for key in expected if key in found)
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
