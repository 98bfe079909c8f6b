"""The queue of the Errors page: what is listed, what is said of it, and what becomes of verdicts."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from reading import bugs, opened, text_of

from dashboard.state import Result
from dashboard.views.reviewing import Filter, Judged, event_id, event_rows, shown_events
from dashboard.views.reviewing.events import said, title
from dashboard.views.reviewing.verdicts import place_of, progress
from segcore.data import fetch
from segcore.evaluation import read_evaluation
from segcore.measures import Event
from segcore.reviews import Reviews, Verdict
from segcore.runs import open_run

KEY = "errors queue judged sample"
SHIPPED = Path(__file__).parents[3] / "models" / "sample-quick"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The synthetic sample, made once."""
    folder = tmp_path_factory.mktemp("sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGCORE_DATA_DIR", str(folder))
        fetch("sample")
    return folder / "sample"


@pytest.fixture
def result(sample, data_dir, models_dir):
    """A copy of the run on it that comes with the program, which splits and merges neurites."""
    shutil.copytree(sample, data_dir / "sample")
    shutil.copytree(SHIPPED, models_dir / "judged")
    run = open_run("judged")
    folder = run.evaluation("sample")
    evaluation, facts = read_evaluation(folder)
    return Result(run=run, dataset="sample", part="test", evaluation=evaluation, facts=facts, summary={}, folder=folder)


def event(kind="merge", **changes):
    values = {"neurites": (1, 2), "segments": (1,), "overlaps_px": (100, 40), "area_px": 150, "stray_px": 40}
    if kind == "split":
        values |= {"neurites": (1,), "segments": (1, 2)}
    place = {"y": 5, "x": 6, "openings": ((5, 6),), "top": 0, "left": 0, "bottom": 20, "right": 20}
    return Event(kind=kind, **({"slice": 3, "harm": 0.25} | values | place | changes))


def test_a_filter():
    merge, split, loop = event(), event("split", stray_px=10, slice=4), event(loop=True)
    every = [merge, split, loop]
    for wanted, shown in (
        (Filter(), every),
        (Filter(kind="merge"), [merge]),
        (Filter(kind="split"), [split]),
        (Filter(kind="loop"), [loop]),
        (Filter(least_px=11), [merge, loop]),
        (Filter(slice=4), [split]),
        (Filter(slice=4, kind="merge"), []),
    ):
        assert [one for one in every if wanted.holds(one)] == shown, wanted


def test_what_is_said_of_an_event():
    assert said(event()) == (
        "Slice 3: 2 neurites (100 and 40 px) in one segment; the membrane is open at one place, x 6, y 5. Undone, "
        "V_Rand of the slice would rise by 0.2500."
    )
    two = event("split", openings=((5, 6), (7, 8)), harm=-0.01)
    assert said(two) == (
        "Slice 3: a neurite of 150 px in 2 segments (100 and 40 px); a false wall crosses it at 2 places, first at "
        "x 6, y 5. Undone alone, V_Rand of the slice would fall by 0.0100: the largest piece also holds other "
        "neurites, so undo that merge first."
    )
    assert "not known" in said(event(harm=float("nan")))
    assert "organelles (40 px)" in said(event(loop=True))
    assert "became segments of their own" in said(event("split", loop=True))
    assert [title(one) for one in (event(), event("split"), event(loop=True), event("split", loop=True))] == [
        "merge of 2", "split in 2", "1 loop joined", "1 loop cut out",
    ]  # fmt: skip


def test_rows_are_in_the_order_of_harm_and_show_whole_places(result):
    events = shown_events(result, Filter(), Judged())
    rows = event_rows(result, events, Judged())
    assert rows
    assert [row.harm for row in rows] == sorted((row.harm for row in rows), reverse=True)
    assert len({row.id for row in rows}) == len(rows)
    for row, one in zip(rows, events, strict=True):
        assert row.id == event_id(one)
        assert row.place.stays
        assert (row.place.neurites, row.place.openings) == (one.neurites, one.openings)
    assert len({place_of(one).key for one in events}) == len(events)


def verdict(result, one, reviewer, decision="model error"):
    return Verdict(
        place=place_of(one),
        dataset="sample",
        fingerprint=result.facts["dataset_fingerprint"],
        reviewer=reviewer,
        decision=decision,
        note="because",
    )


def reports(*changes, chosen=None):
    listed = [{"number": number, **change} for number, change in enumerate(changes, start=1)]
    return {"view": {"reports": listed, "chosen": chosen}}


