"""Where harm was not measured, as in an evaluation that is older than it, nothing is said to do most of it."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest

from segcore.evaluation import compare, read_evaluation
from segcore.report import draft_conclusion, gather, report_page
from segcore.report.pictured import worst_slice


def merged_and_noisy(mask: np.ndarray) -> None:
    """Slice 3 has the merge of all its cells and few wrong pixels, slice 5 no membrane between cells called interior
    and most pixels wrong."""
    mask[3] = 255
    mask[5] = 255 - mask[5]


@pytest.fixture
def old(scored):
    """A run whose evaluation was written before harm was measured, as such an evaluation was."""
    run = scored("old", merged_and_noisy)
    folder = run.evaluation("cells")
    for name in ("events.csv", "slices.csv"):
        with (folder / name).open(newline="") as file:
            rows = [{key: cell for key, cell in row.items() if key != "harm"} for row in csv.DictReader(file)]
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    stored = json.loads((folder / "summary.json").read_text())
    del stored["events"]["harm"]
    (folder / "summary.json").write_text(json.dumps(stored))
    return run


def test_the_worst_slice_is_the_one_with_most_wrong_pixels(old):
    evaluation, _ = read_evaluation(old.evaluation("cells"))
    assert all(map(math.isnan, evaluation.events.column("harm")))
    wrong = evaluation.evidence.confusion(0.5).wrong_percent.tolist()
    found = worst_slice(evaluation, 0.5)
    assert (found.slice, found.by_harm) == (int(np.argmax(wrong)), False)
    assert found.slice == 5


def test_with_harm_it_is_the_one_where_most_is_done(scored):
    evaluation, _ = read_evaluation(scored("new", merged_and_noisy).evaluation("cells"))
    harms = evaluation.events.column("harm")
    by_slice = [sum(max(0, h) for h, z in zip(harms, evaluation.events.column("slice"), strict=True) if z == one)
                for one in range(12)]  # fmt: skip
    found = worst_slice(evaluation, 0.5)
    assert (found.slice, found.by_harm) == (int(np.argmax(by_slice)), True)


def test_the_report_speaks_of_no_harm(old, read_aloud):
    contents = gather(old)
    said = read_aloud(report_page(contents, draft_conclusion(contents)))
    assert "Slice 5, the one with most wrong pixels, at threshold 0.500" in said
    assert "The dark bar is slice 5, the one with most wrong pixels." in said
    for untrue in ("do most harm", "most harmful", "of most harm", "Harm of the splits", "of all harm", "nan"):
        assert untrue not in said, untrue
    assert f"The {len(contents.places)} splits and merges with most stray pixels" in said


def test_nothing_wrong_is_no_harm(scored, read_aloud):
    def parted(mask):
        mask[0, 0, 0] = 255 - mask[0, 0, 0]

    contents = gather(scored("nearly", parted))
    assert not contents.worst.by_harm or contents.evaluation.events
    said = read_aloud(report_page(contents, draft_conclusion(contents)))
    assert "nan" not in said


def test_harm_is_not_compared_with_what_nobody_measured(old, scored):
    # Slices without a split or merge would have none in both runs, and the others would be left out.
    rows = {row.measure for row in compare(old, scored("new", merged_and_noisy)).differences()}
    assert {"splits", "merges"} <= rows
    assert "harm" not in rows
