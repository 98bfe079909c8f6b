"""What the queue reports: each change once, in order, and whatever a browser may send."""

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

import streamlit as st

from dashboard.queue import Decided, Named, QueueReport, TakenBack, reported

KEY = "a queue"


@pytest.fixture
def state(monkeypatch):
    """A session's state as a plain dict."""
    values = {}
    monkeypatch.setattr(st, "session_state", values)
    return values


def decided(number, name, decision="unsure", note=""):
    return {"number": number, "what": "decided", "id": name, "decision": decision, "note": note}


def test_changes_come_in_order_until_they_were_heard(state):
    assert reported(KEY, 0) == QueueReport(changes=(), chosen=None)
    reports = [{"number": 1, "what": "named", "name": "Ada"}, decided(2, "merge-1-2-3", note="why")]
    state[KEY] = {"view": {"reports": reports, "chosen": "merge-1-2-3"}}
    expected = ((1, Named("Ada")), (2, Decided("merge-1-2-3", "unsure", "why")))
    # Whoever has not said that it was heard is told again.
    for _ in range(2):
        assert reported(KEY, 0) == QueueReport(changes=expected, chosen="merge-1-2-3")
    assert reported(KEY, 1).changes == expected[1:]
    assert reported(KEY, 2) == QueueReport(changes=(), chosen="merge-1-2-3")
    state[KEY] = {"view": {"reports": [*reports, decided(3, "x"), {"number": 4, "what": "taken back"}], "chosen": None}}
    assert reported(KEY, 2).changes == ((3, Decided("x", "unsure", "")), (4, TakenBack()))
    # Numbers that do not rise are no browser's of ours.
    state[KEY] = {"view": {"reports": [decided(9, "a"), decided(9, "b"), decided(8, "c")]}}
    assert [number for number, _ in reported(KEY, 0).changes] == [9]


@pytest.mark.parametrize(
    "view",
    [
        None, 7, [], {}, {"reports": None}, {"reports": 3}, {"reports": [None, 1, "a", [], {}]},
        {"reports": [{"number": "1", "what": "taken back"}]}, {"reports": [{"number": 5}]},
        {"reports": [{"number": 5, "what": "deleted"}]}, {"reports": [{"number": 5, "what": "decided", "id": 4}]},
        {"reports": [decided(5, "a") | {"note": None}]}, {"chosen": ["a"], "reports": []},
        {"reports": [{"number": 5, "what": "named", "name": {"a": 1}}]},
    ],
)  # fmt: skip
def test_rubbish_is_no_change(view, state):
    state[KEY] = {"view": view}
    assert reported(KEY, 0) == QueueReport(changes=(), chosen=None)


def test_a_flood_is_cut_off(state):
    state[KEY] = {"view": {"reports": [decided(number, "a") for number in range(1, 5000)]}}
    assert len(reported(KEY, 0).changes) == 500
