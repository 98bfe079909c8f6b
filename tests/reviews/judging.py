"""Verdicts for tests: one by hand that can be varied, and any that there can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from segcore.errors import SegcoreError
from segcore.reviews import DECISIONS, Place, Verdict

PRINT = "5e" * 32
OTHER = "0a" * 32
_OF_PLACE = ("kind", "slice", "y", "x", "top", "left", "bottom", "right")


def place(**changes):
    """A split at (20, 30) of slice 3, in a box of 40 x 40."""
    return Place(
        **{"kind": "split", "slice": 3, "y": 20, "x": 30, "top": 0, "left": 10, "bottom": 40, "right": 50} | changes
    )


def at(second):
    """A time, UTC, as text."""
    return (datetime(2026, 1, 31, 12, tzinfo=UTC) + timedelta(seconds=second)).isoformat()


def verdict(**changes):
    """Ana's, at 12 o'clock, on the place above."""
    where = {name: changes.pop(name) for name in _OF_PLACE if name in changes}
    values = {
        "place": place(**where), "dataset": "cells", "fingerprint": PRINT, "reviewer": "Ana",
        "decision": "model error", "note": "", "at": at(0),
    }  # fmt: skip
    return Verdict(**values | changes)


def complaint(use):
    """The error that something ends with, if it is one that is made for people; None where it ends well."""
    try:
        use()
    except SegcoreError as error:
        return error
    return None


def names(longest):
    return (
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=longest)
        .map(lambda text: "".join(one for one in text if one.isprintable()).strip())
        .filter(bool)
    )


_pieces = st.one_of(
    st.characters(codec="utf-8", exclude_categories=["Cc"]),
    st.sampled_from(
        [
            "\n",
            "\r",
            "\t",
            '"',
            "'",
            ",",
            ";",
            "=",
            "+",
            "-",
            "@",
            "＝",
            " ",
            "\r\n",
            "=1+1",
            "'=",
            "\ufeff",
            "\u00a0",
            "\u2003",
        ]
    ),
)
notes = st.lists(_pieces, max_size=30).map("".join)


@st.composite
def places(draw):
    top, left, height, width = (draw(st.integers(low, 5000)) for low in (0, 0, 1, 1))
    return Place(
        kind=draw(st.sampled_from(["split", "merge", "wrong pixels", "slice"]) | names(40)),
        slice=draw(st.integers(0, 2**31 - 1)), y=top + draw(st.integers(0, height - 1)),
        x=left + draw(st.integers(0, width - 1)), top=top, left=left, bottom=top + height, right=left + width,
    )  # fmt: skip


times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(
    lambda time: time.isoformat()
)
verdicts = st.builds(
    Verdict,
    place=places(),
    dataset=names(100),
    fingerprint=st.sampled_from([PRINT, OTHER]),
    reviewer=names(80),
    decision=st.sampled_from(DECISIONS),
    note=notes,
    at=times,
)
