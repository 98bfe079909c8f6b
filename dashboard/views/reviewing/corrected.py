"""What was corrected in the labels, and what the prediction comes to with and without."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import words
from dashboard.state import Result, copies_of, load_dataset, stamp
from dashboard.trainings import open_form
from dashboard.views.reviewing.correcting import Bench, bench, counted_rows, is_of, take_back
from segcore.data import Correction, data_root
from segcore.errors import SegcoreError
from segcore.evaluation import LabelScores, scores_with, stored_scores
from segcore.measures import mean_over_slices
from segcore.storage import read_only

_CLICKED, _UNDONE = "corrected: clicked", "corrected: undone"


def corrected_section(result: Result, threshold: float) -> None:
    """The corrections of the labels of an evaluation, each to be taken back, and the scores with and without."""
    if st.session_state.pop(_UNDONE, False):
        st.rerun()  # all of the page, and not only its section
    at = bench(result)
    st.subheader("Corrected labels")
    if at.done is None or not at.done.corrections:
        equal = "" if at.done is None else f" {words.plain(at.copy)} is equal to {words.plain(at.original)}."
        how = (
            ""
            if read_only()
            else " A place that you call a *label error* can be left out, or given the other class, under the queue."
        )
        st.caption(f"No label is corrected.{equal}{how}")
        return
    _list(at, at.done.corrections)
    others = [one for one in copies_of(at.original) if one != at.copy]
    if others:
        names = words.listed([words.plain(one) for one in others])
        st.caption(f"{names}: other corrected copies of {words.plain(at.original)}, each with corrections of its own.")
    try:
        _scores(result, at, threshold)
    except SegcoreError as error:
        st.error(words.message(error), icon=":material/error:")
    _what_to_do_with_them(result, at)


def _list(at: Bench, corrections: tuple[Correction, ...]) -> None:
    number = "One place is" if len(corrections) == 1 else f"{words.count(len(corrections))} places are"
    st.markdown(
        f"{number} corrected in **{words.plain(at.copy)}**; the labels of {words.plain(at.original)} stay as they are."
    )
    # The buttons stand first, for at the right a table's own tools would cover them.
    buttons: dict[str, object] = {} if read_only() else {"undo": ":material/undo: Undo"}
    rows = [
        buttons
        | {
            "place": one.place.kind,
            "slice": one.place.slice,
            "y": one.place.y,
            "x": one.place.x,
            "pixels": one.pixels,
            "became": "left out" if one.become == "ignore" else one.become,
            "reviewer": one.reviewer,
            "note": one.note,
            "made": words.when(one.at),
        }
        for one in corrections
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=min(320, 38 + 35 * len(rows)),
        column_config={
            "pixels": st.column_config.NumberColumn(format="localized"),
            "became": st.column_config.TextColumn(
                help="What the pixels are in the copy. What is left out counts nowhere."
            ),
            "undo": st.column_config.ButtonColumn(
                "", type="tertiary", width="small", key=_CLICKED, on_click=_clicked, args=(at, corrections)
            ),
        },
    )


def _clicked(at: Bench, corrections: tuple[Correction, ...]) -> None:
    row = st.session_state[_CLICKED]["row"]
    if 0 <= row < len(corrections):
        take_back(at, corrections[row])
        st.session_state[_UNDONE] = True


# --- scores -------------------------------------------------------------------------------------


def _scores(result: Result, at: Bench, threshold: float) -> None:
    assert at.done is not None
    if not is_of(result, at):
        st.caption(f"Scores with both labels need {words.plain(at.original)} as it was evaluated, which is not here.")
        return
    changed = at.done.slices
    before, after = (scores_of(result, name, at, changed) for name in (at.original, at.copy))
    evaluated = [z for z in changed if z in result.evaluation.slices]
    number = len(result.evaluation.slices)
    which = f"All {number} {result.called} slices" if number > 1 else f"Slice {result.evaluation.slices[0]}"
    st.dataframe(_table(result, before, after, threshold), hide_index=True)
    st.caption(
        f"{which} at threshold {threshold:.3f}, without a tolerance; labels are corrected in "
        f"{len(evaluated) or 'none'} of them. The prediction is the same in both columns: V_Rand falls or rises "
        "because the labels changed, not the prediction."
    )


def scores_of(result: Result, labels: str, at: Bench, changed: Collection[int]) -> LabelScores:
    """What the prediction of an evaluation comes to with the labels of a dataset, one of the two of a bench.

    Only slices whose labels are others than those of the evaluation are measured anew; all of them where the labels of
    the evaluation are of neither.
    """
    known = {name: load_dataset(name).info.fingerprint for name in (at.original, at.copy)}
    measured = result.facts.get("dataset_fingerprint")
    if measured == known[labels]:
        return stored_scores(result.evaluation)
    slices = tuple(changed) if measured in known.values() else result.evaluation.slices
    key = str(result.folder.absolute()), stamp(result.folder), labels, stamp(data_root() / labels)
    return _measured(key, slices, result)


@st.cache_resource(max_entries=8, show_spinner="Measuring the corrected slices …")
def _measured(key: tuple[Any, ...], slices: tuple[int, ...], _result: Result) -> LabelScores:
    return scores_with(_result.evaluation, _result.folder, load_dataset(key[2]), slices, rows=counted_rows(_result))


def _table(result: Result, before: LabelScores, after: LabelScores, threshold: float) -> pd.DataFrame:
    """A row a score, as text: counts and shares stand in one column."""
    old, new = (one.evidence.confusion(threshold).pooled() for one in (before, after))
    of = (
        "of segments"
        if result.evaluation.events_at == "segments"
        else f"at the {result.evaluation.events_at} threshold"
    )
    counts: list[tuple[str, int, int]] = [
        ("wrong pixels", int(old.wrong_pixels), int(new.wrong_pixels)),
        ("counted pixels", int(old.pixels), int(new.pixels)),
        ("splits", _events(before, "split"), _events(after, "split")),
        ("merges", _events(before, "merge"), _events(after, "merge")),
    ]
    rows = [
        (
            "wrong",
            *(words.percent(float(one.wrong_percent), 3) for one in (old, new)),
            f"{float(new.wrong_percent) - float(old.wrong_percent):+.3f} points",
        ),
        *(
            (name, words.count(one), words.count(other), f"{other - one:+,}" if other != one else "0")
            for name, one, other in counts
        ),
    ]
    for name, measure in (("V_Rand", "v_rand"), ("V_Info", "v_info")):
        one, other = (mean_over_slices([getattr(score, measure) for score in some.scores]) for some in (before, after))
        difference = other - one
        rows.append(
            (
                f"{name} {of}",
                words.decimal(one, 4),
                words.decimal(other, 4),
                "–" if np.isnan(difference) else f"{difference:+.4f}",
            )
        )
    return pd.DataFrame(rows, columns=["score", "labels as they are", "corrected", "difference"])


def _events(scores: LabelScores, kind: str) -> int:
    return scores.events.column("kind").count(kind)


def _what_to_do_with_them(result: Result, at: Bench) -> None:
    if not read_only() and st.button(
        "Train on the corrected labels", key="train on corrected", icon=":material/model_training:",
        on_click=open_form, args=(at.copy,), help="Opens *Train a model* with this dataset chosen.",
    ):  # fmt: skip
        st.rerun()
    st.caption("In a terminal, in the project's folder, this run is evaluated on the corrected labels by:")
    st.code(f"python -m segcore evaluate {result.run.name} --dataset {at.copy}", language="sh")
