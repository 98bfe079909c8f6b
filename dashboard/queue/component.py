"""The queue as a component: a list that the viewer follows at once, without a run of the script in between.

for number, change in reported("errors queue", heard).changes: ...   # what the reader decided
queue(key="errors queue", rows=rows, version="1", heard=number, reviewer="Ada")
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.viewer import Place, place_as_data
from segcore.measures import last_membrane_value

QUEUE_KEYS = ("n", "p", "a", "m", "l", "u", "ctrl+z")
"""Keys that the queue takes, wherever on the page."""

_HERE = Path(__file__).parent
_MOST_REPORTS = 500


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What the small pictures in the rows are of.

    Attributes:
        dataset, run, part: of the evaluation.
        version: of the viewer's layers; browsers keep pictures by it.
        threshold: at which errors are marked.
        tolerance: those nearer to a true boundary, in px, are not.
    """

    dataset: str
    run: str
    part: str
    version: str
    threshold: float
    tolerance: int


@dataclass(frozen=True, kw_only=True)
class QueueRow:
    """A place to review.

    Attributes:
        id: its name in the address, the same in the next evaluation if the place is.
        kind: `merge` or `split`, which has a colour; other words have none.
        title: what it is, in two or three words.
        said: what is known of it, in a sentence or two.
        harm: by how much V_Rand of the slice would rise if it were undone; nan where nobody knows.
        size_px: pixels in the wrong part.
        place: where it is, shown by the viewer.
        decision: the reader's own verdict, or None.
        note: that goes with it.
        others: what others decided, as (name, decision).
        pictures: what its small picture is of, where that is not what those of the other rows are.
    """

    id: str
    kind: str
    title: str
    said: str
    harm: float
    size_px: int
    place: Place
    decision: str | None = None
    note: str = ""
    others: tuple[tuple[str, str], ...] = ()
    pictures: Pictures | None = None


@dataclass(frozen=True)
class Decided:
    """A verdict on a row, by its id."""

    id: str
    decision: str
    note: str


@dataclass(frozen=True)
class TakenBack:
    """The reader's last verdict is to be taken back."""


@dataclass(frozen=True)
class Named:
    """Who the reader is."""

    name: str


Change = Decided | TakenBack | Named


@dataclass(frozen=True, kw_only=True)
class QueueReport:
    """What the reader did, as far as it was not heard.

    Attributes:
        changes: in order, each with its number, which rises. They come from a browser and are checked only for their
            types.
        chosen: id of the row that is chosen now; None where there is none.
    """

    changes: tuple[tuple[int, Change], ...]
    chosen: str | None


def reported(key: str, heard: int) -> QueueReport:
    """What the queue with this key reported, before it is drawn again.

    The browser repeats a change until it is told that its number was heard. So whoever acts on one notes that right
    afterwards, with nothing of Streamlit's in between, for a script can be ended at every call of it; and under a lock,
    for until then it runs beside the one that takes its place. Else a change would be lost, or made twice.

    Args:
        key: of the component.
        heard: number of the last change that was acted on.
    """
    view = (st.session_state.get(key) or {}).get("view")
    if not isinstance(view, Mapping):
        return QueueReport(changes=(), chosen=None)
    changes: list[tuple[int, Change]] = []
    reports = view.get("reports")
    for report in (reports if isinstance(reports, list) else [])[:_MOST_REPORTS]:
        number, change = _change(report)
        if change is not None and number > (changes[-1][0] if changes else heard):
            changes.append((number, change))
    chosen = view.get("chosen")
    return QueueReport(changes=tuple(changes), chosen=chosen if isinstance(chosen, str) else None)


def queue(
    *,
    key: str,
    rows: Sequence[QueueRow],
    version: str,
    heard: int,
    pictures: Pictures | None = None,
    chosen: str | None = None,
    reviewer: str = "",
    may_decide: bool = True,
    progress: str = "",
    message: str = "",
    empty: str = "Nothing is left to review here.",
    below_px: int = 0,
    least_px: int = 0,
    theme: str | None = None,
) -> None:
    """Draws the queue. What was done in it is told by `reported`, before the page is drawn.

    Args:
        key: of the component; what is chosen stays as long as the key does.
        rows: in the order in which they are walked through.
        version: another one when rows are others than in the last run, apart from their verdicts.
        heard: number of the last change that was acted on.
        pictures: what each row has a small picture of; None for none.
        chosen: id of the row to begin with.
        reviewer: whose verdicts these are; empty to have the reader asked before the first one.
        may_decide: False where nothing may be written.
        progress: how much was reviewed, in words.
        message: what became of the last verdict, such as why it could not be saved.
        empty: what stands in place of rows where there are none.
        below_px: so much of the window stays free under the queue, for what the page draws there.
        least_px: so high the list is at least, however little of the window is free; about five rows if 0.
        theme: `light` or `dark`.
    """
    _component()(
        key=key,
        data={
            "version": version,
            "rows": [_row(row) for row in rows],
            "pictures": pictures and _pictures(pictures),
            "chosen": chosen,
            "reviewer": reviewer,
            "mayDecide": may_decide,
            "progress": progress,
            "message": message,
            "empty": empty,
            "belowPx": below_px,
            "leastPx": least_px,
            "heard": heard,
            "theme": theme,
        },
        default={"view": None},
        on_view_change=_nothing,
    )


def _nothing() -> None:
    """Streamlit keeps a state only with a callback."""


@cache
def _component() -> Any:
    return st.components.v2.component(
        "segcore_queue",
        css=(_HERE / "queue.css").read_text(encoding="utf-8"),
        js=(_HERE / "queue.js").read_text(encoding="utf-8"),
    )


def _row(row: QueueRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "title": row.title,
        "said": row.said,
        "harm": None if math.isnan(row.harm) else row.harm,
        "size": row.size_px,
        "place": place_as_data(row.place),
        "decision": row.decision,
        "note": row.note,
        "others": [list(one) for one in row.others],
        "pictures": row.pictures and _pictures(row.pictures),
    }


def _pictures(of: Pictures) -> dict[str, str]:
    """The beginning and the end of their addresses; the place of a row comes between."""
    query = {"value": last_membrane_value(of.threshold), "tolerance": of.tolerance, "version": of.version}
    return {
        "stack": f"/segcore/thumbnails/{of.dataset}/{of.run}/{of.part}",
        "query": "&".join(f"{name}={value}" for name, value in query.items()),
    }


def _change(report: object) -> tuple[int, Change | None]:
    # It comes from a browser, so it can be anything.
    if not isinstance(report, Mapping):
        return 0, None
    number = report.get("number")
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int):
        return 0, None
    texts = {name: report.get(name) for name in ("id", "decision", "note", "name")}
    text = {name: value for name, value in texts.items() if isinstance(value, str)}
    match report.get("what"):
        case "decided" if {"id", "decision", "note"} <= text.keys():
            return number, Decided(text["id"], text["decision"], text["note"])
        case "taken back":
            return number, TakenBack()
        case "named" if "name" in text:
            return number, Named(text["name"])
    return number, None
