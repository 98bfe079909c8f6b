"""What a source holds: which of its files are images, which are masks, and how many datasets they make."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from segcore.errors import DataError
from segcore.stacks import (
    IMAGE_SUFFIXES,
    file_of,
    image_files,
    in_number_order,
    inside_of,
    is_container,
    is_read,
    open_stack,
    paired_by_stem,
    picture_names,
)

_LABEL_FOLDERS = (
    "label", "labels", "mask", "masks", "groundtruth", "ground-truth", "ground_truth", "gt", "labelstr", "target",
    "targets", "train_masks", "train_mask", "train_labels", "train_label", "training_target", "training_masks",
    "training_labels", "training_groundtruth", "segmentation", "segmentations", "annotations", "y",
)  # fmt: skip
_IMAGE_FOLDERS = (
    "image", "images", "img", "imgs", "raw", "volume", "imagestr", "source", "input", "inputs", "train_images",
    "train_image", "train_imgs", "training_source", "training_images", "training_input", "x",
)  # fmt: skip
_TEST_FOLDERS = ("test", "imagests", "test_images", "test_source", "testing_source", "testing_images")
_LABEL_WORD = re.compile(r"label|mask|truth|annot|segment|(?<![a-z])gt(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One dataset to be: its name, and where its images and masks are: a stack, a folder, or files in order.

    Several files are a slice each, or a volume each.
    """

    name: str
    images: tuple[Path, ...]
    labels: tuple[Path, ...] = ()


def parts_of(root: Path, name: str, labels: Path | None) -> list[Part]:
    """The datasets that a source makes: NAME, and perhaps NAME-test of images to be tested on.

    Args:
        root: a file, a folder that is laid out as `import_source` says, or a pattern such as `sub-*/micr/*.png` or
            `sample_*.hdf:volumes/raw`.
        name: of the first.
        labels: where its masks are, if that was said.

    Raises:
        DataError: if no telling what is what.
    """
    if is_pattern(root):
        return [_matching(name, root, labels)]
    if not root.is_dir() or is_container(root):
        return [_pair(name, root, labels)]
    try:
        visible = [path for path in sorted(root.iterdir()) if not path.name.startswith((".", "__MACOSX"))]
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", path=root, expected="a folder you may read") from error
    containers = [path for path in visible if is_container(path)]
    folders = {path.name.lower(): path for path in visible if path.is_dir() and path not in containers}
    # What else lies there, a README or Thumbs.db, is no reason not to look further.
    files = [path for path in visible if is_read(path)]
    masks = labels or _only(root, folders, _LABEL_FOLDERS, "masks")
    images = _only(root, folders, _IMAGE_FOLDERS, "images")
    if "train" in folders:
        return _trained_and_tested(root, name, folders, masks)
    if images is not None:
        if masks is None:
            _refuse_others(root, images, folders)
        return [_pair(name, images, masks), *_tests(name, folders)]
    if masks is not None and labels is None:
        expected = "a folder train/ or images/ beside them"
        if files:
            expected += f", or --labels {masks.name} if the files beside it are the images"
        raise DataError("there are masks but no images", path=root, expected=expected)
    if len(folders) == 1 and not files:
        return parts_of(next(iter(folders.values())), name, labels)
    packed = [path for path in visible if path.suffix.lower() == ".zip"]
    if packed and not files:
        raise DataError("a zip in a zip, or in a folder", path=packed[0], expected="the inner one, or its files")
    if not files and folders:
        expected = "train/, label/ and perhaps test/, or images/ and masks/"
        raise DataError("no folder of images is known here", path=root, found=", ".join(folders), expected=expected)
    volumes = [path for path in files if path in containers or path.suffix.lower() not in IMAGE_SUFFIXES]
    if volumes:
        return _parts_of_stacks(root, name, labels, files)
    return _parts_of_files(root, name, labels)


def is_pattern(path: Path) -> bool:
    """Whether a path stands for the files whose names match it."""
    return not path.exists() and any(sign in str(path) for sign in "*?[")


