"""Verdicts on places: those of the reader and of others, kept in the run folder."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from dashboard import scratch, words
from dashboard.clicks import pressed
from dashboard.queue import Change, Named, TakenBack
from dashboard.state import Result
from segcore.errors import SegcoreError
from segcore.reviews import DECISIONS, Place, Reviews, Verdict, match
from segcore.storage import read_only

_REVIEWER = "errors reviewer"
REGION = "wrong pixels"
"""The kind of place that a region of wrong pixels is."""
SUSPECT = "label suspect"
"""The kind of place where the label may be wrong."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The verdicts in force on places of an evaluation.

    Attributes:
        reviewer: the reader's name; empty as long as nobody asked.
        of_places: the verdicts on each place, by its key.
        stale: those that belong to no place of this evaluation.
        other_data: how many belong to other pixels than these.
    """

    reviewer: str = ""
    of_places: dict[tuple[str, int, int, int], tuple[Verdict, ...]] = field(default_factory=dict)
    stale: tuple[Verdict, ...] = ()
    other_data: int = 0

    def own(self, place: Place) -> Verdict | None:
        """The reader's verdict on a place, if there is one."""
        return next((one for one in self._all(place) if one.reviewer == self.reviewer), None)

    def others(self, place: Place) -> list[Verdict]:
        """What others decided on it."""
        return [one for one in self._all(place) if one.reviewer != self.reviewer]

    def _all(self, place: Place) -> tuple[Verdict, ...]:
        return self.of_places.get(place.key, ())


@dataclass(kw_only=True)
class Desk:
    """Where somebody reviews: what was heard of the browser, who it is, and what became of the last verdict."""

    heard: int = 0
    reviewer: str = ""
    message: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, kw_only=True)
class Judgeable:
    """An evaluation with the places in it that can be judged.

    Attributes:
        result: the evaluation.
        places: that verdicts belong to, by the ids of what is listed.
    """

    result: Result
    places: Mapping[str, Place]


def reviews_of(result: Result) -> Reviews:
    """The verdicts on the data of an evaluation."""
    return Reviews.of_evaluation(result.run.folder, result.facts)


def judged(result: Result, places: Iterable[Place]) -> Judged:
    """The verdicts in force on these places; none, and a message on the page, where they cannot be read.

    Places are looked at only where there are verdicts.
    """
    reviewer = desk(result).reviewer
    reviews = reviews_of(result)
    try:
        latest, others = reviews.latest(), reviews.of_other_data()
    except SegcoreError as error:
        st.error(words.message(error), icon=":material/error:")
        return Judged(reviewer=reviewer)
    if not latest:
        return Judged(reviewer=reviewer, other_data=len(others))
    places = list(places)
    found = match(latest, places)
    of_places = {place.key: one for place, one in zip(places, found.of_places, strict=True) if one}
    # Regions of wrong pixels are others at every threshold, so these may well be there at another one.
    stale = tuple(one for one in found.stale if one.place.kind not in (REGION, SUSPECT))
    return Judged(reviewer=reviewer, of_places=of_places, stale=stale, other_data=len(others))


def desk(result: Result) -> Desk:
    """That of this session, for an evaluation."""
    found: Desk = st.session_state.setdefault(f"errors desk {result.run.name} {result.folder.name}", Desk())
    if not found.reviewer:
        # The same person at all of them.
        found.reviewer = str(st.session_state.get(_REVIEWER, ""))
    return found


def take_changes(at: Desk, of: Sequence[Judgeable], changes: Sequence[tuple[int, Change]]) -> None:
    """Keeps what the reader decided, each change once, and notes what became of it.

    Args:
        at: where it was decided.
        of: the evaluations that what is listed belongs to.
        changes: as reported.
    """
    may_write = not read_only()
    for number, change in changes:
        # A script that is to be run anew goes on beside the new one until it next calls Streamlit.
        with at.lock:
            if number <= at.heard:
                continue
            try:
                at.message = _taken(at, of, may_write, change)
            except SegcoreError as error:
                at.message = f"Not saved: {error}"
            at.heard = number
    st.session_state[_REVIEWER] = at.reviewer


