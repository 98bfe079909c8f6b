"""Verdicts of a run: written down, replaced, taken back, of several people and on several datasets."""

import dataclasses
import sqlite3
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import OTHER, PRINT, at, verdict, verdicts

from segcore.errors import DataError, RunError, StorageError
from segcore.reviews import Reviews
from segcore.reviews.database import FILE


@pytest.fixture
def reviews(tmp_path):
    return Reviews(tmp_path, PRINT)


def test_without_a_verdict_there_is_no_file(reviews, tmp_path, listing):
    assert reviews.latest() == ()
    assert reviews.of_other_data() == ()
    assert reviews.undo("Ana") is None
    assert listing(tmp_path) == []


def test_a_verdict_is_all_that_is_left(reviews, tmp_path, listing):
    reviews.put(verdict())
    assert Reviews(tmp_path, PRINT).latest() == (verdict(),)
    assert listing(tmp_path) == [FILE]


def test_verdicts_on_a_stack_are_those_on_its_corrected_copies(reviews, tmp_path):
    reviews.put(verdict())
    for facts, found in (
        ({"dataset_fingerprint": PRINT, "original_fingerprint": None}, (verdict(),)),
        ({"dataset_fingerprint": OTHER, "original_fingerprint": PRINT}, (verdict(),)),
        ({"dataset_fingerprint": OTHER}, ()),
    ):
        assert Reviews.of_evaluation(tmp_path, facts).latest() == found


@settings(max_examples=15)
@given(st.lists(verdicts, min_size=1, max_size=4))
def test_verdicts_come_back_as_they_were(tmp_path_factory, written):
    folder = tmp_path_factory.mktemp("run")
    for one in written:
        Reviews(folder, one.fingerprint).put(one)
    reviews = Reviews(folder, PRINT)
    last = {one.key: one for one in written}
    in_force = [
        one for number, one in enumerate(written) if all(one.key != later.key for later in written[number + 1 :])
    ]
    assert sorted(last) == sorted(one.key for one in in_force)
    assert reviews.latest() == tuple(one for one in in_force if one.fingerprint == PRINT)
    assert reviews.of_other_data() == tuple(one for one in in_force if one.fingerprint == OTHER)


def test_a_later_verdict_on_a_place_replaces_the_earlier_also_where_its_box_has_changed(reviews):
    reviews.put(verdict(decision="unsure"))
    reviews.put(verdict(decision="acceptable", bottom=60, at=at(-5)))
    reviews.put(verdict(slice=4, note="elsewhere"))
    assert [(one.decision, one.note) for one in reviews.latest()] == [("acceptable", ""), ("model error", "elsewhere")]


def test_a_verdict_on_other_pixels_is_refused(reviews, tmp_path, listing):
    with pytest.raises(DataError, match="other pixels"):
        reviews.put(verdict(fingerprint=OTHER))
    assert listing(tmp_path) == []


def test_undoing_goes_back_one_by_one(reviews):
    first, second, third = verdict(decision="unsure"), verdict(decision="acceptable"), verdict(slice=5)
    for one in (first, second, third):
        reviews.put(one)
    assert reviews.undo("Ana") == third
    assert reviews.latest() == (second,)
    assert reviews.undo("Ana") == second
    assert reviews.latest() == (first,)
    fourth = verdict(decision="label error", at=at(9))
    reviews.put(fourth)
    assert reviews.latest() == (fourth,)
    assert reviews.undo("Ana") == fourth
    assert reviews.undo("Ana") == first
    assert reviews.latest() == ()
    assert reviews.undo("Ana") is None
    reviews.put(first)
    assert reviews.latest() == (first,)


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(["Ana", "Bo"]), st.sampled_from([0, 1, None])), max_size=12))
def test_any_course_of_verdicts_and_undoing(tmp_path_factory, course):
    reviews = Reviews(tmp_path_factory.mktemp("run"), PRINT)
    kept = []
    for number, (reviewer, z) in enumerate(course):
        if z is None:
            own = [one for one in kept if one.reviewer == reviewer]
            assert reviews.undo(reviewer) == (own[-1] if own else None)
            kept = [one for one in kept if not own or one is not own[-1]]
        else:
            kept.append(verdict(reviewer=reviewer, slice=z, at=at(number)))
            reviews.put(kept[-1])
    last = {one.key: one for one in kept}
    assert reviews.latest() == tuple(one for one in kept if last[one.key] is one)


