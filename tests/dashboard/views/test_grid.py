"""Grids of slices, and of splits and merges: what stands below each picture, their order, and where they lead."""

from __future__ import annotations

import html
import re
from math import nan
from urllib.parse import parse_qs

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from reading import bugs, opened, text_of

from dashboard.views.datasets.by_value import CardMeasure, ValueRange
from dashboard.views.reviewing import Filter, event_id, event_items
from segcore.data import install
from segcore.evaluation import events_by_harm, harm_by_slice
from segcore.reviews import Place, Reviews, Verdict
from segcore.stacks import IGNORE, array_stack


def cards(test) -> list[tuple[dict[str, list[str]], str, str]]:
    """Of each picture the address that it leads to, its own, and what is written below it."""
    assert not bugs(test)
    (grid,) = [one.proto.body for one in test.get("html") if "sg-cards" in one.proto.body]
    found = re.findall(r'(?s)<a href="(.*?)"><img .*?src="(.*?)".*?>(<b>.*?)</a>', grid)
    return [
        ({"page": [to.partition("?")[0]], **parse_qs(html.unescape(to).partition("?")[2])}, html.unescape(source), text)
        for to, source, text in found
    ]


def numbers(test) -> list[int]:
    return [int(to["slice"][0]) for to, _, _ in cards(test)]


def grid(**address):
    return opened("data", section="grid", **address)


def test_every_slice_with_what_is_known_of_it(result):
    evaluation = result.evaluation
    test = grid(run="judged", dataset="sample")
    found = cards(test)
    assert numbers(test) == list(range(30))
    wrong = evaluation.evidence.confusion(result.points["pixel"]).wrong_percent
    for z, (to, source, text) in enumerate(found):
        measured = z in evaluation.slices
        assert to["page"] == ["errors" if measured else "data"]
        assert (to["run"], to["dataset"]) == (["judged"], ["sample"])
        assert source.startswith(f"/segcore/thumbnails/sample/judged/test/{z}/0/0/256/256?kind=slice&value=")
        assert ("% wrong" in text) == measured
        if measured:
            assert f"{wrong[evaluation.slices.index(z)]:.2f} % wrong" in text
            assert to["threshold"] == [f"{result.points['pixel']:.3f}"]
    assert "30 slices of 30. Wrong pixels of judged at threshold" in text_of(test)


def test_the_worst_first_and_only_some(result):
    harms = harm_by_slice(result.evaluation)
    ordered = sorted(result.evaluation.slices, key=lambda z: -harms.get(z, 0.0))
    test = grid(run="judged", dataset="sample", sort="harm")
    assert numbers(test)[: len(ordered)] == ordered
    test.selectbox(key="grid show").set_value("measured").run()
    assert numbers(test) == ordered
    assert test.query_params["show"] == "measured"
    test.selectbox(key="grid sort").set_value("number").run()
    assert numbers(test) == sorted(ordered)
    assert test.query_params["sort"] == "number"
    assert "those with verdicts" not in test.selectbox(key="grid show").options
    z = result.evaluation.slices[3]
    place = Place(kind="slice", slice=z, y=0, x=0, top=0, left=0, bottom=256, right=256)
    judge(result, place, "acceptable")
    only = grid(run="judged", dataset="sample", show="judged")
    assert numbers(only) == [z]
    assert "1 verdict" in cards(only)[0][2]


def judge(result, place: Place, decision: str = "model error", note: str = "") -> None:
    fingerprint = result.facts["dataset_fingerprint"]
    Reviews(result.run.folder, fingerprint).put(
        Verdict(
            place=place, dataset="sample", fingerprint=fingerprint, reviewer="Ada", decision=decision, note=note
        )
    )  # fmt: skip


def errors(**address):
    return grid(run="judged", dataset="sample", of="errors", **address)


def events_of(test) -> list[str]:
    return [to["event"][0] for to, _, _ in cards(test)]


