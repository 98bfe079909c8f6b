"""The run folder: what was trained, how, on which slices, and whether it was judged by what it had seen.

In: a name. Out: a `Run` with its settings, split, history and status.
May use no other room."""

from segcore.runs.parts import NetworkPart, describe
from segcore.runs.run import (
    EpochRecord,
    OperatingPoints,
    Run,
    RunInfo,
    append_history,
    check_free,
    create_run,
    evaluation_folder,
    models_root,
    now,
    open_run,
    run_names,
    threshold_value,
    versions,
    write_history,
)
from segcore.runs.splits import (
    LeakAudit,
    Split,
    audit,
    audit_split,
    make_split,
    patches_an_epoch,
    slice_ranges,
    split_to_dict,
    spread,
)
from segcore.runs.status import StatusWriter, TrainingStatus, previewed_slice, previews, read_status, seconds_left

__all__ = [
    "EpochRecord",
    "LeakAudit",
    "NetworkPart",
    "OperatingPoints",
    "Run",
    "RunInfo",
    "Split",
    "StatusWriter",
    "TrainingStatus",
    "append_history",
    "audit",
    "audit_split",
    "check_free",
    "create_run",
    "describe",
    "evaluation_folder",
    "make_split",
    "models_root",
    "now",
    "open_run",
    "patches_an_epoch",
    "previewed_slice",
    "previews",
    "read_status",
    "run_names",
    "seconds_left",
    "slice_ranges",
    "split_to_dict",
    "spread",
    "threshold_value",
    "versions",
    "write_history",
]
