"""The grid of slices: what stands below each picture, their order, which are shown, and where they lead."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from reading import bugs, opened, text_of

from segcore.data import install
from segcore.evaluation import harm_by_slice
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
    fingerprint = result.facts["dataset_fingerprint"]
    Reviews(result.run.folder, fingerprint).put(
        Verdict(place=place, dataset="sample", fingerprint=fingerprint, reviewer="Ada", decision="acceptable")
    )
    only = grid(run="judged", dataset="sample", show="judged")
    assert numbers(only) == [z]
    assert "1 verdict" in cards(only)[0][2]


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
