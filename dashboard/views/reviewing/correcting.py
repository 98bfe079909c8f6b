"""A place whose label is wrong: its pixels are left out, or given the other class, in a corrected copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import streamlit as st

from dashboard import words
from dashboard.state import Result, copies_of, corrections, dataset_info, load_dataset, load_probability, stamp
from dashboard.views.reviewing.items import Item
from dashboard.views.reviewing.verdicts import REGION, SUSPECT, reviews_of
from segcore import measures
from segcore.data import (
    Become,
    Correction,
    Corrections,
    add_correction,
    copy_name,
    data_root,
    runs_of,
    take_back_correction,
)
from segcore.errors import DataError, SegcoreError
from segcore.reviews import Verdict
from segcore.runs import Rows
from segcore.stacks import Truth, only_rows
from segcore.storage import read_only

BELOW_QUEUE_PX = 56
"""How much of the window the line under the queue takes."""
_SAID, _LAST = "correcting: said", "correcting: last"
_SLICE = "slice"

_IN_SPLITS: tuple[Literal["train", "validation", "test"], ...] = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where the labels that an evaluation was measured against are corrected.

    Attributes:
        original: name of the dataset whose labels stay as they are.
        copy: name of its corrected copy, which need not be there yet.
        done: what is corrected in it; None where it is not there, or is something else.
    """

    original: str
    copy: str
    done: Corrections | None

    @property
    def labels(self) -> str:
        """Name of the dataset with the labels as far as they are corrected."""
        return self.original if self.done is None else self.copy


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """The pixels that a place stands for.

    Attributes:
        runs: themselves; empty where none is wrong.
        pixels: how many they are.
        missed: whether they are missed membrane, or else false membrane; None of a slice as a whole.
    """

    runs: tuple[tuple[int, int, int], ...]
    pixels: int
    missed: bool | None

    @property
    def other(self) -> Become:
        """The class that they are not labelled as."""
        return "interior" if self.missed else "membrane"


def bench(result: Result) -> Bench:
    """That of an evaluation: of one on a corrected copy it is this copy."""
    own = corrections(result.dataset)
    if own is not None:
        return Bench(original=own.original, copy=result.dataset, done=own)
    there = copies_of(result.dataset)
    wanted = str(st.session_state.get(_key_of_name(result.dataset), "")).strip()
    copy = wanted or (there[0] if there else copy_name(result.dataset))
    return Bench(original=result.dataset, copy=copy, done=corrections(copy) if copy in there else None)


def counted_rows(result: Result) -> Rows | None:
    """The rows of each slice that the evaluation counts; None for all of them."""
    part = next((one for one in _IN_SPLITS if one == result.part), None)
    return None if part is None else result.run.split.rows(part)


def is_of(result: Result, at: Bench) -> bool:
    """Whether the dataset that is here is the one that was evaluated, apart from what was corrected since."""
    info, measured = dataset_info(at.original), reviews_of(result).fingerprint
    return info is not None and measured in ("", info.fingerprint)


def wrong_at(result: Result, item: Item, labels: str, threshold: float, tolerance: int) -> Wrong:
    """The wrong pixels that a place stands for, at the threshold that the viewer shows; none may be left.

    Of a region they are itself; of a label suspect those in its box. Of a split or merge those of its kind that hang
    together with its openings, however near a boundary they are. Of a slice all pixels that are labelled.

    Args:
        result: the evaluation.
        item: the place.
        labels: name of the dataset whose labels are meant.
        threshold, tolerance: that are chosen.
    """
    key = str(result.folder.absolute()), stamp(result.folder), labels, stamp(data_root() / labels)
    return _wrong_at(key, item.id, threshold, tolerance, result, item)


@st.cache_resource(max_entries=64, show_spinner=False)
def _wrong_at(key: tuple[Any, ...], name: str, threshold: float, tolerance: int, _result: Result, _item: Item) -> Wrong:
    place = _item.judged_at
    label = only_rows(load_dataset(key[2]).label(place.slice), counted_rows(_result))
    truth = Truth.of(label)
    counted, missed = truth.counted, None
    if place.kind == _SLICE:
        mask = np.ones(label.shape, bool) if counted is None else counted
    else:
        missed = _item.kind == "merge"
        if place.kind == REGION and tolerance:
            far = measures.boundary_distance(truth.interior, counted) >= tolerance
            counted = far if counted is None else counted & far
        prediction = measures.predicted_interior(load_probability(_result, place.slice), threshold)
        places = _item.place.openings or ((place.y, place.x),)
        mask = measures.wrong_pixels_at(truth.interior, prediction, counted, places, missed=missed)
        if place.kind == SUSPECT:  # what hangs together with it along boundaries is not in doubt
            inside = np.zeros_like(mask)
            inside[place.top : place.bottom, place.left : place.right] = True
            mask &= inside
    return Wrong(runs=runs_of(mask), pixels=int(mask.sum()), missed=missed)


# --- the line under the queue -------------------------------------------------------------------


