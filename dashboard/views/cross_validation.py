"""The figures of a cross-validation, and how sure they are; a section of the Overview."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from dashboard import notices
from segcore.crossval import BLOCK, MEASURES, CrossValidation, read_results
from segcore.measures import Interval
from segcore.runs import Run, slice_ranges

_COLUMNS = {
    "wrong_percent": ("wrong pixels", "%.2f %%"),
    "v_rand_topology": ("V_Rand at topology", "%.4f"),
    "v_rand": ("V_Rand of segments", "%.4f"),
    "v_info": ("V_Info of segments", "%.4f"),
}


def cross_validation_section(run: Run) -> None:
    """Means over all slices with their intervals, and a row for each network; nothing for any other run."""
    with notices.guarded():
        found = read_results(run)
        if found is not None:
            _section(found, run)


def _section(found: CrossValidation, run: Run) -> None:
    st.subheader("Cross-validation", help=_HELP)
    points = run.info.operating_points
    alike = points is not None and points.segments is not None
    folds, seeds = ({getattr(one, name) for one in found.members} for name in ("fold", "seed"))
    st.markdown(
        f"{len(found.slices)} slices in {len(folds)} folds"
        + (f", with {len(seeds)} seeds each" if len(seeds) > 1 else "")
        + ". Each network is measured once, on the slices held out from it, at the settings it chose itself; so these "
        "means differ from those above, which are at the same thresholds for all slices"
        + (" and with the same settings of segments." if alike else ".")
    )
    rows = []
    for name, (title, form) in _COLUMNS.items():
        by_slice, by_block = found.interval(name), found.interval(name, block=BLOCK)
        rows.append(
            {
                "measure": title,
                "mean over slices": _text(by_slice.mean, form),
                "95 % interval, by slice": _range(by_slice, form),
                f"by blocks of {BLOCK} slices": _range(by_block, form),
                "deviation of folds": _text(found.spread_over_folds(name), form),
            }
            | ({"deviation of seeds": _text(found.spread_over_seeds(name), form)} if len(seeds) > 1 else {})
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    st.dataframe(
        pd.DataFrame(
            {
                "network": [one.run for one in found.members],
                "test slices": [slice_ranges(one.slices) for one in found.members],
                "seed": [one.seed for one in found.members],
                **{title: [one.mean(name) for one in found.members] for name, (title, _) in _COLUMNS.items()},
                "minutes": [one.minutes for one in found.members],
            }
        ),
        hide_index=True,
        column_config={
            "minutes": st.column_config.NumberColumn(format="%.0f"),
            **{
                title: st.column_config.NumberColumn(format=form, help=MEASURES[name])
                for name, (title, form) in _COLUMNS.items()
            },
        },
    )


_HELP = (
    "The stack is cut into folds of neighbouring slices. For each fold a network is trained on the others, with slices "
    "left out on both sides of it, and measured on this one. An interval says where the mean would lie in 95 of 100 "
    "stacks like this one, as far as these slices can tell. Drawn in blocks it allows for neighbours that are alike, "
    "and is the one to trust."
)


def _text(value: float, form: str) -> str:
    return "–" if math.isnan(value) else form % value


def _range(interval: Interval, form: str) -> str:
    return "–" if math.isnan(interval.mean) else f"{form % interval.low} to {form % interval.high}"
