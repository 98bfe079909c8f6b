"""Somebody else's prediction as a run without a network, measured like any other."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segcore.config import RunConfig
from segcore.data import Dataset, unpacked
from segcore.errors import ConfigError, DataError
from segcore.evaluation.evaluating import Evaluated, evaluate_prediction
from segcore.evaluation.outside_values import (
    POINT,
    THRESHOLD,
    Meaning,
    PredictionKind,
    PredictionPolarity,
    meaning_of,
)
from segcore.evaluation.report import write_card
from segcore.progress import SILENT, Progress
from segcore.runs import (
    Outside,
    Run,
    RunInfo,
    Split,
    check_free,
    create_run,
    models_root,
    now,
    slice_ranges,
    versions,
)
from segcore.stacks import Axes, Channel, StackReader, StackWriter, file_of, inside_of, open_stack, reordered
from segcore.storage import scratch_folder


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What became of a prediction.

    Attributes:
        run: that has it, without a network.
        evaluated: how it was measured.
    """

    run: Run
    evaluated: Evaluated


def score_outside(
    name: str,
    source: Path,
    dataset: Dataset,
    *,
    kind: PredictionKind = "auto",
    polarity: PredictionPolarity = "auto",
    slices: Collection[int] | None = None,
    trained_on: Collection[int] | None = None,
    axes: Axes = "zyx",
    channel: int | None = None,
    progress: Progress = SILENT,
) -> Scored:
    """Measures a prediction of a dataset's slices that another program made, and keeps it as a run.

    Nothing is chosen on the slices it is measured on: a probability is cut at 0.5, and its segments are made with a
    bias of 0.5. Numbered segments are measured as they are; their mask has membrane drawn between them.

    Args:
        name: of the new run.
        source: whatever `open_stack` takes, or a zip of it: a page for each of `slices`.
        dataset: labelled, of slices of the same size.
        kind: what the file holds; `auto` recognises it.
        polarity: whether large values are interior or membrane; `auto` asks the labels.
        slices: of the dataset that the pages are of; None for all of them.
        trained_on: slices that the method was trained on, which are not measured; None where nobody knows.
        axes: of the source, in the order in which they lie in its file, that of channels left out.
        channel: from 0, where the file has one for each class. None takes the only one or the second of two, and of
            which class that is, is recognised as ever.
        progress: told of every slice.

    Raises:
        ConfigError: settings that do not fit each other.
        DataError: the file cannot be read, or does not fit the dataset.
        StorageError: there is already a run of that name, or it cannot be written.
    """
    check_free(name)
    info = dataset.info
    if dataset.labels is None:
        raise DataError("the dataset has no labels to measure against", path=dataset.folder, expected="a labelled one")
    told = tuple(sorted(trained_on or ()))
    pages = tuple(range(info.slices)) if slices is None else tuple(sorted(slices))
    judged = tuple(z for z in pages if z not in told and z not in info.unlabelled_slices)
    if not judged:
        raise ConfigError(
            "no slice is left to measure", found=f"slices {slice_ranges(pages)}, trained on {slice_ranges(told)}",
            expected="a labelled slice that it was not trained on",
        )  # fmt: skip
    # Only where slices lie first does their number tell which axis is which.
    wanted = Channel(number=channel, slices=len(pages) if axes == "zyx" else None)
    with unpacked(source, models_root().absolute(), progress=progress) as root, _opened(root, wanted) as opened:
        stack = reordered(opened, axes)
        _check(stack, dataset, pages, whole=slices is None)
        found = meaning_of(stack, dataset, pages, kind=kind, polarity=polarity)
        if opened.channels > 1:
            taken = wanted.taken_of(opened.channels)
            found = replace(found, said=f"channel {taken} of {opened.channels}: {found.said}")
        run = _new_run(name, _shown(source, opened), dataset, found, judged, told, known=trained_on is not None)
        try:
            evaluated = _measured(run, stack, dataset, found, pages, judged, progress)
            write_card(run, dataset, evaluated)
        except BaseException:
            shutil.rmtree(run.folder, ignore_errors=True)
            raise
    return Scored(run=run, evaluated=evaluated)


def _opened(source: Path, channel: Channel) -> StackReader:
    stack = open_stack(source, channel=channel)
    if channel.number is not None and not stack.channels:
        stack.close()
        raise DataError(
            "the file has no channels",
            path=stack.path,
            found=f"--channel {channel.number}",
            expected="none to be chosen",
        )
    return stack


def _check(stack: StackReader, dataset: Dataset, pages: tuple[int, ...], *, whole: bool) -> None:
    info = dataset.info
    if len(stack) != len(pages):
        raise DataError(
            "the prediction has another number of slices", path=stack.path, found=len(stack),
            expected=f"{len(pages)}, as {info.name} has; or --slices says which of them these are" if whole
            else f"{len(pages)}, as --slices says",
        )  # fmt: skip
    if (stack.height, stack.width) != (info.height, info.width):
        raise DataError(
            "the prediction has another size", path=stack.path, found=f"{stack.height} x {stack.width} pixels",
            expected=f"{info.height} x {info.width} pixels, as the slices of {info.name}",
        )  # fmt: skip


def _new_run(
    name: str,
    source: str,
    dataset: Dataset,
    found: Meaning,
    judged: tuple[int, ...],
    trained_on: tuple[int, ...],
    *,
    known: bool,
) -> Run:
    info = dataset.info
    split = Split(
        protocol="outside",
        slices=info.slices,
        train=trained_on,
        validation=(),
        gap=tuple(z for z in range(info.slices) if z not in {*judged, *trained_on}),
        test=judged,
        borders=info.borders,
    )
    at = now()
    about = RunInfo(
        state="finished",
        dataset=info.name,
        dataset_fingerprint=info.fingerprint,
        synthetic=info.synthetic,
        seed=0,
        started=at,
        ended=at,
        versions=versions(),
        outside=Outside(source=source, kind=found.kind, read_as=found.said, trained_on_known=known),
    )
    return create_run(name, config=RunConfig(), split=split, info=about, slice_fingerprints=info.slice_fingerprints)


def _shown(source: Path, stack: StackReader) -> str:
    """The name of a file, and the path inside it where one was meant, or one of several was found to be."""
    inside = inside_of(source) or inside_of(stack.path)
    return f"{file_of(source).name}:{inside}" if inside else file_of(source).name


def _measured(
    run: Run,
    stack: StackReader,
    dataset: Dataset,
    found: Meaning,
    pages: tuple[int, ...],
    judged: tuple[int, ...],
    progress: Progress,
) -> Evaluated:
    info = dataset.info
    places = [pages.index(z) for z in judged]
    alone = threading.Lock()

    def given(position: int) -> NDArray[np.int32]:
        with alone:  # not every format can be read by several threads
            page = stack.read(places[position])
        known, numbers = np.unique(page, return_inverse=True)
        first = np.int32(0 if known[0] == 0 else 1)
        return np.asarray(numbers.reshape(page.shape) + first, dtype=np.int32)

    folder = run.evaluation(info.name)
    with scratch_folder(folder.parent) as scratch:
        probability = scratch / "probability.tif"
        with StackWriter(probability, height=info.height, width=info.width, slices=len(judged)) as writer:
            for at in progress.over(iter(places), "reading", len(places)):
                writer.write(found.probability(stack.read(at)))
        return evaluate_prediction(
            run, dataset, probability, part="test", slices=judged, threshold=THRESHOLD, segment_point=POINT,
            given_segments=given if found.kind == "segments" else None, progress=progress,
        )  # fmt: skip
