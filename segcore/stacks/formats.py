"""Which image formats are read, and opening a file or folder of any of them as a stack.

What Pillow decodes needs no more than its suffix here; TIFF has a module of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from segcore.errors import DataError
from segcore.stacks.channels import Channel
from segcore.stacks.npz import open_npz
from segcore.stacks.numbering import in_number_order
from segcore.stacks.stack import Page, StackReader, decoded, luminance, reasonable, same_form, told_apart
from segcore.stacks.tiff import open_tiff
from segcore.stacks.volumes import (
    HDF5_SUFFIXES,
    MRC_SUFFIXES,
    NRRD_SUFFIXES,
    VOLUME_SUFFIXES,
    file_of,
    open_hdf5,
    open_mrc,
    open_n5,
    open_nifti,
    open_npy,
    open_nrrd,
)
from segcore.stacks.zarrs import is_zarr, open_zarr

Smaller = Literal["refused", "zero", "edge"]
"""What is done with slices that are smaller than others."""

TIFF_SUFFIXES = frozenset({".tif", ".tiff", ".btf", ".tf8", ".tf2"})
IMAGE_SUFFIXES = TIFF_SUFFIXES | {".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".pnm", ".gif", ".webp", ".jp2"}

# What microscopes and laboratories write besides; it is named, so that nobody looks for damage.
_NOT_READ = {
    ".dm3": "DigitalMicrograph 3", ".dm4": "DigitalMicrograph 4", ".gz": "a compressed file other than .nii.gz",
    ".czi": "Zeiss CZI", ".lif": "Leica LIF", ".nd2": "Nikon ND2", ".ims": "Imaris", ".mat": "MATLAB",
    ".rar": "a RAR archive", ".7z": "a 7-Zip archive", ".tar": "a tar archive",
    ".tgz": "a tar archive", ".bz2": "a compressed file", ".xz": "a compressed file", ".pdf": "PDF", ".svg": "SVG",
    ".psd": "Photoshop", ".oib": "Olympus OIB", ".oif": "Olympus OIF", ".vsi": "Olympus VSI", ".lsm": "Zeiss LSM",
    ".ser": "TIA series", ".emd": "Velox EMD", ".xml": "XML", ".csv": "a table", ".txt": "text", ".docx": "Word",
}  # fmt: skip

_VOLUMES: tuple[tuple[tuple[str, ...], Callable[[Path], StackReader]], ...] = (
    (tuple(MRC_SUFFIXES), open_mrc),
    (tuple(NRRD_SUFFIXES), open_nrrd),
    ((".nii", ".nii.gz"), open_nifti),
)

_ORIENTATION, _TURNED_FROM = 0x0112, 4
"""The EXIF tag of a picture's orientation, and the last of its values that keeps height and width."""
_PILLOW_TYPES = {"I;16": np.uint16, "I;16B": np.uint16, "I;16L": np.uint16, "I": np.int32, "F": np.float32}


def open_stack(path: Path, *, as_labels: bool = False, channel: Channel | None = None) -> StackReader:
    """Opens a multi-page TIFF, a single image, a folder of numbered images or a volume of another format.

    Volumes are HDF5, Zarr, OME-Zarr, N5 and `.npz` (`file.h5:inside`), `.npy`, MRC, NRRD and NIfTI.

    All headers are read and compared, pixels are not.

    Args:
        path: of the file or folder.
        as_labels: to refuse, when they are read, slices in which two colours would become one grey value.
        channel: which, of an array in HDF5, Zarr or NumPy's files that has an axis of channels; None for no such
            array. What has none is read as it is.

    Raises:
        DataError: if the path is missing, no image, empty, damaged, or mixes sizes or types.
    """
    path = Path(path)
    if is_container(path):
        return open_zarr(path, channel) if is_zarr(file_of(path)) else open_n5(path)
    if path.is_dir():
        if path.suffix.lower() in _NOT_READ:
            raise _not_read(path)
        return open_pictures(image_files(path), as_labels=as_labels)
    if not file_of(path).exists():
        raise DataError(
            "there is no such file or folder", path=path, expected="an image, a stack or a folder of images"
        )
    if path.suffix.lower() in TIFF_SUFFIXES:
        return open_tiff(path, as_labels=as_labels)
    if file_of(path).suffix.lower() in HDF5_SUFFIXES:
        return open_hdf5(path, channel)
    if file_of(path).suffix.lower() == ".npz":
        return open_npz(path, channel)
    if path.suffix.lower() == ".npy":
        return open_npy(path, channel)
    for suffixes, opened in _VOLUMES:
        if path.name.lower().endswith(suffixes):
            return opened(path)
    if path.suffix.lower() in _NOT_READ:
        raise _not_read(path)
    return _open_picture(path, as_labels)


def is_container(path: Path) -> bool:
    """Whether a path is that of a Zarr or an N5, or goes on inside one: a folder that is one file to its users."""
    place = file_of(path)
    return place.is_dir() and (is_zarr(place) or place.suffix.lower() == ".n5")


def is_read(path: Path) -> bool:
    """Whether a file is of a kind that is read, by its name, or a folder is a container that is."""
    by_name = path.suffix.lower() in IMAGE_SUFFIXES | VOLUME_SUFFIXES or path.name.lower().endswith(".nii.gz")
    return is_container(path) or (by_name and path.is_file())


