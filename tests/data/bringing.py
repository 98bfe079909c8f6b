"""Imports with what is said of labels given by name, as most tests say one thing at a time."""

from __future__ import annotations

import dataclasses

import tifffile
from PIL import Image

from segcore.data import LabelOptions
from segcore.data import check_source as check
from segcore.data import import_source as bring

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