def test_splits_and_merges_as_pictures_that_lead_to_them(result):
    worst = events_by_harm(result.evaluation)
    test = errors()
    assert events_of(test) == [event_id(one) for one in worst][:600]
    to, source, text = cards(test)[0]
    first = worst[0]
    assert to["page"] == ["errors"]
    assert (to["run"], to["dataset"], to["part"]) == (["judged"], ["sample"], ["test"])
    assert to["slice"] == [str(first.slice)]
    box = f"{first.slice}/{first.top}/{first.left}/{first.bottom}/{first.right}"
    assert source.startswith(f"/segcore/thumbnails/sample/judged/test/{box}?")
    assert f"slice {first.slice}, {first.stray_px:,} px, harm {first.harm:.4f}" in text
    assert f"{len(worst):,} of {len(worst):,} splits and merges, of judged" in text_of(test)


def test_the_model_card_shows_the_worst_of_them(result):
    test = opened("overview", run="judged", dataset="sample")
    worst = events_by_harm(result.evaluation)[:5]
    assert events_of(test) == [event_id(one) for one in worst]


def test_splits_and_merges_in_another_order_and_only_some(result):
    worst = events_by_harm(result.evaluation)
    test = errors(sort="size", show="split")
    splits = [one for one in worst if one.kind == "split" and not one.loop]
    assert events_of(test) == [event_id(one) for one in sorted(splits, key=lambda one: -one.stray_px)][:600]
    test.selectbox(key="grid show").set_value("merge").run()
    assert set(events_of(test)) == {event_id(one) for one in worst if one.kind == "merge" and not one.loop}
    assert test.query_params["show"] == "merge"
    # Slices are sorted and chosen in ways of their own.
    test.segmented_control(key="grid of").set_value("slices").run()
    assert numbers(test) == list(range(30))
    assert (test.query_params["of"], test.query_params["sort"], test.query_params["show"]) == (
        "slices",
        "number",
        "all",
    )


def test_verdicts_and_tags_choose_what_is_shown(result):
    items = [one.item() for one in event_items(result, Filter())[:3]]
    judge(result, items[0].judged_at, note="a fold, #myelin #Blur")
    judge(result, items[1].judged_at, "label error", note="not a tag: no#tag, # or 3#4")
    assert events_of(errors(show="judged")) == [items[0].id, items[1].id]
    assert events_of(errors(show="label-error")) == [items[1].id]
    assert items[0].id not in events_of(errors(show="open"))
    test = errors(tag="blur")
    assert events_of(test) == [items[0].id]
    assert test.selectbox(key="grid tag").options == ["with any tag or none", "#blur", "#myelin"]
    assert "1 verdict, #blur, #myelin" in cards(test)[0][2]
    # A slice has what was said of any place in it.
    slices = grid(run="judged", dataset="sample", tag="myelin")
    assert numbers(slices) == [items[0].place.slice]
    assert numbers(grid(run="judged", dataset="sample", show="label-error")) == [items[1].place.slice]


def test_a_stack_that_nothing_is_known_of(data_dir, models_dir):
    images = np.random.default_rng(0).integers(0, 256, (4, 40, 50), dtype=np.uint8)
    images[3] = 7
    labels = np.zeros((4, 40, 50), np.uint8)
    labels[[0, 3], :, 25:], labels[1] = 255, IGNORE
    install("strange", array_stack(images, names=["<b>one</b>", "2", "3", "4"]), array_stack(labels), title="Strange")
    test = grid(dataset="strange", sort="harm", show="test")
    assert test.selectbox(key="grid sort").options == ["number", "share of membrane, most first"]
    assert numbers(test) == [0, 1, 2, 3]
    texts = [text for _, _, text in cards(test)]
    assert "&lt;b&gt;one&lt;/b&gt;" in texts[0]
    assert "50.0 % membrane" in texts[0]
    assert "ignored as a whole" in texts[1]
    assert "of one class only" in texts[2]
    assert texts[3].endswith("50.0 % membrane, blank")
    test.selectbox(key="grid show").set_value("noted").run()
    assert numbers(test) == [1, 2, 3]


