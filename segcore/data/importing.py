"""Turning what a user has - a folder, a stack, a zip - into datasets, after checking it."""

from __future__ import annotations

import itertools
import math
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from segcore.data.archive import MAX_UNPACKED_BYTES, unpacked
from segcore.data.dataset import Check, Dataset, data_root, install
from segcore.data.label_kinds import ClassValues, LabelsAre, interior_of_instances, look_like_instances
from segcore.data.mask_values import MaskValues, TooManyValues, two_values
from segcore.data.polarity import interior_is_white
from segcore.errors import DataError, SegcoreError
from segcore.progress import SILENT, Progress, Say
from segcore.stacks import (
    FEW_LEVELS,
    Page,
    StackReader,
    Tissue,
    VoxelSize,
    file_of,
    image_files,
    open_stack,
    tissue_of,
    unpaired,
)
from segcore.storage import safe_name

Polarity = Literal["auto", "interior-white", "membrane-white"]

_LABEL_FOLDERS = ("label", "labels", "mask", "masks", "groundtruth", "ground-truth", "ground_truth", "gt")
_IMAGE_FOLDERS = ("image", "images", "img", "imgs", "raw", "volume")
_LABEL_WORD = re.compile(r"label|mask|truth|annot|segment|(?<![a-z])gt(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class _Options:
    """How a source is read, checked; see `import_source`."""

    labels: Path | None
    polarity: Polarity
    threshold_labels: float | None
    labels_are: LabelsAre
    class_values: ClassValues
    membrane_px: int
    unpack_limit: int
    progress: Progress = SILENT

    def __post_init__(self) -> None:
        if self.polarity not in ("auto", "interior-white", "membrane-white"):
            raise DataError("unknown polarity", found=self.polarity, expected="auto, interior-white or membrane-white")
        kinds = get_args(LabelsAre)
        if self.labels_are not in kinds:
            raise DataError("unknown kind of labels", found=self.labels_are, expected=", ".join(kinds))
        if self.membrane_px < 1:
            raise DataError("no width of a membrane", found=self.membrane_px, expected="--membrane-px of 1 or more")
        if self.class_values.given and self.labels_are not in ("auto", "classes"):
            raise DataError(
                "values of classes, but no labels of classes", found=self.labels_are, expected="--labels-are classes"
            )
        # What these say has no meaning for other labels, and must not be passed over.
        if self.kind in ("instances", "classes"):
            for option, given in (
                ("--polarity", self.polarity != "auto"),
                ("--threshold-labels", self.threshold_labels is not None),
            ):
                if given:
                    raise DataError(
                        f"{option} is for masks of membrane", found=f"labels that are {self.kind}", expected="none"
                    )

    @property
    def kind(self) -> LabelsAre:
        """What the labels are said to be."""
        return "classes" if self.class_values.given else self.labels_are


@dataclass
class _Checks:
    """What was checked, in order; a failed check ends the list and raises."""

    done: list[Check] = field(default_factory=list)
    progress: Progress = SILENT

    @contextmanager
    def of(self, name: str) -> Iterator[Callable[[str], None]]:
        """Records a check: passed with the message it is given, or failed with the error's."""
        said: list[str] = []
        self.progress.at(f"checking {name}")
        try:
            yield said.append
        except SegcoreError as error:
            self.done.append(Check(name=name, passed=False, message=str(error)))
            raise
        self.done.append(Check(name=name, passed=True, message="; ".join(said)))


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One dataset to be: its name and where its images and masks are."""

    name: str
    images: Path
    labels: Path | None


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """A part that passed its checks: images, labels of 0 and 255, and what to record."""

    name: str
    images: StackReader
    labels: StackReader | None
    intensity_range: tuple[float, float]
    checks: tuple[Check, ...]


def import_source(
    source: Path,
    name: str,
    *,
    labels: Path | None = None,
    polarity: Polarity = "auto",
    voxel_size_nm: VoxelSize | None = None,
    threshold_labels: float | None = None,
    labels_are: LabelsAre = "auto",
    class_values: ClassValues | None = None,
    membrane_px: int = 2,
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
    where `labels` says; a folder with one folder of images and one of masks; or a zip of one of
    these. Images of more than 8 bits are stretched to 8 between two percentiles that are
    recorded; masks become 255 for interior and 0 for membrane.

    Args:
        labels: where the masks are, if the source does not say so itself. For a zip, first
            looked for inside it.
        polarity: which value of the masks is interior; `auto` judges it from mask and image.
        voxel_size_nm: (z, y, x); what the files say if not given.
        threshold_labels: makes masks of more than two values binary: from this value up white.
        labels_are: `membrane-mask` of two values; `instances`, numbered objects, between which membrane is drawn;
            `classes`, whose values are said; `auto` judges it, and refuses where it cannot.
        class_values: which values are membrane and which interior, of `classes`.
        membrane_px: how wide membrane is drawn between two numbers of `instances`.
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
    options = _Options(
        labels=labels,
        polarity=polarity,
        threshold_labels=threshold_labels,
        labels_are=labels_are,
        class_values=class_values or ClassValues(),
        membrane_px=membrane_px,
        unpack_limit=unpack_limit,
        progress=progress,
    )
    made: list[Dataset] = []
    with _opened(source, name, options, [] if checks is None else checks) as ready:
        try:
            for part in ready:
                with progress.step(f"writing {part.name}", len(part.images)) as say:
                    dataset = install(
                        part.name,
                        _counted(part, say),
                        part.labels,
                        title=title,
                        voxel_size_nm=voxel_size_nm,
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
    polarity: Polarity = "auto",
    threshold_labels: float | None = None,
    labels_are: LabelsAre = "auto",
    class_values: ClassValues | None = None,
    membrane_px: int = 2,
    unpack_limit: int = MAX_UNPACKED_BYTES,
    progress: Progress = SILENT,
    checks: list[Check] | None = None,
) -> list[Check]:
    """The checks of `import_source`, and that every slice can be read, without installing anything.

    The first check that fails is the last in the list.
    """
    checks = [] if checks is None else checks
    try:
        options = _Options(
            labels=labels,
            polarity=polarity,
            threshold_labels=threshold_labels,
            labels_are=labels_are,
            class_values=class_values or ClassValues(),
            membrane_px=membrane_px,
            unpack_limit=unpack_limit,
            progress=progress,
        )
        with _opened(Path(source), name, options, checks) as ready:
            for part in ready:
                with _Checks(checks).of(f"{part.name}: every slice can be read") as say:
                    for z in progress.over(range(len(part.images)), f"reading {part.name}", len(part.images)):
                        part.images.read(z)
                    say(f"{len(part.images)} slices")
    except SegcoreError as error:
        # The error that arrives here names the file as the user knows it, inside the zip.
        failed = checks.pop().name if checks and not checks[-1].passed else "source"
        checks.append(Check(name=failed, passed=False, message=str(error)))
    return checks


def _check_voxel_size(size: VoxelSize | None) -> None:
    if size is not None and not (len(size) == 3 and all(math.isfinite(side) and side > 0 for side in size)):
        raise DataError("the voxel size is no size", found=size, expected="Z Y X in nanometres, each above 0")


def _counted(part: _Ready, say: Say) -> StackReader:
    written = itertools.count(1)

    def count(page: Page) -> Page:
        say(next(written))
        return page

    return part.images.mapped(count, part.images.dtype)


@contextmanager
def _opened(source: Path, name: str, options: _Options, checks: list[Check]) -> Iterator[list[_Ready]]:
    """The parts of a source, checked and open; `checks` grows as they are made."""
    with ExitStack() as stack:
        root = stack.enter_context(unpacked(source, data_root(), limit=options.unpack_limit, progress=options.progress))
        labels = options.labels
        if labels is not None and root != source and file_of(root / labels).exists():
            labels = root / labels
        elif labels is not None:
            labels = stack.enter_context(
                unpacked(labels, data_root(), limit=options.unpack_limit, progress=options.progress)
            )
        recorder = _Checks(checks, options.progress)
        with recorder.of("source") as say:
            parts = _parts(root, name, labels)
            for part in parts:
                if (data_root() / safe_name(part.name, "dataset")).exists():
                    raise DataError(
                        f"there is already a dataset {part.name}",
                        path=data_root() / part.name,
                        expected="another --name, or that folder removed first",
                    )
            say(" and ".join(f"{part.name} {'with' if part.labels else 'without'} labels" for part in parts))
        yield [_checked(part, options, recorder, stack) for part in parts]


# --- what a source is -------------------------------------------------------------------------


def _parts(root: Path, name: str, labels: Path | None) -> list[_Part]:
    if not root.is_dir():
        return [_Part(name=name, images=root, labels=labels)]
    try:
        visible = [path for path in sorted(root.iterdir()) if not path.name.startswith((".", "__MACOSX"))]
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", path=root, expected="a folder you may read") from error
    folders = {path.name.lower(): path for path in visible if path.is_dir()}
    masks = labels or next((folders[key] for key in _LABEL_FOLDERS if key in folders), None)
    if "train" in folders:
        if masks is None:
            raise DataError(
                "there is a folder train but none of its masks", path=root, expected="train/, label/ and perhaps test/"
            )
        parts = [_Part(name=name, images=folders["train"], labels=masks)]
        return parts + ([_Part(name=f"{name}-test", images=folders["test"], labels=None)] if "test" in folders else [])
    images = next((folders[key] for key in _IMAGE_FOLDERS if key in folders), None)
    if images is not None:
        return [_Part(name=name, images=images, labels=masks)]
    if masks is not None and labels is None:
        raise DataError("there are masks but no images", path=root, expected="a folder train/ or images/ beside them")
    if len(folders) == 1 and len(visible) == 1:
        return _parts(next(iter(folders.values())), name, labels)
    if not any(path.is_file() for path in visible) and folders:
        expected = "train/, label/ and perhaps test/, or images/ and masks/"
        raise DataError("no folder of images is known here", path=root, found=", ".join(folders), expected=expected)
    return _parts_of_files(root, name, labels)


def _parts_of_files(root: Path, name: str, labels: Path | None) -> list[_Part]:
    """A folder of numbered images, or of a multi-page stack and the stack of its labels."""
    try:
        files = image_files(root)
        numbered = not any(_pages(path) > 1 for path in files[:4])
    except DataError:
        files, numbered = [], True
    if numbered:
        return [_Part(name=name, images=root, labels=labels)]
    masks = [path for path in files if _LABEL_WORD.search(path.stem)]
    images = [path for path in files if path not in masks and path != labels]
    if labels is not None:
        masks = [labels]
    tests = [path for path in images if "test" in path.stem.lower()] if len(images) > 1 else []
    images = [path for path in images if path not in tests]
    if len(masks) > 1 and labels is None:
        masks = [path for path in masks if "test" not in path.stem.lower()]
    if len(images) != 1 or len(masks) > 1 or len(tests) > 1:
        raise DataError(
            "several stacks, and no telling which is which",
            path=root,
            found=", ".join(path.name for path in files),
            expected="one stack of images, one of labels, and perhaps one of test images",
        )
    parts = [_Part(name=name, images=images[0], labels=masks[0] if masks else None)]
    return parts + [_Part(name=f"{name}-test", images=path, labels=None) for path in tests]


def _pages(path: Path) -> int:
    with open_stack(path) as stack:
        return len(stack)


# --- the checks -------------------------------------------------------------------------------


def _checked(part: _Part, options: _Options, recorder: _Checks, stack: ExitStack) -> _Ready:
    before = len(recorder.done)
    with recorder.of(f"{part.name}: images") as say:
        images = stack.enter_context(open_stack(part.images))
        say(_described(images))
    labels = None
    if part.labels is not None:
        with recorder.of(f"{part.name}: labels") as say:
            raw = stack.enter_context(open_stack(part.labels))
            say(_described(raw))
        with recorder.of(f"{part.name}: images and labels pair up") as say:
            _check_pairs(images, raw)
            say(f"{len(images)} pairs of equal size")
        labels = _labels(part, images, raw, options, recorder)
    with recorder.of(f"{part.name}: intensities") as say:
        tissue = tissue_of(images)
        say("; ".join(_intensities(images, tissue, labelled=labels is not None)))
    return _Ready(
        name=part.name,
        images=images,
        labels=labels,
        intensity_range=(tissue.low, tissue.high),
        checks=tuple(recorder.done[before:]),
    )


def _labels(part: _Part, images: StackReader, raw: StackReader, options: _Options, recorder: _Checks) -> StackReader:
    """Labels of any kind as 255 for interior and 0 for membrane."""
    kind = options.kind
    if kind == "classes":
        with recorder.of(f"{part.name}: classes") as say:
            say(options.class_values.check(raw))
        return raw.mapped(options.class_values.interior_of, np.uint8)
    values: MaskValues | None = None
    if kind != "instances":
        with recorder.of(f"{part.name}: two values in the masks") as say:
            try:
                values = two_values(raw, threshold=options.threshold_labels, progress=options.progress)
                say(values.message)
            except TooManyValues as error:
                if kind == "membrane-mask" or not error.may_be_numbers or not look_like_instances(raw):
                    raise
                say("no mask: more than two values, each over areas of its own")
    if values is not None:
        with recorder.of(f"{part.name}: polarity") as say:
            return _interior_white(images, raw, values, options.polarity, say)
    with recorder.of(f"{part.name}: numbered objects") as say:
        _check_whole_numbers(raw)
        say(
            ("recognised" if kind == "auto" else "declared")
            + f": 0 and lines of {options.membrane_px} px between two numbers are membrane, the rest is interior; "
            "the numbers themselves are not kept"
        )

    def drawn(page: Page) -> Page:
        return interior_of_instances(page, options.membrane_px)

    return raw.mapped(drawn, np.uint8)


def _check_whole_numbers(raw: StackReader) -> None:
    if raw.dtype.kind not in "ui":
        raise DataError(
            "numbers of objects are whole numbers", path=raw.path, found=raw.dtype, expected="a type of integers"
        )


def _intensities(images: StackReader, tissue: Tissue, *, labelled: bool) -> list[str]:
    """What is done with the grey values, and what to beware of."""
    if images.dtype == np.uint8:
        said = ["8-bit values, kept"]
    else:
        said = [f"{images.dtype}, {tissue.low:.6g} becomes 0 and {tissue.high:.6g} becomes 255"]
    if tissue.padded:
        said.append(
            f"{tissue.padded} of {tissue.sampled} slices looked at have padding (up to {tissue.padding_percent:.1f} % "
            "of a slice), which the network never sees"
        )
        if labelled:
            said.append("figures count padding as what its label says")
    if tissue.blank:
        said.append(f"{tissue.blank} of {tissue.sampled} slices looked at are blank")
    if tissue.levels < FEW_LEVELS and tissue.blank < tissue.sampled:
        said.append(f"WARNING: the tissue has only {tissue.levels} grey values of 256")
    return said


def _described(stack: StackReader) -> str:
    return f"{len(stack)} slices of {stack.height} x {stack.width} pixels, {stack.dtype}"


def _check_pairs(images: StackReader, labels: StackReader) -> None:
    if len(images) != len(labels):
        raise DataError(
            "not as many masks as images", path=labels.path, found=len(labels), expected=f"{len(images)} masks"
        )
    size, expected = (f"{stack.height} x {stack.width} pixels" for stack in (labels, images))
    if size != expected:
        raise DataError("masks and images differ in size", path=labels.path, found=size, expected=expected)
    if images.path.is_dir() and labels.path.is_dir():
        z = unpaired(images.names, labels.names)
        if z is not None:
            raise DataError(
                "the names of masks and images do not pair up",
                path=labels.path / labels.names[z],
                found=f"slice {z} is {images.names[z]} with {labels.names[z]}",
                expected="the same numbers in both folders",
            )


def _interior_white(
    images: StackReader, raw: StackReader, values: MaskValues, polarity: Polarity, say: Callable[[str], None]
) -> StackReader:
    """The labels as 255 for interior and 0 for membrane."""
    white = raw.mapped(values.as_white, np.uint8)
    if polarity == "auto":
        keep, reasons = interior_is_white(images, white)
        say(f"recognised: {reasons}")
    else:
        keep = polarity == "interior-white"
        say(f"declared: {polarity}")

    def inverted(page: Page) -> Page:
        return 255 - page

    return white if keep else white.mapped(inverted, np.uint8)
