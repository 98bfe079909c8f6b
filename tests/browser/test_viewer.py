"""The viewer in a real Chromium, on a real Streamlit server."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from cells import cells
from viewing import Page, colours, picture_on_screen

from segcore.data import install
from segcore.evaluation import score, write_evaluation
from segcore.measures import PixelEvidence, threshold_after
from segcore.stacks import IGNORE, StackWriter, array_stack

pytestmark = pytest.mark.browser

APP = Path(__file__).with_name("viewer_app.py")
MISSED, FALSE, NEAR = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0xF0, 0xE4, 0x42)
# Of the zoom keys.
STEP = 1.5


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """`cells` is small, `wide` has levels, `partly` too, and labels that are to be ignored in part; `bare` has none.

    The run `net` was evaluated on the first three.
    """
    root = tmp_path_factory.mktemp("viewer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGCORE_DATA_DIR", str(root / "data"))
        found = {"root": root}
        for name, shape in (("cells", (8, 300, 420)), ("wide", (2, 700, 1100)), ("partly", (1, 700, 1100))):
            images, labels, predictions = cells(*shape, seed=1)
            if name == "partly":
                labels[:, :, 300:800] = IGNORE
            install(name, array_stack(images), array_stack(labels), voxel_size_nm=(50, 4, 4))
            folder = root / f"models/net/evaluation/{name}"
            folder.mkdir(parents=True)
            path = root / f"{name}.tif"
            with StackWriter(path, height=shape[1], width=shape[2], slices=shape[0]) as writer:
                for page in predictions:
                    writer.write(page)
            slices = range(shape[0])
            scored = score(
                path, root / f"data/{name}/labels.tif", slices=slices, names=[str(z) for z in slices],
                thresholds={"pixel": 0.5}, workers=1,
            )  # fmt: skip
            write_evaluation(folder, scored, {}, probability=path)
            found[name] = (images, labels, predictions, scored.evidence)
        install("bare", array_stack(cells(2, 90, 120, seed=2)[0]))
    return found


@pytest.fixture(scope="module")
def address(world, serve):
    root = world["root"]
    with serve(APP, root, SEGCORE_DATA_DIR=str(root / "data"), SEGCORE_MODELS_DIR=str(root / "models")) as found:
        yield found


@pytest.fixture
def open_page(context_of, address):
    pages = []

    def opened(query: str = "", **options) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}} | options
        pages.append(Page(context_of(**options).new_page(), address, query))
        return pages[-1]

    yield opened
    errors = [error for page in pages for error in page.errors]
    for page in pages:
        page.page.close()
    assert errors == []


NUMBERS_AT = """(root, choices) => choices.map(([threshold, tolerance]) => {
  for (const [name, value] of [["threshold", threshold], ["tolerance", tolerance]]) {
    const slider = root.querySelector(`[data-at="${name}"]`);
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  }
  return [root.dataset.wrong, root.dataset.percent, root.querySelector('[data-at="numbers"]').innerText];
})"""


def test_counts_are_those_of_segcore_to_the_last_digit(open_page, world):
    evidence: PixelEvidence = world["cells"][3]
    page = open_page()
    rng = np.random.default_rng(0)
    for z in range(8):
        while page.data("slice") != str(z):
            page.keys("ArrowRight")
        page.page.wait_for_selector(".viewer[data-wrong]")
        values = (0, 255, *rng.integers(1, 255, 8).tolist())
        choices = [(value, tolerance) for value in values for tolerance in range(6)]
        told = page.root.evaluate(NUMBERS_AT, choices)  # as dragging does, by input events
        for (value, tolerance), (wrong, percent, text) in zip(choices, told, strict=True):
            found = evidence.confusion(threshold_after(value), tolerance)[z]
            assert int(wrong) == found.wrong_pixels
            assert float(percent) == found.wrong_percent
            assert f"{float(found.wrong_percent):.2f} %" in text
            for count in (found.wrong_pixels, found.missed_membrane, found.false_membrane):
                assert f"{int(count):,}" in text


def test_dragging_asks_the_server_for_nothing(open_page):
    page = open_page()
    page.page.wait_for_selector(".viewer[data-wrong]")
    page.page.wait_for_timeout(1000)  # neighbours are there
    page.requests.clear()
    box = page.root.locator('[data-at="threshold"]').bounding_box()
    mouse = page.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    seen = set()
    for step in range(1, 20):
        mouse.move(box["x"] + box["width"] * (0.5 + step / 50), box["y"] + box["height"] / 2)
        seen.add(page.data("wrong"))
    mouse.up()
    page.page.wait_for_timeout(600)
    assert len(seen) > 10
    assert [url for url in page.requests if "segcore" in url] == []


def test_keys(open_page, world):
    page = open_page()
    page.expect("painted", "0")
    page.keys("ArrowRight", "ArrowRight", "ArrowLeft")
    page.expect("painted", "1")
    page.keys("End")
    page.expect("painted", "7")
    page.keys("ArrowRight", "Home", "ArrowLeft")
    page.expect("painted", "0")

    wrong = world["cells"][3].confusion(0.5).wrong_pixels
    order = [str(z) for z in np.argsort(-wrong, kind="stable")]
    page.page.wait_for_selector(".viewer[data-wrong]")
    at = order.index("0")
    page.keys("n")
    page.expect("painted", order[min(at + 1, 7)])
    page.keys(*"p" * 8)
    page.expect("painted", order[0])
    page.keys("n", "n")
    page.expect("painted", order[2])

    pressed = lambda name: page.root.locator(name).get_attribute("aria-pressed")  # noqa: E731
    for key, name in (("x", "[data-do=masks]"), ("z", "[data-do=contours]")):
        before = pressed(name)
        page.keys(key)
        assert pressed(name) != before
    for number, layer in enumerate(("image", "label", "probability", "prediction", "errors"), start=1):
        before = pressed(f"[data-layer={layer}]")
        page.keys(str(number))
        assert pressed(f"[data-layer={layer}]") != before

    before = page.view()[2]
    page.keys("+")
    assert page.view()[2] == pytest.approx(before * STEP)
    page.keys("-", "-")
    assert page.view()[2] == pytest.approx(before / STEP)
    page.keys("0")
    assert page.view()[2] == pytest.approx(before)

    page.keys("]", "]", "[")
    assert page.root.locator('[data-at="threshold"]').input_value() == "128"
    help_text = page.root.locator('[data-at="help"]')
    assert not help_text.is_visible()
    page.keys("?")
    assert help_text.is_visible()
    page.keys("Escape")
    assert not help_text.is_visible()


def test_keys_work_under_the_pointer_but_not_in_fields(open_page):
    page = open_page()
    page.page.mouse.move(2, 2)
    page.page.keyboard.press("ArrowRight")
    page.page.wait_for_timeout(150)
    assert page.data("slice") == "0"
    page.root.locator('[data-at="stage"]').hover()
    page.page.keyboard.press("ArrowRight")
    page.expect("painted", 1)
    slider = page.root.locator('[data-at="threshold"]')
    slider.focus()
    page.page.keyboard.press("ArrowRight")
    assert page.data("slice") == "1"
    assert slider.input_value() == "128"


def test_zoom_and_place_stay_when_the_slice_changes(open_page):
    page = open_page()
    page.root.focus()  # the wheel is the viewer's then
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    mouse = page.page.mouse
    x, y = box["x"] + box["width"] / 2 + 60, box["y"] + box["height"] / 2 - 40
    mouse.move(x, y)
    readout = page.root.locator('[data-at="readout"]')
    before = readout.inner_text().split(" · ")[0]
    start = page.view()
    for _ in range(4):
        mouse.wheel(0, -120)
    page.settled()
    assert page.view()[2] > 2 * start[2]
    mouse.move(x + 0.1, y)
    # What was under the pointer still is.
    assert readout.inner_text().split(" · ")[0] == before
    mouse.down()
    mouse.move(x - 50, y + 30, steps=5)
    mouse.up()
    page.settled()
    view = page.view()
    page.keys("ArrowRight")
    page.expect("painted", "1")
    assert page.view() == view


def test_nobody_who_scrolls_by_is_caught(open_page):
    page = open_page()
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    before = page.view()
    page.page.mouse.wheel(0, 120)
    page.page.get_by_text("Click the picture, or hold Ctrl").wait_for()
    assert page.view() == before
    page.page.keyboard.down("Control")
    page.page.mouse.wheel(0, -120)
    page.page.keyboard.up("Control")
    page.settled()
    assert page.view()[2] > before[2]


def test_pinch(open_page):
    page = open_page(has_touch=True)
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = page.view()
    touch = page.page.context.new_cdp_session(page.page)

    def fingers(kind: str, *apart: float) -> None:
        points = [{"x": x + side * one, "y": y, "id": at} for one in apart for at, side in enumerate((-1, 1))]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 40)
    for apart in (60, 80, 100, 120):
        fingers("touchMove", apart)
    fingers("touchEnd")
    page.settled()
    after = page.view()
    assert after[2] == pytest.approx(3 * before[2], rel=0.05)
    assert after[0] == pytest.approx(before[0], abs=3)


def test_one_finger_scrolls_the_page_and_leaves_the_view(open_page):
    page = open_page(has_touch=True)
    canvas = page.root.locator('[data-at="canvas"]')
    assert canvas.evaluate("(one) => getComputedStyle(one).touchAction") == "pan-y"
    box, before = canvas.bounding_box(), page.view()
    touch = page.page.context.new_cdp_session(page.page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in (20, 40, 60):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x + step, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.settled()
    assert page.view() == before


def test_the_readout_is_the_pixel(open_page, world):
    images, labels, predictions, _ = world["cells"]
    page = open_page()
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    for dx, dy in ((0, 0), (-90, 40), (33, -71), (120, 99)):
        page.page.mouse.move(box["x"] + box["width"] / 2 + dx, box["y"] + box["height"] / 2 + dy)
        text = page.root.locator('[data-at="readout"]').inner_text()
        x, y = (int(part) for part in re.match(r"x (\d+), y (\d+)", text).groups())
        assert f"intensity {images[0, y, x]} " in text
        assert f"label {'interior' if labels[0, y, x] else 'membrane'}" in text
        q = int(predictions[0, y, x])
        assert f"probability {q / 255:.3f} → {'interior' if q > 127 else 'membrane'}" in text
        assert "px away" in text


def test_the_readout_of_a_coarse_view_is_still_the_pixel(open_page, world):
    images = world["wide"][0]
    page = open_page("dataset=wide", viewport={"width": 700, "height": 700})
    page.root.locator('[data-at="canvas"]').scroll_into_view_if_needed()
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 2 + 40, box["y"] + box["height"] / 2 + 20)
    readout = page.root.locator('[data-at="readout"]')
    page.page.wait_for_function("e => e.textContent.includes('intensity')", arg=readout.element_handle())
    text = readout.inner_text()
    x, y = (int(part) for part in re.match(r"x (\d+), y (\d+)", text).groups())
    assert f"intensity {images[0, y, x]} " in text


def test_the_script_hears_of_changes_once_the_user_pauses(open_page):
    page = open_page()
    page.script("0 0.5000 0")
    page.keys(*["ArrowRight"] * 4)
    page.script("4 0.5000 0")
    page.slide("threshold", 200)
    page.slide("tolerance", 2)
    page.script(f"4 {threshold_after(200):.4f} 2")
    # And the other way round; afterwards the viewer is the reader's again.
    page.page.get_by_text("To the last").click()
    page.expect("painted", 7)
    page.keys("ArrowLeft")
    page.script(f"6 {threshold_after(200):.4f} 2")
    page.page.get_by_text("To the last").click()
    page.expect("painted", 7)


def test_echoes_of_the_script_never_pull_the_reader_back(open_page):
    page = open_page()
    page.root.focus()
    path = []
    for step in range(24):
        page.page.keyboard.press("ArrowRight" if step % 12 < 6 else "ArrowLeft")
        path.append(int(page.data("slice")))
        page.page.wait_for_timeout(90 if step % 3 else 580)
    expected = [*range(1, 7), *range(5, -1, -1)] * 2
    assert path == expected


def count(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((picture == colour).all(axis=-1).sum())


def contours(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask that have one beside them, in four directions, that is not of it."""
    around = np.pad(mask, 1, mode="edge")
    inside = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return mask & ~inside


