"""The run folder: what was trained, how, on which slices, and whether it was judged by what it had seen.

In: a name. Out: a `Run` with its settings, split, history and status.
May use no other room."""

from segcore.runs.bands import Bands, Rows
from segcore.runs.environment import now, versions
from segcore.runs.history import EpochRecord, append_history, moving_mean, write_history
from segcore.runs.leaks import NOTHING, LeakAudit, Overlap, Seen, audit_split
from segcore.runs.memory import TrainingMemory, memory_in_words, training_memory
from segcore.runs.outside import Outside, OutsideKind
from segcore.runs.parts import NetworkPart, describe
from segcore.runs.points import OperatingPoints, PointOfSlices, SegmentPoint, by_point
from segcore.runs.previews import Previews
from segcore.runs.run import (
    Run,
    RunInfo,
    check_free,
    create_run,
    evaluation_folder,
    models_root,
    open_run,
    run_names,
    threshold_value,
)
from segcore.runs.splits import (
    Split,
    make_split,
    patches_an_epoch,
    row_range,
    slice_ranges,
    slices_of,
    split_of,
    split_to_dict,
    spread,
)
from segcore.runs.status import StatusWriter, TrainingStatus, memory_mb, read_status, seconds_left

__all__ = [
    "NOTHING",
    "Bands",
    "EpochRecord",
    "LeakAudit",
    "NetworkPart",
    "OperatingPoints",
    "Outside",
    "OutsideKind",
    "Overlap",
    "PointOfSlices",
    "Previews",
    "Rows",
    "Run",
    "RunInfo",
    "Seen",
    "SegmentPoint",
    "Split",
    "StatusWriter",
    "TrainingMemory",
    "TrainingStatus",
    "append_history",
    "audit_split",
    "by_point",
    "check_free",
    "create_run",
    "describe",
    "evaluation_folder",
    "make_split",
    "memory_in_words",
    "memory_mb",
    "models_root",
    "moving_mean",
    "now",
    "open_run",
    "patches_an_epoch",
    "read_status",
    "row_range",
    "run_names",
    "seconds_left",
    "slice_ranges",
    "slices_of",
    "split_of",
    "split_to_dict",
    "spread",
    "threshold_value",
    "training_memory",
    "versions",
    "write_history",
]
