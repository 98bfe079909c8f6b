"""What is chosen, and what is read from disk for it: the only room that caches.

In: names, the address, the session. Out: runs, datasets, evaluations and what follows from them; a `Selection`; ways
to other pages. May use: viewer, figures."""

from dashboard.state.comparisons import comparable, comparison
from dashboard.state.datasets import (
    broken_datasets,
    copies_of,
    corrections,
    dataset_info,
    grey_histogram,
    is_measurable,
    load_dataset,
    names_of_datasets,
)
from dashboard.state.evaluations import (
    MeasuresAt,
    Result,
    counted_label,
    evaluated_parts,
    load_probability,
    load_result,
    load_segments,
    measures_at,
    pooled_evidence,
    sweep_thresholds,
)
from dashboard.state.headlines import headline
from dashboard.state.navigation import COMPARED, PAGES, compare, look_at, view
from dashboard.state.runs import broken_runs, latest_run, leak_audit, load_history, load_run, names_of_runs
from dashboard.state.selection import (
    Selection,
    choose,
    choose_run,
    chosen,
    current,
    range_of_slices,
    read_address,
    set_current,
    switch_run,
    write_address,
)
from dashboard.state.stamps import Stamp, stamp
from dashboard.state.thumbnails import error_picture

__all__ = [
    "COMPARED",
    "PAGES",
    "MeasuresAt",
    "Result",
    "Selection",
    "Stamp",
    "broken_datasets",
    "broken_runs",
    "choose",
    "choose_run",
    "chosen",
    "comparable",
    "compare",
    "comparison",
    "copies_of",
    "corrections",
    "counted_label",
    "current",
    "dataset_info",
    "error_picture",
    "evaluated_parts",
    "grey_histogram",
    "headline",
    "is_measurable",
    "latest_run",
    "leak_audit",
    "load_dataset",
    "load_history",
    "load_probability",
    "load_result",
    "load_run",
    "load_segments",
    "look_at",
    "measures_at",
    "names_of_datasets",
    "names_of_runs",
    "pooled_evidence",
    "range_of_slices",
    "read_address",
    "set_current",
    "stamp",
    "sweep_thresholds",
    "switch_run",
    "view",
    "write_address",
]