def _matching(name: str, images: Path, masks: Path | None) -> Part:
    """The files of a pattern, perhaps in several folders, with those of another one."""
    found = _files_of(images)
    if masks is None:
        return Part(name=name, images=tuple(found))
    others = _files_of(masks) if is_pattern(masks) else [masks / one for one in picture_names(masks)]
    mine, theirs = ({file_of(path).name: path for path in group} for group in (found, others))
    pairs = paired_by_stem(list(mine), list(theirs))
    if pairs is None or len(mine) < len(found) or len(theirs) < len(others):
        raise DataError(
            "the images and masks of these patterns do not pair up by their names",
            path=images,
            found=f"{len(found)} images such as {file_of(found[0]).name}, {len(others)} masks"
            + (f" such as {file_of(others[0]).name}" if others else ""),
            expected="a mask for each image, whose name begins with that of the image",
        )
    return Part(
        name=name, images=tuple(mine[one] for one, _ in pairs), labels=tuple(theirs[other] for _, other in pairs)
    )


def _files_of(pattern: Path) -> list[Path]:
    place, inside = file_of(pattern), inside_of(pattern)
    fixed = next(parent for parent in place.parents if not any(sign in str(parent) for sign in "*?["))
    there = sorted(fixed.glob(str(place.relative_to(fixed))))
    found = [path for path in there if path.is_file() or is_container(path)]
    if not found:
        raise DataError("no file has a name of this pattern", path=pattern, expected="one that some files have")
    return [Path(f"{path}:{inside}") for path in found] if inside else found


def beside(images: Path) -> Path | None:
    """A folder of masks, by its name, beside a folder of images."""
    with suppress(OSError):
        there = {path.name.lower(): path for path in images.parent.iterdir() if path.is_dir() and path != images}
        return _first(there, _LABEL_FOLDERS) if images.is_dir() else None
    return None


def _only(root: Path, folders: dict[str, Path], names: tuple[str, ...], what: str) -> Path | None:
    """The folder by one of these names; of several the one with files that are read.

    Raises:
        DataError: if that is no single one.
    """
    found = [folders[name] for name in names if name in folders]
    full = [path for path in found if _holds_any(path)] if len(found) > 1 else found
    if len(full) > 1:
        listed = ", ".join(path.name for path in full)
        option = f"--labels {full[0].name}" if what == "masks" else f"{full[0].name} alone as the source, with --labels"
        raise DataError(f"several folders may hold the {what}", path=root, found=listed, expected=option)
    return next(iter(full or found), None)


def _holds_any(folder: Path) -> bool:
    with suppress(OSError):
        return any(map(is_read, folder.iterdir()))
    return False


def _first(folders: dict[str, Path], names: tuple[str, ...]) -> Path | None:
    return next((folders[name] for name in names if name in folders), None)


def _tests(name: str, folders: dict[str, Path]) -> list[Part]:
    tests = _first(folders, _TEST_FOLDERS)
    if tests is None:
        return []
    with suppress(OSError):
        below = {path.name.lower(): path for path in tests.iterdir() if path.is_dir()}
        tests = _first(below, _IMAGE_FOLDERS) or tests
    return [Part(name=f"{name}-test", images=(tests,))]


def _trained_and_tested(root: Path, name: str, folders: dict[str, Path], masks: Path | None) -> list[Part]:
    """`train/` with its masks beside it, or with images and masks in it."""
    if masks is not None:
        return [_pair(name, folders["train"], masks), *_tests(name, folders)]
    with suppress(OSError):
        below = {path.name.lower(): path for path in folders["train"].iterdir() if path.is_dir()}
        images = _only(folders["train"], below, _IMAGE_FOLDERS, "images")
        masks = _only(folders["train"], below, _LABEL_FOLDERS, "masks")
        if images is not None and masks is not None:
            return [_pair(name, images, masks), *_tests(name, folders)]
    raise DataError(
        "there is a folder train but none of its masks", path=root, expected="train/, label/ and perhaps test/"
    )


def _refuse_others(root: Path, images: Path, folders: dict[str, Path]) -> None:
    """Images without masks are fine; beside another folder of pictures, which may be the masks, it is asked for."""
    others = [
        path.name
        for key, path in folders.items()
        if path != images and key not in _TEST_FOLDERS and _has_pictures(path)
    ]
    if others:
        raise DataError(
            f"no folder of masks is known beside {images.name}",
            path=root,
            found=", ".join(others),
            expected=f"--labels {others[0]}, or {images.name} alone as the source",
        )


