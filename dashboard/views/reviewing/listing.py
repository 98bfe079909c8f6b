"""What the queue lists: places of one kind, those that pass the filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from dashboard import words
from dashboard.queue import Pictures
from dashboard.state import MeasuresAt, Result, Selection
from dashboard.views.reviewing.events import Filter, event_items, event_pictures
from dashboard.views.reviewing.items import Listed
from dashboard.views.reviewing.regions import MOST_PIXELS, number_of_regions, region_items
from dashboard.views.reviewing.slices import slice_items
from dashboard.views.reviewing.suspects import suspect_items, why_no_suspects
from segcore.evaluation import harm_is_known

KINDS = {
    "all": "Splits and merges, by harm",
    "merge": "Merges",
    "split": "Splits",
    "loop": "Loops inside neurites",
    "slice": "Slices, by harm",
    "region": "Regions of wrong pixels, by size",
    "suspect": "Label suspects, by what hangs on them",
}


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is to be reviewed.

    Attributes:
        listed: the places, the worst first.
        undecided: whether only what the reader has not judged is.
        pictures: what there are small pictures of; None where there are no images.
        empty: what is said where nothing is listed.
    """

    listed: Sequence[Listed]
    undecided: bool
    pictures: Pictures | None
    empty: str


@dataclass(frozen=True, kw_only=True)
class _Limits:
    least_px: int
    least_harm: float
    here: bool
    undecided: bool


def what_is_listed(selection: Selection, result: Result, found: MeasuresAt) -> Listing:
    """Has the reader choose what is listed."""
    left, right = st.columns([5, 2], gap="small", vertical_alignment="bottom")
    with left:
        kind = st.selectbox(
            "What is listed", list(KINDS), key="queue kind", format_func=KINDS.__getitem__,
            label_visibility="collapsed", help=words.HELP["loop"],
        )  # fmt: skip
    with right, st.popover("Filter", width="stretch"):
        limits = _limits(kind, result)
    if kind in ("slice", "region", "suspect") and selection.dataset is None:
        st.caption("That needs the images, which are not installed here; splits and merges are listed.")
        kind = "all"
    if kind == "slice":
        listed, hidden, what = _slices(selection, result, found, limits)
    elif kind == "region":
        listed, hidden, what = _regions(selection, result, limits)
    elif kind == "suspect":
        listed, hidden, what = _suspects(selection, result, limits)
    else:
        z = selection.z if limits.here else None
        listed = event_items(result, Filter(kind=kind, least_px=limits.least_px, least_harm=limits.least_harm, slice=z))
        hidden, what = len(result.evaluation.events) - len(listed), ("split or merge", "splits and merges")
    if hidden:
        st.caption(f"{words.counted(hidden, *what)} {'is' if hidden == 1 else 'are'} hidden by what is chosen above.")
    empty = "Nothing passes the filter." if hidden else f"There are no {what[1]}."
    pictures = _pictures(kind, selection, result)
    return Listing(listed=listed, undecided=limits.undecided, pictures=pictures, empty=empty)


def _pictures(kind: str, selection: Selection, result: Result) -> Pictures | None:
    """What is made of pixels is pictured at the threshold and tolerance that are chosen."""
    if selection.dataset is None:
        return None
    found = event_pictures(result)
    if found is None or kind not in ("slice", "region", "suspect"):
        return found
    return replace(found, threshold=selection.threshold, tolerance=selection.tolerance)


def _limits(kind: str, result: Result) -> _Limits:
    """The fields of the filter. They stand where they are, whatever is listed."""
    least_px = st.number_input(
        "Hide those with fewer pixels than", 0, 10**6, 0, step=20, key="queue least",
        help="Of a split or merge the stray pixels count: those outside of its largest part. Of a slice, all that are "
        "wrong in it.",
    )  # fmt: skip
    known = harm_is_known(result.evaluation)
    least_harm = st.number_input(
        "Hide those with less harm than", 0.0, 1.0, 0.0, step=0.001, format="%.4f", key="queue least harm",
        disabled=kind in ("region", "suspect") or not known,
        help=f"{words.HELP['harm']} Regions of wrong pixels have none, so none of them is hidden by it.",
    )  # fmt: skip
    here = st.toggle("Only the slice that is shown", key="queue slice")
    undecided = st.toggle("Only those that I have not judged", key="queue undecided")
    if kind == "region":
        st.caption("Regions have no harm: it hides none.")
    elif kind == "suspect":
        st.caption("Suspects are errors of labels, if any, and have no harm: it hides none.")
    elif not known and result.evaluation.events:
        st.caption("This evaluation is older than harm: it hides nothing.")
    return _Limits(
        least_px=int(least_px), least_harm=float(least_harm) if known else 0.0, here=here, undecided=undecided
    )


def _slices(
    selection: Selection, result: Result, found: MeasuresAt, limits: _Limits
) -> tuple[Sequence[Listed], int, tuple[str, str]]:
    assert selection.dataset is not None
    every = slice_items(result, found, selection.dataset)
    listed = [
        item
        for item in every
        if item.size_px >= limits.least_px
        and not item.harm < limits.least_harm
        and (not limits.here or item.place.slice == selection.z)
    ]
    return listed, len(every) - len(listed), ("slice", "slices")


_SUSPECTS = ("suspect", "suspects")


def _suspects(selection: Selection, result: Result, limits: _Limits) -> tuple[Sequence[Listed], int, tuple[str, str]]:
    info = selection.dataset
    assert info is not None
    if said := why_no_suspects(result):
        st.caption(said)
        return [], 0, _SUSPECTS
    many = info.height * info.width * len(result.evaluation.slices) > MOST_PIXELS
    if many and not limits.here:
        st.caption("The stack is large, so only the slice that is shown is looked through.")
    at = selection.z if many or limits.here else None
    listed = suspect_items(result, at, limits.least_px)
    return listed, len(suspect_items(result, selection.z if many else None, 0)) - len(listed), _SUSPECTS


def _regions(selection: Selection, result: Result, limits: _Limits) -> tuple[Sequence[Listed], int, tuple[str, str]]:
    info = selection.dataset
    assert info is not None
    many = info.height * info.width * len(result.evaluation.slices) > MOST_PIXELS
    if many and not limits.here:
        st.caption("The stack is large, so only the slice that is shown is looked through.")
    at = (selection.threshold, selection.tolerance)
    listed = region_items(result, *at, selection.z if many or limits.here else None, limits.least_px)
    hidden = number_of_regions(result, *at, selection.z if many else None) - len(listed)
    return listed, hidden, ("region", "regions")
