"""What visitors bring, in a real Chromium: good files, broken ones, hostile ones, and that nothing of them stays."""

from __future__ import annotations

import http.server
import io
import os
import signal
import threading
import time
import urllib.error
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from browsing import APP, settled, wait_until
from PIL import Image

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).parents[2]
ERROR = '[data-testid="stMain"] [data-testid="stAlertContentError"]'
SUCCESS = '[data-testid="stMain"] [data-testid="stAlertContentSuccess"]'
HTML = "<img src=x onerror=alert(1)>"


@contextmanager
def app_over(folder, serve, **environment):
    """The app with a data folder and temporary files of its own, and the shipped run on the synthetic sample."""
    (folder / "tmp").mkdir()
    facts = {
        "SEGCORE_DATA_DIR": str(folder / "data"), "SEGCORE_MODELS_DIR": str(REPOSITORY / "models"),
        "TMPDIR": str(folder / "tmp"),
    }  # fmt: skip
    with serve(APP, folder, **facts, **environment) as address:
        yield SimpleNamespace(address=address, data=folder / "data", temporary=folder / "tmp")


@pytest.fixture(scope="module")
def app(tmp_path_factory, serve):
    pytest.importorskip("streamlit", reason="streamlit is not installed")
    with app_over(tmp_path_factory.mktemp("uploads"), serve) as running:
        yield running