def test_contours_do_not_stop_at_tiles(open_page, world, tmp_path):
    _, labels, predictions, _ = world["wide"]
    page = open_page("dataset=wide")
    page.keys("2", "4", "5", "z")  # label and prediction on the image
    page.slide("opacity", 100)
    page.settled()
    label, predicted = contours(labels[0] == 0), contours(predictions[0] <= 127)
    expected = {"label": label & ~predicted, "predicted": predicted}
    tints = {"label": (0x2A, 0xD1, 0xD9), "predicted": (0xCC, 0x79, 0xA7)}

    with page.page.expect_download() as download:
        page.root.locator("[data-do=png]").click()
    download.value.save_as(tmp_path / "contours.png")
    picture = colours(tmp_path / "contours.png")
    for name, tint in tints.items():
        np.testing.assert_array_equal((picture == tint).all(axis=-1), expected[name])

    # And on the screen, where four tiles meet, four pixels to a pixel.
    page.page.get_by_role("button", name="To the corner").click()
    page.expect("marked", "512 512")
    page.page.wait_for_selector(".viewer:not([data-marked])")
    page.settled()
    x, y, scale = page.view()
    assert (x, y, scale) == (512.5, 512.5, 4)
    shown = picture_on_screen(page)
    height, width = shown.shape[:2]
    left, top = int(np.floor(width / 2 - x * scale + 0.5)), int(np.floor(height / 2 - y * scale + 0.5))
    for name, tint in tints.items():
        rows, columns = np.arange(480, 545), np.arange(440, 585)
        pixels = shown[np.ix_(top + 4 * rows + 2, left + 4 * columns + 2)]
        np.testing.assert_array_equal((pixels == tint).all(axis=-1), expected[name][480:545, 440:585])


