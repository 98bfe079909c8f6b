"""The few figures of a run that stand in a list of runs, from its summary alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard.state.stamps import Stamp, stamp
from segcore.errors import RunError
from segcore.runs import Run
from segcore.storage import read_json


@dataclass(frozen=True, kw_only=True)
class Headline:
    """What was measured on the test slices of a run's own dataset; None where it was not, or cannot be read.

    Attributes:
        wrong_percent: wrong pixels in percent, at the threshold with the fewest of them on the validation slices, or
            the only one.
        v_rand: of the segments, mean over slices.
        splits, merges: of neurites.
    """

    wrong_percent: float | None = None
    v_rand: float | None = None
    splits: int | None = None
    merges: int | None = None


def headline(of: Run) -> Headline:
    """Read again when the evaluation changes. Opening it, as its pages do, checks much more."""
    folder = of.evaluation(of.info.dataset)
    return _headline(str(folder.absolute()), stamp(folder))


@st.cache_resource(max_entries=512, show_spinner=False)
def _headline(folder: str, key: Stamp) -> Headline:
    if not key:
        return Headline()
    try:
        found = read_json(Path(folder) / "summary.json", RunError)
        points, segments, events = found["operating_points"], found.get("segments"), found["events"]
        point = points.get("pixel") or next(iter(points.values()))
        return Headline(
            wrong_percent=float(point["pooled"]["wrong_percent"]),
            v_rand=None if segments is None or segments["v_rand"] is None else float(segments["v_rand"]),
            splits=int(events["splits"]),
            merges=int(events["merges"]),
        )
    except (RunError, KeyError, TypeError, ValueError, AttributeError):
        return Headline()