def _taken(at: Desk, of: Sequence[Judgeable], may_write: bool, change: Change) -> str:
    # Nothing of Streamlit's here; see `reported`.
    if isinstance(change, Named):
        at.reviewer = " ".join(change.name.split())[:80]
        return ""
    if not may_write:
        return f"Not saved: {words.READ_ONLY[0].lower()}{words.READ_ONLY[1:]}"
    if isinstance(change, TakenBack):
        undone = _latest(of, at.reviewer).undo(at.reviewer)
        if undone is None:
            return "There is nothing to take back."
        return f"Taken back: {undone.decision}, {undone.place.kind} in slice {undone.place.slice}."
    found = next((one for one in of if change.id in one.places), None)
    if found is None:
        return "Not saved: this evaluation no longer has that place."
    result, place = found.result, found.places[change.id]
    reviews = reviews_of(result)
    decision = next((one for one in DECISIONS if one == change.decision), None)
    if decision is None:
        return "Not saved: there is no such decision."
    reviews.put(
        Verdict(
            place=place,
            dataset=result.dataset,
            fingerprint=reviews.fingerprint,
            reviewer=at.reviewer,
            decision=decision,
            note=change.note,
        )
    )
    return f"Saved: {change.decision}."


def _latest(of: Sequence[Judgeable], reviewer: str) -> Reviews:
    """Those with the reviewer's last verdict."""
    every = [reviews_of(one.result) for one in of]
    return max(
        every, key=lambda reviews: max((one.at for one in reviews.latest() if one.reviewer == reviewer), default="")
    )


def verdicts_section(result: Result, found: Judged) -> None:
    """What was decided, to take away, and others' to bring in."""
    reviews = reviews_of(result)
    number = sum(len(one) for one in found.of_places.values())
    said = [f"{words.count(number)} verdicts on splits, merges and slices of this evaluation."]
    if found.stale:
        said.append(
            f"{words.count(len(found.stale))} more belong to places that this evaluation does not have: they were made "
            "in another one, and are kept."
        )
    if found.other_data:
        said.append(f"{words.count(found.other_data)} are about other images or labels than these, and are kept.")
    st.markdown(" ".join(said))
    if found.stale:
        st.dataframe(
            [
                {"place": one.place.kind, "slice": one.place.slice, "y": one.place.y, "x": one.place.x}
                | {"reviewer": one.reviewer, "verdict": one.decision, "note": one.note, "made": words.when(one.at)}
                for one in found.stale
            ],
            hide_index=True,
        )
    name = f"{result.run.name}-{result.dataset}-reviews"
    with st.container(horizontal=True):
        for kind, make in (("csv", reviews.csv_bytes), ("json", reviews.json_bytes)):
            st.download_button(
                f"All verdicts as {kind.upper()}", make, f"{name}.{kind}", on_click="ignore", key=f"reviews as {kind}",
                icon=":material/download:", disabled=not (number or found.stale or found.other_data),
            )  # fmt: skip
    if read_only():
        return
    brought = st.file_uploader(
        "Bring in verdicts of others (CSV or JSON that was downloaded here)", ["csv", "json"], key="reviews brought"
    )
    if brought is not None and pressed("Take them in", key="take reviews", icon=":material/upload:"):
        folder = scratch.new_folder()
        try:
            path = folder / f"reviews{Path(brought.name).suffix}"
            path.write_bytes(brought.getvalue())
            taken = reviews.import_verdicts(path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        st.success(
            f"{words.count(taken.taken)} taken in; {words.count(taken.known)} were known; "
            f"{words.count(taken.not_newer)} are older than the same reviewer's verdict here."
        )
