"""The queue of the Errors page: what is listed, what is said of it, and what becomes of verdicts."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from reading import bugs, opened, text_of

from dashboard.queue import Decided, Named
from dashboard.state import measures_at
from dashboard.views.reviewing import (
    Desk,
    Filter,
    Judgeable,
    Judged,
    PlacesByName,
    event_items,
    progress,
    region_items,
    rows_of,
    slice_items,
    take_changes,
)
from dashboard.views.reviewing.events import event_title, said
from dashboard.views.reviewing.regions import wrong_regions
from segcore.data import open_dataset
from segcore.evaluation import events_by_harm, harm_by_slice
from segcore.measures import Event, Events
from segcore.reviews import Place, Reviews, Verdict
from segcore.stacks import IGNORE

KEY = "errors queue judged sample"


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
        (Filter(least_harm=0.25), every),
        (Filter(least_harm=0.2501), []),
    ):
        assert [every[number - 1] for number in wanted.numbers_in(Events.of(every))] == shown, wanted
    # What nobody measured is not hidden, and what is worse than useless to undo is.
    unknown, below = event(harm=float("nan")), event(harm=-0.1)
    assert Filter(least_harm=0.001).numbers_in(Events.of([unknown, below])) == [1]
    assert Filter().numbers_in(Events.of([unknown, below])) == [1, 2]


def test_what_is_said_of_an_event():
    assert said(event()) == (
        "Slice 3: 2 neurites (100 and 40 px) in one segment; the membrane is open at one place, x 6, y 5. If it "
        "were undone, V_Rand of the slice would rise by 0.2500."
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
    assert [event_title(one) for one in (event(), event("split"), event(loop=True), event("split", loop=True))] == [
        "merge of 2", "split in 2", "1 loop joined", "1 loop cut out",
    ]  # fmt: skip


def test_splits_and_merges_are_in_the_order_of_harm_and_show_whole_places(result):
    listed = event_items(result, Filter())
    items = [one.item() for one in listed]
    assert [(one.id, one.key, one.harm) for one in listed] == [(one.id, one.key, one.harm) for one in items]
    assert [item.harm for item in items] == sorted((item.harm for item in items), reverse=True)
    assert len({item.id for item in items}) == len(items) == len(result.evaluation.events) > 0
    assert len({item.judged_at.key for item in items}) == len(items)
    for item, one in zip(items, events_by_harm(result.evaluation), strict=True):
        assert item.place.stays
        assert (item.place.neurites, item.place.segments) == (one.neurites, one.segments)
        assert item.place.openings == one.openings
    # Without segments the numbers are of a prediction that is not kept.
    topology = replace(result.evaluation, events_at="topology")
    other = replace(result, evaluation=topology, folder=result.folder.with_name("another"))
    assert all(one.item().place.segments == () for one in event_items(other, Filter()))


def test_rows_carry_what_was_decided(result):
    items = event_items(result, Filter())[:2]
    mine, hers = verdict(result, items[0], "Ada"), verdict(result, items[0], "Bo", "unsure")
    known = Judged(reviewer="Ada", of_places={items[0].judged_at.key: (mine, hers)})
    first, second = rows_of(items, known)
    assert (first.decision, first.note, first.others) == ("model error", "because", (("Bo", "unsure"),))
    assert (second.decision, second.note, second.others) == (None, "", ())


def test_places_are_found_by_their_names(result):
    listed = event_items(result, Filter())
    places = PlacesByName(listed)
    assert {**places} == {one.id: one.judged_at for one in listed}
    assert (len(places), places.get("merge-0-0-0")) == (len(listed), None)
    assert [one.id for one in listed[1:3]] == [listed[1].id, listed[2].id]
    splits = event_items(result, Filter(kind="split"))
    assert [one.id for one in splits] == [one.id for one in listed if one.id.startswith("split")]
    assert splits[-1].judged_at is event_items(result, Filter(kind="split"))[-1].judged_at


def test_slices_are_in_the_order_of_their_harm(result):
    found = measures_at(result, 0.5, 0)
    items = slice_items(result, found, open_dataset("sample").info)
    assert sorted(item.place.slice for item in items) == list(result.evaluation.slices)
    harms = harm_by_slice(result.evaluation)
    assert [item.harm for item in items] == sorted(harms.values(), reverse=True)
    assert [item.size_px for item in items] == [
        int(found.each.wrong_pixels[result.evaluation.slices.index(item.place.slice)]) for item in items
    ]
    # Where harm was not measured the pixels decide.
    older = replace(
        result.evaluation, events=Events.of(replace(one, harm=float("nan")) for one in result.evaluation.events)
    )
    items = slice_items(replace(result, evaluation=older), found, open_dataset("sample").info)
    assert [item.size_px for item in items] == sorted(found.each.wrong_pixels.tolist(), reverse=True)


def test_regions_by_hand():
    label = np.full((20, 30), 255, np.uint8)
    label[:, 10:13] = 0
    probability = label.copy()
    probability[3:7, 10:13] = 255  # 12 pixels of missed membrane
    probability[10:13, 20:23] = 0  # 9 of false membrane, and one that touches them at a corner
    probability[13, 23] = 0
    missed, false = wrong_regions(label, probability, 0.5, 0, 7)
    assert (missed.missed, missed.slice, missed.pixels) == (True, 7, 12)
    assert (missed.top, missed.left, missed.bottom, missed.right) == (3, 10, 7, 13)
    assert missed.x == 11
    assert (false.missed, false.pixels, false.y, false.x) == (False, 10, 11, 21)
    # The middle column of the membrane is what lies more than a pixel away from the boundary.
    assert [one.pixels for one in wrong_regions(label, probability, 0.5, 1, 7)] == [10, 4]
    label[:, 20:] = IGNORE
    assert [one.missed for one in wrong_regions(label, probability, 0.5, 0, 7)] == [True]
    assert wrong_regions(label, label, 0.5, 0, 7) == []


def test_regions_are_all_wrong_pixels(result):
    found = measures_at(result, 0.5, 0)
    items = region_items(result, 0.5, 0, None, 0)
    assert [item.size_px for item in items] == sorted((item.size_px for item in items), reverse=True)
    for place, z in enumerate(result.evaluation.slices):
        of_slice = [item for item in items if item.place.slice == z]
        if len(of_slice) < 300:
            assert sum(item.size_px for item in of_slice) == found.each.wrong_pixels[place]
    assert all(item.size_px >= 50 for item in region_items(result, 0.5, 0, 25, 50))
    assert {item.place.slice for item in region_items(result, 0.5, 0, 25, 50)} == {25}


def verdict(result, item, reviewer, decision="model error"):
    return Verdict(
        place=item.judged_at,
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
    one, other = event_items(result, Filter())[:2]
    test = opened("errors")
    assert f"0 of {len(result.evaluation.events)} reviewed" in queue_data(test)["progress"]
    decided = {"what": "decided", "id": one.id, "decision": "model error", "note": "because"}
    test.session_state[KEY] = reports({"what": "named", "name": " Ada  L. "}, decided, chosen=one.id)
    test.run()
    assert not bugs(test)
    reviews = Reviews(result.run.folder, result.facts["dataset_fingerprint"])
    (found,) = reviews.latest()
    assert (found.reviewer, found.decision, found.note) == ("Ada L.", "model error", "because")
    data = queue_data(test)
    row = next(row for row in data["rows"] if row["id"] == one.id)
    assert (row["decision"], row["note"], data["reviewer"]) == ("model error", "because", "Ada L.")
    assert (data["heard"], data["message"]) == (2, "Saved: model error.")
    assert test.query_params["event"] == one.id
    # Somebody else judges, too: both are seen.
    reviews.put(verdict(result, one, "Bo", "unsure"))
    reviews.put(verdict(result, other, "Bo", "acceptable"))
    data = queue_data(test.run())
    row = next(row for row in data["rows"] if row["id"] == one.id)
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


def test_scripts_that_run_side_by_side_make_each_change_once(result):
    items = event_items(result, Filter())[:8]
    places = {item.id: item.judged_at for item in items}
    changes = [(1, Named("Ada"))]
    changes += [(number, Decided(item.id, "unsure", "")) for number, item in enumerate(items, start=2)]
    at, written = Desk(), []
    reviews = Reviews(result.run.folder, result.facts["dataset_fingerprint"])
    with ThreadPoolExecutor(6) as pool:
        for done in [
            pool.submit(take_changes, at, [Judgeable(result=result, places=places)], changes) for _ in range(6)
        ]:
            done.result()
    while (undone := reviews.undo("Ada")) is not None:
        written.append(undone.place.key)
    assert sorted(written) == sorted(place.key for place in places.values())
    assert at.heard == 9


def test_rubbish_from_a_browser_is_refused_in_a_sentence(result):
    one = event_items(result, Filter())[0]
    test = opened("errors")
    for number, (change, message) in enumerate(
        [
            ({"what": "decided", "id": one.id, "decision": "unsure", "note": ""}, "reviewer"),
            ({"what": "named", "name": "Ada"}, ""),
            ({"what": "decided", "id": "merge-0-0-0", "decision": "unsure", "note": ""}, "no longer has that place"),
            ({"what": "decided", "id": one.id, "decision": "bad", "note": ""}, "decision"),
            ({"what": "decided", "id": one.id, "decision": "unsure", "note": "x" * 3000}, "note"),
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
    one = event_items(result, Filter())[0]
    test = opened("errors")
    decided = {"what": "decided", "id": one.id, "decision": "unsure", "note": ""}
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
    gone = replace(event_items(result, Filter())[0].item(), judged_at=Place(
        kind="merge", slice=22, y=1, x=1, top=0, left=0, bottom=3, right=3
    ))  # fmt: skip
    reviews = Reviews(result.run.folder, result.facts["dataset_fingerprint"])
    reviews.put(verdict(result, gone, "Ada"))
    test = opened("errors")
    test.session_state["errors sections"] = "Verdicts"
    test.run()
    assert "1 more belong to places that this evaluation does not have" in text_of(test)
    rows = list(csv.DictReader(io.StringIO(reviews.csv_bytes().decode("utf-8-sig"))))
    assert [row["reviewer"] for row in rows] == ["Ada"]


@pytest.mark.parametrize("kind", ["merge", "split", "loop", "slice", "region"])
def test_every_list_can_be_judged(kind, result):
    test = opened("errors")
    test.selectbox(key="queue kind").set_value(kind).run()
    assert not bugs(test)
    data = queue_data(test)
    assert data["rows"] or kind == "loop"
    if data["rows"]:
        chosen = data["rows"][0]["id"]
        decided = {"what": "decided", "id": chosen, "decision": "acceptable", "note": ""}
        test.session_state[KEY] = reports({"what": "named", "name": "Ada"}, decided)
        assert queue_data(test.run())["rows"][0]["decision"] == "acceptable"
        test.session_state["queue undecided"] = True
        assert queue_data(test.run())["rows"][0]["id"] != chosen


def test_progress_counts_places_and_harm(result):
    items = [
        replace(one.item(), harm=harm) for one, harm in zip(event_items(result, Filter()), (0.3, 0.1), strict=False)
    ]
    assert progress((items, Judged())) == "0 of 2 reviewed, 0 % of the harm"
    own = verdict(result, items[0], "Ada")
    found = Judged(reviewer="Ada", of_places={items[0].judged_at.key: (own,)})
    assert progress((items, found)) == "1 of 2 reviewed, 75 % of the harm"
    assert progress(([replace(items[1], harm=float("nan"))], Judged())) == "0 of 1 reviewed"