def _not_read(path: Path) -> DataError:
    suffix = path.suffix.lower()
    packed = "archive" in _NOT_READ[suffix]
    expected = "what is in it, or a zip of that" if packed else "TIFF, HDF5, Zarr, MRC or PNG"
    return DataError(f"{_NOT_READ[suffix]} is not read", path=path, found=suffix, expected=expected)


def image_files(folder: Path) -> list[Path]:
    """The images in a folder in the order of their numbers, hidden files left out.

    Raises:
        DataError: if there are none, or their names do not give one order.
    """
    names = picture_names(folder)
    if not names:
        raise DataError("no images in this folder", path=folder, expected="numbered image files")
    return [folder / name for name in in_number_order(names, folder)]


def picture_names(folder: Path) -> list[str]:
    """The names of the images in a folder, hidden files left out, in no order."""
    try:
        there = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
        lost = next((path for path in there if path.is_symlink() and not path.exists()), None)
        files = [path for path in there if path.is_file()]
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", path=folder, expected="a folder you may read") from error
    if lost is not None:
        raise DataError("a link to a file that is not there", path=lost, expected="the image itself")
    return [path.name for path in files if not path.name.startswith(".")]


def open_pictures(files: Sequence[Path], *, smaller: Smaller = "refused", as_labels: bool = False) -> StackReader:
    """Opens single images of one folder as a stack, in the order given, or the stack that lies in all of them.

    Args:
        files: of one page each.
        smaller: what is done with images that are smaller than others: refused, or padded below and to the right, with
            0 or with the values along their edges.
        as_labels: as for `open_stack`.

    Raises:
        DataError: as `open_stack` does.
    """
    first = open_stack(files[0], as_labels=as_labels)
    if first.files:
        return _alone(first, files)
    first.close()
    sizes: list[tuple[int, int]] = []
    for path in files:
        with open_stack(path) as one:
            if len(one) != 1:
                raise DataError("several pages in a file of a folder", path=path, found=len(one), expected="one page")
            same_form(one, first, path, f"as in {files[0].name}", sizes=smaller == "refused")
            sizes.append((one.height, one.width))
    height, width = (max(sides) for sides in zip(*sizes, strict=True))
    reasonable(files[0].parent, height, width)

    def load(z: int) -> Page:
        with open_stack(files[z], as_labels=as_labels) as one:
            return padded(one.read(0), height, width, smaller)

    return StackReader(
        path=files[0].parent,
        names=[path.name for path in files],
        height=height,
        width=width,
        dtype=first.dtype,
        load=load,
        sizes=sizes,
        notes=first.notes if len(files) == 1 or as_labels else (),
    )


def padded(page: Page, height: int, width: int, smaller: Smaller) -> Page:
    """A page of that size, padded below and to the right with 0 or with the values along its edges."""
    missing = ((0, height - page.shape[0]), (0, width - page.shape[1]))
    if page.shape == (height, width):
        return page
    return np.pad(page, missing, mode="edge" if smaller == "edge" else "constant")


def _alone(stack: StackReader, files: Sequence[Path]) -> StackReader:
    """A stack that lies in several files, in a folder with no others."""
    others = [path.name for path in files if path not in stack.files]
    if others:
        raise DataError(
            "images that do not belong to the stack in the other files of this folder",
            path=files[0].parent,
            found=", ".join(others[:5]),
            expected=f"{len(stack.files)} files, as {files[0].name} says",
        )
    return stack


def _open_picture(path: Path, as_labels: bool) -> StackReader:
    # As a camera or a viewer says that it is to be turned. Of other formats the whole file would have to be read.
    turned = path.suffix.lower() in (".jpg", ".jpeg", ".webp")

    def header() -> tuple[int, int, str, int]:
        with warnings.catch_warnings():
            # A damaged file ends in one line, not in what Pillow thinks of it as well.
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                height, width = image.height, image.width
                if turned and image.getexif().get(_ORIENTATION, 1) > _TURNED_FROM:
                    height, width = width, height
                return height, width, image.mode, getattr(image, "n_frames", 1)

    height, width, mode, frames = decoded(path, header, "no image that can be read")
    if frames != 1:
        raise DataError("several frames in one picture", path=path, found=frames, expected="one, or a TIFF")
    reasonable(path, height, width)

    def load(_: int) -> Page:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened) if turned else opened
            if mode in _PILLOW_TYPES:
                return np.asarray(image).astype(_PILLOW_TYPES[mode])
            # Indices of a palette are no brightness; a bilevel image becomes 0 and 255.
            grey = luminance(np.asarray(image.convert("L" if mode in ("L", "LA", "1") else "RGB")))
            return told_apart(grey, _colours(image), path) if as_labels and mode not in ("L", "1") else grey

    return StackReader(
        path=path,
        names=[path.name],
        height=height,
        width=width,
        dtype=_PILLOW_TYPES.get(mode, np.uint8),
        load=load,
    )


def _colours(image: Image.Image) -> Page:
    """All that tells two pixels of a picture apart: red, green, blue, alpha, and the index in a palette."""
    colours = np.asarray(image.convert("RGBA"))
    return np.dstack([colours, np.asarray(image)]) if image.mode in ("P", "PA") else colours
