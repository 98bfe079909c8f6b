"""A verdict: what it may hold, and how it is told what it may not."""

import pytest
from hypothesis import given
from judging import PRINT, place, verdict, verdicts

from segcore.errors import ConfigError
from segcore.reviews import DECISIONS, Verdict
from segcore.reviews.verdict import COLUMNS, from_row, to_row


@given(verdicts)
def test_it_comes_back_from_a_row(one):
    row = to_row(one)
    assert tuple(row) == COLUMNS
    assert from_row(row) == one


def test_its_time_is_now_unless_it_is_said():
    one = Verdict(place=place(), dataset="cells", fingerprint=PRINT, reviewer="Ana", decision="unsure")
    assert one.at.endswith("+00:00")
    assert one.note == ""


@pytest.mark.parametrize("decision", DECISIONS)
def test_every_decision(decision):
    assert verdict(decision=decision).decision == decision


def test_the_largest_and_longest():
    whole = 2**31 - 1
    one = verdict(
        reviewer="é" * 80,
        note="n" * 2000,
        kind="k" * 40,
        slice=whole,
        y=whole - 1,
        x=whole - 1,
        bottom=whole,
        right=whole,
    )
    assert from_row(to_row(one)) == one


@pytest.mark.parametrize(
    "name", ["", "a" * 81, " Ana", "Ana ", "A\nB", "A\tB", "A\u200bB", "A\u202eB", "\ud800", None, 3]
)
def test_names_that_cannot_be_read_out(name):
    with pytest.raises(ConfigError, match="the name of a reviewer cannot be used") as error:
        verdict(reviewer=name)
    assert "\n" not in str(error.value)
    assert "1 to 80 printable characters" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": ""}, "kind of place"),
        ({"kind": "k" * 41}, "kind of place"),
        ({"slice": -1}, "slice of a place is out of range; found -1"),
        ({"slice": 2**31}, "slice of a place is out of range"),
        ({"slice": 1.0}, "slice of a place is out of range; found 1.0"),
        ({"slice": True}, "slice of a place is out of range; found True"),
        ({"slice": "3"}, "slice of a place is out of range; found '3'"),
        ({"y": 40}, r"outside its box; found \(40, 30\); expected rows 0 to 39, columns 10 to 49"),
        ({"x": 9}, r"outside its box; found \(20, 9\)"),
        ({"bottom": 0}, "outside its box"),
        ({"left": 50}, "outside its box"),
        ({"dataset": ""}, "name of a dataset"),
        ({"dataset": "d" * 101}, "name of a dataset"),
        ({"fingerprint": ""}, "fingerprint of a dataset"),
        ({"fingerprint": "f" * 129}, "fingerprint of a dataset"),
        ({"decision": "fine"}, "unknown decision; found 'fine'; expected acceptable, model error, label error, unsure"),
        ({"decision": None}, "unknown decision"),
        ({"decision": ["unsure"]}, "unknown decision"),
        ({"note": "n" * 2001}, "the note cannot be used; found 2001 characters; expected text of up to 2000"),
        ({"note": None}, "the note cannot be used"),
        ({"note": "a\0b"}, r"the note cannot be used; found '\\x00'"),
        ({"note": "\x1b[31m"}, "the note cannot be used"),
        ({"note": "\ud800"}, "the note cannot be used"),
        ({"at": "yesterday"}, "time of a verdict cannot be used; found 'yesterday'"),
        ({"at": "2026-01-31"}, "time of a verdict"),
        ({"at": "2026-01-31T12:30:00"}, "time of a verdict"),
        ({"at": "2026-01-31T12:30:00Z"}, "time of a verdict"),
        ({"at": "2026-01-31T12:30:00.5+00:00"}, "time of a verdict"),
        ({"at": "2026-01-31T12:30:00+01:00"}, "time of a verdict"),
        ({"at": 5}, "time of a verdict"),
    ],
)
def test_what_it_may_not_hold(changes, message):
    with pytest.raises(ConfigError, match=message):
        verdict(**changes)


def test_what_is_found_is_told_shortly():
    with pytest.raises(ConfigError) as error:
        verdict(reviewer="a" * 10**6)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.pop("note"), "found no 'note'"),
        (lambda row: row.update(colour="red"), "found unknown 'colour'"),
    ],
)
def test_a_row_with_other_values(change, message):
    row = to_row(verdict())
    change(row)
    with pytest.raises(ConfigError, match=message):
        from_row(row)


def test_tags_are_words_with_a_hash():
    note = "#Myelin, (#no) #blur-2 a#no # #_no ##no #myelin\n#blur-2 #gränze"
    assert verdict(note=note).tags == ("myelin", "blur-2", "gränze")
    assert verdict(note="").tags == ()