def test_two_reviewers_on_one_place_keep_their_own(reviews):
    anas, bos = verdict(), verdict(reviewer="Bo", decision="acceptable", at=at(1))
    reviews.put(anas)
    reviews.put(bos)
    assert reviews.latest() == (anas, bos)
    assert reviews.undo("Ana") == anas
    assert reviews.latest() == (bos,)
    assert reviews.undo("Ana") is None
    assert reviews.undo("ana") is None
    assert reviews.latest() == (bos,)


def test_verdicts_on_other_pixels_stay_and_are_shown_apart(reviews, tmp_path):
    before = Reviews(tmp_path, OTHER)
    before.put(verdict(fingerprint=OTHER))
    reviews.put(verdict())
    assert reviews.latest() == (verdict(),)
    assert reviews.of_other_data() == (verdict(fingerprint=OTHER),)
    assert reviews.undo("Ana") == verdict()
    assert reviews.undo("Ana") is None, "what another dataset has is not taken back from here"
    assert before.latest() == (verdict(fingerprint=OTHER),)


def test_text_is_text(reviews):
    name = "'); DROP TABLE verdicts; --"
    one = verdict(reviewer=name, note="<script>alert(1)</script> ?1 :note %s {x}")
    reviews.put(one)
    assert reviews.latest() == (one,)
    assert reviews.undo(name) == one


def test_what_is_taken_back_stays_in_the_file(reviews, tmp_path):
    reviews.put(verdict(note="first"))
    reviews.put(verdict(note="second"))
    reviews.undo("Ana")
    connection = sqlite3.connect(tmp_path / FILE)
    rows = connection.execute("SELECT note, taken_back IS NULL FROM verdicts ORDER BY number").fetchall()
    connection.close()
    assert rows == [("first", 1), ("second", 0)]


def test_threads_share_one_object(reviews):
    failures = []

    def judge(reviewer):
        try:
            for z in range(20):
                reviews.put(verdict(reviewer=reviewer, slice=z))
                reviews.latest()
            reviews.undo(reviewer)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=judge, args=(f"reviewer {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    found = {(one.reviewer, one.place.slice) for one in reviews.latest()}
    assert found == {(f"reviewer {number}", z) for number in range(4) for z in range(19)}


def test_without_a_run_folder_there_is_nothing_to_judge(tmp_path, reviews):
    with pytest.raises(RunError, match="no such run folder"):
        Reviews(tmp_path / "gone", PRINT)
    tmp_path.rmdir()
    with pytest.raises(RunError, match="no such run folder"):
        reviews.put(verdict())
    with pytest.raises(RunError, match="no such run folder"):
        reviews.latest()
    assert not tmp_path.exists()


def test_nothing_is_written_where_nothing_is_to_be_written(reviews, monkeypatch, tmp_path):
    reviews.put(verdict())
    reviews.export_json(tmp_path / "verdicts.json")
    before = (tmp_path / FILE).read_bytes()
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    new = dataclasses.replace(verdict(), note="new")
    for write in (
        lambda: reviews.put(new),
        lambda: reviews.undo("Ana"),
        lambda: reviews.import_verdicts(tmp_path / "verdicts.json"),
    ):
        with pytest.raises(StorageError, match="SEGCORE_READ_ONLY is set"):
            write()
    assert reviews.latest() == (verdict(),)
    assert (tmp_path / FILE).read_bytes() == before
