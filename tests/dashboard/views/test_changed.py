"""Splits and merges that one of two runs has alone: what is listed, and whose the verdicts on it are."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

pytest.importorskip("streamlit", reason="streamlit is not installed")
from reading import bugs, opened, text_of

from dashboard.state import load_result
from dashboard.views.reviewing import Filter, changed_events
from segcore.data import install, open_dataset
from segcore.evaluation import compare, read_evaluation, score_outside
from segcore.reviews import Reviews
from segcore.stacks import array_stack

KEY = "compare queue judged sample outside sample"


@pytest.fixture
def two(result, tmp_path):
    """The sample's run, `judged`, and `outside`, which finds every membrane but those in a square."""
    dataset = open_dataset("sample")
    slices = result.evaluation.slices
    labels = np.stack([dataset.label(z) for z in slices])
    predicted = labels.astype(np.float32) / 255
    predicted[:, 60:140, 60:140] = 1.0
    tifffile.imwrite(tmp_path / "outside.tif", predicted)
    run = score_outside("outside", tmp_path / "outside.tif", dataset, slices=slices, kind="probability").run
    return result, load_result(run, "sample", "test")


def queue_of(test) -> dict:
    """What the browser is given to show."""
    for block in (test.main, test.sidebar):
        for found in _components(block):
            if "mayDecide" in found:
                return found
    raise AssertionError("there is no queue")


def _components(block):
    for child in block.children.values():
        if hasattr(child, "children"):
            yield from _components(child)
        elif text := getattr(getattr(child, "proto", None), "json", ""):
            yield json.loads(text)


def reports(*changes, chosen=None):
    numbered = [{"number": number, **change} for number, change in enumerate(changes, start=1)]
    return {"view": {"reports": numbered, "chosen": chosen}}


def decided(name: str, decision: str = "model error") -> dict:
    return {"what": "decided", "id": name, "decision": decision, "note": ""}


def latest(result):
    _, facts = read_evaluation(result.folder)
    return [
        (one.place.kind, one.place.slice, one.decision)
        for one in Reviews.of_evaluation(result.run.folder, facts).latest()
    ]


def test_events_of_either_run_alone_the_most_harmful_first(two):
    first, second = two
    changes = compare(first.run, second.run).events()
    found = changed_events(first, second, changes, Filter())
    assert [one.harm for one in found] == sorted((one.harm for one in found), reverse=True)
    gone, new = ([one for one in found if one.change == change] for change in ("gone", "new"))
    assert gone
    assert new
    for own, events, run, other in ((gone, changes.gone, "judged", False), (new, changes.new, "outside", True)):
        assert len(own) == len(events)
        assert {one.listed.event for one in own} == set(events)
        for one in own[:5]:
            item = one.item()
            assert item.place.other == other
            assert item.said.startswith(f"Only in {run}. Slice ")
            assert item.title.endswith(f", {one.change}")
    only = changed_events(first, second, changes, Filter(slice=found[0].listed.event.slice))
    assert 0 < len(only) < len(found)


def test_verdicts_are_kept_with_the_run_that_has_the_event(two):
    test = opened("compare", run="judged", **{"with": "outside"})
    assert not bugs(test)
    rows = queue_of(test)["rows"]
    gone, new = (next(row["id"] for row in rows if row["id"].startswith(what)) for what in ("gone-", "new-"))
    named = {"what": "named", "name": "Ada"}
    changes = [named, decided(gone), decided(new, "unsure")]
    test.session_state[KEY] = reports(*changes)
    test.run()
    assert not bugs(test)
    shown = {row["id"]: row["decision"] for row in queue_of(test)["rows"]}
    assert (shown[gone], shown[new]) == ("model error", "unsure")
    assert "2 of " in queue_of(test)["progress"]
    first, second = two
    assert [one[2] for one in latest(first)] == ["model error"]
    assert [one[2] for one in latest(second)] == ["unsure"]
    # The last verdict is taken back, whichever run it was on.
    for left in ((1, 0), (0, 0)):
        changes.append({"what": "taken back"})
        test.session_state[KEY] = reports(*changes)
        test.run()
        assert "Taken back" in queue_of(test)["message"]
        assert (len(latest(first)), len(latest(second))) == left


def test_what_is_listed_is_chosen(two):
    test = opened("compare", run="judged", **{"with": "outside"})
    every = [row["id"] for row in queue_of(test)["rows"]]
    test.selectbox(key="changed events judged outside").set_value("new").run()
    new = [row["id"] for row in queue_of(test)["rows"]]
    assert new == [one for one in every if one.startswith("new-")]
    test.number_input(key="changed least").set_value(10**6).run()
    assert queue_of(test)["rows"] == []
    assert queue_of(test)["empty"] == "Nothing passes the filter."
    assert not bugs(test)


def test_a_link_leads_to_an_event(two):
    name = queue_of(opened("compare", run="judged", **{"with": "outside"}))["rows"][4]["id"]
    test = opened("compare", run="judged", event=name, **{"with": "outside"})
    assert queue_of(test)["chosen"] == name
    assert test.query_params["event"] == name


def test_changed_pixels_are_counted(two):
    first, _ = two
    test = opened("compare", run="judged", slice=str(first.evaluation.slices[0]), **{"with": "outside"})
    said = text_of(test).replace("\\", "")
    assert f"Slice {first.evaluation.slices[0]}: " in said
    right, _, rest = said.partition(" pixels are right in outside only, ")
    assert int(right.split()[-1].replace(",", "")) > 0
    broken = int(rest.split(" in judged only")[0].replace(",", ""))
    label = open_dataset("sample").label(first.evaluation.slices[0])
    assert broken <= int((label[60:140, 60:140] == 0).sum()), "outside is wrong in its square only"


@pytest.fixture
def elsewhere(data_dir, models_dir, tmp_path):
    """A run that was measured on another dataset than any other."""
    labels = np.zeros((2, 64, 64), np.uint8)
    labels[:, :, 5:60] = 255
    tifffile.imwrite(tmp_path / "elsewhere.tif", labels)
    dataset = install("others", array_stack(labels // 2), array_stack(labels))
    return score_outside("a-first", tmp_path / "elsewhere.tif", dataset, kind="mask").run


def test_what_cannot_be_compared_says_why_and_what_can_be_done(result, elsewhere):
    test = opened("compare", run="judged")
    said = text_of(test).replace("\\", "")
    assert not bugs(test)
    assert "They cannot be compared: the two runs were not measured on the same slices with the same labels" in said
    assert "judged: slices " in said
    assert "a-first: slices 0-1 of others" in said
    assert "Run a-first was not evaluated on sample" in said
    assert "expected" not in said


def test_a_run_that_can_be_compared_is_offered_first(two, elsewhere):
    assert opened("compare", run="judged").selectbox(key="compare with").value == "outside"
