"""Corrected copies of a dataset: the same images, some labels changed, and a record of every change.

data/<copy>/corrections.json   of which dataset it is a copy, and every correction

A copy is always made from the labels of the original, by all corrections in their order. So taking one back is making
the copy anew without it, and a copy without corrections is the original, fingerprint and all.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from segcore.checked import from_dict
from segcore.data.correction import VALUE_OF, Correction, Corrections
from segcore.data.dataset import (
    IMAGES,
    INFO,
    LABELS,
    NUMBERS,
    Dataset,
    data_root,
    open_dataset,
    shares_of_labels,
)
from segcore.data.fingerprints import combined
from segcore.errors import ConfigError, DataError
from segcore.stacks import INTERIOR, REDUCED, StackWriter, VoxelSize, reduced_stacks, stored_page
from segcore.storage import alone_beside, read_json, recover_folder, replacing_folder, safe_name, write_json

CORRECTIONS = "corrections.json"
_VERSION = 1

Change = Callable[[tuple[Correction, ...]], tuple[Correction, ...]]


def corrections_of(dataset: Dataset) -> Corrections | None:
    """What a corrected copy says of itself; None of a dataset that is none.

    Raises:
        DataError: the record is damaged, or of a newer format.
    """
    return _read(dataset.folder)


def original_fingerprint(dataset: Dataset) -> str:
    """The fingerprint of the stack that a dataset is a corrected copy of; empty if it is none.

    Raises:
        DataError: as `corrections_of` does.
    """
    found = corrections_of(dataset)
    return "" if found is None else found.original_fingerprint


def correct(original: Dataset, name: str, corrections: Sequence[Correction]) -> Dataset:
    """Makes a corrected copy of a dataset, or makes one anew with these corrections and no others.

    The copy is complete before the one that was there is moved aside. Images are not copied where the disk can give a
    file two names; nothing ever writes into the file of a dataset.

    Args:
        original: labelled, and no corrected copy itself.
        name: of the copy, a safe folder name; not taken, or that of a corrected copy of this very dataset.
        corrections: in order.

    Raises:
        DataError: the original has no labels or is a copy, the name is that of something else, or a correction does not
            fit the slices.
        StorageError: the name is not safe, or the disk refuses. The copy that was there is as it was then.
    """
    return _changed(original, name, lambda _: tuple(corrections))


def add_correction(original: Dataset, name: str, correction: Correction) -> Dataset:
    """Adds a correction to a corrected copy, which is made if it is missing.

    It takes the place of one about the same place. Arguments and errors as for `correct`.
    """
    key = correction.place.key
    return _changed(original, name, lambda there: (*(one for one in there if one.place.key != key), correction))


def take_back_correction(original: Dataset, name: str, correction: Correction) -> Dataset:
    """Makes a corrected copy anew without a correction; one that is not there any more is no mistake.

    Arguments and errors as for `correct`.
    """
    return _changed(original, name, lambda there: tuple(one for one in there if one != correction))


def copy_name(name: str) -> str:
    """What a corrected copy of a dataset is called unless somebody says otherwise."""
    return f"{name[:90]}-corrected"


def _changed(original: Dataset, name: str, change: Change) -> Dataset:
    folder = data_root() / safe_name(name, "dataset")
    _check_original(original, name)
    # Two that correct at once take turns, so that neither loses what the other did.
    with alone_beside(folder):
        recover_folder(folder)
        corrections = change(_there(folder, original))
        by_slice = _by_slice(original, corrections)
        with replacing_folder(folder) as making:
            _write(making, original, name, corrections, by_slice)
    return open_dataset(name)


def _check_original(original: Dataset, name: str) -> None:
    if original.labels is None:
        raise DataError("a dataset without labels", path=original.folder, expected="a labelled one")
    if (of := corrections_of(original)) is not None:
        raise DataError(
            "a corrected copy is not copied again",
            path=original.folder,
            found=name,
            expected=f"a copy of {of.original}",
        )
    if name == original.info.name:
        raise DataError("a corrected copy cannot have the name of its original", found=name, expected="another name")


def _there(folder: Path, original: Dataset) -> tuple[Correction, ...]:
    """The corrections of the copy that is there; a mistake if what is there is something else."""
    if not os.path.lexists(folder):
        return ()
    found = _read(folder)
    if found is None:
        raise DataError(
            f"there is already something called {folder.name} that is no corrected copy",
            path=folder,
            expected="another name",
        )
    if (found.original, found.original_fingerprint) != (original.info.name, original.info.fingerprint):
        known = found.original_fingerprint[:12]
        raise DataError(
            f"{folder.name} is a corrected copy of another dataset",
            path=folder,
            found=f"{found.original} {known}",
            expected=f"{original.info.name} {original.info.fingerprint[:12]}, or another name",
        )
    return found.corrections


def _read(folder: Path) -> Corrections | None:
    path = folder / CORRECTIONS
    if not path.exists():
        return None
    values = read_json(path, DataError)
    version = values.get("format_version") if isinstance(values, dict) else None
    if type(version) is not int or version > _VERSION:
        raise DataError(
            "corrections of an unknown or newer format", path=path, found=version, expected=f"at most {_VERSION}"
        )
    try:
        return from_dict(Corrections, values)
    except ConfigError as error:
        raise DataError(f"damaged file ({error})", path=path, expected="as a correction wrote it") from error


def _by_slice(original: Dataset, corrections: Sequence[Correction]) -> dict[int, list[Correction]]:
    """The corrections of each slice, all of which fit."""
    info = original.info
    found: dict[int, list[Correction]] = {}
    for one in corrections:
        z = one.place.slice
        try:
            if z >= info.slices:
                raise ConfigError("a correction of a slice that there is not", found=z, expected=f"below {info.slices}")
            one.mask(info.height, info.width)
        except ConfigError as error:
            raise DataError(error.problem, path=original.folder, found=error.found, expected=error.expected) from error
        found.setdefault(z, []).append(one)
    return found


def _write(
    folder: Path,
    original: Dataset,
    name: str,
    corrections: tuple[Correction, ...],
    by_slice: dict[int, list[Correction]],
) -> None:
    for file in (IMAGES, REDUCED["image"]):
        if (original.folder / file).exists():
            _same_file(original.folder / file, folder / file)
    facts = _write_labels(folder, original, by_slice)
    number = len(corrections)
    places = "one place" if number == 1 else f"{number} places" if number else "no place"
    info = dataclasses.replace(
        original.info,
        name=name,
        title=f"{original.info.title}, corrected in {places}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    )
    record = Corrections(
        original=original.info.name, original_fingerprint=original.info.fingerprint, corrections=corrections
    )
    write_json(folder / CORRECTIONS, dataclasses.asdict(record))
    write_json(folder / INFO, dataclasses.asdict(info))


@contextmanager
def _optional_writer(
    path: Path, wanted: bool, size: dict[str, Any], voxels: VoxelSize | None
) -> Iterator[Callable[[npt.NDArray[np.uint32]], None]]:
    """Gives a function that appends a slice of numbers, where there are any."""
    if not wanted:
        yield lambda page: None
        return
    with StackWriter(path, **size, voxel_size_nm=voxels, dtype=np.uint32) as writer:
        yield writer.write


def _same_file(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError:  # a disk that knows no second names
        shutil.copyfile(file, name)


def _write_labels(folder: Path, original: Dataset, by_slice: dict[int, list[Correction]]) -> dict[str, Any]:
    """Streams labels and numbers to disk; gives what follows from them, as `install` does."""
    info, numbers = original.info, original.numbers
    size: dict[str, Any] = {"height": info.height, "width": info.width, "slices": info.slices}
    voxel = info.voxel_size_nm
    voxels = None if voxel is None else (voxel[0], voxel[1], voxel[2])
    shape = (info.slices, info.height, info.width)
    hashes = [hashlib.sha256(repr(shape).encode()) for _ in range(2 if numbers is None else 3)]
    shares = []
    with (
        StackWriter(folder / LABELS, **size, voxel_size_nm=voxels) as labels_writer,
        _optional_writer(folder / NUMBERS, numbers is not None, size, voxels) as write_numbers,
        reduced_stacks(folder, ("label",), **size) as write_reduced,
    ):
        for z in range(info.slices):
            label = original.label(z)
            number = None if numbers is None else stored_page(numbers, z)
            for one in by_slice.get(z, ()):
                _apply(one, label, number)
            pages: list[npt.NDArray[Any]] = [original.image(z), label, *([] if number is None else [number])]
            for page, running in zip(pages, hashes, strict=True):
                running.update(np.ascontiguousarray(page).data)
            labels_writer.write(label)
            if number is not None:
                write_numbers(number)
            write_reduced({"label": label})
            shares.append(shares_of_labels(label, original.folder / LABELS, info.slice_names[z]))
    ignored = tuple(ignore for _, ignore in shares)
    return {
        "fingerprint": combined(hashes),
        "membrane_percent": tuple(membrane for membrane, _ in shares),
        "ignored_percent": ignored if any(ignored) else (),
    }


def _apply(correction: Correction, label: npt.NDArray[np.uint8], number: npt.NDArray[np.uint32] | None) -> None:
    """Changes a slice in place."""
    mask = correction.mask(*label.shape)
    if number is not None:
        _renumber(number, label, mask, becomes_interior=correction.become == "interior")
    label[mask] = VALUE_OF[correction.become]


def _renumber(
    number: npt.NDArray[np.uint32],
    label: npt.NDArray[np.uint8],
    mask: npt.NDArray[np.bool_],
    *,
    becomes_interior: bool,
) -> None:
    """Whose the pixels are afterwards, in place: nobody's, or of those that become interior the neurite's beside them.

    A number reaches through membrane, so one that stayed would keep joined what a new membrane parts. Of several
    neurites beside a connected patch it is the one that it touches with most pixels, of two such the lower number;
    neurites with numbers of their own stay several, whatever becomes of the membrane between them.
    """
    if not becomes_interior:
        number[mask] = 0
        return
    new = mask & (label != INTERIOR)
    patches, count = scipy.ndimage.label(new)
    numbered = np.where((label == INTERIOR) & ~new, number, 0)
    for patch, box in zip(range(1, count + 1), scipy.ndimage.find_objects(patches), strict=True):
        around = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in box)
        inside = patches[around] == patch
        beside = numbered[around][scipy.ndimage.binary_dilation(inside) & ~inside]
        found, touching = np.unique(beside[beside > 0], return_counts=True)
        number[around][inside] = found[touching.argmax()] if found.size else 0
