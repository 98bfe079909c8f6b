"""What there is to learn from and be judged by: the slices, the split, and how more data gets here."""

from __future__ import annotations

import streamlit as st

from dashboard import notices, words
from dashboard.state import corrections, current
from dashboard.views.datasets import (
    announce,
    fetch_section,
    grid_section,
    import_section,
    installed_section,
    next_steps,
    scoring_section,
    slices_section,
    split_section,
)
from segcore.data import DatasetInfo
from segcore.runs import slice_ranges

SECTIONS = {
    "slices": "Slices",
    "grid": "All slices",
    "split": "Split and leaks",
    "score": "Score a prediction",
    "all": "All datasets",
    "import": "Import",
}


def page() -> None:
    selection = current()
    notices.heading("Data", selection, of="dataset")
    arrived = announce()
    linked = st.query_params.get("section")
    usual = "slices" if selection.dataset else "all"
    if "section" not in st.session_state:
        st.session_state["section"] = linked if linked in SECTIONS else usual
    section = st.segmented_control(
        "Section", list(SECTIONS), format_func=SECTIONS.__getitem__, required=True, key="section",
        persist_state="session", label_visibility="collapsed",
    )  # fmt: skip
    if section != linked:
        st.query_params["section"] = str(section)
    if section in ("slices", "grid", "split", "score"):
        if selection.dataset is None:
            st.info("There is no dataset to show yet. Fetch one under “All datasets”, or import your own.")
        else:
            _about(selection.dataset)
            if section == "score":
                scoring_section(selection.dataset)
                return
            next_steps(selection.dataset, selection.run)
            {"slices": slices_section, "grid": grid_section}.get(section, split_section)(selection, selection.dataset)
        return
    if arrived and selection.dataset is not None:
        next_steps(selection.dataset, selection.run, look=True)
    if section == "import":
        import_section()
    else:
        installed_section()
        fetch_section()


def _about(info: DatasetInfo) -> None:
    mark = " :violet-badge[synthetic]" if info.synthetic else ""
    st.subheader(f"{words.plain(info.title)}{mark}")
    labels = "with labels" if info.labelled else "without labels"
    if info.numbered:
        labels += " that number the neurites"
    if info.ignored_percent:
        share = sum(info.ignored_percent) / info.slices
        labels += " and" if info.numbered else " that"
        labels += f" leave {words.percent(share)} of the pixels out of learning and of all figures"
    if info.unlabelled_slices:
        labels += f" (slices {slice_ranges(info.unlabelled_slices)} as a whole)"
    if info.one_class_slices:
        labels += f"; of one class only: slices {slice_ranges(info.one_class_slices)}"
    volumes = (
        f" in {len(info.volumes)} volumes ({words.listed([one.name for one in info.volumes])})" if info.volumes else ""
    )
    st.markdown(
        f"{words.shape(info)}{volumes}, {labels}"
        + (f" · source: {words.plain(info.source)}" if info.source else "")
        + (f" · terms: {words.plain(info.terms)}" if info.terms else "")
    )
    if (made := corrections(info.name)) is not None:
        number = len(made.corrections)
        st.markdown(
            f"A corrected copy of {words.plain(made.original)}: the same images, "
            + (f"labels changed {'once' if number == 1 else f'{words.count(number)} times'}." if number
               else "and the same labels, as no correction is left.")
        )  # fmt: skip
    if info.citation:
        st.caption(f"Cite: {words.plain(info.citation)}")
    if info.synthetic:
        notices.synthetic()


page()
