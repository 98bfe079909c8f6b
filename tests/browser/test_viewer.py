"""The viewer in a real Chromium, on a real Streamlit server."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from viewing import STEP

from segcore.measures import PixelEvidence, threshold_after

pytestmark = pytest.mark.browser

APP = Path(__file__).with_name("viewer_app.py")


@pytest.fixture(scope="module")
def world(cells_world):
    return cells_world


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


def test_slices_are_ranked_by_harm_or_by_wrong_pixels(open_page, world):
    harms = [0.1, 0.0, 0.4, 0.2, 0.0, 0.3, 0.05, 0.15]
    page = open_page(f"harms={json.dumps(harms)}".replace(" ", ""))
    strip, by = page.root.locator('[data-at="strip"]'), page.root.locator('[data-do="worst"]')
    page.page.wait_for_selector(".viewer[data-wrong]")
    assert by.inner_text() == "Harm"
    shape = page.root.locator(".strip canvas").evaluate("one => one.toDataURL()")
    page.keys(*"p" * 8)
    page.expect("painted", 2)
    page.keys("n")
    page.expect("painted", 5)
    percent = world["cells"][3].confusion(0.5).wrong_percent
    assert strip.get_attribute("aria-valuetext").endswith(f": {percent[5]:.2f} % wrong, harm 0.3000")
    by.click()
    assert by.inner_text() == "Wrong px"
    assert page.root.locator(".strip canvas").evaluate("one => one.toDataURL()") != shape
    order = np.argsort(-world["cells"][3].confusion(0.5).wrong_pixels, kind="stable")
    page.keys(*"p" * 8)
    page.expect("painted", int(order[0]))
    page.keys("w")
    assert by.inner_text() == "Harm"


def test_without_harm_there_is_no_choice(open_page):
    page = open_page()
    assert page.root.locator('[data-do="worst"]').is_hidden()
    page.keys("w")
    assert "harm" not in page.root.locator('[data-at="strip"]').get_attribute("aria-valuetext")


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
    # The picture comes before what it is adjusted by, and has what belongs to it below it.
    tops = [page.root.locator(one).bounding_box()["y"] for one in ('[data-at="layers"]', ".stage", ".slices", ".wide")]
    assert tops == sorted(tops)


@pytest.mark.slow
def test_full_screen_of_a_phone_is_mostly_picture(open_page):
    page = open_page(viewport={"width": 380, "height": 800})
    page.keys("f")
    page.page.wait_for_function("() => document.fullscreenElement")
    page.frames()
    assert page.root.locator(".stage").bounding_box()["height"] >= 0.6 * 800


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
