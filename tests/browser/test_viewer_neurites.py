"""Neurites and segments in the viewer: their colours, what is said of them, places that stay, and keys of the page."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from viewing import Page, colours, picture_on_screen

from segcore.data import install
from segcore.evaluation import score, write_evaluation
from segcore.measures import true_neurites
from segcore.stacks import StackWriter, array_stack

pytestmark = pytest.mark.browser

APP = Path(__file__).with_name("neurites_app.py")
NEURITE, SEGMENT = (0x2A, 0xD1, 0xD9), (0xFF, 0x9E, 0xCF)  # of lines
MIDDLES = {1: (60, 50), 2: (60, 190), 3: (60, 270), 4: (175, 150)}
"""A pixel (y, x) of each neurite of `cells`, two of them in another segment than the rest of their neurite."""


def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, label and segments: neurite 1 is split, 2 and 3 are merged, 4 is found whole."""
    label = np.zeros((240, 320), np.uint8)
    label[20:100, 20:140] = label[20:100, 160:220] = label[20:100, 240:300] = label[130:220, 20:300] = 255
    segments = np.full((240, 320), 4, np.uint32)
    segments[:115, :80], segments[:115, 80:150], segments[:115, 150:] = 1, 2, 3
    rng = np.random.default_rng(0)
    image = np.where(label > 0, 150, 60) + rng.integers(0, 40, label.shape)
    return image.astype(np.uint8), label, segments


