"""Datasets and the grey values of their slices, read once and again when their files change."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.state.stamps import Stamp, stamp
from segcore.data import INFO, Corrections, Dataset, DatasetInfo, corrections_of, data_root, open_dataset
from segcore.errors import SegcoreError
from segcore.runs import Run
from segcore.stacks import INTERIOR, MEMBRANE


def names_of_datasets() -> list[str]:
    """Every folder that holds a dataset, whole or not."""
    return sorted(path.parent.name for path in data_root().glob(f"*/{INFO}") if not path.parent.name.startswith("."))


def load_dataset(name: str) -> Dataset:
    """A dataset; `DataError` if it is missing or damaged."""
    return _dataset(str(data_root()), name, stamp(data_root() / name))


@st.cache_resource(max_entries=64, show_spinner=False)
def _dataset(root: str, name: str, key: Stamp) -> Dataset:
    return open_dataset(name)


def dataset_info(name: str) -> DatasetInfo | None:
    """The facts of a dataset, or None if it is not there or damaged."""
    try:
        return load_dataset(name).info
    except SegcoreError:
        return None


def corrections(name: str) -> Corrections | None:
    """What is corrected in a dataset; None where it is not there, damaged, or no corrected copy."""
    try:
        return _corrections(str(data_root()), name, stamp(data_root() / name))
    except SegcoreError:
        return None


@st.cache_resource(max_entries=64, show_spinner=False)
def _corrections(root: str, name: str, key: Stamp) -> Corrections | None:
    return corrections_of(load_dataset(name))


def is_measurable(run: Run, name: str) -> bool:
    """Whether a run can predict a dataset, or has when it was made: what a run without a network cannot any more."""
    info, made = dataset_info(name), corrections(name)
    if info is None or not info.labelled:
        return False
    try:
        run.check_predicts(info.fingerprint, "" if made is None else made.original_fingerprint)
    except SegcoreError:
        return False
    return True


def copies_of(name: str) -> list[str]:
    """The corrected copies of a dataset as it is now, the latest first."""
    info = dataset_info(name)
    found = [
        copy
        for one in names_of_datasets()
        if (of := corrections(one)) is not None
        and info is not None
        and (of.original, of.original_fingerprint) == (name, info.fingerprint)
        and (copy := dataset_info(one)) is not None
    ]
    return [one.name for one in sorted(found, key=lambda one: one.created, reverse=True)]


def broken_datasets() -> dict[str, SegcoreError]:
    """What is wrong with the datasets that cannot be opened, by name."""
    found = {}
    for name in names_of_datasets():
        try:
            load_dataset(name)
        except SegcoreError as error:
            found[name] = error
    return found


def grey_histogram(name: str, z: int) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Pixels by grey value of a slice: of interior and of membrane, or of all pixels and None without labels."""
    return _histogram(name, z, stamp(data_root() / name))


@st.cache_data(max_entries=64, show_spinner=False)
def _histogram(name: str, z: int, key: Stamp) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    stack = load_dataset(name)
    image = stack.image(z)
    if stack.labels is None:
        return np.bincount(image.ravel(), minlength=256), None
    label = stack.label(z)
    of_interior, of_membrane = (np.bincount(image[label == value], minlength=256) for value in (INTERIOR, MEMBRANE))
    return of_interior, of_membrane
