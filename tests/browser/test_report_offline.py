"""A report in a browser that has no network: all of it is there, on a phone, on a screen and on paper."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from segcore.evaluation import evaluate, score_outside
from segcore.report import gather, write_report

pytestmark = pytest.mark.browser


@pytest.fixture
def report(mid_grey_run, cells, tmp_path):
    """Of a prediction with a merge in its first slice, compared with another run."""
    mask = np.stack([cells.label(z) for z in range(12)])
    mask[8] = 255
    tifffile.imwrite(tmp_path / "merged.tif", mask, photometric="minisblack")
    merged = score_outside("merged", tmp_path / "merged.tif", cells, trained_on=range(4)).run
    evaluate(mid_grey_run, cells, device="cpu")
    write_report(gather(merged, other=mid_grey_run), tmp_path / "report.html")
    return tmp_path / "report.html"


def test_it_needs_no_network_and_fits_any_width(report, chromium, artefacts):
    context = chromium.new_context(offline=True)
    asked, errors = [], []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(report.as_uri())
    for width in (1920, 1400, 420):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
        page.screenshot(path=artefacts / f"report-{width}.png", full_page=True)
    shown = page.evaluate("[...document.images].map(one => one.complete && one.naturalWidth > 0)")
    assert shown
    assert all(shown)
    assert page.locator("svg").count() >= 5
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    pages = page.pdf(format="A4", print_background=True)
    assert pages.startswith(b"%PDF")
    assert report.stat().st_size < 5_000_000
    assert not errors
    context.close()