@pytest.mark.parametrize("tolerance", [0, 5])
@pytest.mark.parametrize(
    ("value", "inside", "between"), [(0, "right", "wrong"), (255, "wrong", "right")], ids=["threshold 0", "threshold 1"]
)
def test_at_the_ends_of_the_threshold_one_class_is_wrong_and_the_other_right(
    open_page, value, inside, between, tolerance
):
    page = open_page("dataset=wide")
    page.keys("1")  # errors alone
    page.slide("opacity", 100)
    page.slide("threshold", value)
    page.slide("tolerance", tolerance)
    page.keys("-", "-", "-")
    page.page.mouse.move(0, 0)
    x, y, scale = page.view()
    assert scale < 0.5, "the pixels shown are those of a coarse level"
    shown = picture_on_screen(page)
    height, width = shown.shape[:2]
    places = {
        "inside": [(20 + 40 * row, 22 + 44 * column) for row in range(4, 12) for column in range(4, 20)],
        "between": [(40 * row, 44 * column) for row in range(4, 12) for column in range(4, 20)],
    }
    colour = {"right": (246, 246, 246), "wrong": FALSE if value else MISSED}
    for name, expected in (("inside", inside), ("between", between)):
        at = np.array([(height / 2 + (py - y) * scale, width / 2 + (px - x) * scale) for py, px in places[name]], int)
        assert {tuple(one) for one in shown[at[:, 0], at[:, 1]].tolist()} == {colour[expected]}, name


