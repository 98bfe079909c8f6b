"""The report of an evaluation, with a conclusion that is edited before it is saved; a part of the Overview."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import notices
from dashboard.state import Result, Stamp, broken_runs, load_dataset, load_run, names_of_datasets, names_of_runs, stamp
from segcore.report import Contents, draft_conclusion, gather, report_page, report_tables
from segcore.runs import Run


def report_section(result: Result) -> None:
    """Draws it closed at first; what is in the report is gathered when it is opened."""
    with st.expander("Report to hand on", icon=":material/summarize:", key="report", on_change="rerun") as form:
        if form.open:
            with notices.guarded():
                _form(result)


def _form(result: Result) -> None:
    st.caption(
        "One HTML file with figures, intervals, the most harmful errors as pictures, label suspects and the conclusion "
        "below. It needs no network and no app, and prints on A4."
    )
    broken = broken_runs()
    others = [name for name in names_of_runs() if name != result.run.name and name not in broken]
    others = [name for name in others if load_run(name).evaluations()]
    name = st.selectbox(
        "Compared with", [None, *others], format_func=lambda one: one or "no other run", key="report with"
    )
    other = None if name is None else load_run(name)
    with st.spinner("Gathering …"):
        contents = _contents(result, other)
    # A draft of other figures would be none of these.
    key = f"report conclusion {result.run.name} {result.folder.name} {stamp(result.folder)} {name}"
    text = st.text_area(
        "Conclusion", draft_conclusion(contents), key=key, height=260,
        help="Drafted from the measures. The first sentence of each paragraph is set in bold.",
    )  # fmt: skip
    with st.container(horizontal=True):
        st.download_button(
            "Report as HTML", partial(_page, contents, text), f"{result.run.name}-{result.dataset}.html", "text/html",
            icon=":material/download:", on_click="ignore", key="report page",
        )  # fmt: skip
        st.download_button(
            "Its tables as ZIP", partial(report_tables, contents), f"{result.run.name}-{result.dataset}.zip",
            "application/zip", icon=":material/download:", on_click="ignore", key="report tables",
        )  # fmt: skip


def _page(contents: Contents, conclusion: str) -> bytes:
    return report_page(contents, conclusion).encode()


def _contents(result: Result, other: Run | None) -> Contents:
    data = stamp(load_dataset(result.dataset).folder) if result.dataset in names_of_datasets() else ()
    others = () if other is None else tuple(stamp(folder) for folder in other.evaluations())
    key = stamp(result.folder), stamp(result.run.folder), data, others
    return _gathered(str(result.folder.absolute()), other.name if other else None, key, result, other)


@st.cache_resource(max_entries=4, show_spinner=False)
def _gathered(
    folder: str, with_run: str | None, key: tuple[Stamp | tuple[Stamp, ...], ...], _result: Result, _other: Run | None
) -> Contents:
    return gather(_result.run, dataset=_result.dataset, part=_result.part, other=_other)
