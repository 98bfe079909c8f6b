"""Labels that a reviewer calls wrong: what is offered, what a click changes, what it is undone to, and the scores."""

import dataclasses
import shutil

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from reading import bugs, opened, text_of

from dashboard.state import corrections, measures_at
from dashboard.views.reviewing import Filter, event_items, region_items, slice_items
from dashboard.views.reviewing.corrected import scores_of
from dashboard.views.reviewing.correcting import bench, wrong_at
from segcore.data import Correction, add_correction, correct, corrections_of, install, open_dataset, runs_of
from segcore.evaluation import scores_with, stored_scores
from segcore.reviews import Place, Reviews, Verdict
from segcore.stacks import IGNORE, array_stack

COPY = "sample-corrected"
KEY = "errors queue judged sample"
IGNORING, OTHER, UNDO = "correcting ignore", "correcting other", "correcting undo"


def regions(result):
    return region_items(result, 0.5, 0, None, 0)


def called_wrong(result, item):
    verdict = Verdict(
        place=item.judged_at, dataset="sample", fingerprint=result.facts["dataset_fingerprint"], reviewer="Ada",
        decision="label error", note="no membrane",
    )  # fmt: skip
    Reviews(result.run.folder, verdict.fingerprint).put(verdict)


def at_item(item, kind="region", **address):
    """The page with an item chosen, and the reader known by name."""
    test = opened("errors", threshold="0.500", event=item.id, **address)
    test.session_state["queue kind"] = kind
    test.session_state["errors reviewer"] = "Ada"
    return again(test, item)


def again(test, item):
    test.session_state[KEY] = {"view": {"reports": [], "chosen": item.id}}
    test.run()
    assert not bugs(test)
    return test


def clicked(test, key, item):
    test.button(key=key).click()
    again(test, item)


def buttons(test):
    return {one.key for one in test.button if (one.key or "").startswith("correcting")}


def test_a_region_is_itself(result):
    for item in (regions(result)[0], next(one for one in regions(result) if one.kind == "split")):
        found = wrong_at(result, item, "sample", 0.5, 0)
        assert (found.pixels, found.missed) == (item.size_px, item.kind == "merge")
        assert sum(last - first for _, first, last in found.runs) == item.size_px
    # What a tolerance forgives is in no region.
    far = region_items(result, 0.5, 2, None, 0)[0]
    assert wrong_at(result, far, "sample", 0.5, 2).pixels == far.size_px


def test_an_event_is_what_hangs_together_with_its_openings(result):
    from scipy import ndimage

    from dashboard.state import load_probability

    found = {}
    for one in event_items(result, Filter()):
        item = one.item()
        z = item.place.slice
        label, predicted = open_dataset("sample").label(z) > 0, load_probability(result, z) > 0.5 * 255
        wrong = ~label & predicted if item.kind == "merge" else label & ~predicted
        numbers, _ = ndimage.label(wrong, np.ones((3, 3)))
        near = [np.unique(numbers[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]) for y, x in item.place.openings]
        expected = np.isin(numbers, sorted({*np.concatenate(near).tolist()} - {0}))
        got = wrong_at(result, item, "sample", 0.5, 3)
        assert got.runs == runs_of(expected)
        found[item.kind] = found.get(item.kind, 0) + (got.pixels > 0)
    assert found["merge"] > 0
    assert found["split"] > 0


def test_a_slice_is_left_out_as_a_whole(result):
    item = slice_items(result, measures_at(result, 0.5, 0), open_dataset("sample").info)[0]
    called_wrong(result, item)
    test = at_item(item, "slice")
    assert buttons(test) == {IGNORING}
    info = open_dataset("sample").info
    assert f"All {info.height * info.width:,} labelled pixels" in test.button(key=IGNORING).help
    test.button(key=IGNORING).click().run()
    assert not bugs(test)
    assert open_dataset(COPY).info.unlabelled_slices == (item.place.slice,)


@pytest.mark.parametrize(("key", "became"), [(IGNORING, IGNORE), (OTHER, 255)])
def test_a_click_corrects_and_another_undoes(result, key, became):
    item = next(one for one in regions(result) if one.kind == "merge")
    # Nothing is offered before the reader said that the label is wrong.
    test = at_item(item)
    assert buttons(test) == set()
    called_wrong(result, item)
    again(test, item)
    assert buttons(test) == {IGNORING, OTHER}
    assert f"{item.size_px:,} pixels of missed membrane at this place, labelled membrane," in test.button(key=key).help
    assert r"sample\-corrected (a new copy)" in test.button(key=key).help
    clicked(test, key, item)
    copy, original = open_dataset(COPY), open_dataset("sample")
    changed = copy.label(item.place.slice) != original.label(item.place.slice)
    assert changed.sum() == item.size_px
    assert set(copy.label(item.place.slice)[changed].tolist()) == {became}
    (one,) = corrections_of(copy).corrections
    assert (one.place, one.reviewer, one.note) == (item.judged_at, "Ada", "no membrane")
    assert buttons(test) == {UNDO}
    said = "left out" if key == IGNORING else "now interior"
    assert f"Corrected: {item.size_px:,} px {said}" in text_of(test)
    assert test.query_params["event"] == item.id
    assert (original.folder / "corrections.json").exists() is False
    clicked(test, UNDO, item)
    assert open_dataset(COPY).info.fingerprint == original.info.fingerprint
    assert buttons(test) == {IGNORING, OTHER}
    assert "(a new copy)" not in test.button(key=key).help