@pytest.mark.parametrize("dataset", ["cells", "wide", "partly"])
def test_downloads_hold_every_wrong_pixel(open_page, world, tmp_path, dataset):
    page = open_page(f"dataset={dataset}")
    page.keys("1")  # errors alone
    page.slide("opacity", 100)
    page.slide("threshold", 90)
    page.slide("tolerance", 1)
    page.settled()
    files = {}
    for kind in ("png", "tiff"):
        with page.page.expect_download() as download:
            page.root.locator(f"[data-do={kind}]").click()
        assert re.fullmatch(rf"{dataset}-0-errors-threshold-0\.355\.(png|tif)", download.value.suggested_filename)
        files[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[kind])
    picture = colours(files["png"])
    np.testing.assert_array_equal(picture, tifffile.imread(files["tiff"]))
    evidence = world[dataset][3]
    found, all_wrong = evidence.confusion(threshold_after(90), 1)[0], evidence.confusion(threshold_after(90))[0]
    assert picture.shape[:2] == world[dataset][0].shape[1:]
    assert count(picture, MISSED) == found.missed_membrane
    assert count(picture, FALSE) == found.false_membrane
    assert count(picture, NEAR) == all_wrong.wrong_pixels - found.wrong_pixels


@pytest.mark.parametrize("tolerance", [0, 2])
@pytest.mark.parametrize("width", [700, 1280])
def test_what_is_ignored_is_striped_and_never_wrong(open_page, world, tmp_path, width, tolerance):
    """In a coarse view as well as with every pixel."""
    page = open_page("dataset=partly", viewport={"width": width, "height": 700})
    assert "ignored (striped): in no figure" in page.root.inner_text()
    page.slide("opacity", 100)
    page.slide("tolerance", tolerance)
    page.settled()
    evidence = world["partly"][3]
    page.expect("wrong", str(int(evidence.confusion(0.5, tolerance).wrong_pixels[0])))
    x, _, scale = page.view()
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    readout = page.root.locator('[data-at="readout"]')
    page.page.wait_for_function("e => e.textContent.includes('label')", arg=readout.element_handle())
    assert "label ignored" in readout.inner_text()
    assert "px away" not in readout.inner_text()
    page.page.mouse.move(0, 0)
    shown = tmp_path / "shown.png"
    page.root.locator('[data-at="canvas"]').screenshot(path=shown)
    picture = colours(shown)
    rows = slice(picture.shape[0] // 3, 2 * picture.shape[0] // 3)

    def columns(first: int, last: int) -> np.ndarray:
        left, right = (round(box["width"] / 2 + (column - x) * scale) for column in (first, last))
        return picture[rows, left:right].astype(int)

    # Well inside of what is ignored, and well outside. Where the view is not one to one, stripes run into their ground.
    inside, outside = columns(340, 760), columns(20, 260)
    assert np.ptp(inside, axis=2).max() <= 16  # grey
    assert np.ptp(outside, axis=2).max() > 100
    ignored, counted = ((np.abs(part - (0x8A, 0x8F, 0x98)) <= 3).all(axis=2).mean() for part in (inside, outside))
    assert ignored > 0.05
    assert ignored > 10 * counted


def test_panes_share_one_view(open_page, artefacts):
    page = open_page("mode=panes")
    titles = page.root.locator('[data-at="titles"] span').all_inner_texts()
    assert titles == ["Image", "Label", "Prediction", "Errors"]
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    page.page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.3)
    before = page.view()
    page.root.focus()
    page.page.mouse.wheel(0, -200)
    page.settled()
    assert page.view()[2] > before[2]
    page.page.screenshot(path=artefacts / "viewer-panes.png")