def correct_line(
    result: Result, chosen: str | None, item: Item | None, verdict: Verdict | None, threshold: float, tolerance: int
) -> None:
    """What can be done about the label at the chosen place, once the reader called it wrong, or what was done.

    Args:
        result: the evaluation.
        chosen: id of what is chosen in the queue.
        item: that place; None where it is gone, as a region is with the label that it had.
        verdict: the reader's own on it.
        threshold, tolerance: that are chosen.
    """
    if read_only():
        return
    with st.container(key="correcting", horizontal=True, gap="small", vertical_alignment="center"):
        try:
            at = bench(result)
            if (done := _done(at, chosen, item)) is not None:
                _what_was_done(at, done)
            elif item is not None and verdict is not None and verdict.decision == "label error":
                _what_can_be_done(result, at, item, verdict, threshold, tolerance)
        except SegcoreError as error:
            st.caption(words.message(error))
    if text := st.session_state.pop(_SAID, None):
        st.error(text, icon=":material/error:")


def _what_can_be_done(
    result: Result, at: Bench, item: Item, verdict: Verdict, threshold: float, tolerance: int
) -> None:
    if not is_of(result, at):
        st.caption(f"Its label cannot be corrected: {words.plain(at.original)} as it was evaluated is not here.")
        return
    wrong = wrong_at(result, item, at.labels, threshold, tolerance)
    if not wrong.pixels:
        st.caption(_nothing_there(at, item, threshold))
        return
    make = partial(_button, at, item, verdict, wrong)
    if wrong.missed is None:
        make("Leave the slice out", "ignore", f"All {words.count(wrong.pixels)} labelled pixels of the slice")
    else:
        what = f"{words.count(wrong.pixels)} pixels of {'missed' if wrong.missed else 'false'} membrane at this place"
        make("Leave it out", "ignore", what)
        make("Give it the other class", wrong.other, what)
    if result.dataset == at.original:
        with st.popover("Into", help=f"Into which copy: {words.plain(at.copy)} so far."):
            _name_field(at)


def _done(at: Bench, chosen: str | None, item: Item | None) -> Correction | None:
    """The correction of the chosen place; of one that is gone, if it is the last that was corrected here."""
    if at.done is None:
        return None
    if item is not None:
        return at.done.of_place(item.judged_at)
    name, last = st.session_state.get(_LAST, (None, None))
    return last if name is not None and name == chosen and last in at.done.corrections else None


def _what_was_done(at: Bench, done: Correction) -> None:
    st.markdown(f"Corrected: {words.count(done.pixels)} px {_became(done.become)}", width="content")
    st.button(
        "Undo", key="correcting undo", type="tertiary", icon=":material/undo:", on_click=take_back, args=(at, done),
        help=f"Makes {words.plain(at.copy)} anew without this correction: its labels there are those of "
        f"{words.plain(at.original)} again, but for what other corrections say.",
    )  # fmt: skip


def _became(become: Become) -> str:
    return {"ignore": "left out", "membrane": "now membrane", "interior": "now interior"}[become]


def _nothing_there(at: Bench, item: Item, threshold: float) -> str:
    whose = "" if at.done is None else f" in {words.plain(at.copy)}"
    if item.judged_at.kind == _SLICE:
        return f"No pixel of the slice is labelled{whose}, so there is nothing to leave out."
    return f"At threshold {threshold:.3f} no wrong pixel lies at this place{whose}, so there is nothing to correct."


def _button(at: Bench, item: Item, verdict: Verdict, wrong: Wrong, text: str, become: Become, what: str) -> None:
    copy = words.plain(at.copy) + ("" if at.done is not None else " (a new copy)")
    labelled = "" if wrong.missed is None else f", labelled {'membrane' if wrong.missed else 'interior'},"
    if become == "ignore":
        means = f"are to be ignored in {copy}: not learned from, and counted in no figure."
    else:
        means = f"become {become} in {copy}."
    info = dataset_info(at.original)
    if become == "interior" and info is not None and info.numbered:
        means += " Neurites keep their numbers, so two that are numbered apart stay two."
    st.button(
        text, key=f"correcting {'ignore' if become == 'ignore' else 'other'}", on_click=_correct,
        args=(at, item, verdict, wrong.runs, become),
        help=f"{what}{labelled} {means} {words.plain(at.original)} stays as it is.",
    )  # fmt: skip


def _key_of_name(dataset: str) -> str:
    return f"correcting into, from {dataset}"


def _name_field(at: Bench) -> None:
    key = _key_of_name(at.original)
    if not str(st.session_state.get(key, "")).strip():
        st.session_state[key] = at.copy
    st.text_input(
        "Corrected copy", key=key, persist_state="session",
        help="A dataset of its own, with the same images. One that is there already goes on being corrected.",
    )  # fmt: skip


def _correct(at: Bench, item: Item, verdict: Verdict, runs: tuple[tuple[int, int, int], ...], become: Become) -> None:
    made = Correction(place=item.judged_at, become=become, runs=runs, reviewer=verdict.reviewer, note=verdict.note)
    if _tried(lambda: add_correction(_original(at), at.copy, made)):
        st.session_state[_LAST] = (item.id, made)


def take_back(at: Bench, correction: Correction) -> None:
    """Takes a correction back; what went wrong is said under the queue."""
    _tried(lambda: take_back_correction(_original(at), at.copy, correction))


def _original(at: Bench) -> Any:
    """The dataset as it was when the copy was made."""
    original = load_dataset(at.original)
    if at.done is not None and original.info.fingerprint != at.done.original_fingerprint:
        raise DataError(
            f"{at.original} is not what {at.copy} was made from any more",
            path=original.folder,
            found=original.info.fingerprint[:12],
            expected=at.done.original_fingerprint[:12],
        )
    return original


def _tried(change: Callable[[], object]) -> bool:
    try:
        change()
    except SegcoreError as error:
        st.session_state[_SAID] = words.message(error)
        return False
    return True