def test_what_is_corrected_already_is_not_offered_again(result):
    item = regions(result)[0]
    called_wrong(result, item)
    # Somebody corrected the same pixels, at another place.
    wrong = wrong_at(result, item, "sample", 0.5, 0)
    place = dataclasses.replace(item.judged_at, kind="merge")
    add_correction(
        open_dataset("sample"), COPY, Correction(place=place, become="ignore", runs=wrong.runs, reviewer="Bo")
    )
    test = at_item(item)
    assert buttons(test) == set()
    assert r"no wrong pixel lies at this place in sample\-corrected, so there is nothing to correct" in text_of(test)


def test_into_a_copy_of_another_name(result, data_dir, cell_stack):
    item = regions(result)[0]
    called_wrong(result, item)
    test = at_item(item)
    field = test.text_input(key="correcting into, from sample")
    assert field.value == COPY
    field.set_value("mine")
    again(test, item)
    clicked(test, IGNORING, item)
    assert corrections_of(open_dataset("mine")).original == "sample"
    assert not (data_dir / COPY).exists()
    # The next visitor goes on with it.
    assert bench(result).copy == "mine"
    # What is no copy of this dataset is left alone, and the page says so.
    install("taken", *map(array_stack, cell_stack))
    test = at_item(item)
    clicked(test, UNDO, item)
    for name, message in (("taken", "no corrected copy"), ("../x", "safe folder name"), ("sample", "of its original")):
        test.text_input(key="correcting into, from sample").set_value(name)
        again(test, item)
        clicked(test, IGNORING, item)
        assert any(message in one.value for one in test.error), name
    assert corrections("taken") is None


def test_nothing_is_offered_where_the_app_is_read_only(result, monkeypatch):
    item = regions(result)[0]
    called_wrong(result, item)
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    test = at_item(item)
    assert buttons(test) == set()
    test.session_state["errors sections"] = "Verdicts"
    again(test, item)
    assert "No label is corrected." in text_of(test)
    assert "train on corrected" not in {one.key for one in test.button}


def test_another_dataset_of_that_name_is_not_corrected(result, data_dir):
    item = event_items(result, Filter())[0].item()
    called_wrong(result, item)
    path = data_dir / "sample" / "dataset.json"
    path.write_text(path.read_text().replace(open_dataset("sample").info.fingerprint, "0" * 64))
    test = at_item(item, "all")
    assert buttons(test) == set()
    assert "as it was evaluated is not here" in text_of(test)
    assert "These figures are older than the labels" in text_of(test)


def test_with_and_without_are_the_scores_of_both_labels(result):
    items = regions(result)
    first, second = items[0], next(one for one in items if one.place.slice != items[0].place.slice)
    for item, become in ((first, "ignore"), (second, "other")):
        wrong = wrong_at(result, item, "sample", 0.5, 0)
        made = Correction(
            place=item.judged_at, become=wrong.other if become == "other" else become, runs=wrong.runs, reviewer="Ada"
        )
        copy = add_correction(open_dataset("sample"), COPY, made)
    at = bench(result)
    assert (at.original, at.copy, len(at.done.corrections)) == ("sample", COPY, 2)
    assert scores_of(result, "sample", at, at.done.slices) == stored_scores(result.evaluation)
    found = scores_of(result, COPY, at, at.done.slices)
    whole = scores_with(result.evaluation, result.folder, copy, result.evaluation.slices)
    np.testing.assert_array_equal(found.evidence.counts, whole.evidence.counts)
    assert (found.scores, found.events) == (whole.scores, whole.events)
    # An evaluation against labels of neither is measured anew as a whole.
    unknown = dataclasses.replace(result, facts=result.facts | {"dataset_fingerprint": "0" * 64})
    assert scores_of(unknown, COPY, at, ()).scores == whole.scores

    test = opened("errors", threshold="0.500")
    test.session_state["errors sections"] = "Verdicts"
    test.run()
    assert not bugs(test)
    assert r"2 places are corrected in **sample\-corrected**" in text_of(test)
    assert "because the labels changed, not the prediction" in text_of(test)
    table = next(one.value for one in test.dataframe if "corrected" in one.value.columns)
    rows = table.set_index("score")
    before, after = (one.evidence.confusion(0.5).pooled() for one in (stored_scores(result.evaluation), found))
    difference = int(after.wrong_pixels) - int(before.wrong_pixels)
    assert difference == -first.size_px - second.size_px
    assert rows.loc["wrong pixels"].tolist() == [
        f"{int(before.wrong_pixels):,}", f"{int(after.wrong_pixels):,}", f"{difference:+,}",
    ]  # fmt: skip
    assert rows.loc["counted pixels", "difference"] == f"{-first.size_px:+,}"
    assert f"evaluate judged --dataset {COPY}" in " ".join(one.value for one in test.code)
    # One click leads to a training on them.
    test.button(key="train on corrected").click().run()
    assert not bugs(test)
    assert test.session_state["train dataset"] == COPY
    assert test.session_state["train open"] is True
    assert test.session_state["train name"] == "sample-corrected-quick-1"
    assert "sample, corrected in 2 places" in test.selectbox(key="train dataset").options


