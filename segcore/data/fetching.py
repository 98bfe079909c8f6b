"""Datasets that can be had by name: the ISBI 2012 challenge's, and a synthetic sample."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from segcore.data.archive import unpacked
from segcore.data.dataset import Check, Dataset, data_root, install, open_dataset
from segcore.data.downloading import download
from segcore.errors import DataError, FetchError
from segcore.progress import SILENT, Progress
from segcore.stacks import IMAGE_SUFFIXES, TIFF_SUFFIXES, StackReader, VoxelSize, array_stack, open_stack, page_names
from segcore.storage import alone_beside, scratch_folder

log = logging.getLogger(__name__)

SAMPLE_SEED = 0
UNPACKED_LIMIT = 2**30
_DEEPEST_FOLDER = 3


@dataclass(frozen=True, kw_only=True)
class Target:
    """A dataset that a fetch makes, with the SHA-256 of its raw pixel bytes as (Z, H, W)."""

    name: str
    title: str
    images: str = ""
    labels: str = ""


@dataclass(frozen=True, kw_only=True)
class Fetchable:
    """What can be fetched and what is known about it beforehand.

    Attributes:
        targets: the datasets it makes.
        slices, height, width: of each of them.
        voxel_size_nm: (z, y, x), or None.
        labelled: whether the first of them has labels.
        files: what a mirror that is no zip holds, in the order images, labels, images ...
        url: where it is downloaded from; empty if it is made here.
    """

    name: str
    targets: tuple[Target, ...]
    slices: int
    height: int
    width: int
    voxel_size_nm: VoxelSize | None
    labelled: bool
    synthetic: bool
    source: str
    terms: str
    citation: str
    url: str = ""
    files: tuple[str, ...] = ()


ISBI2012 = Fetchable(
    name="isbi2012",
    targets=(
        Target(
            name="isbi2012",
            title="ISBI 2012, training stack",
            images="200da3d452d726e6c9ca1ce04b869d4edb727320d23b516d01cce707dc8c4760",
            labels="a7cb64000a1a7e542682927e19c91339f58f9f178e0bcce4e207371116f0ca36",
        ),
        Target(
            name="isbi2012-test",
            title="ISBI 2012, test stack",
            images="1b58fa7ec1d0ff9d39a855622db3ff66a97863036339b0d04be51b2f5a99b0e9",
        ),
    ),
    slices=30,
    height=512,
    width=512,
    voxel_size_nm=(50.0, 4.0, 4.0),
    labelled=True,
    synthetic=False,
    source="ISBI 2012 challenge: serial-section TEM, ventral nerve cord of a Drosophila larva",
    terms="no stated licence; not redistributed",
    citation=(
        "Cardona et al. 2010, PLoS Biology 8(10): e1000502; "
        "Arganda-Carreras et al. 2015, Frontiers in Neuroanatomy 9: 142"
    ),
    url="https://downloads.imagej.net/ISBI-2012-challenge.zip",
    files=("train-volume.tif", "train-labels.tif", "test-volume.tif"),
)

SAMPLE = Fetchable(
    name="sample",
    targets=(Target(name="sample", title="Synthetic sample"),),
    slices=30,
    height=256,
    width=256,
    voxel_size_nm=(50.0, 4.0, 4.0),
    labelled=True,
    synthetic=True,
    source=f"synthetic, made by segcore with seed {SAMPLE_SEED}",
    terms="free to use; the pixels are invented",
    citation="",
)

CATALOGUE: dict[str, Fetchable] = {item.name: item for item in (ISBI2012, SAMPLE)}


def fetch(
    name: str,
    *,
    source: str | None = None,
    progress: Progress = SILENT,
) -> list[Dataset]:
    """Installs a dataset of the catalogue; one that is there with the right pixels is left as it is.

    Args:
        name: a key of `CATALOGUE`.
        source: instead of the catalogue's URL, a mirror's (of the zip, or of a folder with its
            files), or a local folder, zip or stack. Only pixels count, not names or containers.
        progress: told how far it is; nothing is left behind if it ends the work.

    Raises:
        FetchError: if the name is unknown, the download fails or the pixels are not those
            expected. Nothing is left behind then.
        StorageError: if the disk refuses.
    """
    if name not in CATALOGUE:
        raise FetchError("unknown dataset", found=name, expected=" or ".join(CATALOGUE))
    item = CATALOGUE[name]
    if item.synthetic and source is not None:
        raise FetchError(f"{name} is made here, not fetched", found=f"--from {source}", expected=f"fetch {name}")
    there = {target.name: _existing(item, target) for target in item.targets}
    if all(there.values()):
        log.info("already installed, with the expected pixels: %s", ", ".join(there))
    elif item.synthetic:
        progress.at("drawing")
        there[name] = _make_sample(item)
    else:
        missing = [target for target in item.targets if there[target.name] is None]
        with _local(item, source, progress) as folder:
            there |= {dataset.info.name: dataset for dataset in _install(item, missing, folder, source, progress)}
    return [dataset for dataset in there.values() if dataset is not None]


def pixel_sum(stack: StackReader, progress: Progress = SILENT) -> str:
    """SHA-256 of all pixels in order, as `array.tobytes()` of the (Z, H, W) array would give."""
    running = hashlib.sha256()
    for z in progress.over(range(len(stack)), f"checking the pixels of {stack.path.name}", len(stack)):
        running.update(np.ascontiguousarray(stack.read(z)).data)
    return running.hexdigest()


def _existing(item: Fetchable, target: Target) -> Dataset | None:
    if not (data_root() / target.name).exists():
        return None
    dataset = open_dataset(target.name)
    if item.synthetic:
        same = dataset.info.synthetic and dataset.info.source == item.source
    else:
        sums = [pixel_sum(array_stack(stack)) for stack in (dataset.images, dataset.labels) if stack is not None]
        same = sums == [expected for expected in (target.images, target.labels) if expected]
    if not same:
        raise FetchError(
            f"there is already another dataset {target.name}",
            path=dataset.folder,
            found="other pixels",
            expected="that folder renamed or removed first",
        )
    return dataset


def _make_sample(item: Fetchable) -> Dataset:
    from segcore.data.synthetic import make_stack

    target = item.targets[0]
    with alone_beside(data_root() / target.name):
        # Somebody else may have made it meanwhile.
        if existing := _existing(item, target):
            return existing
        stack = make_stack(item.slices, item.height, item.width, np.random.default_rng(SAMPLE_SEED))
        return install(
            target.name,
            array_stack(stack.images, origin="synthetic images"),
            array_stack(stack.labels, origin="synthetic labels"),
            title=target.title,
            voxel_size_nm=item.voxel_size_nm,
            synthetic=True,
            source=item.source,
            terms=item.terms,
            citation=item.citation,
            checks=[Check(name="pixels", passed=True, message=f"made here with seed {SAMPLE_SEED}")],
        )


# --- getting the files ------------------------------------------------------------------------


@contextmanager
def _local(item: Fetchable, source: str | None, progress: Progress) -> Iterator[Path]:
    """A local file or folder with the pixels, downloaded and unpacked for a while if need be."""
    place = item.url if source is None else source
    if not _is_url(place):
        with (
            _fetch_errors(place),
            unpacked(Path(place), data_root(), limit=UNPACKED_LIMIT, progress=progress) as folder,
        ):
            yield folder
        return
    with scratch_folder(data_root()) as scratch:
        files = (
            [place] if place == item.url or _is_zip(place) else [f"{place.rstrip('/')}/{file}" for file in item.files]
        )
        for url in files:
            download(url, scratch / "files" / _file_name(url), limit=UNPACKED_LIMIT, progress=progress)
        downloaded = scratch / "files"
        if len(files) == 1:
            downloaded = downloaded / _file_name(place)
        with _fetch_errors(place), unpacked(downloaded, scratch, limit=UNPACKED_LIMIT, progress=progress) as folder:
            yield folder


def _file_name(url: str) -> str:
    # The end of a long name says what kind of file it is.
    return Path(urlsplit(url).path).name[-80:].lstrip(".") or "download"


def _is_url(place: str) -> bool:
    if not place.lower().startswith(("http://", "https://")):
        return False
    try:
        parts = urlsplit(place)
        whole = bool(parts.hostname) and parts.port != 0  # a port that is no number is a ValueError
    except ValueError:
        whole = False
    if not whole:
        raise FetchError("not a whole URL", path=place, expected="such as https://host/folder or https://host/file.zip")
    return True


def _is_zip(url: str) -> bool:
    return _file_name(url).lower().endswith(".zip")


@contextmanager
def _fetch_errors(place: str) -> Iterator[None]:
    """A damaged file is the fault of the download, or of what --from names."""
    try:
        yield
    except FetchError:
        raise
    except DataError as error:
        path = place if _is_url(place) else error.path
        raise FetchError(error.problem, path=path, found=error.found, expected=error.expected) from error


# --- finding the pixels -----------------------------------------------------------------------


def _install(
    item: Fetchable, targets: list[Target], folder: Path, source: str | None, progress: Progress
) -> list[Dataset]:
    wanted = {expected for target in targets for expected in (target.images, target.labels) if expected}
    found = _find(item, folder, wanted, item.url if source is None else source, progress)
    made: list[Dataset] = []
    there: list[Dataset] = []
    try:
        for target in targets:
            progress.at(f"writing {target.name}")
            with ExitStack() as files:
                # Somebody else may have fetched it meanwhile.
                files.enter_context(alone_beside(data_root() / target.name))
                if existing := _existing(item, target):
                    there.append(existing)
                    continue
                stacks = [files.enter_context(open_stack(found[key])) for key in (target.images, target.labels) if key]
                dataset = install(
                    target.name,
                    *stacks,
                    title=target.title,
                    voxel_size_nm=item.voxel_size_nm,
                    source=item.source,
                    terms=item.terms,
                    citation=item.citation,
                    slice_names=page_names(item.slices),
                    checks=[Check(name="pixels", passed=True, message="SHA-256 of the pixels as published")],
                )
            made.append(dataset)
    except BaseException:
        for dataset in made:
            shutil.rmtree(dataset.folder, ignore_errors=True)
        raise
    return there + made


def _find(item: Fetchable, root: Path, wanted: set[str], place: str, progress: Progress) -> dict[str, Path]:
    """Where the stacks with the wanted sums of pixels are, in whatever files and under whatever names."""
    found: dict[str, Path] = {}
    others: list[str] = []
    for path in _candidates(root):
        try:
            with open_stack(path) as stack:
                if (len(stack), stack.height, stack.width) != (item.slices, item.height, item.width):
                    others.append(f"{path.name} of {len(stack)} x {stack.height} x {stack.width}")
                    continue
                digest = pixel_sum(stack, progress)
        except DataError as error:
            others.append(f"{path.name} ({error.problem})")
            continue
        if digest in wanted:
            found.setdefault(digest, path)
        else:
            others.append(f"{path.name} with other pixels")
        if len(found) == len(wanted):
            return found
    missing = len(wanted) - len(found)
    raise FetchError(
        f"the pixels of {item.name} are not there ({missing} of {len(wanted)} stacks missing)",
        path=place,
        found=", ".join(others[:6]) or "no image stacks",
        expected=", ".join(item.files) + f" of {item.slices} x {item.height} x {item.width} with the published pixels",
    )


def _candidates(root: Path) -> Iterator[Path]:
    """Stacks in multi-page files first, then folders of single pages."""
    if root.is_file():
        yield root
        return
    folders: list[Path] = []
    pending = [(root, 0)]
    while pending:
        folder, depth = pending.pop(0)
        try:
            inside = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))
        except OSError:
            continue
        pictures = [path for path in inside if path.suffix.lower() in IMAGE_SUFFIXES]
        # Many files are the pages of one stack; opening each would be slow and find nothing.
        if len(pictures) > 8:
            folders.append(folder)
        else:
            yield from (path for path in pictures if path.suffix.lower() in TIFF_SUFFIXES)
        if depth < _DEEPEST_FOLDER:
            pending += [(path, depth + 1) for path in inside if path.is_dir()]
    yield from folders
