"""Whether another run does better than the chosen one on the same slices, and whether that is more than chance."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from dashboard import notices, words
from dashboard.figures import BROKEN, FIXED, GREY, show_chart, slice_chart, swatches
from dashboard.state import (
    broken_runs,
    comparable,
    comparison,
    current,
    evaluated_parts,
    load_result,
    load_run,
    names_of_runs,
)
from dashboard.tables import csv_button, written_table
from dashboard.trainings import offer_evaluation
from dashboard.views.changes import changes_section
from segcore.errors import SegcoreError
from segcore.evaluation import (
    BLOCK,
    MEASURES,
    Comparison,
    Difference,
    difference_unit,
)
from segcore.runs import Run, slice_ranges

# Names the other run in the address.
_WITH = "with"
# The run that the other one was chosen for.
_FIRST = "compare first"


def page() -> None:
    selection = current()
    notices.heading("Compare", selection)
    if selection.run is None:
        st.info(words.no_run(), icon=":material/info:")
        return
    dataset = selection.result.dataset if selection.result else None
    other = _other(selection.run, dataset)
    if other is None:
        return
    try:
        found = comparison(selection.run, other, dataset)
    except SegcoreError as error:
        st.info(
            f"They cannot be compared: {words.plain(error.problem)}. {words.plain(error.found or '')}".strip(),
            icon=":material/info:",
        )
        wanted = dataset or selection.run.info.dataset
        # Two that were measured there, such as folds of a cross-validation, are not brought together by one more time.
        for run in (selection.run, other):
            if wanted not in {name for name, _ in evaluated_parts(run)}:
                offer_evaluation(run, wanted)
        return
    if found.unfair:
        st.warning(words.plain(found.unfair), icon=":material/warning:")
    if notes := [words.plain(one) for one in found.notes]:
        st.warning(f"To know before: {words.listed(notes)}.", icon=":material/warning:")
    st.markdown(f"**{words.plain(found.verdict())}**")
    st.caption(
        f"{found.counted} of {words.plain(found.first.dataset)} that both were measured on "
        f"({slice_ranges(found.slices)}). A difference is {words.plain(found.second.run)} less "
        f"{words.plain(found.first.run)}."
    )
    first, second = (
        load_result(run, side.dataset, side.part)
        for run, side in zip((selection.run, other), (found.first, found.second), strict=True)
    )
    changes_section(found, first, second)
    rows = found.differences()
    _table(found, rows)
    measure = st.selectbox(
        "Slice by slice", [row.measure for row in rows], format_func=lambda name: MEASURES[name].title,
        key=_key("measure", found), index=_usual(rows),
    )  # fmt: skip
    _slice_by_slice(found, measure)


def _other(run: Run, dataset: str | None) -> Run | None:
    """The run that the chosen one is compared with: the one before, that of the address, or the first there is."""
    broken = broken_runs()
    names = [name for name in names_of_runs() if name != run.name and name not in broken]
    names = [name for name in names if load_run(name).evaluations()]
    fitting = {name for name in names if comparable(run, load_run(name), dataset)}
    own = {one for one, _ in evaluated_parts(run)}
    # Then those that were measured on a dataset of the same name.
    names.sort(key=lambda name: (name not in fitting, not own & {one for one, _ in evaluated_parts(load_run(name))}))
    if not names:
        st.info("There is no other run that was evaluated. Two are needed to be compared.", icon=":material/info:")
        return None
    key, linked = "compare with", st.query_params.get(_WITH)
    before, kept = st.session_state.get(_FIRST), st.session_state.get(key)
    st.session_state[_FIRST] = run.name
    if before in names and kept == run.name:
        st.session_state[key] = before  # the two change places
    elif kept not in names:
        st.session_state[key] = linked if linked in names else names[0]
    elif before not in (None, run.name) and kept not in fitting and fitting:
        st.session_state[key] = names[0]  # it was chosen for another run
    chosen: str = st.selectbox(
        f"{run.name} is compared with", names, key=key, persist_state="session",
        help="Another run that was measured on the same slices against the same labels, whatever their dataset is "
        "called.",
    )  # fmt: skip
    if chosen != linked:
        st.query_params[_WITH] = chosen
    return load_run(chosen)


def _key(what: str, found: Comparison) -> str:
    """Names a choice of this comparison: the slices and measures of another are others."""
    return f"compare {what} {found.first.run} {found.second.run} {found.first.dataset} {found.first.part}"


def _usual(rows: tuple[Difference, ...]) -> int:
    """The measure that matters most of those in which the two differ at all."""
    names = [row.measure for row in rows if row.by_slice.low != row.by_slice.high]
    name = next((one for one in ("v_rand", "wrong_percent", *names) if one in names), rows[0].measure)
    return [row.measure for row in rows].index(name)


def _table(found: Comparison, rows: tuple[Difference, ...]) -> None:
    one, other = found.first.run, found.second.run
    cells = []
    for row in rows:
        measure = MEASURES[row.measure]
        ahead = other if row.better else one
        said = ahead if row.sure else "not told apart"
        values = (f"{value:.{measure.digits}f}{measure.unit}" for value in (row.first, row.second))
        difference = f"{row.by_slice.mean:+.{measure.digits}f}"
        cells.append((measure.title, *values, difference, row.slice_ends, row.block_ends, said))
    header = (
        "mean over slices", one, other, "difference", "95 % interval, by slice", f"by blocks of {BLOCK}",
        "better" if found.fair else "ahead here",
    )  # fmt: skip
    written_table("Measures of both runs", header, cells)
    st.caption(
        "An interval says where the mean difference would lie in 95 of 100 sets of slices like these. Neighbouring "
        f"slices look alike and fail alike, which drawing them in blocks of {BLOCK} allows for. Two runs are told "
        "apart where neither interval holds 0. Differences of percentages are in percentage points. Pixels are counted "
        "at the threshold each run chose for itself."
    )
    table = pd.DataFrame(
        [
            {
                "measure": MEASURES[row.measure].title,
                found.first.run: row.first,
                found.second.run: row.second,
                "difference": row.by_slice.mean,
                "low by slice": row.by_slice.low,
                "high by slice": row.by_slice.high,
                f"low by blocks of {BLOCK}": row.by_block.low,
                f"high by blocks of {BLOCK}": row.by_block.high,
            }
            for row in rows
        ]
    )
    csv_button("Differences as CSV", table, f"{found.first.run}-{found.second.run}.csv")


def _slice_by_slice(found: Comparison, name: str) -> None:
    measure, values = MEASURES[name], found.values[name]
    apart = values[:, 1] - values[:, 0]
    gains = apart > 0 if measure.higher_is_better else apart < 0
    known = [at for at in range(len(apart)) if not math.isnan(apart[at])]
    if not any(apart[at] for at in known):
        st.caption(f"The two runs do not differ in {measure.title} in any of the slices.")
        return
    colours = [FIXED if gains[at] else GREY if apart[at] == 0 else BROKEN for at in known]
    show_chart(
        slice_chart(
            [found.slices[at] for at in known], [float(apart[at]) for at in known], colours,
            f"Difference in {measure.title}", difference_unit(measure).strip() or "difference", current().z,
        ),
        key="compare slices", name="difference-by-slice", description=f"Difference in {measure.title} by slice",
    )  # fmt: skip
    better = "better" if found.fair else "ahead"
    swatches(
        [(FIXED, f"{found.second.run} is {better} in this slice"), (BROKEN, f"{found.first.run} is {better} in it")]
    )
    table = pd.DataFrame(
        {
            "slice": found.slices,
            found.first.run: values[:, 0],
            found.second.run: values[:, 1],
            "difference": apart,
        }
    )
    with st.expander("Slice by slice as a table", icon=":material/table:"):
        st.dataframe(table, hide_index=True, height=320)
        csv_button("Slices as CSV", table, f"{found.first.run}-{found.second.run}-{name}.csv")


page()
