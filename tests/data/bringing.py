"""Imports with what is said of labels given by name, as most tests say one thing at a time."""

from __future__ import annotations

import dataclasses
import zipfile

import pytest
import tifffile
from PIL import Image

from segcore.data import LabelOptions
from segcore.data import check_source as check
from segcore.data import import_source as bring
from segcore.errors import DataError

_OF_LABELS = {field.name for field in dataclasses.fields(LabelOptions)}


def _sorted_out(options):
    said = {name: options.pop(name) for name in _OF_LABELS & options.keys()}
    return options | ({"label_options": LabelOptions(**said)} if said else {})


def import_source(source, name, **options):
    return bring(source, name, **_sorted_out(options))


def check_source(source, name, **options):
    return check(source, name, **_sorted_out(options))


def write_folder(folder, pages, name="{}.tif", first=0):
    """Writes pages as numbered files into a new folder."""
    folder.mkdir(parents=True)
    for z, page in enumerate(pages):
        path = folder / name.format(z + first)
        if path.suffix == ".tif":
            tifffile.imwrite(path, page, photometric="minisblack")
        else:
            Image.fromarray(page).save(path)
    return folder


def zipped(folder, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(folder.rglob("*")):
            packed.write(file, f"{folder.name}/{file.relative_to(folder)}")
    return path


def assert_refused(source, message, data_dir, listing, name="cells", **options):
    """Refused in one line that names a path, with nothing left, and the checks say the same."""
    with pytest.raises(DataError, match=message) as caught:
        import_source(source, name, **options)
    assert "\n" not in str(caught.value)
    assert caught.value.path is not None
    assert listing(data_dir) == []
    checks = check_source(source, name, **options)
    assert [check.passed for check in checks] == [True] * (len(checks) - 1) + [False]
    assert checks[-1].message == str(caught.value)
    assert listing(data_dir) == []
