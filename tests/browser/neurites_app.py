"""A page with the viewer and places, for tests of what it says of neurites: all of it is in the query.

`places` is a JSON list of places, each shown by its button; `keys` are those that are left to the
page, parted by spaces; `other` is a run that the shown one is compared with.
"""

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
    from dashboard.viewer import OtherRun, Place, SliceRow, open_layers, viewer

    st.set_page_config(layout="wide")
    query = st.query_params
    dataset, run = query.get("dataset", "cells"), query.get("run", "net")
    layers = open_layers(dataset, None if run == "-" else run, "test")
    pages = sorted(layers.pages) if layers.pages else list(range(layers.slices))
    said = st.session_state.setdefault(
        "said", {"z": int(query.get("z", pages[0])), "place": None, "count": 0, "picked": None}
    )
    for number, facts in enumerate(json.loads(query.get("places", "[]"))):
        if st.button(f"Place {number}"):
            said["count"] += 1
            tuples = {name: tuple(facts[name]) for name in ("neurites", "segments", "box") if name in facts}
            openings = tuple(tuple(one) for one in facts.get("openings", ()))
            said["place"] = Place(**facts | tuples | {"openings": openings, "number": said["count"], "text": "split"})
    if st.button("No place"):
        said["place"] = None
    other = query.get("other")
    if st.checkbox("Hide the viewer"):
        st.stop()
    result = viewer(
        key="viewer",
        dataset=dataset,
        run=None if run == "-" else run,
        slices=[SliceRow(index=z, name=f"{z:03}") for z in pages],
        z=said["z"],
        mode=query.get("mode", "single"),
        other=OtherRun(run=other, dataset=dataset, part="test", threshold=0.5) if other else None,
        place=said["place"],
        keys_left=query.get("keys", "").split(),
    )
    said["z"] = said["z"] if result.slice is None else result.slice
    said["picked"] = result.picked or said["picked"]
    st.text(f"script: {said['z']} {said['picked']}")
