"""Writing a dataset out: folders of zero-padded single files, as the notebook had them, or OME-Zarr."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from segcore.data.dataset import Dataset
from segcore.errors import DataError
from segcore.progress import SILENT, Progress
from segcore.stacks import PngWriter, StackWriter, ZarrWriter, page_names, stored_page
from segcore.storage import atomic_folder

Format = Literal["png", "tiff", "ome-zarr"]


def export(dataset: Dataset, directory: Path, format: Format = "png", *, progress: Progress = SILENT) -> list[Path]:
    """Writes the slices to `train/` and their labels to `label/`, or to `test/` without labels.

    The files are called 000.png, 001.png ... (or .tif) in the order of the slices, with as many
    digits as all need, and hold the stored 8-bit pixels; labels are 255 for interior, 0 for
    membrane and 128 for what is to be ignored. `ome-zarr` makes `train.ome.zarr` and so on, with
    the voxel size in nanometres. Numbers of neurites go to `numbers/` as TIFF of 32 bits, whatever the format. The
    folders are written whole or not at all, and none may be there before.

    Returns:
        the folders made.

    Raises:
        DataError: if the format is unknown or a folder is there already.
        StorageError: if the disk refuses.
    """
    if format not in get_args(Format):
        raise DataError("unknown format", found=format, expected=" or ".join(get_args(Format)))
    directory = Path(directory)
    labelled = dataset.info.labelled
    stacks = {"train": dataset.image, "label": dataset.label} if labelled else {"test": dataset.image}
    if format == "ome-zarr":
        stacks = {f"{folder}.ome.zarr": read for folder, read in stacks.items()}
    numbers = {} if dataset.numbers is None else {"numbers": partial(stored_page, dataset.numbers)}
    for folder in (*stacks, *numbers):
        if (directory / folder).exists():
            raise DataError("there is already a folder", path=directory / folder, expected="a folder without it")
    made: list[Path] = []
    try:
        for folder, read in stacks.items():
            if format == "ome-zarr":
                _write_zarr(directory / folder, dataset, read, progress)
            else:
                _write(directory / folder, dataset.info.slices, read, format, progress)
            made.append(directory / folder)
        for folder, read_numbers in numbers.items():
            _write(directory / folder, dataset.info.slices, read_numbers, "tiff", progress)
            made.append(directory / folder)
    except BaseException:
        for path in made:
            shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            directory.rmdir()  # only if it is empty
        raise
    return made


def _write_zarr(
    folder: Path, dataset: Dataset, read: Callable[[int], npt.NDArray[np.uint8]], progress: Progress
) -> None:
    info = dataset.info
    size = info.voxel_size_nm
    voxels = None if size is None else (size[0], size[1], size[2])
    with ZarrWriter(folder, height=info.height, width=info.width, slices=info.slices, voxel_size_nm=voxels) as writer:
        for z in progress.over(range(info.slices), f"writing {folder.name}", info.slices):
            writer.write(read(z))


def _write(
    folder: Path,
    slices: int,
    read: Callable[[int], npt.NDArray[Any]],
    format: Format,
    progress: Progress,
) -> None:
    names = page_names(slices)
    numbered = enumerate(progress.over(names, f"writing {folder.name}", slices, "file"))
    if format == "png":
        with PngWriter(folder, names=names) as pictures:
            for z, _ in numbered:
                pictures.write(read(z))
        return
    with atomic_folder(folder) as temporary:
        for z, name in numbered:
            page = read(z)
            height, width = page.shape
            file = temporary / f"{name}.tif"
            with StackWriter(file, height=height, width=width, slices=1, dtype=page.dtype) as writer:
                writer.write(page)