def workers(app):
    """Process numbers of the processes with PyTorch that belong to an app."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"TMPDIR={app.temporary}\0".encode() in (place / "environ").read_bytes()
            if ours and b"dashboard.worker" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def left_in(folder):
    """Files of a folder that others write to and empty meanwhile (`rglob` fails when one goes under it)."""
    return [Path(place, name) for place, _, names in os.walk(folder) for name in names]


# --- import -----------------------------------------------------------------------------------


def give(page, images, masks=None, name=None):
    """Fills in the import form."""
    page.locator(".st-key-import-images input[type=file]").set_input_files(images)
    # While the page is drawn anew for the first, what is given to the second, or typed, can be lost.
    page.locator(".st-key-import-images").get_by_role("button", name="Remove").first.wait_for()
    settled(page)
    if masks is not None:
        page.locator(".st-key-import-masks input[type=file]").set_input_files(masks)
        page.locator(".st-key-import-masks").get_by_role("button", name="Remove").first.wait_for()
    if name is not None:
        typed(page, "Name of the dataset", name)
    settled(page)


def typed(page, label, text):
    """Fills in a field and hands it over: left to the click on a button, the page is drawn anew under that click."""
    field(page, label).fill(text)
    field(page, label).press("Enter")
    settled(page)


def press(page, label):
    """Clicks on a button once all before it has been drawn; while that is being done, a click can be lost."""
    button = page.get_by_role("button", name=label).and_(page.locator(":enabled"))
    button.wait_for()
    settled(page)
    button.click()


def field(page, label):
    return page.locator(f'input[aria-label^="{label}"]')


def stacks(folder, cell_stack):
    images, labels = cell_stack
    tifffile.imwrite(folder / "stack.tif", images, photometric="minisblack")
    tifffile.imwrite(folder / "masks.tif", labels, photometric="minisblack")
    return folder / "stack.tif", folder / "masks.tif"


def as_zip(path, files):
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def test_a_stack_with_masks_is_checked_and_then_imported(app, browse, tmp_path, cell_stack):
    page = browse(f"{app.address}/data?section=import")
    give(page, *stacks(tmp_path, cell_stack), name="pair")
    press(page, "Check only")
    page.get_by_text("All checks passed").wait_for()
    page.get_by_text("12 pairs of equal size").wait_for()
    assert not (app.data / "pair").exists()
    press(page, "Check and import")
    page.get_by_text("Dataset pair is here").wait_for()
    np.testing.assert_array_equal(tifffile.imread(app.data / "pair" / "images.tif"), cell_stack[0])
    page.get_by_role("radio", name="All datasets").click()
    page.get_by_text("What was checked when they came here").click()
    page.get_by_text("polarity").first.wait_for()


def test_a_zip_of_folders_becomes_two_datasets(app, browse, tmp_path, cell_stack):
    files = {}
    for folder, pages in zip(("train", "label", "test"), (*cell_stack, cell_stack[0]), strict=True):
        files |= {f"mine/{folder}/{z}.png": png(one) for z, one in enumerate(pages)}
    page = browse(f"{app.address}/data?section=import")
    give(page, as_zip(tmp_path / "folders.zip", files), name="zipped")
    press(page, "Check and import")
    page.get_by_text("Dataset zipped-test is here").wait_for()
    assert (app.data / "zipped" / "labels.tif").is_file()


def test_a_stack_without_masks_is_shown_without_measures(app, browse, tmp_path, cell_stack):
    page = browse(f"{app.address}/data?section=import")
    give(page, stacks(tmp_path, cell_stack)[0], name="unlabelled")
    press(page, "Check and import")
    page.get_by_text("Dataset unlabelled is here").wait_for()
    page.get_by_role("radio", name="Slices", exact=True).click()
    page.get_by_text("This stack has no labels").wait_for()
    settled(page)


def truncated(folder, images, labels):
    whole = (folder / "stack.tif").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.tif", folder / "masks.tif"


def text_called_tif(folder, images, labels):
    (folder / "notes.tif").write_text("dear diary")
    return folder / "notes.tif", None


def leading_out(folder, images, labels):
    return as_zip(folder / "out.zip", {"../../evil.tif": (folder / "stack.tif").read_bytes()}), None


def too_few_masks(folder, images, labels):
    tifffile.imwrite(folder / "few.tif", labels[:7], photometric="minisblack")
    return folder / "stack.tif", folder / "few.tif"


@pytest.mark.parametrize(
    ("bring", "says"),
    [
        (truncated, "cut.tif"),
        (text_called_tif, "notes.tif"),
        (leading_out, "leads out of the archive"),
        (too_few_masks, "not as many masks as images"),
    ],
)
def test_what_cannot_be_imported_says_why_and_keeps_the_form(bring, says, app, browse, tmp_path, cell_stack):
    stacks(tmp_path, cell_stack)
    images, masks = bring(tmp_path, *cell_stack)
    page = browse(f"{app.address}/data?section=import")
    give(page, images, masks, name="refused")
    typed(page, "Title (optional)", "Kept")
    press(page, "Check and import")
    page.locator(ERROR).first.wait_for()
    settled(page)
    said = page.locator('[data-testid="stMain"]').inner_text()
    assert says in said
    assert "failed" in said or bring is leading_out  # no check is made of what is not unpacked
    assert "Traceback" not in said
    assert str(app.temporary) not in said
    assert field(page, "Name of the dataset").input_value() == "refused"
    assert field(page, "Title (optional)").input_value() == "Kept"
    assert page.get_by_text(images.name).first.is_visible()
    assert not (app.data / "refused").exists()
    wait_until(lambda: not left_in(app.temporary), 30)
    assert not list(app.data.glob(".*"))


def test_a_name_that_will_not_do_is_refused_before_anything_is_read(app, browse, tmp_path, cell_stack):
    page = browse(f"{app.address}/data?section=import")
    give(page, stacks(tmp_path, cell_stack)[0], name="../outside")
    page.get_by_text("not a safe folder name").wait_for()
    assert page.get_by_role("button", name="Check and import").is_disabled()


@pytest.mark.slow
def test_masks_that_are_nearly_binary_are_offered_a_threshold(app, browse, tmp_path, cell_stack):
    smeared = cell_stack[1].copy()
    smeared[:, 0, :36] = [*range(1, 19), *range(237, 255)]
    stacks(tmp_path, cell_stack)
    tifffile.imwrite(tmp_path / "smeared.tif", smeared, photometric="minisblack")
    page = browse(f"{app.address}/data?section=import")
    give(page, tmp_path / "stack.tif", tmp_path / "smeared.tif", name="smeared")
    press(page, "Check and import")
    page.get_by_role("button", name="Count 128 and more as white").click()
    settled(page)
    wait_until(lambda: "128" in field(page, "White from grey value").input_value(), 30)
    press(page, "Check and import")
    page.get_by_text("Dataset smeared is here").wait_for()
    assert set(np.unique(tifffile.imread(app.data / "smeared" / "labels.tif"))) == {0, 255}


@pytest.mark.parametrize(
    "name",
    [f"{HTML}.tif", "..\\..\\x.tif", "a\u202egnp.tif", "[a](javascript:alert(1)).tif"],
)
@pytest.mark.slow
def test_names_and_tags_are_neither_paths_nor_markup(name, app, browse, tmp_path, cell_stack):
    file = io.BytesIO()
    tifffile.imwrite(file, cell_stack[0][:2], photometric="minisblack", description=HTML, software=HTML, metadata=None)
    hostile = {"name": name, "mimeType": "image/tiff", "buffer": file.getvalue()}
    other = hostile | {"buffer": b"II*\0 " + HTML.encode()}
    pages = (("data?section=import", "import-images", "Check only"), ("try_it", "try-it-files", None))
    uploads = (hostile, other, [hostile, other]) if HTML in name else (hostile,)
    for path, field, button in pages:
        for upload in uploads:
            page = browse(f"{app.address}/{path}")
            page.locator(f".st-key-{field} input[type=file]").set_input_files(upload)
            press(page, button or "Run the model")
            if upload is hostile and button is None:
                page.get_by_role("button", name="Overlay (PNG)").wait_for()
            elif upload is hostile:
                page.get_by_text("All checks passed").wait_for()
            else:
                page.locator(ERROR).first.wait_for()
            settled(page)
            assert page.locator("img[onerror], img[src='x'], a[href^='javascript:']").count() == 0
    assert not (app.temporary.parent / "x.tif").exists()


# --- a model ----------------------------------------------------------------------------------


def try_it(page, files):
    page.locator('input[type="file"]').set_input_files(files)
    press(page, "Run the model")


def download(page, label):
    with page.expect_download() as started:
        page.get_by_role("button", name=label, exact=True).click()
    return Path(started.value.path()).read_bytes()


def pictures_to_try(folder, cell_stack):
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 255, (37, 53, 3), dtype=np.uint8)
    Image.fromarray(colour).save(folder / "colour.png")
    tifffile.imwrite(folder / "deep.tif", rng.integers(300, 4000, (41, 29), dtype=np.uint16))
    tifffile.imwrite(folder / "dot.tif", np.full((1, 1), 7, np.uint8))
    tifffile.imwrite(folder / "stack.tif", cell_stack[0][:3], photometric="minisblack")
    return {"colour.png": (37, 53), "deep.tif": (41, 29), "dot.tif": (1, 1), "stack.tif": (3, 45, 52)}


def test_pictures_of_every_kind_come_back_in_their_own_size(app, browse, tmp_path, cell_stack):
    page = browse(f"{app.address}/try_it")
    for name, shape in pictures_to_try(tmp_path, cell_stack).items():
        try_it(page, tmp_path / name)
        page.get_by_role("button", name="Overlay (PNG)").wait_for()
        settled(page)
        picture = np.asarray(Image.open(io.BytesIO(download(page, "Overlay (PNG)"))))
        assert picture.shape == (*shape[-2:], 3)
        probability = tifffile.imread(io.BytesIO(download(page, "All probabilities (TIFF)")))
        assert probability.shape == shape
        masks = tifffile.imread(io.BytesIO(download(page, "All masks (TIFF)")))
        assert masks.shape == shape
        assert set(np.unique(masks)) <= {0, 255}
        page.locator('[data-testid="stFileUploader"]').get_by_role("button", name="Remove").first.click()
        page.get_by_role("button", name="Overlay (PNG)").wait_for(state="detached")
    wait_until(lambda: not left_in(app.temporary), 30)


def test_thresholds_with_a_name_are_one_click_away(app, browse, tmp_path, cell_stack):
    tifffile.imwrite(tmp_path / "one.tif", cell_stack[0][0])
    page = browse(f"{app.address}/try_it")
    try_it(page, tmp_path / "one.tif")
    button = page.locator(".viewer").get_by_role("button", name="topology")
    button.click()
    value = button.inner_text().split()[-1]
    page.get_by_text(f"at threshold {value}").wait_for()
    masks = tifffile.imread(io.BytesIO(download(page, "All masks (TIFF)")))
    probability = tifffile.imread(io.BytesIO(download(page, "All probabilities (TIFF)")))
    np.testing.assert_array_equal(masks > 0, probability > 255 * float(value))


def test_what_was_brought_is_seen_in_the_viewer_and_by_nobody_afterwards(app, browse, tmp_path, cell_stack):
    tifffile.imwrite(tmp_path / "stack.tif", cell_stack[0][:3], photometric="minisblack")
    page = browse(f"{app.address}/try_it")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    try_it(page, tmp_path / "stack.tif")
    viewer = page.locator('.viewer[data-complete="true"]')
    viewer.wait_for()
    viewer.focus()
    page.keyboard.press("7")  # segments, of which no evaluation kept any
    page.locator(".viewer .legend", has_text="one neurite each").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_text("(2 of 3)").wait_for()
    (tile, *_) = [url for url in asked if "/bundle/1/" in url]
    with urllib.request.urlopen(tile) as answer:
        height, width = map(int, answer.headers["X-Shape"].split(","))
        planes = np.frombuffer(answer.read(), np.uint8).reshape(-1, height, width)
    np.testing.assert_array_equal(planes[0], cell_stack[0][1])
    page.locator('[data-testid="stFileUploader"]').get_by_role("button", name="Remove").first.click()
    viewer.wait_for(state="detached")
    for url in (tile, tile.replace("/~", "/~x")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url)
        assert refused.value.code == 404


def first_tile(url):
    """The pixels of the image in a tile, or the status of a refusal."""
    try:
        with urllib.request.urlopen(url) as answer:
            height, width = map(int, answer.headers["X-Shape"].split(","))
            return np.frombuffer(answer.read(), np.uint8)[: height * width].reshape(height, width)
    except urllib.error.HTTPError as refused:
        return refused.code


@pytest.mark.slow
def test_with_a_visitor_goes_what_they_brought_and_nothing_of_another_one(app, browse, tmp_path, cell_stack):
    visitors = []
    for z in (0, 5):
        tifffile.imwrite(tmp_path / f"{z}.tif", cell_stack[0][z])
        page, asked = browse(f"{app.address}/try_it"), []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        try_it(page, tmp_path / f"{z}.tif")
        page.locator('.viewer[data-complete="true"]').wait_for()
        settled(page)
        (tile, *_) = [url for url in asked if "/bundle/0/" in url]
        np.testing.assert_array_equal(first_tile(tile), cell_stack[0][z])
        visitors.append((page, tile))
    (one, of_one), (_, of_other) = visitors
    assert of_one.split("/segcore/tiles/")[1].split("/")[0] != of_other.split("/segcore/tiles/")[1].split("/")[0]
    with one.expect_download() as started:
        one.get_by_role("button", name="All probabilities (TIFF)", exact=True).click()
    Path(started.value.path()).read_bytes()
    with urllib.request.urlopen(started.value.url) as answer:
        assert answer.status == 200
    one.close()
    wait_until(lambda: isinstance(first_tile(of_one), int) and first_tile(of_one) == 404, 10)
    np.testing.assert_array_equal(first_tile(of_other), cell_stack[0][5])

    def downloaded_is_gone():
        try:
            with urllib.request.urlopen(started.value.url):
                return False
        except urllib.error.HTTPError as refused:
            return refused.code == 404

    # Whoever loses the connection has a quarter of a minute to come back.
    wait_until(downloaded_is_gone, 40)


def test_what_cannot_be_tried_gets_one_sentence(app, browse, tmp_path):
    types = {f"{bits}.png": png(np.zeros((20, 20), f"uint{bits}")) for bits in (8, 16)}
    tifffile.imwrite(tmp_path / "huge.tif", np.zeros((9000, 9000), np.uint8), compression="zlib")
    (tmp_path / "broken.tif").write_bytes(b"II*\x00 nothing")
    cases = {
        as_zip(tmp_path / "types.zip", types): "differ in pixel type",
        tmp_path / "huge.tif": "too large to try here",
        tmp_path / "broken.tif": "broken.tif",
        as_zip(tmp_path / "empty.zip", {}): "empty.zip",
    }
    for path, says in cases.items():
        page = browse(f"{app.address}/try_it")
        try_it(page, path)
        page.locator(ERROR).first.wait_for()
        said = page.locator(f"{ERROR} p").first.inner_text()
        assert says in said
        assert "\n" not in said
        assert str(app.temporary) not in said
        assert page.get_by_role("button", name="Run the model").is_visible()


@pytest.fixture
def long_stack(tmp_path):
    """Many slices that keep a model busy for long."""
    pages = np.random.default_rng(0).integers(0, 255, (40, 512, 512), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "long.tif", pages, photometric="minisblack")
    return tmp_path / "long.tif"


def start_long(page, long_stack):
    try_it(page, long_stack)
    page.get_by_text("Predicting slices: ").first.wait_for()


@pytest.mark.slow
def test_a_long_prediction_can_be_cancelled(app, browse, long_stack):
    page = browse(f"{app.address}/try_it")
    start_long(page, long_stack)
    press(page, "Cancel")
    page.get_by_text("Cancelled. Nothing was kept.").wait_for()
    assert page.get_by_role("button", name="Run the model").is_visible()
    assert page.get_by_text("long.tif").first.is_visible()


def test_a_killed_worker_gives_a_message_and_the_form_stays(app, browse, long_stack, tmp_path, cell_stack):
    page = browse(f"{app.address}/try_it")
    start_long(page, long_stack)
    wait_until(lambda: workers(app), 30)
    for process in workers(app):
        os.kill(process, signal.SIGKILL)
    page.locator(ERROR).first.wait_for()
    assert "ended by the system" in page.locator(ERROR).first.inner_text()
    assert page.get_by_text("long.tif").first.is_visible()
    press(page, "Run the model")
    page.get_by_text("Predicting slices: ").first.wait_for()
    press(page, "Cancel")
    page.get_by_text("Cancelled. Nothing was kept.").wait_for()


@pytest.mark.parametrize("when", ["during", "after"])
@pytest.mark.slow
def test_a_closed_tab_leaves_no_files_and_no_process(when, app, browse, long_stack, tmp_path, cell_stack):
    page = browse(f"{app.address}/try_it")
    if when == "during":
        start_long(page, long_stack)
    else:
        tifffile.imwrite(tmp_path / "few.tif", cell_stack[0][:2], photometric="minisblack")
        try_it(page, tmp_path / "few.tif")
        page.get_by_role("button", name="Overlay (PNG)").wait_for()
    assert left_in(app.temporary)
    assert workers(app)
    page.close()
    wait_until(lambda: not left_in(app.temporary), 10)
    wait_until(lambda: not workers(app), 10)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.slow
def test_a_server_that_stops_leaves_nothing(how, browse, tmp_path, serve, long_stack):
    (tmp_path / "one").mkdir()
    with app_over(tmp_path / "one", serve) as running:
        page = browse(f"{running.address}/try_it")
        start_long(page, long_stack)
        assert left_in(running.temporary)
        (server,) = {int(path.name.split("-")[1]) for path in running.temporary.glob("segcore-*")}
        os.kill(server, how)
        wait_until(lambda: not workers(running), 20)
        if how == signal.SIGTERM:
            wait_until(lambda: not list(running.temporary.iterdir()), 20)
        page.close()


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_file_over_the_limit_is_refused_in_words(browse, tmp_path, serve):
    (tmp_path / "big.tif").write_bytes(bytes(3_000_000))
    (tmp_path / "limited").mkdir()
    with app_over(tmp_path / "limited", serve, STREAMLIT_SERVER_MAX_UPLOAD_SIZE="1") as running:
        for path in ("try_it", "data?section=import"):
            page = browse(f"{running.address}/{path}")
            page.locator('input[type="file"]').first.set_input_files(tmp_path / "big.tif")
            page.get_by_text("must be 1.0MB or smaller").first.wait_for()


@pytest.mark.slow
def test_read_only_takes_uploads_to_try_but_keeps_nothing(browse, tmp_path, serve, cell_stack):
    tifffile.imwrite(tmp_path / "one.tif", cell_stack[0][0])
    (tmp_path / "shown").mkdir()
    with app_over(tmp_path / "shown", serve, SEGCORE_READ_ONLY="1") as running:
        page = browse(f"{running.address}/data?section=import")
        page.get_by_text("This app runs read-only").wait_for()
        assert page.locator('input[type="file"]').count() == 0
        page = browse(f"{running.address}/data?section=all")
        assert page.get_by_role("button", name="Fetch").count() == 0
        assert page.get_by_role("button", name="Make it here").count() == 0
        page = browse(f"{running.address}/try_it")
        page.get_by_text("That is why this works in read-only mode").wait_for()
        try_it(page, tmp_path / "one.tif")
        page.get_by_role("button", name="Overlay (PNG)").wait_for()
        page.close()
        wait_until(lambda: not left_in(running.temporary), 10)
        assert not running.data.exists()


# --- fetching ---------------------------------------------------------------------------------


@pytest.fixture
def mirror(isbi_folder):
    """A slow server with the challenge's files."""
    slow = threading.Event()
    slow.set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            whole = (isbi_folder / self.path.rpartition("/")[2]).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            for start in range(0, len(whole), 100_000):
                self.wfile.write(whole[start : start + 100_000])
                if slow.is_set():
                    time.sleep(0.1)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield SimpleNamespace(url=f"http://127.0.0.1:{running.server_port}/isbi", hurry=slow.clear)
        running.shutdown()


