"""What a run without a network predicted when it was made, to be measured again."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segcore.errors import DataError, RunError
from segcore.evaluation.folder import SEGMENTS, read_evaluation
from segcore.evaluation.scoring import ReadSegments
from segcore.runs import Run, slice_ranges
from segcore.stacks import StackWriter, open_stack
from segcore.storage import scratch_folder, storage_errors


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What was predicted of some slices.

    Attributes:
        probability: a file, a page for each of the slices; whoever measures it may move it away.
        segments: those that somebody else made, by the place among the slices; None where they are made here.
    """

    probability: Path
    segments: ReadSegments | None = None


@contextmanager
def stored_prediction(run: Run, slices: Sequence[int], folder: Path) -> Iterator[Prediction]:
    """Gives a copy of what was predicted of some slices, for as long as it is needed.

    Args:
        run: an ensemble, or what another program predicted.
        slices: of the stack that it was made for.
        folder: of the evaluation that the copy will lie beside.

    Raises:
        RunError: if nothing was predicted of one of the slices, or it is missing or damaged.
        StorageError: if it cannot be copied.
    """
    source, places = _where(run, slices)
    numbered = run.info.outside is not None and run.info.outside.kind == "segments"
    with ExitStack() as files:
        scratch = files.enter_context(scratch_folder(folder.parent))
        probability = scratch / "probability.tif"
        _copy_pages(source / "probability.tif", probability, places)
        if not numbered:
            yield Prediction(probability=probability)
            return
        with storage_errors(folder):
            kept = Path(shutil.copy(source / SEGMENTS, scratch / SEGMENTS))
        stack, alone = files.enter_context(open_stack(kept)), threading.Lock()

        def segments(position: int) -> NDArray[np.int32]:
            with alone:
                return stack.read(places[position]).astype(np.int32)

        yield Prediction(probability=probability, segments=segments)


def _where(run: Run, slices: Sequence[int]) -> tuple[Path, list[int]]:
    """The evaluation that holds the prediction of these slices, and their places in it."""
    folders = sorted(run.evaluations(), key=lambda one: one.name != run.info.dataset)
    if not folders:
        raise RunError("what the run predicted is gone", path=run.folder / "evaluation", expected="its evaluation")
    missing: set[int] = set()
    for folder in folders:
        there = read_evaluation(folder)[0].slices
        missing = {*slices} - {*there}
        if not missing:
            return folder, [there.index(z) for z in slices]
    raise RunError(
        "the run has no network, and has not predicted all of these slices", path=run.folder,
        found=f"nothing for {slice_ranges(missing)}", expected="slices that were predicted when it was made",
    )  # fmt: skip


def _copy_pages(source: Path, target: Path, places: Sequence[int]) -> None:
    try:
        stack = open_stack(source)
    except DataError as error:
        raise RunError(
            "what was predicted is missing or damaged", path=source, found=error.problem, expected="a whole file"
        ) from error
    with (
        stack,
        StackWriter(
            target, height=stack.height, width=stack.width, slices=len(places), voxel_size_nm=stack.voxel_size_nm
        ) as writer,
    ):
        for place in places:
            writer.write(stack.read(place).astype(np.uint8))
