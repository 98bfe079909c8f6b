"""The small pictures in the rows of the queue, in Chromium: asked for when somebody comes near them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from browsing import APP, sample_and_run, wait_until

pytestmark = pytest.mark.browser

ROWS = ".queue [role=option]"
LOADED = "(one) => one.complete && one.naturalWidth > 0"


@pytest.fixture(scope="module")
def app(tmp_path_factory, serve):
    """The app over the synthetic sample and a copy of the run on it that comes with the program."""
    pytest.importorskip("streamlit", reason="streamlit is not installed")
    folder = tmp_path_factory.mktemp("pictured")
    with serve(APP, folder, **sample_and_run(folder, "judged")) as address:
        yield SimpleNamespace(address=address, folder=folder)


def shown(page) -> list[bool]:
    """Which rows are in the part of the list that is seen."""
    return page.locator(ROWS).evaluate_all(
        """(all) => all.map((one) => {
            const list = one.parentElement.getBoundingClientRect(), row = one.getBoundingClientRect();
            return row.bottom > list.top && row.top < list.bottom;
        })"""
    )


def test_a_thousand_rows_ask_for_the_pictures_that_are_near(app, browse):
    page = browse(f"{app.address}/errors")
    page.locator(f"{ROWS} img").first.wait_for()
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url) if "/segcore/thumbnails/" in request.url else None)
    page.get_by_test_id("stMain").get_by_test_id("stSelectbox").first.click()
    page.get_by_role("option", name="Regions of wrong pixels, by size").click()
    wait_until(lambda: page.locator(ROWS).count() == 1000)
    images = page.locator(f"{ROWS} img")
    heights = page.locator(ROWS).evaluate_all("(all) => [...new Set(all.map((one) => one.offsetHeight))]")
    seen = [at for at, here in enumerate(shown(page)) if here]
    assert len(seen) >= 5
    for at in seen:
        wait_until(lambda at=at: images.nth(at).evaluate(LOADED))
    assert len(seen) <= len(asked) < 300
    # Whoever goes to the end finds those there.
    page.locator(ROWS).last.scroll_into_view_if_needed()
    wait_until(lambda: images.last.evaluate(LOADED))
    assert len(asked) < 600
    assert page.locator(ROWS).evaluate_all("(all) => [...new Set(all.map((one) => one.offsetHeight))]") == heights
    assert len(heights) == 1
    # The row says everything itself.
    assert images.evaluate_all('(all) => all.every((one) => one.getAttribute("alt") === "")')


def test_rows_without_images_have_no_pictures_and_no_gap(app, browse):
    data = app.folder / "data"
    data.rename(app.folder / "elsewhere")
    try:
        page = browse(f"{app.address}/errors?run=judged&dataset=sample")
        page.locator(ROWS).first.wait_for()
        assert page.locator(f"{ROWS} img").count() == 0
        row, title = page.locator(ROWS).first.bounding_box(), page.locator(f"{ROWS} .title").first.bounding_box()
        assert title["x"] - row["x"] < 40
        assert row["height"] < 40
    finally:
        (app.folder / "elsewhere").rename(data)