def wide() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neurites across the borders of six tiles, and segments of other squares."""
    label = np.full((700, 1100), 255, np.uint8)
    label[::70] = label[:, ::90] = 0
    rows, columns = np.indices(label.shape)
    segments = (1 + rows // 130 * 20 + columns // 110).astype(np.uint32)
    return np.full(label.shape, 120, np.uint8), label, segments


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """`cells` has three slices, `wide` has levels; the run `net` was evaluated on both, `plain` without segments."""
    root = tmp_path_factory.mktemp("neurites")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGCORE_DATA_DIR", str(root / "data"))
        found = {"root": root}
        for name, (image, label, segments), slices in (("cells", drawn(), 3), ("wide", wide(), 1)):
            stack = np.stack([image] * slices)
            install(name, array_stack(stack), array_stack(np.stack([label] * slices)))
            for run in ("net", "plain"):
                paths = {part: root / f"{part}.tif" for part in ("probability", "segments")}
                for path, page in zip(paths.values(), (label, segments), strict=True):
                    compression = "zlib" if page is segments else None
                    with StackWriter(
                        path, height=label.shape[0], width=label.shape[1], slices=slices, dtype=page.dtype,
                        compression=compression,
                    ) as writer:  # fmt: skip
                        for _ in range(slices):
                            writer.write(page)
                scored = score(
                    paths["probability"], root / f"data/{name}/labels.tif", slices=range(slices),
                    names=[str(z) for z in range(slices)], thresholds={"pixel": 0.5}, workers=1,
                )  # fmt: skip
                kept = paths["segments"] if run == "net" else None
                folder = root / f"models/{run}/evaluation/{name}"
                folder.parent.mkdir(parents=True, exist_ok=True)
                write_evaluation(folder, scored, {}, probability=paths["probability"], segments=kept)
            found[name] = (image, true_neurites(label > 0), segments)
        install("bare", array_stack(np.zeros((1, 90, 120), np.uint8)))
    return found


@pytest.fixture
def open_page(open_page):
    def opened(theme: str = "light", width: int = 1280, **query: object) -> Page:
        text = {name: json.dumps(value) if name == "places" else str(value) for name, value in query.items()}
        return open_page(urllib.parse.urlencode(text), width=width, theme=theme)

    return opened


@pytest.fixture(scope="module")
def facts(address) -> dict[str, dict]:
    """What the server says of the first slice of each dataset."""
    found = {}
    for name in ("cells", "wide"):
        with urllib.request.urlopen(f"{address}/segcore/neurites/{name}/net/test/0") as answer:
            found[name] = json.load(answer)
    return found


def colour(facts: dict, kind: str, number: int) -> tuple[int, ...]:
    return tuple(bytes.fromhex(facts["palette"][facts[kind]["colour"][number - 1]][1:]))


def on_screen(page: Page, y: float, x: float) -> tuple[float, float]:
    """Where a pixel is in the window."""
    left, top, scale = page.view()
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    return (
        box["x"] + box["width"] / 2 + (x + 0.5 - left) * scale,
        box["y"] + box["height"] / 2 + (y + 0.5 - top) * scale,
    )


def pixel(page: Page, y: float, x: float) -> tuple[int, ...]:
    """The colour that is shown of a pixel."""
    left, top, scale = page.view()
    shown = picture_on_screen(page)
    height, width = shown.shape[:2]
    return tuple(shown[int(height / 2 + (y + 0.5 - top) * scale), int(width / 2 + (x + 0.5 - left) * scale)].tolist())


def buttons(page: Page) -> list[str]:
    return [one.inner_text() for one in page.root.locator("[data-layer]").all() if one.is_visible()]


def test_the_buttons_are_there_where_there_is_something_to_show(open_page):
    def names(**query: str) -> list[str]:
        return [re.sub(r"^\d\s*", "", text) for text in buttons(open_page(**query))][5:]

    assert names() == ["True neurites", "Segments", "Errors taken apart"]
    assert names(run="plain") == ["True neurites", "Errors taken apart"]
    assert names(run="-") == ["True neurites"]
    assert names(dataset="bare", run="-") == []


def test_nothing_is_asked_for_before_it_is_shown(open_page):
    page = open_page()
    page.keys("ArrowRight", "5", "5")
    assert not [url for url in page.requests if "/numbers/" in url or "/neurites/" in url]
    page.keys("6")
    assert [url for url in page.requests if "/numbers/1/" in url]
    assert [url for url in page.requests if "/neurites/cells/net/test/1" in url]


def test_a_neurite_and_its_segment_have_one_colour(open_page, world, facts):
    found = facts["cells"]
    page = open_page()
    page.keys("5")
    page.slide("opacity", 100)
    page.keys("6")
    for number, place in MIDDLES.items():
        assert pixel(page, *place) == colour(found, "neurites", number)
    grey = world["cells"][0][110, 145]
    assert pixel(page, 110, 145) == (grey, grey, grey), "membrane is nobody's"
    page.keys("6", "7")
    for segment, place in {1: (60, 50), 2: (60, 120), 3: (60, 190), 4: (175, 150)}.items():
        assert pixel(page, *place) == colour(found, "segments", segment)
    assert pixel(page, 60, 50) == colour(found, "neurites", 1)
    assert pixel(page, 60, 120) not in (colour(found, "neurites", 1), colour(found, "segments", 3))
    assert pixel(page, 60, 190) == pixel(page, 60, 270)
    # Translucent, and away with the masks.
    page.slide("opacity", 50)
    page.settled()
    grey = int(world["cells"][0][60, 50])
    expected = [(grey + channel) / 2 for channel in colour(found, "segments", 1)]
    assert pixel(page, 60, 50) == pytest.approx(expected, abs=1)
    page.keys("x")
    assert pixel(page, 60, 50) == (grey, grey, grey)
    legend = page.root.locator('[data-at="legend-of-neurites"]')
    assert not legend.is_visible()
    page.keys("x")
    assert legend.inner_text() == "colours: one neurite each"


def borders(numbers: np.ndarray) -> np.ndarray:
    """True where a number touches another one."""
    around = np.pad(numbers, 1, mode="edge")
    beside = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
    return np.any([numbers != one for one in beside], axis=0) & (numbers > 0)


@pytest.mark.parametrize("contours", [False, True])
@pytest.mark.parametrize("kind", ["neurites", "segments"])
def test_downloads_have_every_pixel_in_its_colour(open_page, world, facts, tmp_path, kind, contours):
    image, neurites, segments = world["wide"]
    numbers = (neurites if kind == "neurites" else segments).astype(int)
    page = open_page(dataset="wide")
    page.keys("5", "6" if kind == "neurites" else "7", *("z" * contours))
    page.slide("opacity", 100)
    page.settled()
    with page.page.expect_download() as download:
        page.root.locator("[data-do=png]").click()
    download.value.save_as(tmp_path / "shown.png")
    picture = colours(tmp_path / "shown.png")
    table = np.array([(0, 0, 0)] + [colour(facts["wide"], kind, n) for n in range(1, int(numbers.max()) + 1)])
    there = borders(numbers) if contours else numbers > 0
    expected = np.where(there[..., None], table[numbers], image[..., None])
    np.testing.assert_array_equal(picture, expected)


def test_what_became_of_it_is_said_under_the_pointer_and_nothing_moves(open_page):
    page = open_page()
    fates = page.root.locator('[data-at="fates"]')
    assert not fates.is_visible()
    page.keys("6", "7")
    before = (fates.bounding_box(), page.root.bounding_box())
    texts = [page.root.locator(f'[data-at="fates"] [data-kind="{kind}"]') for kind in ("neurite", "segment")]
    for place, neurite, segment in (
        ((60, 50), "neurite 1 (9,600 px): split into segments 1, 2", "segment 1 (9,200 px): neurite 1, split into "
         "segments 1, 2"),
        ((60, 190), "neurite 2 (4,800 px): merged with neurite 3 in segment 3",
         "segment 3 (19,550 px): merges neurites 2, 3"),
        ((175, 150), "neurite 4 (25,200 px): found whole, segment 4", "segment 4 (40,000 px): neurite 4, found whole"),
        ((110, 145), "no neurite here", "segment 2 (8,050 px): neurite 1, split into segments 1, 2"),
    ):  # fmt: skip
        page.page.mouse.move(*on_screen(page, *place))
        assert [text.text_content() for text in texts] == [neurite, segment]
        assert (fates.bounding_box(), page.root.bounding_box()) == before
    page.page.mouse.move(2, 2)
    page.keys("6")
    assert [text.is_visible() for text in texts] == [False, True]


def test_a_coarse_view_says_it_of_the_pixel_too(open_page):
    page = open_page(dataset="wide", width=700)
    page.keys("7")
    assert page.view()[2] < 0.7
    page.page.mouse.move(*on_screen(page, 300, 500))
    text = page.root.locator('[data-at="fates"] [data-kind="segment"]')
    page.page.wait_for_function("e => e.textContent.includes('px')", arg=text.element_handle())
    assert text.text_content().startswith("segment 45 (14,300 px)")


def test_a_click_selects_and_is_reported_and_a_drag_is_not(open_page):
    page = open_page()
    live = page.root.locator("[aria-live]")
    live.filter(has_text="wrong pixels").wait_for(state="attached")
    middle = on_screen(page, 60, 190)
    page.page.mouse.click(*middle)
    page.settled()
    assert page.data("picked") == "", "no layer of neurites is shown"
    page.keys("5", "6")
    page.page.mouse.click(*middle)
    page.expect("picked", "neurite 2")
    page.expect("outlined", "neurite 2")
    page.script("0 ('neurite', 2)")
    assert "Selected: neurite 2 (4,800 px): merged with neurite 3" in live.inner_text()
    page.keys("7")
    page.page.mouse.click(*middle)  # segments lie above
    page.script("0 ('segment', 3)")
    page.expect("outlined", "segment 3")
    page.page.mouse.move(*middle)
    page.page.mouse.down()
    page.page.mouse.move(middle[0] + 30, middle[1] + 10, steps=4)
    page.page.mouse.up()
    page.settled()
    assert page.data("picked") == "segment 3"
    page.keys("ArrowRight")
    assert page.data("outlined") == ""
    page.keys("ArrowLeft")
    page.expect("outlined", "segment 3")
    page.keys("Escape")
    assert (page.data("picked"), page.data("outlined")) == ("", "")


STAYS = {
    "slice": 0, "y": 60, "x": 80, "area_px": 9600, "stays": True, "neurites": [1], "segments": [1, 2],
    "openings": [[60, 80], [95, 80]], "box": [20, 20, 100, 140],
}  # fmt: skip


def test_a_place_that_stays_is_seen_until_escape(open_page):
    page = open_page(places=[STAYS, STAYS | {"slice": 2, "stays": False, "openings": []}])
    page.page.get_by_role("button", name="Place 0").click()
    page.expect("rings", "80 60, 80 95")
    page.expect("outlined", "neurite 1, segment 1, segment 2")
    page.settled()
    page.page.mouse.move(2, 2)
    x, y, scale = page.view()
    assert scale == int(scale) >= 2
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    assert abs(x - 80) * scale + 60 * scale < box["width"] / 2
    assert abs(y - 60) * scale + 40 * scale < box["height"] / 2
    # Lines between pixels, solid for the neurite and in dashes for segments; a ring 15 pixels around an opening.
    shown = picture_on_screen(page).astype(int)
    height, width = shown.shape[:2]

    def row(py: float, first: float, last: float) -> np.ndarray:
        left, right = (round(width / 2 + (px - x) * scale) for px in (first, last))
        return shown[round(height / 2 + (py - y) * scale), left:right]

    def share(pixels: np.ndarray, colour: tuple[int, ...]) -> float:
        return float((np.abs(pixels - colour).max(axis=-1) < 40).mean())

    assert share(row(20, 24, 76), NEURITE) > 0.95
    dashes = row(115, 4, 76)
    assert 0.4 < share(dashes, SEGMENT) < 0.75
    assert share(dashes, SEGMENT) + share(dashes, (0, 0, 0)) > 0.85
    centre = (round(width / 2 + (80.5 - x) * scale), round(height / 2 + (60.5 - y) * scale))
    assert max(shown[centre[1] - 15 + d, centre[0]].min() for d in (-1, 0, 1)) > 200
    legend = page.root.locator('[data-at="legend-of-neurites"]')
    assert legend.inner_text().splitlines() == ["neurite (line)", "segment (dashes)"]

    # It outlasts the moment that others are marked for, other layers, and a look at another slice.
    page.page.wait_for_timeout(3200)
    page.keys("5", "2", "z")
    page.expect("rings", "80 60, 80 95")
    page.keys("ArrowRight")
    assert (page.data("rings"), page.data("outlined")) == ("", "")
    page.keys("ArrowLeft")
    page.expect("outlined", "neurite 1, segment 1, segment 2")
    page.keys("Escape")
    assert (page.data("rings"), page.data("outlined")) == ("", "")
    assert not legend.is_visible()

    # Another place takes its place, and one that does not stay goes by itself.
    page.page.get_by_role("button", name="Place 0").click()
    page.expect("rings", "80 60, 80 95")
    page.page.get_by_role("button", name="Place 1").click()
    page.expect("marked", "80 60")
    page.expect("painted", 2)
    assert page.data("outlined") == ""
    page.page.wait_for_selector(".viewer:not([data-marked])")
    page.page.get_by_role("button", name="Place 0").click()
    page.expect("rings", "80 60, 80 95")
    page.page.get_by_role("button", name="No place").click()
    page.page.wait_for_selector(".viewer:not([data-rings])")


def test_escape_ends_a_selection_before_a_place_and_is_heard_beside_the_viewer(open_page):
    page = open_page(places=[STAYS])
    page.keys("7")
    page.page.get_by_role("button", name="Place 0").click()
    page.expect("outlined", "neurite 1, segment 1, segment 2")
    page.settled()
    page.page.mouse.click(*on_screen(page, 110, 155))
    page.expect("outlined", "neurite 1, segment 1, segment 2, segment 3")
    page.page.mouse.move(2, 2)
    page.page.get_by_role("button", name="No place").focus()
    page.page.keyboard.press("Escape")
    page.expect("outlined", "neurite 1, segment 1, segment 2")
    page.page.keyboard.press("Escape")
    page.page.wait_for_selector(".viewer:not([data-rings])")


def test_a_box_too_large_to_tell_pixels_apart_gives_way_to_its_openings(open_page):
    large = {"slice": 0, "y": 350, "x": 420, "area_px": 400_000, "stays": True, "neurites": [1], "segments": [1]}
    page = open_page(
        dataset="wide", width=900,
        places=[
            large | {"box": [0, 0, 700, 1100], "openings": [[350, 420], [380, 460]]},
            large | {"box": [0, 0, 700, 1100]},
            large | {"openings": [[350, 420], [350, 700]], "area_px": 100},
            large | {"box": [695, 1095, 700, 1100]},
        ],
    )  # fmt: skip
    views = []
    for number in range(4):
        page.page.get_by_role("button", name=f"Place {number}").click()
        page.expect("rings", ["420 350, 460 380", "420 350", "420 350, 700 350", "420 350"][number])
        page.settled()
        views.append(page.view())
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    assert views[0][:2] == (440.5, 365.5)
    assert views[0][2] >= 3
    assert views[1][2] < 1
    # Without a box the place is in the middle and every opening in view.
    assert views[2][:2] == (420.5, 350.5)
    assert 280 * views[2][2] < box["width"] / 2
    # What is near a corner is not brought into the middle for the sake of nothing beyond it, nor too close.
    x, y, scale = views[3]
    assert 5 <= scale <= 6
    assert (1100 - x) * scale == pytest.approx(box["width"] / 2 - 24, abs=1)
    assert (700 - y) * scale == pytest.approx(box["height"] / 2 - 24, abs=1)


def test_a_viewer_that_comes_back_shows_what_stays_and_takes_nobody_there(open_page):
    page = open_page(places=[STAYS, STAYS | {"stays": False}])
    hide = page.page.get_by_text("Hide the viewer")

    def back() -> None:
        hide.click()
        page.root.wait_for(state="detached")
        page.page.wait_for_timeout(700)  # so long it would be the same one
        hide.click()
        page.root.wait_for()
        page.settled()

    page.page.get_by_role("button", name="Place 0").click()
    page.expect("rings", "80 60, 80 95")
    page.settled()
    view = page.view()
    back()
    page.expect("outlined", "neurite 1, segment 1, segment 2")
    assert page.view() == view
    page.keys("ArrowRight", "0")
    page.script("1 None")
    whole = page.view()
    back()
    assert (page.data("slice"), page.data("rings"), page.view()) == ("1", "", whole)
    page.keys("ArrowLeft")
    page.expect("rings", "80 60, 80 95")
    # A moment is over.
    page.page.get_by_role("button", name="Place 1").click()
    page.expect("marked", "80 60")
    back()
    assert (page.data("marked"), page.data("rings"), page.view()) == ("", "", whole)


def test_keys_that_are_left_to_the_page_do_nothing_here(open_page):
    page = open_page(keys="n p x ctrl+z")
    page.page.evaluate("window.heard = []; addEventListener('keydown', ({ key }) => window.heard.push(key))")
    page.root.focus()
    for key in ("n", "x", "p", "Control+z"):
        page.page.keyboard.press(key)
    assert page.page.evaluate("window.heard.filter((key) => key !== 'Control')") == ["n", "x", "p", "z"]
    assert page.data("slice") == "0"
    assert page.root.locator("[data-do=masks]").get_attribute("aria-pressed") == "true"
    page.keys("z", "ArrowRight")  # others do what they did
    page.script("1 None")
    assert page.root.locator("[data-do=contours]").get_attribute("aria-pressed") == "true"


def test_something_else_on_the_page_shows_a_place_at_once(open_page):
    page = open_page()
    place = {"number": 1, "slice": 1, "y": 20, "x": 30, "area": 100, "text": "split", "stays": True, "box": None}
    place |= {"neurites": [1], "segments": [], "openings": [{"y": 20, "x": 30}, {"y": 22, "x": 31}]}
    page.page.evaluate("(detail) => dispatchEvent(new CustomEvent('segcore:show', { detail }))", place)
    page.page.wait_for_function("() => true")
    page.script("1 None")
    assert page.data("rings") == "30 20, 31 22"
    # What the script draws anew meanwhile does not take it away.
    page.keys("ArrowRight")
    page.script("2 None")
    page.keys("ArrowLeft")
    page.script("1 None")
    assert page.data("rings") == "30 20, 31 22"


def test_the_list_of_keys_leaves_out_those_of_the_page(open_page):
    def listed(**query: str) -> str:
        page = open_page(**query)
        page.keys("?")
        return page.root.locator('[data-at="help"]').inner_text()

    everything = listed()
    assert "next, previous worst slice" in everything
    assert "true neurites, segments" in everything
    assert "Esc" in everything
    taken = listed(keys="n p x")
    assert "worst slice" not in taken
    assert "masks on or off" not in taken
    assert "contours or filled" in taken


def test_a_refused_slice_is_said_and_the_rest_is_shown(open_page, world):
    page = open_page()
    said = "this slice has 70,000 segments, and at most 65,535 can be shown"
    page.page.route("**/numbers/**", lambda route: route.fulfill(status=404, body=said))
    page.page.route("**/segcore/neurites/**", lambda route: route.fulfill(status=404, body=said))
    page.keys("5", "7")
    page.page.get_by_text(said).wait_for()
    grey = int(world["cells"][0][60, 50])
    assert pixel(page, 60, 50) == (grey, grey, grey)
    page.page.mouse.click(*on_screen(page, 60, 50))
    page.page.get_by_text("Nothing can be selected here").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_all_of_it(open_page, artefacts, theme):
    page = open_page(theme, places=[STAYS])
    page.keys("5", "6", "7")
    page.page.get_by_role("button", name="Place 0").click()
    page.expect("outlined", "neurite 1, segment 1, segment 2")
    page.settled()
    page.page.screenshot(path=artefacts / f"viewer-neurites-{theme}.png")


@pytest.mark.slow
def test_a_narrow_window_has_room_for_what_is_said(open_page, artefacts):
    page = open_page(width=380, places=[STAYS])
    page.keys("6", "7")
    page.page.get_by_role("button", name="Place 0").click()
    page.expect("outlined", "neurite 1, segment 1, segment 2")
    page.page.screenshot(path=artefacts / "viewer-neurites-narrow.png")
    assert page.root.evaluate("e => e.scrollWidth <= e.clientWidth")
