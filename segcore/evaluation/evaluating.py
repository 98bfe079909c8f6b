"""Evaluating a run: predict slices, measure them against their labels, keep what was measured."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segcore import __version__
from segcore.data import LABELS, Dataset, original_fingerprint
from segcore.errors import ConfigError, DataError
from segcore.evaluation.folder import SEGMENTS, write_evaluation
from segcore.evaluation.measured import Evaluation
from segcore.evaluation.outside_values import POINT, THRESHOLD
from segcore.evaluation.scoring import ReadSegments, add_point, score
from segcore.evaluation.stored_prediction import Prediction, stored_prediction
from segcore.progress import SILENT, Progress
from segcore.runs import LeakAudit, Rows, Run, SegmentPoint, now, threshold_value
from segcore.stacks import StackWriter, only_rows, without_padding
from segcore.storage import scratch_folder, storage_errors

log = logging.getLogger("segcore.evaluation.evaluating")

Part = Literal["train", "validation", "test", "all"]
PARTS: tuple[Part, ...] = ("train", "validation", "test", "all")


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """An evaluation, where it was written, and what may be said of it.

    Attributes:
        folder: the evaluation folder, with the run's own operating points.
        dataset: name of the dataset.
        part: which slices.
        point: name of the operating point that was asked for; `chosen` for a number.
        evaluation: what was measured, at that point too.
        audit: whether these slices were seen before.
        synthetic: whether the images were drawn by a program.
    """

    folder: Path
    dataset: str
    part: Part
    point: str
    evaluation: Evaluation
    audit: LeakAudit
    synthetic: bool = False


def evaluate(
    run: Run,
    dataset: Dataset,
    *,
    part: str | None = None,
    threshold: str | float = "pixel",
    device: str = "auto",
    workers: int = 0,
    progress: Progress = SILENT,
) -> Evaluated:
    """Predicts a part of a dataset and writes the evaluation folder.

    A run without a network is measured by what it predicted when it was made, against whatever labels the same slices
    have.

    Args:
        run: with weights, or with a prediction of these slices.
        dataset: labelled.
        part: `test`, `validation` or `train` of the run's own stack, or `all`. By default `test` if
            the dataset is that stack and has test slices, otherwise `all`.
        threshold: `pixel`, `topology` or a value 0..1.
        device: where the network runs: `auto`, `cpu` or `cuda`.
        workers: threads that measure; 0 for one a core.
        progress: told how far it is.

    Raises:
        DataError: if the dataset has no labels.
        ConfigError: if the part is unknown, empty, or of another stack.
        RunError: if the weights are missing or damaged, no thresholds were chosen yet, or the run has no network and
            has not predicted these slices.
        StorageError: if it cannot be written.
    """
    if dataset.labels is None:
        raise DataError(
            "the dataset has no labels to measure against",
            path=dataset.folder,
            expected="a labelled dataset, or the predict command",
        )
    run.check_predicts(dataset.info.fingerprint, original_fingerprint(dataset))
    chosen_part, slices = _slices(run, dataset, part)
    outside = run.info.outside is not None
    if outside and threshold == "pixel":
        threshold = THRESHOLD  # nothing was chosen for what another program predicted
    threshold_value(run, threshold)  # what cannot be done is said before anything is predicted
    folder = run.evaluation(dataset.info.name, chosen_part)
    prediction = (
        _predicted(run, dataset, slices, folder, device, progress)
        if run.has_network
        else stored_prediction(run, slices, folder)
    )
    with prediction as found:
        return evaluate_prediction(
            run, dataset, found.probability, part=chosen_part, slices=slices, threshold=threshold,
            segment_point=POINT if outside else None, given_segments=found.segments, workers=workers,
            progress=progress,
        )  # fmt: skip


def evaluate_prediction(
    run: Run,
    dataset: Dataset,
    probability: Path,
    *,
    part: Part,
    slices: Sequence[int],
    threshold: str | float = "pixel",
    segment_point: SegmentPoint | None = None,
    given_segments: ReadSegments | None = None,
    workers: int = 0,
    progress: Progress = SILENT,
) -> Evaluated:
    """Measures a prediction that is there, and writes the evaluation folder.

    Args:
        run: whose prediction it is.
        dataset: labelled.
        probability: a stack of probability of interior times 255, uint8, a page for each of `slices`. It is moved into
            the folder.
        part: of the dataset.
        slices: indices in the dataset.
        threshold, workers, progress: as for `evaluate`.
        segment_point: how segments are made, where the run has chosen nothing.
        given_segments: as for `score`, where somebody else made them.

    Raises:
        SegcoreError: as `evaluate` does.
    """
    value = threshold_value(run, threshold)
    points = run.info.operating_points
    thresholds = {"chosen": value} if points is None else {"pixel": points.pixel, "topology": points.topology}
    usual = () if segment_point is None else (segment_point,) * len(slices)
    rows = None if part == "all" else run.split.rows(part)
    audit = run.audit_slices(
        slices,
        dataset.info.slice_fingerprints,
        dataset.info.borders,
        in_bands=rows is not None and part != "train",
    )
    folder = run.evaluation(dataset.info.name, part)
    with (
        _counted_labels(dataset, rows, folder) as labels,
        _kept_segments(dataset, len(slices), folder) as kept,
    ):
        found = score(
            probability,
            labels,
            slices=slices,
            names=[dataset.info.slice_names[index] for index in slices],
            thresholds=thresholds,
            numbers=dataset.numbers,
            segment_points=usual if points is None else points.segment_points(slices),
            given_segments=given_segments,
            keep_segments=kept.keep,
            notebook_confusion=run.config.evaluation.notebook_confusion,
            workers=workers,
            progress=progress,
        )
        point = threshold if isinstance(threshold, str) else "chosen"
        shown = found
        if point not in found.thresholds:
            shown = add_point(found, point, value, probability, labels, numbers=dataset.numbers, workers=workers)
        facts = _facts(run, dataset, part, audit)
        own = rows is not None
        write_evaluation(
            folder,
            found,
            facts,
            probability=probability,
            labels=labels,
            own_labels=own,
            segments=kept.written() if found.segments else None,
        )
    return Evaluated(
        folder=folder,
        dataset=dataset.info.name,
        part=part,
        point=point,
        evaluation=shown,
        audit=audit,
        synthetic=dataset.info.synthetic,
    )


def _slices(run: Run, dataset: Dataset, part: str | None) -> tuple[Part, list[int]]:
    info = dataset.info
    own = run.is_own(info.fingerprint, info.slice_fingerprints, original_fingerprint(dataset))
    if part is None:
        part = "test" if own and run.split.test else "all"
    if part not in PARTS:
        raise ConfigError("unknown part of a dataset", found=part, expected=", ".join(PARTS))
    known = next(one for one in PARTS if one == part)
    # Slices that nobody labelled, or that were left out since, say nothing of a prediction.
    if known == "all":
        labelled = [z for z in range(info.slices) if z not in info.unlabelled_slices]
        if not labelled:
            raise DataError("no slice of the dataset is labelled", path=dataset.folder, expected="at least one")
        return known, labelled
    if not own:
        raise ConfigError(
            f"{info.name} is not the stack the run was trained on, so it has no {part} slices of it",
            expected="--slices all",
        )
    slices = [z for z in run.split.part(known) if z not in info.unlabelled_slices]
    if not slices:
        raise ConfigError(f"the run has no {part} slices", expected="another part")
    return known, slices


@contextmanager
def _predicted(
    run: Run, dataset: Dataset, slices: list[int], folder: Path, device: str, progress: Progress
) -> Iterator[Prediction]:
    """Predictions in a temporary stack beside the evaluation folder, for as long as they are needed."""
    from segcore.network import load_network, predict  # PyTorch takes seconds to load

    model = load_network(run.config.model, run.weights, device)
    height, width = dataset.info.height, dataset.info.width
    with scratch_folder(folder.parent) as scratch:
        path = scratch / "probability.tif"
        with StackWriter(
            path, height=height, width=width, slices=len(slices), voxel_size_nm=_voxel(dataset)
        ) as probabilities:
            found = predict(model, (without_padding(dataset.image(index)) for index in slices), run.config.prediction)
            for page in progress.over(found, "predicting", len(slices)):
                probabilities.write(page)
        yield Prediction(probability=path)


@contextmanager
def _counted_labels(dataset: Dataset, rows: Rows | None, folder: Path) -> Iterator[Path]:
    """The dataset's labels; where only some rows are counted, a copy beside the evaluation that ignores the others."""
    if rows is None:
        yield dataset.folder / LABELS
        return
    info = dataset.info
    with scratch_folder(folder.parent) as scratch:
        path = scratch / LABELS
        with StackWriter(path, height=info.height, width=info.width, slices=info.slices) as writer:
            for z in range(info.slices):
                writer.write(only_rows(dataset.label(z), rows))
        yield path