def test_verdicts_are_kept_shown_and_taken_back(result):
    one, other = shown_events(result, Filter(), Judged())[:2]
    test = opened("errors")
    assert f"0 of {len(result.evaluation.events)} reviewed" in queue_data(test)["progress"]
    decided = {"what": "decided", "id": event_id(one), "decision": "model error", "note": "because"}
    test.session_state[KEY] = reports({"what": "named", "name": " Ada  L. "}, decided, chosen=event_id(one))
    test.run()
    assert not bugs(test)
    reviews = Reviews(result.run.folder, result.facts["dataset_fingerprint"])
    (found,) = reviews.latest()
    assert (found.reviewer, found.decision, found.note) == ("Ada L.", "model error", "because")
    data = queue_data(test)
    row = next(row for row in data["rows"] if row["id"] == event_id(one))
    assert (row["decision"], row["note"], data["reviewer"]) == ("model error", "because", "Ada L.")
    assert (data["heard"], data["message"]) == (2, "Saved: model error.")
    assert test.query_params["event"] == event_id(one)
    # Somebody else judges, too: both are seen.
    reviews.put(verdict(result, one, "Bo", "unsure"))
    reviews.put(verdict(result, other, "Bo", "acceptable"))
    data = queue_data(test.run())
    row = next(row for row in data["rows"] if row["id"] == event_id(one))
    assert (row["decision"], row["others"]) == ("model error", [["Bo", "unsure"]])
    assert "2 of " in data["progress"]
    test.session_state[KEY] = reports({}, {}, {"what": "taken back"})
    data = queue_data(test.run())
    assert "Taken back: model error" in data["message"]
    assert {one.reviewer for one in reviews.latest()} == {"Bo"}
    test.session_state[KEY] = reports({}, {}, {}, {"what": "taken back"})
    assert queue_data(test.run())["message"] == "There is nothing to take back."


def queue_data(test):
    """What the queue is given."""
    (found,) = [one for one in components(test.main) if "mayDecide" in one]
    return found


def components(block):
    """What each component in a block, or in those within it, is given."""
    for child in block.children.values():
        if hasattr(child, "children"):
            yield from components(child)
        elif text := getattr(getattr(child, "proto", None), "json", ""):
            yield json.loads(text)


def test_rubbish_from_a_browser_is_refused_in_a_sentence(result):
    one = shown_events(result, Filter(), Judged())[0]
    test = opened("errors")
    for number, (change, message) in enumerate(
        [
            ({"what": "decided", "id": event_id(one), "decision": "unsure", "note": ""}, "reviewer"),
            ({"what": "named", "name": "Ada"}, ""),
            ({"what": "decided", "id": "merge-0-0-0", "decision": "unsure", "note": ""}, "no longer has that place"),
            ({"what": "decided", "id": event_id(one), "decision": "bad", "note": ""}, "decision"),
            ({"what": "decided", "id": event_id(one), "decision": "unsure", "note": "x" * 3000}, "note"),
        ],
        start=1,
    ):
        test.session_state[KEY] = {"view": {"reports": [{"number": number, **change}], "chosen": None}}
        data = queue_data(test.run())
        assert message in data["message"], change
        assert not message or data["message"].startswith("Not saved: "), change
        assert not bugs(test)
    assert Reviews(result.run.folder, result.facts["dataset_fingerprint"]).latest() == ()


def test_nothing_is_written_where_the_app_is_read_only(result, monkeypatch):
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    one = shown_events(result, Filter(), Judged())[0]
    test = opened("errors")
    decided = {"what": "decided", "id": event_id(one), "decision": "unsure", "note": ""}
    test.session_state[KEY] = reports({"what": "named", "name": "Ada"}, decided)
    data = queue_data(test.run())
    assert data["mayDecide"] is False
    assert "read-only" in data["message"]
    assert not (result.run.folder / "reviews.sqlite").exists()


def test_damaged_verdicts_do_not_take_the_page_with_them(result):
    (result.run.folder / "reviews.sqlite").write_bytes(b"no database" * 100)
    test = opened("errors")
    assert not bugs(test)
    assert "reviews" in text_of(test)
    assert queue_data(test)["rows"]


def test_verdicts_of_places_that_are_gone_are_shown_and_taken_away(result):
    gone = event(slice=22, y=1, x=1, openings=((1, 1),))
    reviews = Reviews(result.run.folder, result.facts["dataset_fingerprint"])
    reviews.put(verdict(result, gone, "Ada"))
    test = opened("errors")
    test.session_state["errors sections"] = "Verdicts"
    test.run()
    assert "1 more belong to places that this evaluation does not have" in text_of(test)
    rows = list(csv.DictReader(io.StringIO(reviews.csv_bytes().decode("utf-8-sig"))))
    assert [row["reviewer"] for row in rows] == ["Ada"]


def test_progress_counts_places_and_harm():
    events = [event(harm=0.3), event(harm=0.1, y=9, openings=((9, 6),))]
    assert progress(events, Judged()) == "0 of 2 reviewed, 0 % of the harm"
    own = Verdict(place=place_of(events[0]), dataset="a", fingerprint="f" * 64, reviewer="Ada", decision="unsure")
    found = Judged(reviewer="Ada", of_events={place_of(events[0]).key: (own,)})
    assert progress(events, found) == "1 of 2 reviewed, 75 % of the harm"
    assert progress([event(harm=float("nan"))], Judged()) == "0 of 1 reviewed"
    assert [found.own(one) for one in events] == [own, None]
