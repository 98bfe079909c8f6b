"""Datasets: importing, fetching, drawing and exporting them, and the folder each is kept in.

In: images and masks as people have them. Out: `Dataset`s of 8-bit slices and labels.
May use: stacks, reviews."""

from segcore.data.archive import unpacked
from segcore.data.correcting import (
    CORRECTIONS,
    add_correction,
    copy_name,
    correct,
    corrections_of,
    original_fingerprint,
    take_back_correction,
)
from segcore.data.correction import Become, Correction, Corrections, runs_of
from segcore.data.dataset import (
    FORMAT_VERSION,
    IMAGES,
    INFO,
    LABELS,
    Check,
    Dataset,
    DatasetInfo,
    data_root,
    install,
    installed,
    open_dataset,
)
from segcore.data.exporting import export
from segcore.data.fetching import CATALOGUE, Fetchable, fetch
from segcore.data.fingerprints import slice_fingerprint
from segcore.data.importing import Preview, check_source, import_source
from segcore.data.label_kinds import ClassValues, LabelsAre, interior_of_instances
from segcore.data.label_reading import LabelOptions, UnlabelledSlices
from segcore.data.synthetic import make_stack

__all__ = [
    "CATALOGUE",
    "CORRECTIONS",
    "FORMAT_VERSION",
    "IMAGES",
    "INFO",
    "LABELS",
    "Become",
    "Check",
    "ClassValues",
    "Correction",
    "Corrections",
    "Dataset",
    "DatasetInfo",
    "Fetchable",
    "LabelOptions",
    "LabelsAre",
    "Preview",
    "UnlabelledSlices",
    "add_correction",
    "check_source",
    "copy_name",
    "correct",
    "corrections_of",
    "data_root",
    "export",
    "fetch",
    "import_source",
    "install",
    "installed",
    "interior_of_instances",
    "make_stack",
    "open_dataset",
    "original_fingerprint",
    "runs_of",
    "slice_fingerprint",
    "take_back_correction",
    "unpacked",
]
