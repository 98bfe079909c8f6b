"""Verdicts on events: those of the reader and of others, kept in the run folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from dashboard import scratch, words
from dashboard.queue import Decided, Named, TakenBack
from dashboard.state import Result
from segcore.errors import SegcoreError
from segcore.measures import Event
from segcore.reviews import Decision, Place, Reviews, Verdict, match
from segcore.storage import read_only

_REVIEWER = "errors reviewer"
_MESSAGE = "errors message"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The verdicts in force on the events of an evaluation.

    Attributes:
        reviewer: the reader's name; empty as long as nobody asked.
        of_events: the verdicts on each event, by its place.
        stale: those that belong to no event of this evaluation.
        other_data: how many belong to other pixels than these.
    """

    reviewer: str = ""
    of_events: dict[tuple[str, int, int, int], tuple[Verdict, ...]] = field(default_factory=dict)
    stale: tuple[Verdict, ...] = ()
    other_data: int = 0

    def own(self, event: Event) -> Verdict | None:
        """The reader's verdict on an event, if there is one."""
        return next((one for one in self._all(event) if one.reviewer == self.reviewer), None)

    def others(self, event: Event) -> list[Verdict]:
        """What others decided on it."""
        return [one for one in self._all(event) if one.reviewer != self.reviewer]

    def _all(self, event: Event) -> tuple[Verdict, ...]:
        return self.of_events.get(place_of(event).key, ())


def place_of(event: Event) -> Place:
    """Where an event is, as verdicts know it."""
    return Place(
        kind=f"{'loop ' if event.loop else ''}{event.kind}",
        slice=event.slice,
        y=event.y,
        x=event.x,
        top=event.top,
        left=event.left,
        bottom=event.bottom,
        right=event.right,
    )


def reviews_of(result: Result) -> Reviews:
    """The verdicts on the data of an evaluation."""
    return Reviews(result.run.folder, str(result.facts.get("dataset_fingerprint", "")))


def judged(result: Result) -> Judged:
    """The verdicts in force; none, and a message on the page, where they cannot be read."""
    reviewer = str(st.session_state.get(_REVIEWER, ""))
    reviews = reviews_of(result)
    try:
        latest, others = reviews.latest(), reviews.of_other_data()
    except SegcoreError as error:
        st.error(words.message(error), icon=":material/error:")
        return Judged(reviewer=reviewer)
    if not latest:
        return Judged(reviewer=reviewer, other_data=len(others))
    places = [place_of(event) for event in result.evaluation.events]
    found = match(latest, places)
    of_events = {place.key: one for place, one in zip(places, found.of_places, strict=True) if one}
    return Judged(reviewer=reviewer, of_events=of_events, stale=found.stale, other_data=len(others))


def take_changes(result: Result, events: dict[str, Event], changes: Sequence[Decided | TakenBack | Named]) -> str:
    """Keeps what the reader decided, and says what became of the last of it; empty where there is nothing to say."""
    for change in changes:
        try:
            message = _taken(result, events, change)
        except SegcoreError as error:
            message = f"Not saved: {error}"
        st.session_state[_MESSAGE] = message
    return str(st.session_state.get(_MESSAGE, ""))


def _taken(result: Result, events: dict[str, Event], change: Decided | TakenBack | Named) -> str:
    if isinstance(change, Named):
        st.session_state[_REVIEWER] = " ".join(change.name.split())[:80]
        return ""
    if read_only():
        return f"Not saved: {words.READ_ONLY[0].lower()}{words.READ_ONLY[1:]}"
    reviewer = str(st.session_state.get(_REVIEWER, ""))
    reviews = reviews_of(result)
    if isinstance(change, TakenBack):
        undone = reviews.undo(reviewer)
        if undone is None:
            return "There is nothing to take back."
        return f"Taken back: {undone.decision}, {undone.place.kind} in slice {undone.place.slice}."
    event = events.get(change.id)
    if event is None:
        return "Not saved: this evaluation no longer has that place."
    # A verdict checks what it is made of, this among it.
    decision: Decision = change.decision  # type: ignore[assignment]
    reviews.put(
        Verdict(
            place=place_of(event),
            dataset=result.dataset,
            fingerprint=str(result.facts.get("dataset_fingerprint", "")),
            reviewer=reviewer,
            decision=decision,
            note=change.note,
        )
    )
    return f"Saved: {change.decision}."


def progress(events: Iterable[Event], found: Judged) -> str:
    """How many of these events were judged by anybody, and how much of their harm."""
    events = list(events)
    done = [event for event in events if found.own(event) or found.others(event)]
    harm, of = (sum(max(0.0, event.harm) for event in some if event.harm == event.harm) for some in (done, events))
    text = f"{words.count(len(done))} of {words.count(len(events))} reviewed"
    return f"{text}, {100 * harm / of:.0f} % of the harm" if of else text


def verdicts_section(result: Result, found: Judged) -> None:
    """What was decided, to take away, and others' to bring in."""
    reviews = reviews_of(result)
    number = sum(len(one) for one in found.of_events.values())
    said = [f"{words.count(number)} verdicts on the splits and merges of this evaluation."]
    if found.stale:
        said.append(
            f"{words.count(len(found.stale))} more belong to places that this evaluation does not have: they were made "
            "in another one, and are kept."
        )
    if found.other_data:
        said.append(f"{words.count(found.other_data)} are about other images than these, and are kept.")
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
    if brought is not None and st.button("Take them in", key="take reviews", icon=":material/upload:"):
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
