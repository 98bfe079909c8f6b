"""The section on errors by the size of the neurite."""

from __future__ import annotations

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from reading import bugs, opened, text_of

from segcore.evaluation import read_evaluation
from segcore.measures import by_quartile


def section(**address):
    test = opened("errors", **address)
    test.session_state["errors sections"] = "Wrong pixels taken apart"
    test.run()
    assert not bugs(test)
    assert "By size of the neurite" in text_of(test)
    return test


def table(test):
    (found,) = [frame.value for frame in test.dataframe if "in 1,000" in frame.value.columns]
    return found


def test_the_quarters_are_those_of_segcore(evaluated_run):
    evaluation, _ = read_evaluation(evaluated_run.evaluation("cells"))
    groups = by_quartile(evaluation.neurite_sizes)
    test = section()
    for point in evaluation.thresholds:
        test.segmented_control(key="apart at").set_value(point).run()
        found = table(test)
        assert found["neurites"].tolist() == [one.neurites for one in groups]
        assert found["wrong px"].tolist() == [one.wrong_px[point] for one in groups]
        per_mille = [1000 * one.wrong_px[point] / one.territory_px for one in groups]
        assert found["in 1,000"].tolist() == pytest.approx(per_mille)
        assert found["area, px"].tolist() == [f"{one.smallest_px:,} to {one.largest_px:,}" for one in groups]
        whole = [one.fates["whole"] for one in groups]
        shares = [f"{n} ({100 * n / one.neurites:.1f} %)" if n else "0" for n, one in zip(whole, groups, strict=True)]
        assert found["whole"].tolist() == shares
        sizes = evaluation.neurite_sizes
        lines = int(sizes.wrong_px[point][sizes.neurite == 0].sum())
        assert f"{lines:,} more lie on the lines between territories" in text_of(test)


def test_an_older_evaluation_says_that_it_is(evaluated_run):
    (evaluated_run.evaluation("cells") / "neurites.csv").unlink()
    test = section()
    assert "older than this measure" in text_of(test)
    assert not [frame for frame in test.dataframe if "in 1,000" in frame.value.columns]
