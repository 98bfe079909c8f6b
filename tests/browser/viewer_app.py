"""A page with nothing but the viewer, for its tests: what it shows is in the query."""

import json
import sys
from pathlib import Path

sys.path[:] = [str(Path(__file__).parents[2]), *sys.path]

import streamlit as st  # noqa: E402
from streamlit.runtime.scriptrunner import get_script_run_ctx  # noqa: E402

from dashboard.viewer import routes  # noqa: E402

if get_script_run_ctx(suppress_warning=True) is None:
    app = st.App(__file__, routes=routes())
else:
    from dashboard.viewer import Place, SliceRow, open_layers, viewer

    st.set_page_config(layout="wide")
    query = st.query_params
    dataset, run = query.get("dataset", "cells"), query.get("run", "net")
    layers = open_layers(dataset, None if run == "-" else run, "test")
    pages = sorted(layers.pages) if layers.pages else list(range(layers.slices))
    harms = json.loads(query.get("harms", "null"))
    shown = st.session_state.setdefault("shown", {"z": pages[0], "threshold": 0.5, "tolerance": 0})
    if st.button("To the last"):
        shown["z"] = pages[-1]

    if st.button("To the place"):
        shown["place"] = Place(
            number=shown["place"].number + 1 if "place" in shown else 1, slice=pages[0], y=60, x=80, area_px=900,
            text="split",
        )  # fmt: skip

    if st.button("To the corner"):
        shown["place"] = Place(number=99, slice=pages[0], y=512, x=512, area_px=14600, text="merge")

    @st.fragment
    def part() -> None:
        result = viewer(
            key="viewer",
            dataset=dataset,
            run=None if run == "-" else run,
            slices=[
                SliceRow(index=z, name=f"<b>{z:03}</b>.png", harm=harm)
                for z, harm in zip(pages, harms or [None] * len(pages), strict=True)
            ],
            voxel_nm=4.0,
            mode=query.get("mode", "single"),
            points={"pixel": 0.42, "topology": 0.71},
            **shown,
        )
        for name, value in (("z", result.slice), ("threshold", result.threshold), ("tolerance", result.tolerance)):
            if value is not None:
                shown[name] = value
        st.text(f"script: {shown['z']} {shown['threshold']:.4f} {shown['tolerance']}")

    part()