def test_only_slices_with_a_value_between_two_ends(result):
    evaluation = result.evaluation
    wrong = dict(
        zip(evaluation.slices, evaluation.evidence.confusion(result.points["pixel"]).wrong_percent, strict=True)
    )
    ordered = sorted(wrong, key=wrong.__getitem__)
    # Ends that lie between two slices, as the address has only some digits of them.
    least, most = (wrong[ordered[1]] + wrong[ordered[2]]) / 2, (wrong[ordered[-2]] + wrong[ordered[-1]]) / 2
    test = grid(run="judged", dataset="sample")
    assert test.number_input(key="grid no At least").disabled
    test.selectbox(key="grid by").set_value("wrong").run()
    assert numbers(test) == list(range(30))
    test.number_input(key="grid least").set_value(least).run()
    # A slice that was not measured has no value and is not shown.
    assert numbers(test) == sorted(ordered[2:])
    test.number_input(key="grid most").set_value(most).run()
    assert numbers(test) == sorted(ordered[2:-1])
    said = f"{len(ordered) - 3} slices of 30, wrong pixels at least {least:.2f} % and at most {most:.2f} %."
    assert said in text_of(test)
    linked = grid(run="judged", dataset="sample", **{name: test.query_params[name] for name in ("by", "least", "most")})
    assert numbers(linked) == sorted(ordered[2:-1])
    # Ends of one measure mean nothing for another.
    test.selectbox(key="grid by").set_value("membrane").run()
    assert numbers(test) == list(range(30))
    assert not {"least", "most"} & set(test.query_params)
    test.number_input(key="grid most").set_value(0).run()
    assert numbers(test) == []
    assert "0 slices of 30, share of membrane at most 0.0 %." in text_of(test)


def test_ends_count_themselves_and_nonsense_in_an_address_is_no_end(result):
    assert numbers(grid(run="judged", dataset="sample", by="number", least="7", most="9")) == [7, 8, 9]
    assert numbers(grid(run="judged", dataset="sample", by="number", least="nan", most="9")) == list(range(10))
    test = grid(run="judged", dataset="sample", by="no such", least="7", most="inf")
    assert numbers(test) == list(range(30))


def test_ends_are_of_values_as_they_are_shown():
    measure = CardMeasure(title="wrong pixels", value=float, unit=" %", digits=2)
    shown = [
        value
        for value in (3.4549, 3.4567, 3.4651, nan)
        if ValueRange(measure=measure, least=3.46, most=3.46).has(value)
    ]
    assert shown == [3.4567]
    assert [ValueRange(measure=measure).has(value) for value in (1.0, nan)] == [True, True]


def test_the_address_has_every_digit_of_an_end(result):
    test = errors(by="area", most="1234567")
    assert len(events_of(test)) == min(600, len(result.evaluation.events))
    assert test.query_params["most"] == "1234567"
    test.number_input(key="grid least").set_value(1234566).run()
    assert events_of(test) == []
    assert test.query_params["least"] == "1234566"


def test_a_measure_that_is_not_known_here_leaves_nothing_in_the_address(result):
    test = grid(run="judged", dataset="sample", by="no such", least="7", most="9")
    assert not {"by", "least", "most"} & set(test.query_params)


def test_only_splits_and_merges_of_much_harm(result):
    worst = events_by_harm(result.evaluation)
    harm = (worst[2].harm + worst[3].harm) / 2
    assert events_of(errors(by="harm", least=f"{harm:.6f}")) == [event_id(one) for one in worst[:3]]
    small = [one for one in worst if one.stray_px <= worst[0].stray_px]
    assert events_of(errors(by="size", most=str(worst[0].stray_px))) == [event_id(one) for one in small]