def fetch_from(page, source):
    page.get_by_text("No network here, or a copy at hand?").click()
    typed(page, "Another source (optional)", source)
    field(page, "Another source (optional)").press("Enter")
    settled(page)
    page.locator(".st-key-fetch-isbi2012 button").click()


@pytest.mark.slow
def test_a_fetch_shows_its_progress_to_all_can_be_cancelled_and_outlives_its_tab(browse, tmp_path, serve, mirror):
    with app_over(tmp_path, serve) as running:
        address = f"{running.address}/data?section=all"
        page = browse(address)
        fetch_from(page, mirror.url)
        page.get_by_text("MB (").first.wait_for()
        other = browse(address)
        other.get_by_text("MB (").first.wait_for()
        press(other, "Cancel")
        page.get_by_text("Cancelled. Nothing was kept.").wait_for()
        assert not running.data.exists() or not list(running.data.glob(".*"))
        assert field(page, "Another source (optional)").input_value() == mirror.url
        page.locator(".st-key-fetch-isbi2012 button").click()
        page.get_by_text("MB (").first.wait_for()
        page.close()
        mirror.hurry()
        wait_until((running.data / "isbi2012-test" / "dataset.json").is_file, 60)
        other.reload()
        settled(other)
        other.get_by_text("isbi2012-test").first.wait_for(state="attached")


def test_without_a_network_the_page_says_what_to_do_instead(app, browse):
    page = browse(f"{app.address}/data?section=all")
    fetch_from(page, "http://127.0.0.1:9/isbi")
    page.locator(ERROR).first.wait_for()
    assert "Another source" in page.locator(ERROR).first.inner_text()
    assert "--from" not in page.locator('[data-testid="stMain"]').inner_text()
    assert page.get_by_text("Without a network").is_visible()
    assert field(page, "Another source (optional)").input_value() == "http://127.0.0.1:9/isbi"
