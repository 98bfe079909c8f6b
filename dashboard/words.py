"""The app's words: what terms mean, how numbers are written, and text from files made harmless."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from segcore.data import DatasetInfo
from segcore.errors import SegcoreError
from segcore.stacks import Axes
from segcore.storage import read_only

SYNTHETIC = "Synthetic: these images were drawn by a program. Figures on them say nothing about real tissue."

HELP = {
    "run": "One trained model with all that belongs to it: its settings, its slices, its curves, its evaluations.",
    "dataset": "One stack of slices, with or without labels. The model of the run was evaluated on it.",
    "part": "Which slices of the dataset are shown. Test slices played no part in training; validation slices chose "
    "the best epoch and the thresholds; training slices were learned from.",
    "slice": "One image of the stack, counted from 0.",
    "threshold": "The model gives each pixel a probability of being cell interior. Pixels strictly above the "
    "threshold are called interior, the others membrane. Lower: more interior, more merges. Higher: more membrane, "
    "more splits.",
    "tolerance": "Wrong pixels closer than this to a true boundary are forgiven, because nobody draws a boundary to "
    "the pixel. 0 forgives nothing, 1 the pixels that touch a boundary.",
    "wrong": "Pixels whose predicted class differs from the label, in percent of the labelled pixels. Moving every "
    "boundary by one pixel already makes about 6 % of the pixels of such images wrong.",
    "missed": "Membrane that was called interior. Where it opens a membrane, two neurites are merged into one.",
    "false": "Interior that was called membrane. Where it crosses a neurite, the neurite is split in two.",
    "dice": "Overlap of prediction and label, from 0 (none) to 1 (equal): twice the shared pixels, divided by the "
    "pixels of both.",
    "iou": "Intersection over union, from 0 to 1: the shared pixels, divided by those that either has.",
    "v_rand": "How well whole neurites are kept apart and together, from 0 to 1, as the ISBI 2012 challenge measures "
    "it. Low values mean merges or splits. Neurites are connected pieces of interior, or of one number where labels "
    "number them. Mean over slices.",
    "v_info": "Like V_Rand, from information theory, 0 to 1. Small neurites weigh more in it. Mean over slices.",
    "pixel": "The threshold with the fewest wrong pixels on the validation slices.",
    "topology": "The threshold that keeps neurites apart best (highest V_Rand) on the validation slices.",
    "segments": "Neurites cut from the whole probability, not from a threshold: pieces are joined where the mean of "
    "their border says that it is no membrane. How much counts as membrane was chosen on the validation slices.",
    "harm": "Harm: by how much V_Rand of the slice would rise if one split or merge alone were undone.",
    "harm of slice": "The harm of all its splits and merges, each counted as if it alone were undone.",
    "loop": "Loops are enclosed in a neurite: mostly organelles whose outline was drawn, or predicted, as membrane.",
    "pooled": "All pixels of all slices counted together.",
    "validation": "Slices that training does not learn from; they decide which epoch is kept, and the thresholds.",
    "epoch": "One pass of training, followed by a look at the validation slices.",
    "learning_rate": "How large the steps of training are.",
    "loss": "What training minimises: how far the predicted probabilities are from the labels, as the chosen loss "
    "measures it. Lower is better; values of different losses cannot be compared.",
    "accuracy": "Share of pixels that are right, 0 to 1, at threshold 0.5.",
    "leak": "A slice leaks when the model was trained on it, or on a turned or mirrored copy of it. Slices are "
    "compared by their pixels, so another name does not hide it.",
    "axes": "How a volume lies in its file. TIFF, HDF5 and Zarr mostly have the slices first; NRRD and NIfTI say it.",
    "calibration": "Of the pixels that got a probability of 0.8, 80 % should be interior. The curve shows how far "
    "that holds.",
    "precision": "Of the pixels predicted as this class, the share that really are.",
    "recall": "Of the pixels that really are this class, the share that was predicted as such.",
}

SLICES = {"test": "test", "validation": "validation", "train": "training", "all": "labelled"}
"""What the slices of a part are called."""
PARTS = {"test": "test", "validation": "validation", "train": "training", "gap": "left out", "all": "all"}
"""What slices are used for, in a word."""

AXES: dict[Axes, str] = {
    "zyx": "z, y, x: slices first",
    "yxz": "y, x, z: slices last",
    "xyz": "x, y, z",
    "zxy": "z, x, y",
    "yzx": "y, z, x",
    "xzy": "x, z, y",
}
"""How the axes of a volume can lie in its file."""

PROTOCOLS = {
    "blocks": "Blocks: the last third is held out as test",
    "kfold": "Folds: three blocks, one held out",
    "bands": "Bands: rows of every slice, for stacks too short to hold slices out",
    "notebook": "Notebook: copies first, split at random afterwards (leaks)",
}

# What Markdown, LaTeX and Streamlit's own directives would read as more than text.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&^=\"'@/])")


def plain(text: object) -> str:
    """Text from a file, for places that read Markdown: shown as it is, on one line, never interpreted."""
    shown = "".join(one if one.isprintable() else " " for one in str(text))
    return _SPECIAL.sub(r"\\\1", " ".join(shown.split()))


def message(error: SegcoreError) -> str:
    """An error's one line, for `st.error`."""
    line = plain(error)
    return line[:1].upper() + line[1:] if error.path is None else line  # the name of a file stays as it is


def count(number: int) -> str:
    """12345 as 12,345."""
    return f"{number:,}"


def counted(number: int, one: str, many: str) -> str:
    """1 as "1 region", 12345 as "12,345 regions"."""
    return f"{count(number)} {one if number == 1 else many}"


def decimal(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where it is not defined."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 2) -> str:
    """A percentage with its unit."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f} %"


def corrected(original: str, places: int) -> str:
    """What a corrected copy of a dataset is, by the name of the original and in how many places."""
    where = "one place" if places == 1 else f"{count(places)} places" if places else "no place"
    return f"{original}, corrected in {where}"


def shape(info: DatasetInfo) -> str:
    """30 slices of 512 x 512 pixels, 4 x 4 x 50 nm."""
    text = f"{counted(info.slices, 'slice', 'slices')} of {info.height} × {info.width} pixels"
    if info.voxel_size_nm:
        depth, down, across = info.voxel_size_nm
        text += f", {across:g} × {down:g} nm a pixel, {depth:g} nm a slice"
    return text


def slice_name(z: int, name: str) -> str:
    """The name of a slice; empty where it only repeats the number, as those of the pages of a stack do."""
    return "" if name.isdecimal() and int(name) == z else name


def forgiven(tolerance: int) -> str:
    """What a tolerance of so many pixels forgives, which is not 0."""
    return f"errors closer than {tolerance} px to a true boundary forgiven"


def when(stamp: str | None) -> str:
    """An ISO 8601 time as day and minute, UTC."""
    try:
        return datetime.fromisoformat(stamp or "").astimezone(UTC).strftime("%d %b %Y, %H:%M UTC")
    except ValueError:
        return "unknown"


def no_run() -> str:
    """Why there is nothing to see, and what to do about it."""
    return "There is no run to show yet." + ("" if read_only() else " *Train a model* in the sidebar makes one.")


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else "none"


READ_ONLY = "This app runs read-only, so it does not write here."
