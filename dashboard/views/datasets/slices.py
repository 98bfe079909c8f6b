"""A dataset slice by slice: the viewer, grey values, membrane by slice, and pictures to take away."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import words
from dashboard.figures import (
    GREEN,
    PART_COLOURS,
    grey_chart,
    membrane_overlay,
    picture_file,
    show_chart,
    slice_chart,
    swatches,
)
from dashboard.state import Selection, choose, grey_histogram, load_dataset
from dashboard.tables import csv_button
from dashboard.viewer import SliceRow, viewer
from dashboard.views.datasets.split import parts_of
from segcore.data import DatasetInfo


def slices_section(selection: Selection, info: DatasetInfo) -> None:
    """Draws the section of the chosen slice."""
    z = selection.z
    name = words.plain(words.slice_name(z, info.slice_names[z]))
    st.markdown(
        f"**Slice {z}**" + (f" ({name})" if name else "") + (f", {_labelled(info, z)}" if info.labelled else "")
    )
    changed = viewer(
        key="data viewer",
        dataset=info.name,
        slices=[SliceRow(index=index, name=one) for index, one in enumerate(info.slice_names)],
        z=z,
        voxel_nm=info.voxel_size_nm[2] if info.voxel_size_nm else None,
        mode="panes" if info.labelled else "single",
        theme=st.context.theme.type,
    )
    if changed.slice is not None and changed.slice != z:
        choose(slice=changed.slice)
        st.rerun()
    left, right = st.columns(2)
    with left:
        interior, membrane = grey_histogram(info.name, z)
        show_chart(
            grey_chart(interior, membrane), key="histogram", name=f"{info.name}-{z}-grey",
            description="Grey values of this slice",
        )  # fmt: skip
        table = pd.DataFrame({"grey value": range(256), "interior" if info.labelled else "pixels": interior})
        if membrane is not None:
            table["membrane"] = membrane
        csv_button("Grey values as CSV", table, f"{info.name}-{z}-grey-values.csv")
    with right:
        if info.labelled:
            parts = parts_of(selection, info)
            colours = [PART_COLOURS[parts[index]] if parts else GREEN for index in range(info.slices)]
            figure = slice_chart(
                range(info.slices),
                info.membrane_percent,
                colours,
                "Membrane by slice",
                "percent of what is labelled" if info.ignored_percent else "percent of the pixels",
                z,
                info.borders,
            )
            show_chart(figure, key="membrane", name=f"{info.name}-membrane", description="Membrane by slice")
            if parts:
                swatches(
                    [(PART_COLOURS[one], words.PARTS[one]) for one in PART_COLOURS
                     if one in parts.values()]
                )  # fmt: skip
            table = pd.DataFrame(
                {"slice": range(info.slices), "name": info.slice_names, "membrane %": info.membrane_percent}
                | ({"ignored %": info.ignored_percent} if info.ignored_percent else {})
            )
            csv_button("Membrane by slice as CSV", table, f"{info.name}-membrane.csv")
        else:
            st.info("This stack has no labels, so nothing can be measured on it. Models can still be tried on it.")
    _downloads(info, z)


def _labelled(info: DatasetInfo, z: int) -> str:
    """What is labelled of a slice."""
    if z in info.unlabelled_slices:
        return "ignored as a whole: nothing is learned from it, and no figure counts it"
    ignored = info.ignored_percent[z] if info.ignored_percent else 0
    membrane = f"**{words.percent(info.membrane_percent[z])}** membrane"
    return membrane + (f" of what is labelled, **{words.percent(ignored)}** ignored" if ignored else "")


def _downloads(info: DatasetInfo, z: int) -> None:
    stack = load_dataset(info.name)
    with st.container(horizontal=True):
        made: dict[str, Any] = {"Image": lambda: picture_file(stack.image(z), "png")}
        if info.labelled:
            made["Mask"] = lambda: picture_file(stack.label(z), "png")
            made["Superposition"] = lambda: picture_file(membrane_overlay(stack.image(z), stack.label(z)), "png")
        for label, data in made.items():
            st.download_button(
                f"{label} (PNG)", data, f"{info.name}-{z:03d}-{label.lower()}.png", "image/png", on_click="ignore",
                icon=":material/download:",
            )  # fmt: skip
