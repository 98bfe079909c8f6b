"""The Compare page in a real Chromium: what one of two runs has alone is walked through, seen and judged by keys."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from browsing import APP, barriers, sample_and_run, settled, wait_until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(tmp_path_factory, serve):
    """The app over the sample, the run that comes with the program and a prediction of other slices and membranes."""
    pytest.importorskip("streamlit", reason="streamlit is not installed")
    folder = tmp_path_factory.mktemp("two")
    environment = sample_and_run(folder, "judged")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        from segcore.data import open_dataset
        from segcore.evaluation import score_outside

        dataset = open_dataset("sample")
        predicted = np.stack([dataset.label(z) for z in range(30)]).astype(np.float32) / 255
        predicted[:, 60:140, 60:140] = 1.0
        tifffile.imwrite(folder / "outside.tif", predicted)
        score_outside("outside", folder / "outside.tif", dataset, kind="probability")
    with serve(APP, folder, **environment) as address:
        yield SimpleNamespace(address=address, models=folder / "models")


def verdicts(app, run: str) -> list[tuple[str, str]]:
    from segcore.evaluation import read_evaluation
    from segcore.reviews import Reviews

    _, facts = read_evaluation(app.models / run / "evaluation" / "sample")
    reviews = Reviews.of_evaluation(app.models / run, facts)
    return [(one.reviewer, one.decision) for one in reviews.latest()]


def test_what_each_run_has_alone_is_judged_by_keys(app, browse):
    page = browse(f"{app.address}/compare?run=judged&with=outside")
    viewer, rows = page.locator(".viewer"), page.locator(".queue [role=option]")
    rows.first.wait_for()
    page.keyboard.press("n")
    page.locator('.queue [role=option][aria-selected="true"]').wait_for()
    title, z = rows.first.locator(".title").inner_text(), rows.first.locator(".slice").inner_text()
    page.wait_for_selector(f'.viewer[data-slice="{z}"][data-complete="true"]')
    page.locator("p").filter(
        has_text=re.compile(f"^Slice {z}: .* wrong in both")
    ).wait_for()  # counts of the slice that is shown
    assert viewer.get_attribute("data-outlined")
    assert viewer.get_attribute("data-mode") == "both"
    page.keyboard.press("m")
    page.locator(".queue .name input").fill("Ada")
    page.keyboard.press("Enter")
    page.locator(".queue .status").get_by_text("Saved:").wait_for()
    run, other = ("judged", "outside") if title.endswith("gone") else ("outside", "judged")
    assert verdicts(app, run) == [("Ada", "model error")]
    assert verdicts(app, other) == []
    page.keyboard.press("Control+z")
    page.locator(".queue .status").get_by_text("Taken back").wait_for()
    wait_until(lambda: verdicts(app, run) == [])


def test_a_phone_has_rows_of_one_line_and_a_page_of_its_height(app, browse):
    page = browse(f"{app.address}/compare?run=judged&with=outside")
    page.set_viewport_size({"width": 420, "height": 900})
    settled(page)
    table = page.locator(".sg-table")
    rows = table.locator("tbody tr")
    heights = [rows.nth(at).bounding_box()["height"] for at in range(rows.count())]
    assert len(heights) > 5
    assert max(heights) < 40
    assert table.bounding_box()["width"] <= 420
    assert page.locator('[data-testid="stMainBlockContainer"]').evaluate("one => one.scrollHeight") < 4000
    assert barriers(page) == []


def test_the_run_of_a_row_is_shown_in_the_place_of_the_other(app, browse):
    page = browse(f"{app.address}/compare?run=judged&with=outside")
    page.locator(".viewer").get_by_role("button", name="One", exact=True).click()
    titles = page.locator(".viewer .titles span")
    for which, run in (("new", "outside"), ("gone", "judged")):
        page.locator(".queue [role=option]").filter(has_text=f", {which}").first.click()
        titles.filter(has_text=f"{run} at ").wait_for()
        page.locator(".stage").hover()
        page.keyboard.press("b")
        titles.filter(has_text=f"{'judged' if run == 'outside' else 'outside'} at ").wait_for()
        page.keyboard.press("b")
