"""The pages in a real Chromium: deep links, page switches, light and dark, upload and download, no page error."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from browsing import APP, barriers, sample_and_run, settled, wait_until

pytestmark = pytest.mark.browser

PAGES = {
    "": "pages-run",
    "data": "Data",
    "augmentation": "Augmentation",
    "training": "Training",
    "errors": "Errors",
    "confusion": "Confusion matrix",
    "compare": "Compare",
    "try_it": "Try it",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory, serve):
    """The app over the synthetic sample and a copy of the run on it that comes with the program."""
    pytest.importorskip("streamlit", reason="streamlit is not installed")

    from segcore.data import open_dataset
    from segcore.runs import open_run

    folder = tmp_path_factory.mktemp("pages")
    environment = sample_and_run(folder, "pages-run")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        dataset, run = open_dataset("sample"), open_run("pages-run")
    with serve(APP, folder, **environment) as address:
        yield SimpleNamespace(
            address=address,
            folder=folder,
            dataset=dataset,
            run=run,
            environment=os.environ | environment | {"OMP_NUM_THREADS": "1"},
        )


def segcore(app, *arguments: str) -> str:
    """What `python -m segcore` prints, with one thread and the app's folders."""
    done = subprocess.run(
        [sys.executable, "-m", "segcore", *arguments],
        cwd=APP.parents[1],
        env=app.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def downloaded(page, name: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    return Path(download.value.path()).read_bytes()


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def main_text(page) -> str:
    return page.locator('[data-testid="stMain"]').inner_text()


# The page with the most in it, and the others when there is time.
FIRST_AND_OTHERS = ["errors", *(pytest.param(path, marks=pytest.mark.slow) for path in PAGES if path != "errors")]


# How far things move while a page is drawn, as browsers sum it up: 0.1 is what nobody is disturbed by.
SHIFTS = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 200);
})"""


def test_on_paper_there_is_the_page_alone(app, browse):
    page = browse(f"{app.address}/")
    page.get_by_text("Model card", exact=True).click()
    page.get_by_role("heading", name="Results on the test slices").wait_for()
    page.emulate_media(media="print")
    for name in ("stSidebar", "stHeader"):
        assert not page.get_by_test_id(name).is_visible(), name
    left, width = page.get_by_test_id("stMainBlockContainer").evaluate("(one) => [one.offsetLeft, one.offsetWidth]")
    assert left < 20
    assert width > 1300
    # All of it, and not only what the window shows.
    assert page.evaluate("() => document.documentElement.scrollHeight > 2000")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_drawn_without_errors(path, app, browse, artefacts):
    page = browse(f"{app.address}/{path}")
    assert page.evaluate(SHIFTS) < 0.1
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for width in (1440, 400):
            page.set_viewport_size({"width": width, "height": 1000})
            settled(page)
            assert PAGES[path] in page.locator('[data-testid="stMain"] h1').first.inner_text()
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), "scrolls sideways"
            # Streamlit scrolls inside the page, so a tall window shows it whole.
            height = page.locator('[data-testid="stMain"]').evaluate("main => main.scrollHeight")
            assert height <= 4000, "nobody scrolls that far"
            page.set_viewport_size({"width": width, "height": max(1000, height)})
            settled(page)
            page.screenshot(path=artefacts / f"{path or 'overview'}-{theme}-{width}.png")
            assert barriers(page) == []
            assert page.locator('[data-testid="stAlertContentError"]').count() == 0


@pytest.mark.parametrize("path", FIRST_AND_OTHERS)
def test_nothing_moves_on_a_phone_while_a_page_is_drawn(path, app, browse):
    assert browse(f"{app.address}/{path}", width=420).evaluate(SHIFTS) < 0.1


def test_what_is_written_in_a_chart_is_seen_after_a_switch_of_themes(app, browse):
    page = browse(f"{app.address}/training")
    texts = page.locator('[data-testid="stPlotlyChart"] .main-svg text')
    for theme in ("light", "dark", "light"):
        page.emulate_media(color_scheme=theme)
        settled(page)
        page.wait_for_function(
            "theme => (getComputedStyle(document.querySelector('.stApp')).backgroundColor === 'rgb(17, 22, 29)') "
            "=== (theme === 'dark')",
            arg=theme,
        )
        colours = texts.evaluate_all("all => [...new Set(all.map(one => getComputedStyle(one).fill))]")
        assert colours == ["rgb(232, 236, 241)" if theme == "dark" else "rgb(27, 36, 48)"]


def test_a_picture_of_the_grid_leads_to_its_errors(app, browse):
    page = browse(f"{app.address}/data?dataset=sample&section=grid&sort=wrong&show=measured")
    pictures = page.locator(".sg-cards img")
    assert pictures.count() == len(app.run.split.test)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.sg-cards img')].slice(0, 4).every((one) => one.naturalWidth === 288)"
    )
    assert barriers(page) == []
    z = pictures.first.get_attribute("alt").removeprefix("slice ")
    pictures.first.click()
    page.wait_for_url(f"**/errors?*slice={z}&*")
    settled(page)
    page.wait_for_selector(f'.viewer[data-slice="{z}"]')


# --- links ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FIRST_AND_OTHERS)
def test_a_copied_link_opens_the_same_view(path, app, browse):
    chosen = {
        "run": "pages-run",
        "dataset": "sample",
        "part": "test",
        "slice": "24",
        "threshold": "0.650",
        "tolerance": "2",
    }
    page = browse(f"{app.address}/{path}?" + "&".join(f"{key}={value}" for key, value in chosen.items()))
    page.wait_for_function("() => location.search.includes('slice=24')")
    for key, value in chosen.items():
        assert f"{key}={value}" in page.url
    again = browse(page.url)
    assert main_text(again) == main_text(page)
    sides = [one.locator('[data-testid="stSidebar"]').inner_text() for one in (page, again)]
    assert sides[0] == sides[1]
    if path == "errors":
        viewer = again.locator(".viewer[data-slice='24']")
        viewer.wait_for()
        assert (
            viewer.locator('[data-at="threshold-text"]').inner_text() == "0.649"
        )  # the middle between two 8-bit values
        assert viewer.locator('[data-at="tolerance-text"]').inner_text().startswith("2 px")


@pytest.mark.parametrize("path", FIRST_AND_OTHERS)
def test_nonsense_in_a_link_gives_a_page_and_a_message(path, app, browse):
    html = "<img src=x onerror=document.title='broken-in'>"
    page = browse(
        f"{app.address}/{path}?run={html}&dataset=../..&part=[]&slice=1e999&threshold=99999999999&tolerance=-1"
    )
    assert page.get_by_text("There is no run").count() == 1
    assert "broken-in" not in page.title()
    assert page.locator('[data-testid="stApp"] img[src="x"]').count() == 0
    page.wait_for_function("() => location.search.includes('run=pages-run')")
    assert "99999" not in page.url


def test_a_link_to_a_deleted_run_says_so(app, browse):
    page = browse(f"{app.address}/confusion?run=gone-since&dataset=sample&slice=24")
    assert page.get_by_text("There is no run gone-since here").is_visible()
    assert "of the pixels are wrong" in main_text(page)


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
    page.locator('.viewer[data-slice="23"]').wait_for()
    page.wait_for_function("() => location.search.includes('slice=23')")


# --- what changes on disk while someone looks ---------------------------------------------------


@pytest.mark.slow
def test_a_run_that_is_deleted_while_someone_looks_gives_a_message(app, browse):
    folder = app.run.folder.with_name("short-lived")
    shutil.copytree(app.run.folder, folder)
    pages = [browse(f"{app.address}/{path}?run=short-lived&slice=24") for path in ("", "errors", "training")]
    shutil.rmtree(folder)
    for page in pages:
        page.locator('[data-testid="stSidebarNav"]').get_by_text("Confusion matrix", exact=True).click()
        page.get_by_text("There is no run short-lived here").first.wait_for()
        settled(page)
        assert "of the pixels are wrong" in main_text(page)


RUNS_OF_THE_SCRIPT = """async () => {
  const app = document.querySelector('[data-testid="stApp"]');
  let runs = 0;
  const watch = new MutationObserver(() => { if (app.dataset.testScriptState === "running") runs += 1; });
  watch.observe(app, { attributes: true, attributeFilter: ["data-test-script-state"] });
  await new Promise((done) => setTimeout(done, 5000));
  watch.disconnect();
  return runs;
}"""


@pytest.mark.slow
def test_training_is_followed_as_it_goes(app, browse):
    command = [sys.executable, "-m", "segcore", "train", "sample", "--preset", "quick", "--name", "growing", "--set"]
    command += ["train.epochs=60", "train.epoch_samples=32", "model.width=4", "model.depth=3"]
    training = subprocess.Popen(command, cwd=APP.parents[1], env=app.environment, stdout=subprocess.DEVNULL)
    folder = app.run.folder.with_name("growing")
    try:
        wait_until((folder / "run.json").exists)
        page = browse(f"{app.address}/training?run=growing")
        wait_until(lambda: loss_chart(page)["epochs"] >= 2)
        assert "training now" in main_text(page)
        assert "of 60 epochs" in main_text(page)
        assert page.evaluate(RUNS_OF_THE_SCRIPT) > 0
        page.get_by_text("Logarithmic").first.click()
        wait_until(lambda: loss_chart(page)["scale"] == "log")
        page.locator('[data-testid="stMain"]').evaluate("main => main.scrollTo(0, 100)")
        # A chart that is made anew in the middle of a drag loses the drag, so no epoch may end during it.
        training.send_signal(signal.SIGSTOP)
        ended = len((folder / "history.csv").read_text().splitlines()) - 1
        wait_until(lambda: loss_chart(page)["epochs"] == ended)
        drag_over_the_losses(page)
        wait_until(lambda: not loss_chart(page)["whole"], 5)
        page.wait_for_timeout(1000)
        zoomed = loss_chart(page)
        training.send_signal(signal.SIGCONT)
        typing = page.locator('[data-testid="stMain"] input').first
        typing.fill("pages")
        wait_until(lambda: loss_chart(page)["epochs"] >= zoomed["epochs"] + 2)
        wait_until(lambda: loss_chart(page) | {"epochs": 0} == zoomed | {"epochs": 0}, 5)
        assert page.locator('[data-testid="stMain"]').evaluate("main => main.scrollTop") == 100
        assert typing.input_value() == "pages"
        training.send_signal(signal.SIGTERM)
        training.wait(30)
        # Not the cell of the table of runs, which is drawn on a canvas.
        page.locator('[data-testid="stMarkdownContainer"]').get_by_text("interrupted").first.wait_for()
        settled(page)
        wait_until(lambda: loss_chart(page) | {"epochs": 0} == zoomed | {"epochs": 0}, 5)
        wait_until(lambda: page.evaluate(RUNS_OF_THE_SCRIPT) == 0)  # it comes to rest
    finally:
        training.kill()
        training.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("width", [1400, 420])
def test_the_pointer_is_at_one_epoch_in_all_plots(width, app, browse):
    page = browse(f"{app.address}/training", width=width)
    chart = page.locator(".st-key-learning-curves .js-plotly-plot")
    chart.locator(".scatterlayer .trace").first.wait_for()
    plots = chart.locator(".nsewdrag")
    assert plots.count() == 5
    chart.scroll_into_view_if_needed()
    boxes = [plots.nth(number).bounding_box() for number in range(5)]
    assert all(box["height"] >= 220 for box in boxes)
    edge = chart.bounding_box()
    for title in chart.locator(".annotation-text").all():
        box = title.bounding_box()
        assert edge["x"] <= box["x"]
        assert box["x"] + box["width"] <= edge["x"] + edge["width"]
    page.locator('[data-testid="stMain"]').evaluate("(main, top) => main.scrollTo(0, top - 100)", boxes[1]["y"])
    second = plots.nth(1).bounding_box()
    for step in range(2):  # Plotly looks where the pointer goes, not where it is
        page.mouse.move(second["x"] + 100 + step, second["y"] + 50)
    labels = chart.locator(".hoverlayer .hovertext")
    labels.first.wait_for()
    numbers = re.findall(r"epoch (\d+):", " ".join(labels.all_text_contents()))
    assert len(numbers) == 2 * 3 + 2
    assert len(set(numbers)) == 1
    spike = chart.locator(".hoverlayer .spikeline").first
    assert spike.evaluate("line => Math.abs(line.y2.baseVal.value - line.y1.baseVal.value)") > 5 * 220


def drag_over_the_losses(page) -> None:
    box = page.locator(".st-key-learning-curves .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 100, steps=3)
    page.mouse.up()


def loss_chart(page) -> dict:
    """How many epochs the chart of losses shows, and which part of it."""
    return page.evaluate(
        """() => {
          const chart = document.querySelector(".st-key-learning-curves .js-plotly-plot");
          if (!chart?.data || !chart._fullLayout?.xaxis) return { epochs: 0, whole: true };
          const { xaxis, yaxis } = chart._fullLayout;
          const shown = { scale: yaxis.type, whole: xaxis.autorange, x: xaxis.range, y: yaxis.range };
          return { epochs: chart.data[0].x.length, ...shown };
        }"""
    )


# --- tables, numbers, pictures ------------------------------------------------------------------


def test_a_click_on_a_row_goes_to_its_slice(app, browse):
    page = browse(f"{app.address}/errors?slice=20")
    page.get_by_role("tab", name="Slices").click()
    rows = rows_of(downloaded(page, "Table as CSV"))
    wrong = [int(row["wrong pixels"]) for row in rows]
    assert wrong == sorted(wrong, reverse=True)
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    for place in (0, 2):
        # Drawn on a canvas: a header of 35 pixels, rows of 35, a box to tick at the left.
        table.click(position={"x": 14, "y": 35 + 35 * place + 17})
        page.locator(f".viewer[data-slice='{rows[place]['slice']}']").wait_for()
        page.wait_for_function(f"() => location.search.includes('slice={rows[place]['slice']}')")


@pytest.mark.slow
def test_the_queue_is_filtered(app, browse):
    page = browse(f"{app.address}/errors")
    rows = page.locator(".queue [role=option]")
    rows.first.wait_for()
    every = rows.count()
    kinds = {kind: page.locator(f".queue [data-kind={kind}]").count() for kind in ("merge", "split")}
    assert sum(kinds.values()) == every > 0
    choice = page.get_by_test_id("stMain").get_by_test_id("stSelectbox").first
    for name, text in (("Merges", "merge of"), ("Splits", "split in")):
        choice.click()
        page.get_by_role("option", name=name, exact=True).click()
        titles = page.locator(".queue .title")
        wait_until(lambda text=text, titles=titles: all(one.startswith(text) for one in titles.all_inner_texts()))
        assert 0 < rows.count() < every
        page.get_by_text(f"{every - rows.count()} splits and merges are hidden").wait_for()
        # The keys go to the list that was brought, and not to the choice of lists.
        page.keyboard.press("n")
        page.locator('.queue [role=option][data-index="0"][aria-selected="true"]').wait_for()


def test_the_confusion_page_shows_what_the_command_line_prints(app, browse):
    printed = json.loads(segcore(app, "evaluate", "pages-run", "--json"))
    page = browse(
        f"{app.address}/confusion?run=pages-run&dataset=sample&threshold={printed['threshold']:.3f}&tolerance=0"
    )
    text = main_text(page)
    assert f"({printed['wrong_pixels']:,} of {printed['pixels']:,})" in text
    assert f"{printed['wrong_percent']:.2f} % of the pixels are wrong" in text
    cells = {f"{row['label']}_as_{row['predicted']}": row for row in rows_of(downloaded(page, "Matrix as CSV"))}
    assert {name: int(row["pixels"]) for name, row in cells.items()} == printed["confusion"]
    counts = printed["confusion"]
    missed = cells["membrane_as_interior"]
    for column, whole in (
        ("percent of all labelled pixels", printed["pixels"]),
        ("percent of each labelled class", counts["membrane_as_interior"] + counts["membrane_as_membrane"]),
        ("percent of each predicted class", counts["membrane_as_interior"] + counts["interior_as_interior"]),
    ):
        assert float(missed[column]) == pytest.approx(100 * counts["membrane_as_interior"] / whole)
    curve = rows_of(downloaded(page, "Curves as CSV"))
    here = min(curve, key=lambda row: abs(float(row["threshold"]) - printed["threshold"]))
    assert int(here["wrong pixels"]) == printed["wrong_pixels"]
    for key in ("dice", "iou"):
        for name in ("interior", "membrane"):
            assert float(here[f"{name} {key}"]) == pytest.approx(printed[f"{key}_{name}"])
    tolerant = browse(f"{app.address}/confusion?run=pages-run&threshold={printed['threshold']:.3f}&tolerance=2")
    assert int(rows_of(downloaded(tolerant, "Curves as CSV"))[0]["wrong pixels"]) < int(curve[0]["wrong pixels"])


@pytest.mark.slow
def test_a_copy_turns_into_its_original_under_the_mouse(app, browse):
    page = browse(f"{app.address}/augmentation?slice=5")
    copy = page.locator(".sg-card").nth(1)
    below = copy.locator(".sg-two img").nth(1)
    assert below.evaluate("one => getComputedStyle(one).opacity") == "0"
    copy.hover()
    wait_until(lambda: below.evaluate("one => getComputedStyle(one).opacity") == "1", 5)
    assert below.get_attribute("src") == page.locator(".sg-card").first.locator("img").first.get_attribute("src")
    page.mouse.move(0, 0)
    wait_until(lambda: below.evaluate("one => getComputedStyle(one).opacity") == "0", 5)
    page.get_by_text("Show the untouched originals").click()
    wait_until(lambda: below.evaluate("one => getComputedStyle(one).opacity") == "1")


@pytest.mark.slow
def test_augmentation_is_exported_as_the_command_line_does(app, browse, tmp_path):
    page = browse(f"{app.address}/augmentation?dataset=sample")
    page.get_by_role("button", name="As in the notebook").click()
    page.get_by_text("augment.flips=one-of-three").first.wait_for()
    pairs = page.get_by_label("Pairs")
    pairs.fill("34")
    pairs.press("Enter")
    page.get_by_text("--count").locator("..").get_by_text("34").first.wait_for()
    settled(page)
    command = page.locator('[data-testid="stCode"] code').first.inner_text()
    with zipfile.ZipFile(io.BytesIO(downloaded(page, "Download as zip"))) as packed:
        found = {Path(name).name: packed.read(name) for name in packed.namelist()}
    arguments = shlex.split(re.sub(r"\s+", " ", command))
    assert arguments[:3] == ["python", "-m", "segcore"]
    arguments[arguments.index("--out") + 1] = str(tmp_path / "pool")
    segcore(app, *arguments[3:])
    expected = {path.name: path.read_bytes() for path in (tmp_path / "pool").iterdir()}
    assert {"images.npy", "labels.npy"} <= set(expected)
    assert found == expected


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
