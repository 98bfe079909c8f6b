"""Errors by the size of the neurite: whether the small ones were found as well as the large ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import words
from dashboard.state import Result
from dashboard.tables import csv_button
from segcore.measures import NEURITE_FATES, NeuriteFate, SizeGroup, by_quartile

FATES: dict[NeuriteFate, str] = {
    "whole": "One segment is this neurite and no other.",
    "split": "Several segments share it.",
    "merged": "Its segment holds another neurite, too.",
    "split and merged": "Several segments share it, and one of them holds another neurite, too.",
    "missed": "No segment holds enough of it. One that its neighbours flooded is merged.",
    "too small": "Fewer than 20 px: splits and merges are not told of it.",
}


def sizes_section(result: Result, point: str, voxel_size_nm: tuple[float, ...] | None) -> None:
    """Neurites of all slices in four groups by area.

    Args:
        result: the evaluation.
        point: name of the threshold at which pixels are counted.
        voxel_size_nm: (z, y, x) of the dataset, if it is known.
    """
    st.markdown("**By size of the neurite**")
    evaluation = result.evaluation
    sizes = evaluation.neurite_sizes
    if sizes is None:
        st.info(
            "This evaluation is older than this measure; evaluate the run again to have it.", icon=":material/info:"
        )
        return
    groups = by_quartile(sizes)
    if not groups:
        st.caption("There is no neurite in these slices.")
        return
    of = "segments" if evaluation.events_at == "segments" else f"the prediction at the {evaluation.events_at} threshold"
    lines = int(sizes.wrong_px[point][sizes.neurite == 0].sum())
    st.caption(
        f"Quarters of the {words.count(sum(one.neurites for one in groups))} neurites, by area. What became of them is "
        f"told of {of}, as in the list of splits and merges. Wrong pixels are counted at the {point} threshold with no "
        "tolerance, in the territory of a neurite: its own pixels and the membrane nearest to it. "
        f"{words.count(lines)} more lie on the lines between territories."
    )
    rare: tuple[NeuriteFate, ...] = ("missed", "too small")
    shown = [fate for fate in NEURITE_FATES if fate not in rare or any(group.fates[fate] for group in groups)]
    loops = any(group.loops_only for group in groups)
    table = pd.DataFrame(
        [
            _areas(group, voxel_size_nm)
            | {"neurites": group.neurites}
            | {fate: _share(group.fates[fate], group.neurites) for fate in shown}
            | ({"only by loops": _share(group.loops_only, group.neurites)} if loops else {})
            | {"wrong px": group.wrong_px[point], "in 1,000": 1000 * group.wrong_px[point] / group.territory_px}
            for group in groups
        ]
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={fate: st.column_config.TextColumn(help=FATES[fate]) for fate in shown}
        | {
            "only by loops": st.column_config.TextColumn(
                help=f"Split or merged by nothing but loops. {words.HELP['loop']}"
            ),
            "neurites": st.column_config.NumberColumn(format="localized"),
            "wrong px": st.column_config.NumberColumn(format="localized", help="Wrong pixels in their territories."),
            "in 1,000": st.column_config.NumberColumn(
                format="%.1f", help="Of a thousand pixels of their territories, how many are wrong."
            ),
        },
    )
    counts = pd.DataFrame([_counts(group, point) for group in groups])
    csv_button("Sizes as CSV", counts, f"{result.run.name}-{result.dataset}-neurite-sizes-{point}.csv")


def _areas(group: SizeGroup, voxel_size_nm: tuple[float, ...] | None) -> dict[str, str]:
    """The smallest and the largest area of a group, in each unit that is known."""
    found = {"area, px": f"{words.count(group.smallest_px)} to {words.count(group.largest_px)}"}
    if voxel_size_nm is not None:
        a_pixel = voxel_size_nm[1] * voxel_size_nm[2] / 1e6
        smallest, largest = (
            np.format_float_positional(px * a_pixel, precision=2, fractional=False, trim="-")
            for px in (group.smallest_px, group.largest_px)
        )
        found["area, µm²"] = f"{smallest} to {largest}"
    return found


def _share(number: int, of: int) -> str:
    return f"{words.count(number)} ({100 * number / of:.1f} %)" if number else "0"


def _counts(group: SizeGroup, point: str) -> dict[str, int]:
    return {
        "smallest_px": group.smallest_px,
        "largest_px": group.largest_px,
        "neurites": group.neurites,
        **{fate.replace(" ", "_"): number for fate, number in group.fates.items()},
        "loops_only": group.loops_only,
        "territory_px": group.territory_px,
        f"{point}_wrong_px": group.wrong_px[point],
    }
