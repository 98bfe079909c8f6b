"""What the viewer paints, pixel by pixel, on the screen and in what it gives away."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from viewing import FALSE, MISSED, NEAR, STEP, colours, picture_on_screen

from segcore.measures import threshold_after

pytestmark = pytest.mark.browser

APP = Path(__file__).with_name("viewer_app.py")


@pytest.fixture(scope="module")
def world(cells_world):
    return cells_world


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


def downloaded(page, folder: Path) -> np.ndarray:
    with page.page.expect_download() as download:
        page.root.locator("[data-do=png]").click()
    download.value.save_as(folder / "shown.png")
    return colours(folder / "shown.png")


def test_brightness_and_contrast_change_how_the_image_looks_and_nothing_else(open_page, world, tmp_path):
    images, labels, _, _ = world["cells"]
    page = open_page()
    page.keys("5", "2")  # the label on the image
    page.slide("opacity", 100)
    page.keys("g")
    assert page.root.locator('[data-at="tones"]').is_visible()
    wrong = page.data("wrong")
    for brightness, contrast in ((40, 0), (0, 100), (-20, -50)):
        page.slide("brightness", brightness)
        page.slide("contrast", contrast)
        page.settled()
        # Contrast is a slope of 1/4 to 4 through the middle; brightness adds up to half of all values.
        grey = np.rint((images[0] - 127.5) * 4 ** (contrast / 100) + 127.5 + 1.275 * brightness).clip(0, 255)
        expected = np.where((labels[0] == 0)[..., None], (0x2A, 0xD1, 0xD9), grey[..., None])
        np.testing.assert_array_equal(downloaded(page, tmp_path), expected, err_msg=f"{brightness} {contrast}")
    assert page.data("wrong") == wrong
    page.page.evaluate("() => { navigator.clipboard.writeText = (text) => { window.copied = text; }; }")
    page.root.locator("[data-do=link]").click()
    page.page.wait_for_function("() => window.copied")
    assert "tones=-20%2C-50" in page.page.evaluate("() => window.copied")
    page.root.get_by_role("button", name="As it is").click()
    page.settled()
    as_it_is = np.where((labels[0] == 0)[..., None], (0x2A, 0xD1, 0xD9), images[0][..., None])
    np.testing.assert_array_equal(downloaded(page, tmp_path), as_it_is)
    page.keys("g")
    assert not page.root.locator('[data-at="tones"]').is_visible()
