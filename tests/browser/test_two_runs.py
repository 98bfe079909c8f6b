"""Two runs in one viewer: side by side, one in the other's place, and what changed from the one to the other."""

from __future__ import annotations

import json
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
from viewing import FALSE, MISSED, Page, colours, picture_on_screen

from segcore.data import install
from segcore.evaluation import score, write_evaluation
from segcore.stacks import StackWriter, array_stack

pytestmark = pytest.mark.browser

APP = Path(__file__).with_name("neurites_app.py")
# As in `dashboard/viewer/js/colours.js`.
FIXED, BROKEN, WRONG_IN_BOTH = (0x00, 0x9E, 0x73), (0xE6, 0x9F, 0x00), (0x88, 0x22, 0x55)
SHAPE = (240, 320)
WALL = slice(150, 158)


def drawn(height: int, width: int) -> dict[str, np.ndarray]:
    """Two neurites with a membrane between them. The run `one` opens its upper third, `two` the middle third, both the
    last rows; `two` also has false membrane in the left neurite."""
    label = np.full((height, width), 255, np.uint8)
    label[:, WALL] = 0
    one, two = label.copy(), label.copy()
    one[: height // 3, WALL] = 255
    two[height // 3 : 2 * height // 3, WALL] = 255
    for run in (one, two):
        run[-40:, WALL] = 255
    two[:, 60:64] = 0
    image = np.full((height, width), 120, np.uint8)
    return {"image": image, "label": label, "one": one, "two": two}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """`cells`, of two slices, and `wide`, which has levels, with the two runs; `two` cuts the left neurite in two."""
    root = tmp_path_factory.mktemp("two runs")
    found: dict[str, object] = {"root": root}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGCORE_DATA_DIR", str(root / "data"))
        for name, shape, slices in (("cells", SHAPE, 2), ("wide", (1100, 2200), 1)):
            planes = drawn(*shape)
            found[name] = planes
            stack = array_stack(np.stack([planes["image"]] * slices))
            install(name, stack, array_stack(np.stack([planes["label"]] * slices)))
            for run in ("one", "two"):
                segments = np.ones(shape, np.uint32)
                if run == "two":
                    segments[:, :62] = 2
                paths = {part: root / f"{run}-{part}.tif" for part in ("probability", "segments")}
                for path, page in zip(paths.values(), (planes[run], segments), strict=True):
                    compression = "zlib" if page is segments else None
                    with StackWriter(
                        path, height=shape[0], width=shape[1], slices=slices, dtype=page.dtype, compression=compression
                    ) as writer:
                        for _ in range(slices):
                            writer.write(page)
                scored = score(
                    paths["probability"], root / f"data/{name}/labels.tif", slices=range(slices),
                    names=[str(z) for z in range(slices)], thresholds={"pixel": 0.5}, workers=1,
                )  # fmt: skip
                folder = root / f"models/{run}/evaluation/{name}"
                folder.parent.mkdir(parents=True, exist_ok=True)
                write_evaluation(folder, scored, {}, probability=paths["probability"], segments=paths["segments"])
    return found


@pytest.fixture
def open_page(open_page):
    def opened(width: int = 1280, **query: object) -> Page:
        query = {"run": "one", "other": "two"} | query
        text = {name: json.dumps(value) if name == "places" else str(value) for name, value in query.items()}
        return open_page(urllib.parse.urlencode(text), width=width)

    return opened


def errors_of(planes: dict[str, np.ndarray], run: str) -> np.ndarray:
    """The picture of a run's errors, in full colours."""
    found = np.repeat(planes["image"][..., None], 3, axis=2)
    found[(planes["label"] == 0) & (planes[run] > 0)] = MISSED
    found[(planes["label"] > 0) & (planes[run] == 0)] = FALSE
    return found


def changes_of(planes: dict[str, np.ndarray]) -> np.ndarray:
    found = np.repeat(planes["image"][..., None], 3, axis=2)
    one, two = ((planes["label"] > 0) != (planes[run] > 0) for run in ("one", "two"))
    for where, colour in ((one & ~two, FIXED), (two & ~one, BROKEN), (one & two, WRONG_IN_BOTH)):
        assert where.any()
        found[where] = colour
    return found


def downloaded(page: Page, folder: Path) -> np.ndarray:
    with page.page.expect_download() as download:
        page.root.locator("[data-do=png]").click()
    download.value.save_as(folder / "shown.png")
    return colours(folder / "shown.png")


@pytest.mark.parametrize("dataset", ["cells", "wide"])
def test_side_by_side_every_pixel_has_its_colour(open_page, world, tmp_path, dataset):
    page = open_page(dataset=dataset, mode="both")
    page.slide("opacity", 100)
    page.settled()
    planes = world[dataset]
    width = planes["image"].shape[1]
    picture = downloaded(page, tmp_path)
    grey = np.repeat(planes["image"][..., None], 3, axis=2)
    expected = (errors_of(planes, "one"), errors_of(planes, "two"), changes_of(planes), grey)
    for number, pane in enumerate(expected):
        left = number * (width + 8)
        np.testing.assert_array_equal(picture[:, left : left + width], pane, err_msg=f"pane {number}")


def test_where_a_slice_is_larger_than_the_screen_changes_are_those_of_its_blocks(open_page, world):
    page = open_page(dataset="wide", mode="single", layers="")
    page.keys("5", "9")
    page.slide("opacity", 100)
    page.settled()
    left, top, scale = page.view()
    assert scale < 0.75, "blocks, and not pixels"
    shown = picture_on_screen(page)
    height, width = shown.shape[:2]
    for y, x, colour in ((100, 154, FIXED), (500, 154, BROKEN), (1090, 154, WRONG_IN_BOTH), (500, 1000, (120,) * 3)):
        found = shown[int(height / 2 + (y + 0.5 - top) * scale), int(width / 2 + (x + 0.5 - left) * scale)]
        assert tuple(found.tolist()) == colour, (y, x)


def test_one_run_in_the_place_of_the_other_by_a_key(open_page, world, tmp_path):
    page = open_page()
    page.slide("opacity", 100)
    page.settled()
    view = page.view()
    np.testing.assert_array_equal(downloaded(page, tmp_path), errors_of(world["cells"], "one"))
    assert page.root.locator(".titles").inner_text() == "one at 0.500"
    page.keys("b")
    assert page.view() == view
    np.testing.assert_array_equal(downloaded(page, tmp_path), errors_of(world["cells"], "two"))
    assert page.root.locator(".titles").inner_text() == "two at 0.500"
    page.keys("ArrowRight")
    assert page.data("slice") == "1"
    np.testing.assert_array_equal(downloaded(page, tmp_path), errors_of(world["cells"], "two"))
    page.keys("b")
    np.testing.assert_array_equal(downloaded(page, tmp_path), errors_of(world["cells"], "one"))


def test_wrong_pixels_of_both_are_told(open_page, world):
    page = open_page(mode="both")
    numbers = page.root.locator('[data-at="numbers"]')
    numbers.filter(has_text="wrong in two").wait_for()
    said = " ".join(numbers.inner_text().split())
    for run in ("one", "two"):
        planes = world["cells"]
        wrong = int(((planes["label"] > 0) != (planes[run] > 0)).sum())
        assert f"{wrong:,} wrong in {run}" in said


def test_thresholds_and_tolerance_stand_still(open_page):
    page = open_page()
    before = page.data("wrong")
    for name in ("threshold-control", "tolerance-control", "bias-control", "points"):
        assert not page.root.locator(f'[data-at="{name}"]').is_visible(), name
    page.keys("[", "[", "]")
    assert page.data("wrong") == before
    alone = open_page(other="")
    assert alone.root.locator('[data-at="threshold-control"]').is_visible()
    assert not alone.root.locator("[data-do=other]").is_visible()
    assert not alone.root.locator('[data-mode="both"]').is_visible()
    alone.keys("b", "9")  # nothing to show


def test_what_is_said_under_the_pointer_is_of_both(open_page):
    page = open_page(mode="single")
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    left, top, scale = page.view()
    page.page.mouse.move(
        box["x"] + box["width"] / 2 + (62.5 - left) * scale, box["y"] + box["height"] / 2 + (100.5 - top) * scale
    )
    readout = page.root.locator('[data-at="readout"]')
    readout.filter(has_text="in two").wait_for()
    assert "probability 1.000 → interior · in two 0.000 → membrane" in readout.inner_text()


def test_a_place_shows_the_run_it_belongs_to(open_page):
    places = [
        {"slice": 0, "y": 100, "x": 61, "area_px": 900, "stays": True, "segments": [2], "neurites": [1], "other": True},
        {"slice": 1, "y": 20, "x": 154, "area_px": 900, "stays": True, "segments": [1], "neurites": [1, 2]},
    ]
    page = open_page(places=places)
    page.page.get_by_role("button", name="Place 0").click()
    page.page.wait_for_selector('.viewer[data-outlined="neurite 1, segment 2"]')
    assert page.root.locator(".titles").inner_text() == "two at 0.500"
    page.keys("b")
    page.page.wait_for_selector('.viewer[data-outlined="neurite 1"]')  # segments of another run have these numbers
    page.page.get_by_role("button", name="Place 1").click()
    page.page.wait_for_selector('.viewer[data-outlined="neurite 1, neurite 2, segment 1"][data-slice="1"]')
    assert page.root.locator(".titles").inner_text() == "one at 0.500"


def test_a_click_selects_a_segment_of_the_run_that_is_shown(open_page):
    page = open_page()
    page.keys("7")
    for key, said in ((None, "segment 1"), ("b", "segment 2")):
        page.keys(*([key] if key else []))
        box = page.root.locator('[data-at="canvas"]').bounding_box()
        left, top, scale = page.view()
        page.page.mouse.click(
            box["x"] + box["width"] / 2 + (30.5 - left) * scale, box["y"] + box["height"] / 2 + (100.5 - top) * scale
        )
        page.expect("picked", said)
        page.page.keyboard.press("Escape")


def test_a_link_leads_to_the_other_run(open_page):
    page = open_page()
    page.keys("b", "+", "+", "z")
    page.slide("opacity", 35)
    page.page.evaluate("() => { navigator.clipboard.writeText = (text) => { window.copied = text; }; }")
    page.root.locator("[data-do=link]").click()
    page.page.wait_for_function("() => window.copied")
    link = page.page.evaluate("() => window.copied")
    view = page.view()
    page.page.goto("about:blank")
    page.page.goto(link)
    page.settled()
    assert page.view() == pytest.approx(view)
    assert page.root.locator("[data-do=contours]").get_attribute("aria-pressed") == "true"
    assert page.root.locator('[data-at="opacity-text"]').inner_text() == "35 %"
    assert page.root.locator(".titles").inner_text() == "two at 0.500"