def test_an_evaluation_on_the_copy_corrects_that_copy_and_keeps_the_verdicts(result, models_dir):
    from segcore.evaluation import write_evaluation

    items = regions(result)
    wrong = wrong_at(result, items[0], "sample", 0.5, 0)
    made = Correction(place=items[0].judged_at, become="ignore", runs=wrong.runs, reviewer="Ada")
    copy = correct(open_dataset("sample"), COPY, [made])
    # As an evaluation on the copy would leave it, the tables apart.
    folder = result.run.evaluation(COPY)
    facts = result.facts | {
        "dataset": COPY, "dataset_fingerprint": copy.info.fingerprint,
        "original_fingerprint": result.facts["dataset_fingerprint"],
    }  # fmt: skip
    for name in ("probability.tif", "segments.tif"):
        shutil.copy(result.folder / name, models_dir / name)
    write_evaluation(
        folder, result.evaluation, facts, probability=models_dir / "probability.tif",
        segments=models_dir / "segments.tif",
    )  # fmt: skip
    there = dataclasses.replace(result, dataset=COPY, folder=folder, facts=facts)
    at = bench(there)
    assert (at.original, at.copy, at.labels) == ("sample", COPY, COPY)
    item = next(one for one in regions(there) if one.place.slice != items[0].place.slice)
    called_wrong(result, item)  # on the original: a verdict is about places, whichever labels
    of_copy = f"errors queue judged {COPY}"
    test = opened("errors", threshold="0.500", dataset=COPY, event=item.id)
    test.session_state["queue kind"] = "region"
    test.session_state["errors reviewer"] = "Ada"
    test.session_state[of_copy] = {"view": {"reports": [], "chosen": item.id}}
    test.run()
    assert not bugs(test)
    assert "These figures are older than the labels" not in text_of(test)
    assert buttons(test) == {IGNORING, OTHER}
    test.button(key=IGNORING).click()
    test.session_state[of_copy] = {"view": {"reports": [], "chosen": item.id}}
    test.run()
    assert not bugs(test)
    assert [one.place for one in corrections_of(open_dataset(COPY)).corrections] == [
        items[0].judged_at, item.judged_at,
    ]  # fmt: skip
    # The region is gone with the label that it had; what was done to it can still be undone.
    assert item.id not in {one.id for one in regions(there)}
    assert "These figures are older than the labels" in text_of(test)
    assert buttons(test) == {UNDO}
    test.button(key=UNDO).click()
    test.session_state[of_copy] = {"view": {"reports": [], "chosen": item.id}}
    test.run()
    assert open_dataset(COPY).info.fingerprint == copy.info.fingerprint
    assert buttons(test) == {IGNORING, OTHER}


def test_the_data_page_says_what_a_copy_is(result):
    place = Place(kind="merge", slice=1, y=0, x=0, top=0, left=0, bottom=2, right=2)
    made = Correction(place=place, become="ignore", runs=((0, 0, 2),), reviewer="Ada")
    correct(open_dataset("sample"), COPY, [made])
    test = opened("data", dataset=COPY)
    assert not bugs(test)
    assert "A corrected copy of sample: the same images, labels changed once." in text_of(test)
    # It is divided as the run's own stack.
    test.session_state["section"] = "split"
    assert any(option.startswith("that of run judged") for one in test.run().selectbox for option in one.options)
    correct(open_dataset("sample"), COPY, [])
    test = opened("data", dataset=COPY)
    assert "and the same labels, as no correction is left" in text_of(test)
