"""The pages in a real Chromium: deep links, page switches, light and dark, upload and download, no page error."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

pytestmark = pytest.mark.browser

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
PAGES = {
    "": "pages-run",
    "data": "Data",
    "augmentation": "Augmentation",
    "training": "Training",
    "errors": "Errors",
    "confusion": "Confusion matrix",
    "try_it": "Try it",
}
# A busy machine is no failure.
PATIENCE = 60_000
DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


@pytest.fixture(scope="module")
def app(tmp_path_factory, serve):
    """The app over the synthetic sample and a small run trained on it."""
    pytest.importorskip("streamlit", reason="streamlit is not installed")
    import torch

    from segcore.config import override, quick
    from segcore.evaluation import evaluate
    from segcore.fetching import fetch
    from segcore.training import train

    folder = tmp_path_factory.mktemp("pages")
    environment = {"SEGCORE_DATA_DIR": str(folder / "data"), "SEGCORE_MODELS_DIR": str(folder / "models")}
    settings = ["train.epochs=4", "train.epoch_samples=32", "train.ema_decay=0.5", "model.width=4", "model.depth=3"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        dataset = fetch("sample")[0]
        run = train(dataset, override(quick(), settings), "pages-run")
        evaluate(run, dataset, device=torch.device("cpu"))
    with serve(APP, folder, **environment) as address:
        yield SimpleNamespace(address=address, folder=folder, dataset=dataset, run=run)


@pytest.fixture
def browse(chromium):
    """Opens pages; at the end no page may have raised an error."""
    contexts, errors = [], []

    def open_page(url: str, *, theme: str = "light", width: int = 1400):
        context = chromium.new_context(viewport={"width": width, "height": 1000}, color_scheme=theme)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        settled(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors


def settled(page) -> None:
    """Waits for the script to have ended, everything to be drawn, and no exception to be shown."""
    page.wait_for_selector(DONE)
    page.wait_for_selector('[data-testid="stMain"] h1')
    page.wait_for_function('() => !document.querySelector(\'[data-testid="stMain"] [data-testid="stSkeleton"]\')')
    assert page.locator('[data-testid="stException"]').count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_drawn_without_errors(path, theme, app, browse, artefacts):
    page = browse(f"{app.address}/{path}", theme=theme)
    assert PAGES[path] in page.locator('[data-testid="stMain"] h1').first.inner_text()
    # Streamlit scrolls inside the page, so a tall window shows it whole.
    height = page.locator('[data-testid="stMain"]').evaluate("main => main.scrollHeight")
    page.set_viewport_size({"width": 1400, "height": min(3200, max(1000, height))})
    page.wait_for_timeout(2000)
    page.screenshot(path=artefacts / f"{path or 'overview'}-{theme}.png")
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0


def test_a_narrow_window_has_no_sideways_scrolling(app, browse, artefacts):
    for path in ("", "errors", "confusion"):
        page = browse(f"{app.address}/{path}", width=420)
        page.screenshot(path=artefacts / f"{path or 'overview'}-narrow.png")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")


def test_a_copied_link_opens_the_same_view(app, browse):
    page = browse(f"{app.address}/errors?run=pages-run&dataset=sample&slice=24&threshold=0.650&tolerance=2")
    assert page.get_by_text("Slice 24:").first.is_visible()
    address = page.url
    assert "slice=24" in address
    assert "threshold=0.650" in address
    again = browse(address)
    assert again.get_by_text("Slice 24:").first.is_visible()
    wrong = [one.locator("p", has_text="Slice 24:").first.inner_text() for one in (page, again)]
    assert wrong[0] == wrong[1]


def test_the_selection_survives_page_switches(app, browse):
    page = browse(f"{app.address}/errors?slice=23&threshold=0.300")
    for name in ("Confusion matrix", "Training", "Data", "Errors"):
        page.locator('[data-testid="stSidebarNav"]').get_by_text(name, exact=True).click()
        page.wait_for_function(
            f"() => document.querySelector('[data-testid=\"stMain\"] h1')?.innerText.includes('{name}')"
        )
        settled(page)
        assert "slice=23" in page.url
        assert "threshold=0.300" in page.url


def test_the_key_for_the_next_slice_moves_page_and_address(app, browse):
    page = browse(f"{app.address}/errors?slice=22")
    viewer = page.locator(".viewer canvas").first  # the table of slices is a canvas too
    viewer.click()
    page.keyboard.press("ArrowRight")
    page.get_by_text("Slice 23:").first.wait_for()
    page.wait_for_function("() => location.search.includes('slice=23')")


def test_an_upload_goes_through_the_model_and_comes_back(app, browse, tmp_path):
    stack = np.array(app.dataset.images[:2])
    tifffile.imwrite(tmp_path / "mine.tif", stack)
    page = browse(f"{app.address}/try_it")
    page.locator('input[type="file"]').set_input_files(tmp_path / "mine.tif")
    page.get_by_role("button", name="Run the model").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="All probabilities (TIFF)").click()
    found = tifffile.imread(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert found.shape == stack.shape
    assert found.dtype == np.uint8


def test_a_corrupt_upload_says_what_is_wrong(app, browse, tmp_path):
    (tmp_path / "broken.tif").write_bytes(b"II*\x00 nothing")
    page = browse(f"{app.address}/try_it")
    page.locator('input[type="file"]').set_input_files(tmp_path / "broken.tif")
    page.get_by_role("button", name="Run the model").click()
    page.locator('[data-testid="stAlertContentError"]').first.wait_for()
    assert "segcore-" not in page.locator('[data-testid="stAlertContentError"]').first.inner_text()
    assert page.get_by_role("button", name="Run the model").is_visible()
