"""Verdicts for others: CSV and JSON that come back to the character, run nothing in a spreadsheet, and are checked."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import OTHER, PRINT, at, complaint, names, notes, verdict, verdicts

from segcore.errors import DataError, RunError
from segcore.reviews import Imported, Reviews
from segcore.reviews.database import FILE
from segcore.reviews.exchange import to_csv, to_json, verdicts_in
from segcore.reviews.verdict import COLUMNS


def imported(taken=0, known=0, not_newer=0):
    return Imported(taken=taken, known=known, not_newer=not_newer)


def run(folder, *written):
    """A run folder with these verdicts."""
    folder.mkdir(exist_ok=True)
    for one in written:
        Reviews(folder, one.fingerprint).put(one)
    return Reviews(folder, PRINT)


@given(st.lists(verdicts, max_size=4))
def test_both_come_back_to_the_character(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("exchange") / "verdicts"
    for content in (to_csv(written), to_json(written)):
        path.write_bytes(content)
        assert verdicts_in(path) == written


@pytest.mark.parametrize(
    ("note", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-1 px", "'-1 px"),
        ("@Bo", "'@Bo"),
        ("＝1", "'＝1"),
        ("  =1", "'  =1"),
        ("'=1", "''=1"),
        ("''", "''"),
        ("'quoted'", "'quoted'"),
        ("a=1, b", "a=1, b"),
        ("a;=1", "a;'=1"),
        ("\t=1", "\t'=1"),
        ('"=1', "\"'=1"),
        ("one\n- two\r\n- three", "one\n'- two\r\n'- three"),
        ("half-way", "half-way"),
        ("\u00a0=1+1", "'\u00a0=1+1"),
        ("'\u2003=1+1", "''\u2003=1+1"),
    ],
)
def test_no_cell_is_a_formula(tmp_path, note, cell):
    content = to_csv([verdict(note=note)])
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert [row["note"] for row in rows] == [cell]
    (tmp_path / "verdicts.csv").write_bytes(content)
    assert verdicts_in(tmp_path / "verdicts.csv") == [verdict(note=note)]


@given(notes, names(80))
def test_no_cell_is_a_formula_in_a_program_with_another_separator(note, reviewer):
    text = to_csv([verdict(note=note, reviewer=reviewer)]).decode("utf-8-sig")
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            assert not [cell for cell in row if cell.strip().lstrip('"')[:1] in tuple("=+-@＝＋－＠")], row


def test_a_spreadsheet_knows_its_letters():
    content = to_csv([verdict(reviewer="Zoë")])
    assert content.startswith(b"\xef\xbb\xbf")
    assert "Zoë".encode() in content


def test_what_is_in_force_is_exported_of_all_datasets(tmp_path):
    kept = [verdict(), verdict(reviewer="Bo", note="a\r\nb"), verdict(fingerprint=OTHER, dataset="before")]
    reviews = run(tmp_path / "one", verdict(note="replaced"), *kept, verdict(slice=9))
    reviews.undo("Ana")
    reviews.export_csv(tmp_path / "out" / "verdicts.csv")
    reviews.export_json(tmp_path / "out" / "verdicts.json")
    assert (tmp_path / "out" / "verdicts.csv").read_bytes() == reviews.csv_bytes()
    assert (tmp_path / "out" / "verdicts.json").read_bytes() == reviews.json_bytes()
    for name in ("verdicts.csv", "verdicts.json"):
        other = run(tmp_path / name)
        assert other.import_verdicts(tmp_path / "out" / name) == imported(taken=3)
        assert set(other.latest()) == set(kept[:2])
        assert other.of_other_data() == (kept[2],)


def test_importing_twice_is_importing_once(tmp_path):
    reviews = run(tmp_path / "one", verdict(), verdict(slice=4, at=at(1)))
    reviews.export_json(tmp_path / "verdicts.json")
    reviews.export_csv(tmp_path / "verdicts.csv")
    assert reviews.import_verdicts(tmp_path / "verdicts.json") == imported(known=2)
    other = run(tmp_path / "two")
    assert other.import_verdicts(tmp_path / "verdicts.csv") == imported(taken=2)
    before = (tmp_path / "two" / FILE).read_bytes()
    assert other.import_verdicts(tmp_path / "verdicts.csv") == imported(known=2)
    assert other.import_verdicts(tmp_path / "verdicts.json") == imported(known=2)
    assert other.latest() == reviews.latest()
    assert (tmp_path / "two" / FILE).read_bytes() == before


def test_a_newer_verdict_is_never_replaced_and_an_older_one_is(tmp_path):
    early, late = verdict(decision="unsure", at=at(0)), verdict(decision="acceptable", at=at(60))
    (tmp_path / "early.json").write_bytes(to_json([early]))
    (tmp_path / "late.json").write_bytes(to_json([late]))
    same_time = verdict(decision="label error", at=at(60))
    (tmp_path / "same.json").write_bytes(to_json([same_time]))
    one = run(tmp_path / "one", early)
    assert one.import_verdicts(tmp_path / "late.json") == imported(taken=1)
    assert one.latest() == (late,)
    assert one.undo("Ana") == late
    assert one.latest() == (early,)
    two = run(tmp_path / "two", late)
    assert two.import_verdicts(tmp_path / "early.json") == imported(not_newer=1)
    assert two.import_verdicts(tmp_path / "same.json") == imported(not_newer=1)
    assert two.latest() == (late,)
    bos = verdict(reviewer="Bo", at=at(-60))
    (tmp_path / "bo.json").write_bytes(to_json([bos]))
    assert two.import_verdicts(tmp_path / "bo.json") == imported(taken=1)
    assert two.latest() == (late, bos)


def test_of_several_on_one_place_the_newest_is_in_force_whatever_their_order(tmp_path):
    early, late = verdict(at=at(0)), verdict(note="late", at=at(60))
    for name, order in (("up", [early, late]), ("down", [late, early])):
        (tmp_path / f"{name}.json").write_bytes(to_json([*order, late]))
        reviews = run(tmp_path / name)
        assert reviews.import_verdicts(tmp_path / f"{name}.json") == imported(taken=2, known=1)
        assert reviews.latest() == (late,)


def test_what_was_taken_back_here_is_not_brought_back_by_a_file(tmp_path):
    reviews = run(tmp_path / "one", verdict())
    reviews.export_json(tmp_path / "verdicts.json")
    reviews.undo("Ana")
    assert reviews.import_verdicts(tmp_path / "verdicts.json") == imported(known=1)
    assert reviews.latest() == ()


@settings(max_examples=15)
@given(st.lists(verdicts, max_size=5), st.lists(verdicts, max_size=3))
def test_any_import_is_the_same_the_second_time(tmp_path_factory, brought, here):
    folder = tmp_path_factory.mktemp("exchange")
    reviews = run(folder / "run", *here)
    (folder / "verdicts.csv").write_bytes(to_csv(brought))
    first = reviews.import_verdicts(folder / "verdicts.csv")
    after = (reviews.latest(), reviews.of_other_data())
    second = reviews.import_verdicts(folder / "verdicts.csv")
    assert first.taken + first.known + first.not_newer == len(brought)
    assert second == imported(known=first.taken + first.known, not_newer=first.not_newer)
    assert (reviews.latest(), reviews.of_other_data()) == after


def test_a_spreadsheet_may_turn_columns_round_and_add_empty_lines(tmp_path):
    text = to_csv([verdict(note="=1, 2"), verdict(slice=7)]).decode("utf-8-sig")
    rows = [list(reversed(row)) for row in csv.reader(io.StringIO(text, newline=""))]
    turned = io.StringIO(newline="")
    csv.writer(turned, lineterminator="\n").writerows([*rows, [], []])
    (tmp_path / "verdicts.csv").write_text(turned.getvalue())
    assert verdicts_in(tmp_path / "verdicts.csv") == [verdict(note="=1, 2"), verdict(slice=7)]


HEADER = ",".join(COLUMNS)
GOOD = {"kind": "split", "slice": 3, "y": 20, "x": 30, "top": 0, "left": 10, "bottom": 40, "right": 50} | {
    "dataset": "cells", "fingerprint": PRINT, "reviewer": "Ana", "decision": "unsure", "note": "", "at": at(0)
}  # fmt: skip


def row(**changes):
    return ",".join(str(value) for value in (GOOD | changes).values())


def entries(*values, **changes):
    return json.dumps({"format": "segcore reviews", "format_version": 1, "verdicts": list(values)} | changes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not a file of verdicts; found nothing; expected kind,slice,y"),
        ("\n\n", "not a file of verdicts; found nothing"),
        ("hello\n", "not a file of verdicts; found 'hello' in line 1; expected kind,slice,y"),
        ("\x89PNG\r\n".encode("latin-1") + bytes(range(256)), "found other bytes than text in UTF-8 in line 1"),
        (HEADER.replace(",", ";"), "not a file of verdicts; found 'kind;slice;y"),
        ("{header},note\n", "not a file of verdicts"),
        ("{header}\n1,2\n", "line 2 is not a verdict; found 2 cells; expected 14"),
        ("{header}\n{good}\n{good},x\n", "line 3 is not a verdict; found 15 cells"),
        ("{header}\n{good}\n\"split", "line 3 is damaged; found unexpected end of data"),
        ("{header}\n\"split\"x,\n", "line 2 is damaged"),
        ("{header}\n" + row(slice="three"), "line 2 is not a verdict: slice of a place is out of range; found 'three'"),
        ("{header}\n" + row(slice="3.0"), "line 2 is not a verdict: slice of a place is out of range; found '3.0'"),
        ("{header}\n" + row(slice="9" * 10), "line 2 is not a verdict: slice of a place is out of range"),
        ("{header}\n" + row(slice="9" * 9999), "line 2 is not a verdict: slice of a place is out of range"),
        ("{header}\n" + row(x=99), "line 2 is not a verdict: the pixel of a place is outside its box"),
        ("{header}\n{good}\n" + row(decision="ok"), "line 3 is not a verdict: unknown decision; found 'ok'"),
        ("{header}\n" + row(at="31.01.2026 12:00"), "line 2 is not a verdict: the time of a verdict"),
        ("{header}\n" + row(reviewer=""), "line 2 is not a verdict: the name of a reviewer"),
        ("{header}\n" + row(note="n" * 200_000), "line 2 is damaged; found field larger than field limit"),
        ("{header}\n" + row(note="a\0b"), "line 2"),
        ("{", "damaged file; found .* in line 1; expected verdicts that were exported as CSV or JSON"),
        ("[" * 100_000, "damaged file"),
        ("{\"a\": " + "9" * 9999 + "}", "damaged file"),
        ("[]", "not a file of verdicts; found other JSON"),
        ("{}", "not a file of verdicts; found other JSON"),
        (entries(format="other"), "not a file of verdicts; found other JSON"),
        (entries(verdicts={}), "not a file of verdicts; found other JSON"),
        (entries(format_version=2), "verdicts of another format; found format 2; expected format 1; update segcore"),
        (entries(format_version=True), "verdicts of another format; found format True"),
        (entries(5), "entry 1 is not a verdict; found int; expected an object"),
        (entries(GOOD, {}), "entry 2 is not a verdict: other values than those of a verdict; found no "),
        (entries(GOOD | {"colour": 1}), "entry 1 is not a verdict: .*; found unknown 'colour'"),
        (entries(GOOD | {"slice": "3"}), "entry 1 is not a verdict: slice of a place is out of range; found '3'"),
        (entries(GOOD | {"slice": 3.0}), "entry 1 is not a verdict: slice of a place is out of range; found 3.0"),
        (entries(GOOD | {"note": None}), "entry 1 is not a verdict: the note cannot be used; found None"),
        (entries(GOOD | {"note": "\ud800"}), "entry 1 is not a verdict: the note cannot be used"),
        (entries(GOOD | {"decision": []}), r"entry 1 is not a verdict: unknown decision; found \[\]"),
    ],
)  # fmt: skip
def test_rubbish_is_refused_in_a_sentence_and_nothing_is_taken(tmp_path, content, message, listing):
    path = tmp_path / "rubbish"
    if isinstance(content, str):
        content = content.replace("{header}", HEADER).replace("{good}", row()).encode()
    path.write_bytes(content)
    (tmp_path / "run").mkdir()
    with pytest.raises(DataError, match=message) as error:
        Reviews(tmp_path / "run", PRINT).import_verdicts(path)
    assert error.value.path == str(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    assert listing(tmp_path / "run") == []


def test_a_row_as_a_person_would_write_it(tmp_path):
    (tmp_path / "verdicts.csv").write_text(f"{HEADER}\n{row(note='=by hand')}\n")
    assert verdicts_in(tmp_path / "verdicts.csv") == [verdict(decision="unsure", note="=by hand")]


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"{HEADER}\n{text}".encode("utf-8", "replace")))
def test_no_content_whatever_is_more_than_a_sentence(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("exchange") / "verdicts"
    path.write_bytes(content)
    error = complaint(lambda: verdicts_in(path))
    assert error is None or isinstance(error, DataError)
    assert "\n" not in str(error)


def test_files_that_cannot_be_read(tmp_path):
    reviews = run(tmp_path / "one")
    with pytest.raises(DataError, match="cannot be read"):
        reviews.import_verdicts(tmp_path / "gone.csv")
    with pytest.raises(DataError, match="cannot be read"):
        reviews.import_verdicts(tmp_path)


def test_nothing_is_exported_from_a_damaged_file(tmp_path):
    reviews = run(tmp_path / "one", verdict())
    (tmp_path / "one" / FILE).write_bytes(b"x" * 5000)
    (tmp_path / "verdicts.csv").write_text("old")
    with pytest.raises(RunError, match="damaged"):
        reviews.export_csv(tmp_path / "verdicts.csv")
    assert (tmp_path / "verdicts.csv").read_text() == "old"
