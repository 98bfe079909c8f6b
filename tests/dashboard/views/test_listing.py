"""What the queue lists by kind, size, harm and slice; how many are hidden, and what they are pictured with."""

from __future__ import annotations

import json
import shutil

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from reading import bugs, opened, text_of

from segcore.evaluation import harm_by_slice
from segcore.measures import last_membrane_value


@pytest.fixture
def evaluation(result):
    return result.evaluation


def queue_data(block):
    """What the queue is given."""
    for child in block.children.values():
        if hasattr(child, "children"):
            if found := queue_data(child):
                return found
        elif "mayDecide" in (text := getattr(getattr(child, "proto", None), "json", "")):
            return json.loads(text)
    return None


def listed(test) -> list[str]:
    assert not bugs(test)
    return [row["id"] for row in queue_data(test.main)["rows"]]


def hidden(number: int, what: str, of) -> bool:
    return f"{number:,} {what} are hidden by what is chosen above." in of


def test_splits_and_merges_by_harm_and_size(evaluation):
    test = opened("errors")
    assert len(listed(test)) == len(evaluation.events)
    assert "are hidden" not in text_of(test)
    test.number_input(key="queue least harm").set_value(0.001).run()
    more = [one for one in evaluation.events if one.harm >= 0.001]
    assert 0 < len(listed(test)) == len(more) < len(evaluation.events)
    assert hidden(len(evaluation.events) - len(more), "splits and merges", text_of(test))
    test.number_input(key="queue least").set_value(100).run()
    larger = [one for one in more if one.stray_px >= 100]
    assert len(listed(test)) == len(larger) < len(more)
    assert hidden(len(evaluation.events) - len(larger), "splits and merges", text_of(test))


def test_slices_by_harm_and_regions_by_size_alone(evaluation):
    test = opened("errors")
    test.selectbox(key="queue kind").set_value("slice")
    harms = harm_by_slice(evaluation)
    least = round(sorted(harms.values())[len(harms) // 2], 3)
    test.number_input(key="queue least harm").set_value(least).run()
    shown = {f"slice-{z}" for z in evaluation.slices if harms.get(z, 0) >= least}
    assert {*listed(test)} == shown
    assert hidden(len(evaluation.slices) - len(shown), "slices", text_of(test))
    test.selectbox(key="queue kind").set_value("region").run()
    every = listed(test)
    assert len(every) == 1000
    assert "Regions have no harm: it hides none." in text_of(test)
    assert "regions are hidden" not in text_of(test)
    assert test.number_input(key="queue least harm").disabled
    test.number_input(key="queue least").set_value(60).run()
    few = listed(test)
    assert few == every[: len(few)]
    assert "regions are hidden by what is chosen above." in text_of(test)


def test_an_evaluation_without_harm_hides_nothing_by_it(evaluation, models_dir):
    folder = models_dir / "judged" / "evaluation" / "sample"
    for name in ("events.csv", "slices.csv"):
        lines = (folder / name).read_text().splitlines()
        at = lines[0].split(",").index("harm")
        cut = [",".join(cell for place, cell in enumerate(line.split(",")) if place != at) for line in lines]
        (folder / name).write_text("\n".join(cut) + "\n")
    stored = json.loads((folder / "summary.json").read_text())
    del stored["events"]["harm"]
    (folder / "summary.json").write_text(json.dumps(stored))
    test = opened("errors")
    assert len(listed(test)) == len(evaluation.events)
    assert test.number_input(key="queue least harm").disabled
    assert "older than harm: it hides nothing" in text_of(test)


def test_what_is_pictured(evaluation, data_dir):
    test = opened("errors", threshold="0.6", tolerance="2")
    pictures = queue_data(test.main)["pictures"]
    assert pictures["stack"] == "/segcore/thumbnails/sample/judged/test"
    # Openings were found at a threshold of the run, and pixels are wrong at the one that is chosen.
    value = last_membrane_value(next(iter(evaluation.thresholds.values())))
    assert pictures["query"].startswith(f"value={value}&tolerance=0&version=")
    test.selectbox(key="queue kind").set_value("region").run()
    chosen = queue_data(test.main)["pictures"]["query"]
    assert chosen.startswith(f"value={last_membrane_value(0.6)}&tolerance=2&version=")
    shutil.rmtree(data_dir / "sample")
    test = opened("errors", dataset="sample")
    assert queue_data(test.main)["pictures"] is None
    assert len(listed(test)) == len(evaluation.events)