class _Kept:
    """Segments of slices that come in any order, as files of their own until all are there."""

    def __init__(self, folder: Path, dataset: Dataset, pages: int) -> None:
        self._folder, self._dataset, self._pages = folder, dataset, pages

    def keep(self, position: int, segments: NDArray[np.int32]) -> None:
        with storage_errors(self._folder):
            np.savez_compressed(self._folder / f"{position}.npz", segments.astype(np.uint32))

    def written(self) -> Path:
        """A compressed stack of all of them."""
        path, info = self._folder / SEGMENTS, self._dataset.info
        with StackWriter(
            path, height=info.height, width=info.width, slices=self._pages, voxel_size_nm=_voxel(self._dataset),
            compression="zlib", dtype=np.uint32,
        ) as writer:  # fmt: skip
            for position in range(self._pages):
                with np.load(self._folder / f"{position}.npz") as page:
                    writer.write(page["arr_0"])
        return path


@contextmanager
def _kept_segments(dataset: Dataset, pages: int, folder: Path) -> Iterator[_Kept]:
    with scratch_folder(folder.parent) as scratch:
        yield _Kept(scratch, dataset, pages)


def _voxel(dataset: Dataset) -> tuple[float, float, float] | None:
    size = dataset.info.voxel_size_nm
    return None if size is None else (size[0], size[1], size[2])


def _facts(run: Run, dataset: Dataset, part: Part, audit: LeakAudit) -> dict[str, Any]:
    return {
        "run": run.name,
        "dataset": dataset.info.name,
        "dataset_fingerprint": dataset.info.fingerprint,
        "original_fingerprint": original_fingerprint(dataset) or None,
        "synthetic": dataset.info.synthetic,
        "numbered": dataset.info.numbered,
        "part": part,
        "leaks": None if audit.unknown and not audit.leaks else audit.leaks,
        "gap_px": audit.gap_px,
        "trained_on": list(audit.trained_on),
        "chosen_on": list(audit.chosen_on),
        "beside_trained": list(audit.neighbours),
        "within_1_2_3_slices_of_trained": list(audit.within),
        "eightfold": run.config.prediction.eightfold,
        "evaluated": now(),
        "segcore": __version__,
    }