def test_without_a_run_side_by_side_is_image_label_and_both(open_page, world, tmp_path, artefacts):
    page = open_page("mode=panes&run=-")
    assert page.root.locator('[data-at="titles"] span').all_inner_texts() == ["Image", "Label", "Superposition"]
    assert page.root.locator("[data-mode=notebook]").is_disabled()
    page.page.screenshot(path=artefacts / "viewer-superposition.png")
    page.slide("opacity", 100)
    with page.page.expect_download() as download:
        page.root.locator("[data-do=png]").click()
    download.value.save_as(tmp_path / "panes.png")
    picture = colours(tmp_path / "panes.png")
    images, labels = world["cells"][:2]
    width = images.shape[2]
    image, label, both = (picture[:, at : at + width] for at in (0, width + 8, 2 * width + 16))
    np.testing.assert_array_equal(image[..., 0], images[0])
    np.testing.assert_array_equal(label[..., 0], labels[0])
    np.testing.assert_array_equal((both == (0x2A, 0xD1, 0xD9)).all(axis=-1), labels[0] == 0)
    np.testing.assert_array_equal(both[labels[0] > 0][:, 0], images[0][labels[0] > 0])
    before = page.view()
    page.keys("+")
    assert page.view()[2] == pytest.approx(before[2] * STEP)


