"""What a source holds: which of its files are images, which are masks, and how many datasets they make."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from segcore.errors import DataError
from segcore.stacks import image_files, open_stack

_LABEL_FOLDERS = ("label", "labels", "mask", "masks", "groundtruth", "ground-truth", "ground_truth", "gt")
_IMAGE_FOLDERS = ("image", "images", "img", "imgs", "raw", "volume")
_LABEL_WORD = re.compile(r"label|mask|truth|annot|segment|(?<![a-z])gt(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One dataset to be: its name and where its images and masks are."""

    name: str
    images: Path
    labels: Path | None


def parts_of(root: Path, name: str, labels: Path | None) -> list[Part]:
    """The datasets that a source makes: NAME, and perhaps NAME-test of images to be tested on.

    Args:
        root: a file, or a folder that is laid out as `import_source` says.
        name: of the first.
        labels: where its masks are, if that was said.

    Raises:
        DataError: if no telling what is what.
    """
    if not root.is_dir():
        return [Part(name=name, images=root, labels=labels)]
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
        parts = [Part(name=name, images=folders["train"], labels=masks)]
        return parts + ([Part(name=f"{name}-test", images=folders["test"], labels=None)] if "test" in folders else [])
    images = next((folders[key] for key in _IMAGE_FOLDERS if key in folders), None)
    if images is not None:
        return [Part(name=name, images=images, labels=masks)]
    if masks is not None and labels is None:
        raise DataError("there are masks but no images", path=root, expected="a folder train/ or images/ beside them")
    if len(folders) == 1 and len(visible) == 1:
        return parts_of(next(iter(folders.values())), name, labels)
    if not any(path.is_file() for path in visible) and folders:
        expected = "train/, label/ and perhaps test/, or images/ and masks/"
        raise DataError("no folder of images is known here", path=root, found=", ".join(folders), expected=expected)
    return _parts_of_files(root, name, labels)


def _parts_of_files(root: Path, name: str, labels: Path | None) -> list[Part]:
    """A folder of numbered images, or of a multi-page stack and the stack of its labels."""
    try:
        files = image_files(root)
        numbered = not any(_pages(path) > 1 for path in files[:4])
    except DataError:
        files, numbered = [], True
    if numbered:
        return [Part(name=name, images=root, labels=labels)]
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
    parts = [Part(name=name, images=images[0], labels=masks[0] if masks else None)]
    return parts + [Part(name=f"{name}-test", images=path, labels=None) for path in tests]


def _pages(path: Path) -> int:
    with open_stack(path) as stack:
        return len(stack)
