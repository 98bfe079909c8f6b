"""Turning what a user has - a folder, a stack, a zip - into datasets, after checking it."""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segcore.data.archive import unpacked
from segcore.data.checking import Checks, Ready, checked
from segcore.data.dataset import Check, Dataset, data_root, install
from segcore.data.label_reading import LabelOptions
from segcore.data.source_parts import beside, is_pattern, parts_of
from segcore.errors import DataError, SegcoreError
from segcore.progress import SILENT, Progress, Say
from segcore.stacks import (
    INTERIOR,
    MAX_UNPACKED_BYTES,
    MEMBRANE,
    Axes,
    Page,
    StackReader,
    VoxelSize,
    file_of,
    to_uint8,
)
from segcore.storage import safe_name

_LEAST_NM = 0.1
_PREVIEW_PX = 1024
_PREVIEWED = 20


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a slice of a dataset to be would look like.

    Attributes:
        dataset: its name.
        slice_name: of the slice, from near the middle of the stack.
        image: (H, W) uint8, thinned out to at most about 1024 pixels a side.
        label: (H, W) uint8 as in `segcore.stacks.label`, or None without labels.
    """

    dataset: str
    slice_name: str
    image: NDArray[np.uint8]
    label: NDArray[np.uint8] | None


def import_source(
    source: Path,
    name: str,
    *,
    labels: Path | None = None,
    label_options: LabelOptions | None = None,
    axes: Axes = "zyx",
    voxel_size_nm: VoxelSize | None = None,
    title: str = "",
    terms: str = "",
    citation: str = "",
    unpack_limit: int = MAX_UNPACKED_BYTES,
    progress: Progress = SILENT,
    checks: list[Check] | None = None,
) -> list[Dataset]:
    """Checks a source and installs what is in it as one or two datasets.

    A source is a folder with `train/`, `label/` and perhaps `test/` of numbered files (`test`
    becomes a dataset of its own, NAME-test); a multi-page TIFF or a folder of images, with masks
    where `labels` says; a folder with one folder of images and one of masks, by one of their usual
    names (`images/` and `masks/`, `imagesTr/` and `labelsTr/`, `train/raw/` and `train/label/`); a
    folder of images and their masks (`img_0.tif`, `img_0_mask.tif`); or a zip of one of these.
    Where numbers in the names give no order, images and masks are paired by what is the same in
    their names. Images of more than 8 bits are stretched to 8 between two percentiles that are
    recorded; masks become 255 for interior, 0 for membrane and 128 for what is to be ignored. Of
    numbered objects the numbers are kept, too.

    Args:
        labels: where the masks are, if the source does not say so itself. For a zip, first
            looked for inside it.
        label_options: what the masks hold, and how they are read.
        axes: of images and labels, in the order in which they lie in their files.
        voxel_size_nm: (z, y, x); what the images say if not given, or the labels where these say nothing.
        title, terms, citation: facts to record.
        unpack_limit: the most bytes a zip may unpack to.
        progress: told how far it is; nothing is installed if it ends the work.
        checks: a list that the checks are added to as they are made; one that fails is its last.

    Raises:
        DataError: for the first check that fails. Nothing is installed then.
        StorageError: if the name is not safe, or the disk refuses.
    """
    source = Path(source)
    _check_voxel_size(voxel_size_nm)
    recorder = Checks([] if checks is None else checks, progress)
    made: list[Dataset] = []
    with _opened(source, name, labels, label_options or LabelOptions(), axes, unpack_limit, recorder) as ready:
        try:
            for part in ready:
                with progress.step(f"writing {part.name}", len(part.images)) as say:
                    dataset = install(
                        part.name,
                        _counted(part, say),
                        part.labels,
                        numbers=part.numbers,
                        title=title,
                        voxel_size_nm=voxel_size_nm or _voxel_size_of(part),
                        source="imported from " + source.name.encode("utf-8", "backslashreplace").decode(),
                        terms=terms,
                        citation=citation,
                        intensity_range=part.intensity_range,
                        checks=part.checks,
                    )
                made.append(dataset)
        except BaseException:
            for dataset in made:
                shutil.rmtree(dataset.folder, ignore_errors=True)
            raise
    return made


def check_source(
    source: Path,
    name: str,
    *,
    labels: Path | None = None,
    label_options: LabelOptions | None = None,
    axes: Axes = "zyx",
    unpack_limit: int = MAX_UNPACKED_BYTES,
    progress: Progress = SILENT,
    checks: list[Check] | None = None,
    previews: list[Preview] | None = None,
) -> list[Check]:
    """The checks of `import_source`, and that every slice can be read, without installing anything.

    The first check that fails is the last in the list. To `previews`, if given, one of each dataset is added.
    """
    checks = [] if checks is None else checks
    recorder = Checks(checks, progress)
    try:
        options = label_options or LabelOptions()
        with _opened(Path(source), name, labels, options, axes, unpack_limit, recorder) as ready:
            for part in ready:
                with recorder.of(f"{part.name}: every slice can be read") as say:
                    for z in progress.over(range(len(part.images)), f"reading {part.name}", len(part.images)):
                        part.images.read(z)
                    say(f"{len(part.images)} slices")
                if previews is not None:
                    previews.append(_preview(part))
    except SegcoreError as error:
        # The error that arrives here names the file as the user knows it, inside the zip.
        failed = checks.pop().name if checks and not checks[-1].passed else "source"
        checks.append(Check(name=failed, passed=False, message=str(error)))
    return checks


def _voxel_size_of(part: Ready) -> VoxelSize | None:
    """What the images say, or the labels where these say nothing, as pictures do."""
    return part.images.voxel_size_nm or (None if part.labels is None else part.labels.voxel_size_nm)


def _preview(part: Ready) -> Preview:
    z = len(part.images) // 2
    label = None
    if part.labels is not None:
        # One that shows both classes, if there is any near the middle.
        for near in sorted(range(len(part.labels)), key=lambda other: abs(other - z))[:_PREVIEWED]:
            label = part.labels.read(near)
            if {MEMBRANE, INTERIOR} <= set(np.unique(label).tolist()):
                z = near
                break
        else:
            label = part.labels.read(z)
    step = -(-max(part.images.height, part.images.width) // _PREVIEW_PX)
    return Preview(
        dataset=part.name,
        slice_name=part.images.names[z],
        image=to_uint8(part.images.read(z), *part.intensity_range)[::step, ::step],
        label=None if label is None else label[::step, ::step],
    )


def _check_voxel_size(size: VoxelSize | None) -> None:
    if size is not None and not (len(size) == 3 and all(math.isfinite(side) and side > 0 for side in size)):
        raise DataError("the voxel size is no size", found=size, expected="Z Y X in nanometres, each above 0")
    if size is not None and min(size) < _LEAST_NM:
        raise DataError(
            "the voxel size is smaller than an atom", found=size, expected="Z Y X in nanometres, not in micrometres"
        )


def _counted(part: Ready, say: Say) -> StackReader:
    written = itertools.count(1)

    def count(page: Page) -> Page:
        say(next(written))
        return page

    return part.images.mapped(count, part.images.dtype)


@contextmanager
def _opened(
    source: Path,
    name: str,
    labels: Path | None,
    label_options: LabelOptions,
    axes: Axes,
    limit: int,
    recorder: Checks,
) -> Iterator[list[Ready]]:
    """The parts of a source, checked and open; the recorder's list grows as checks are made."""
    with ExitStack() as stack:
        root = source
        if not is_pattern(source):
            root = stack.enter_context(unpacked(source, data_root(), limit=limit, progress=recorder.progress))
        if labels is not None and root != source and file_of(root / labels).exists():
            labels = root / labels
        elif labels is not None and not is_pattern(labels):
            labels = stack.enter_context(unpacked(labels, data_root(), limit=limit, progress=recorder.progress))
        with recorder.of("source") as say:
            parts = parts_of(root, name, labels)
            for part in parts:
                if (data_root() / safe_name(part.name, "dataset")).exists():
                    raise DataError(
                        f"there is already a dataset {part.name}",
                        path=data_root() / part.name,
                        expected="another --name, or that folder removed first",
                    )
            if label_options.given and not any(part.labels for part in parts):
                raise DataError(
                    "something is said of labels, but none are here",
                    path=source,
                    found=", ".join(label_options.given),
                    expected="--labels that says where they are, or none of these options",
                )
            say(" and ".join(f"{part.name} {'with' if part.labels else 'without'} labels" for part in parts))
            masks = beside(root) if not any(part.labels for part in parts) else None
            if masks is not None:
                say(f"beside it lies {masks.name}, which --labels would take")
        yield [checked(part, label_options, axes, recorder, stack) for part in parts]