def test_a_place_is_shown_each_time_it_is_asked_for(open_page):
    page = open_page()
    button = page.page.get_by_role("button", name="To the place")
    for keys in (("ArrowRight", "ArrowRight"), ("0",), ("+", "+")):
        page.keys(*keys)
        page.page.wait_for_timeout(400)  # the script has heard of it
        button.click()
        page.expect("marked", "80 60")
        page.expect("painted", 0)
        x, y, scale = page.view()
        assert (x, y) == (80.5, 60.5)
        box = page.root.locator('[data-at="canvas"]').bounding_box()
        third = box["width"] * box["height"] / 3
        assert scale == min(12, round((third / 900) ** 0.5))
        live = page.root.locator("[aria-live]")
        page.page.wait_for_selector(".viewer:not([data-marked])")
        assert live.inner_text()
    # A page that was loaded anew does not jump.
    page.keys("0")
    whole = page.view()
    page.page.get_by_text("To the last").click()
    page.expect("painted", 7)
    assert page.view() == whole


def test_notebook_view_has_all_wrong_pixels_in_red(open_page, world, tmp_path):
    page = open_page("mode=notebook")
    with page.page.expect_download() as download:
        page.root.locator("[data-do=png]").click()
    download.value.save_as(tmp_path / "notebook.png")
    picture = colours(tmp_path / "notebook.png")
    _, labels, predictions, evidence = world["cells"]
    width = labels.shape[2]
    assert picture.shape[1] == 3 * width + 2 * 8
    np.testing.assert_array_equal(picture[:, :width, 0], np.where(predictions[0] > 127, 255, 0))
    np.testing.assert_array_equal(picture[:, width + 8 : 2 * width + 8, 1], labels[0])
    assert count(picture, (255, 0, 0)) == evidence.confusion(0.5)[0].wrong_pixels


def test_screen_readers_get_the_numbers(open_page, world):
    page = open_page()
    live = page.root.locator("[aria-live]")
    wrong = int(world["cells"][3].confusion(0.5)[1].wrong_pixels)
    page.keys("ArrowRight")
    page.page.wait_for_function(
        "([e, text]) => e.textContent.includes(text)", arg=[live.element_handle(), f"{wrong:,} wrong pixels"]
    )
    strip = page.root.locator('[data-at="strip"]')
    assert strip.get_attribute("aria-valuenow") == "2"
    assert "wrong" in strip.get_attribute("aria-valuetext")


def test_the_strip_goes_where_it_is_clicked(open_page):
    page = open_page()
    strip = page.root.locator('[data-at="strip"]')
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    page.page.mouse.click(box["x"] + box["width"] * 5.5 / 8, box["y"] + 10)
    page.expect("painted", 5)


def test_file_names_are_text(open_page):
    page = open_page()
    assert "<b>000</b>.png" in page.root.locator('[data-at="name"]').inner_text()
    assert page.root.locator('[data-at="name"] b').count() == 0


def test_without_labels_or_run(open_page):
    page = open_page("dataset=bare&run=-")
    assert not page.root.locator('[data-at="measures"]').is_visible()
    assert page.root.locator("[data-layer=errors]").is_disabled()
    page.keys("ArrowRight", "5", "4", "n", "]", "x")
    page.expect("painted", "1")
    page = open_page("dataset=cells&run=-")
    assert not page.root.locator('[data-at="measures"]').is_visible()
    assert page.root.locator("[data-layer=label]").is_enabled()


def test_a_lost_server_is_said_and_not_thrown(open_page):
    page = open_page()
    page.page.route("**/segcore/**", lambda route: route.fulfill(status=404, body="there is no such evaluation"))
    page.root.focus()
    page.page.keyboard.press("End")
    page.page.get_by_text("there is no such evaluation").wait_for()


def test_values_follow_under_a_pointer_that_rests(context_of, address, world):
    """Also where no new run of the script draws the page anew."""
    images, heard = world["cells"][0], True
    browser_page = context_of(viewport={"width": 1280, "height": 900}).new_page()

    def between(socket) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda message: server.send(message) if heard else None)

    browser_page.route_web_socket("**/_stcore/stream", between)
    page = Page(browser_page, address)
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    readout = page.root.locator('[data-at="readout"]')
    readout.filter(has_text="probability").wait_for()
    x, y = (int(part) for part in re.match(r"x (\d+), y (\d+)", readout.inner_text()).groups())
    heard = False
    page.page.keyboard.press("End")  # to one that was not fetched ahead
    readout.filter(has_text=f"x {x}, y {y} · intensity {images[7, y, x]} ·").wait_for(timeout=20_000)
    assert page.errors == []


