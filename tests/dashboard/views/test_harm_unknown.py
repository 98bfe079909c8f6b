"""The Overview of an evaluation that is older than harm: nothing is said of it, and nothing ordered by it."""

from __future__ import annotations

import csv
import json

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")
from reading import bugs, opened, text_of

from segcore.evaluation import read_evaluation


def forget(folder, lines=None):
    """Takes harm out of an evaluation, or the harm of so many of its splits and merges."""
    with (folder / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[:lines]:
        row["harm"] = ""
    with (folder / "events.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with (folder / "slices.csv").open(newline="") as file:
        slices = list(csv.DictReader(file))
    with (folder / "slices.csv").open("w", newline="") as file:
        writer = csv.DictWriter(
            file, [name for name in slices[0] if name != "harm"], lineterminator="\n", extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(slices)
    stored = json.loads((folder / "summary.json").read_text())
    del stored["events"]["harm"]
    (folder / "summary.json").write_text(json.dumps(stored))


def helps(test) -> list[str]:
    return [getattr(one.proto, "help", "") for kind in (test.markdown, test.caption) for one in kind]


def test_where_harm_is_known_the_overview_goes_by_it(result):
    test = opened("overview", run="judged")
    said = text_of(test)
    assert not bugs(test)
    assert "By the harm of their splits and merges." in said
    assert "of all harm" in said
    assert "Splits and merges of most harm" in said
    assert test.button(key="review").label == "Review them, the worst first"
    assert any(one.startswith("Harm: ") for one in helps(test))


@pytest.mark.parametrize("lines", [None, 1])
def test_where_it_is_not_nothing_is_said_of_it(result, lines):
    forget(result.folder, lines)
    test = opened("overview", run="judged")
    said = text_of(test)
    assert not bugs(test)
    assert not test.error
    assert "By wrong pixels." in said
    assert "Largest splits and merges" in said
    assert "harm" not in said.lower().replace("harmless", "")
    assert "nan" not in said.split()
    assert test.button(key="review").label == "Review them, the largest first"
    assert not any("harm" in one.lower() for one in helps(test))
    # The worst slice is that with the most wrong pixels.
    evaluation, _ = read_evaluation(result.folder)
    wrong = evaluation.evidence.confusion(evaluation.thresholds["pixel"]).wrong_percent
    assert f"**Worst slice: {evaluation.slices[int(wrong.argmax())]}**" in said