def _has_pictures(folder: Path) -> bool:
    try:
        return bool(picture_names(folder))
    except DataError:
        return False


def _pair(name: str, images: Path, masks: Path | None) -> Part:
    """Images and masks, by the numbers in their names, or where these give no order by what is the same in them."""
    if masks is None or not (images.is_dir() and masks.is_dir()):
        return Part(name=name, images=(images,), labels=() if masks is None else (masks,))
    mine, theirs = picture_names(images), picture_names(masks)
    try:
        in_number_order(mine, images)
        in_number_order(theirs, masks)
    except DataError:
        pairs = paired_by_stem(mine, theirs)
        if pairs is None:
            raise
        return _of_files(name, images, masks, pairs)
    return Part(name=name, images=(images,), labels=(masks,))


def _of_files(name: str, images: Path, masks: Path, pairs: list[tuple[str, str]]) -> Part:
    return Part(
        name=name, images=tuple(images / one for one, _ in pairs), labels=tuple(masks / other for _, other in pairs)
    )


def _parts_of_files(root: Path, name: str, labels: Path | None) -> list[Part]:
    """A folder of images, of images with their masks, or of multi-page stacks."""
    mixed = _mixed(root, name) if labels is None else None
    if mixed is not None:
        return [mixed]
    try:
        files = image_files(root)
        numbered = not any(map(_is_volume, files[:4]))
    except DataError:
        files, numbered = [], True
    if numbered:
        return [_pair(name, root, labels)]
    return _parts_of_stacks(root, name, labels, files)


def _parts_of_stacks(root: Path, name: str, labels: Path | None, files: list[Path]) -> list[Part]:
    """A stack of images, perhaps with one of its labels and one to be tested on."""
    masks = [path for path in files if _LABEL_WORD.search(path.stem)]
    images = [path for path in files if path not in masks and path != labels]
    if labels is not None:
        masks = [labels]
    tests = [path for path in images if "test" in path.stem.lower()] if len(images) > 1 else []
    images = [path for path in images if path not in tests]
    if len(masks) > 1 and labels is None:
        masks = [path for path in masks if "test" not in path.stem.lower()]
    if labels is None and len(images) == len(masks) > 1 and len(tests) <= 1:
        pairs = paired_by_stem([path.name for path in images], [path.name for path in masks])
        if pairs is not None:
            volumes = _of_files(name, root, root, pairs)
            return [volumes] + [Part(name=f"{name}-test", images=(path,)) for path in tests]
    if len(images) != 1 or len(masks) > 1 or len(tests) > 1:
        raise DataError(
            "several stacks, and no telling which is which",
            path=root,
            found=", ".join(path.name for path in files),
            expected="one stack of images, one of labels, and perhaps one of test images; or several of each that pair "
            "up by their names, such as a_raw.tif with a_labels.tif",
        )
    parts = [Part(name=name, images=(images[0],), labels=tuple(masks))]
    return parts + [Part(name=f"{name}-test", images=(path,)) for path in tests]


def _mixed(root: Path, name: str) -> Part | None:
    """Pictures and their masks in one folder, such as `img_0.tif` and `img_0_masks.tif`; None if it is no such one."""
    names = sorted(picture_names(root))
    masks = [one for one in names if _LABEL_WORD.search(Path(one).stem)]
    images = [one for one in names if one not in masks]
    if not images or not masks or len(names) < 4 or _is_volume(root / images[0]):
        return None
    pairs = paired_by_stem(images, masks)
    if pairs is None:
        raise DataError(
            "images and masks in one folder do not pair up by their names",
            path=root,
            found=f"{len(images)} images such as {images[0]}, {len(masks)} masks such as {masks[0]}",
            expected="a mask for each image, such as img_0.tif with img_0_mask.tif",
        )
    return _of_files(name, root, root, pairs)


def _is_volume(path: Path) -> bool:
    """Whether a file holds several slices by itself."""
    with open_stack(path) as stack:
        return len(stack) > 1 and not stack.files