def test_counts_that_were_refused_once_are_asked_for_again(context_of, address):
    browser_page = context_of(viewport={"width": 1280, "height": 900}).new_page()
    refused = []

    def refuse_once(route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=503, body="busy")

    browser_page.route("**/segcore/evidence/**", refuse_once)
    page = Page(browser_page, address)
    page.page.wait_for_selector(".viewer[data-wrong]", timeout=20_000)
    assert refused
    assert page.errors == []


@pytest.mark.slow
def test_what_is_deleted_or_replaced_meanwhile_is_said_or_shown(open_page, world, monkeypatch):
    monkeypatch.setenv("SEGCORE_DATA_DIR", str(world["root"] / "data"))
    root, (images, labels, predictions, _) = world["root"], world["cells"]
    install("passing", array_stack(images), array_stack(labels))
    evaluation = root / "models/net/evaluation"
    shutil.copytree(evaluation / "cells", evaluation / "passing")
    page = open_page("dataset=passing")
    readout = page.root.locator('[data-at="readout"]')

    # Replaced: what is fetched from now on is the new one.
    with StackWriter(root / "new.tif", height=300, width=420, slices=8) as writer:
        for one in predictions:
            writer.write(255 - one)
    (root / "new.tif").replace(evaluation / "passing/probability.tif")
    page.keys("End")
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 2 + 9, box["y"] + box["height"] / 2)
    readout.filter(has_text="probability").wait_for()
    x, y = (int(part) for part in re.match(r"x (\d+), y (\d+)", readout.inner_text()).groups())
    assert f"probability {(255 - int(predictions[7, y, x])) / 255:.3f}" in readout.inner_text()

    # Deleted: said, for as long as it is so, and not with the picture of another slice.
    (evaluation / "passing").rename(root / "away")
    page.root.focus()
    for _ in range(3):
        page.page.keyboard.press("ArrowLeft")  # to one that was not fetched ahead
    message = page.root.locator('[data-at="message"]')
    page.page.get_by_text("there is no such evaluation").first.wait_for()
    page.page.wait_for_timeout(7000)
    assert message.is_visible() or page.page.get_by_text("there is no such evaluation").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.slow
def test_light_and_dark(open_page, artefacts, scheme):
    page = open_page(color_scheme=scheme)
    page.page.wait_for_timeout(300)
    page.page.screenshot(path=artefacts / f"viewer-{scheme}.png")
    colour = page.root.evaluate("e => getComputedStyle(e).color")
    brightness = np.mean([int(part) for part in re.findall(r"\d+", colour)[:3]])
    assert (brightness > 128) == (scheme == "dark")


@pytest.mark.slow
def test_a_narrow_window_scrolls_only_down(open_page, artefacts):
    page = open_page(viewport={"width": 380, "height": 800})
    page.page.screenshot(path=artefacts / "viewer-narrow.png")
    assert page.root.evaluate("e => e.scrollWidth <= e.clientWidth")
    for name in ("threshold", "strip", "canvas"):
        box = page.root.locator(f'[data-at="{name}"]').bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 380


@pytest.mark.slow
def test_full_screen(open_page):
    page = open_page()
    page.keys("f")
    page.page.wait_for_function("() => document.fullscreenElement !== null")
    page.settled()
    page.keys("f")
    page.page.wait_for_function("() => document.fullscreenElement === null")


def test_the_scale_bar_is_as_long_as_it_says(open_page):
    page = open_page()
    for _ in range(3):
        bar = page.root.locator('[data-at="scale"]')
        length, unit = bar.inner_text().split()
        nm = float(length) * (1000 if unit == "µm" else 1)
        width = bar.locator("i").bounding_box()["width"]
        assert width == pytest.approx(nm / 4 * page.view()[2], rel=0.03)
        page.keys("+")
