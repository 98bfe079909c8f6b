"""The Overview of a run that leaks: both of its figures, and a slice beside the prediction of one that does not."""

from __future__ import annotations

import dataclasses
import re

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from reading import bugs, opened, text_of

from segcore.config import SplitConfig
from segcore.evaluation import evaluate
from segcore.runs import create_run, make_split


@pytest.fixture
def leaking(mid_grey_run, cells):
    """`mid-grey` as if it had been trained on copies that were split afterwards, evaluated on both kinds of slices."""
    split = make_split(12, SplitConfig(protocol="notebook", copies=24, validation_fraction=0.5))
    made = create_run(
        "leaky", config=mid_grey_run.config, split=split, info=mid_grey_run.info,
        slice_fingerprints=mid_grey_run.slice_fingerprints,
    )  # fmt: skip
    made.weights.write_bytes(mid_grey_run.weights.read_bytes())
    for part in ("validation", "test"):
        evaluate(made, cells, part=part, device="cpu")
    return made


def test_both_figures_and_why_they_differ(leaking):
    said = text_of(opened("overview", run="leaky"))
    assert "What the leak hides" in said
    assert "Its 24 copies were made before they were divided" in said
    assert "the very same weights have" in said
    assert "which never saw it" not in said  # there is no other run that predicted these slices


def test_one_slice_as_seen_and_as_never_seen(leaking, mid_grey_run, cells):
    split = dataclasses.replace(mid_grey_run.split, train=(10,), validation=(11,), gap=(8, 9), test=tuple(range(8)))
    honest = create_run(
        "honest", config=mid_grey_run.config, split=split, info=mid_grey_run.info,
        slice_fingerprints=mid_grey_run.slice_fingerprints,
    )  # fmt: skip
    honest.weights.write_bytes(mid_grey_run.weights.read_bytes())
    evaluate(honest, cells, part="test", device="cpu")
    test = opened("overview", run="leaky")
    assert not bugs(test)
    said = text_of(test)
    assert "leaky, which learned from copies of it" in said
    assert "honest, which never saw it" in said
    assert re.search(r"the fair comparison is on the very same ones: of the \d slices that honest predicted", said)
    assert "0.00 points less" in said  # it has the same weights


def test_a_run_that_does_not_leak_has_no_such_section(mid_grey_run, cells):
    evaluate(mid_grey_run, cells, device="cpu")
    assert "What the leak hides" not in text_of(opened("overview"))
