"""Errors taken apart in the viewer: numbers and colours are `segcore`'s, and no tolerance forgives a merge."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from cells import cells
from viewing import Page, colours, picture_on_screen

from segcore.data import install
from segcore.evaluation import score, write_evaluation
from segcore.measures import (
    ERROR_PARTS,
    ErrorParts,
    boundary_distance,
    count_error_parts,
    error_part_of_pixels,
    grown,
    thin,
    true_neurites,
)
from segcore.stacks import IGNORE, StackWriter, Truth, array_stack

pytestmark = pytest.mark.browser

APP = Path(__file__).with_name("viewer_app.py")
PARTS = {
    "near": (0xF0, 0xE4, 0x42), "thin": (0x56, 0xB4, 0xE9), "thick": (0xE6, 0x9F, 0x00), "merge": (0x00, 0x72, 0xB2),
    "split": (0xD5, 0x5E, 0x00), "missed": (0x8A, 0x3D, 0x00), "invented": (0x00, 0x40, 0x5F),
}  # fmt: skip
MISSED, FALSE, NEAR = PARTS["merge"], PARTS["split"], PARTS["near"]


class Slice:
    """What a slice is, without the viewer."""

    def __init__(self, label: np.ndarray, prediction: np.ndarray) -> None:
        self.truth, self.prediction = Truth.of(label), prediction
        self.neurites = true_neurites(self.truth.interior)
        self.territories = grown(self.neurites, self.truth.interior)
        self.distance = boundary_distance(self.truth.interior, self.truth.counted)

    def codes(self, value: int) -> np.ndarray:
        predicted = self.truth.masked(self.prediction > value)
        return error_part_of_pixels(
            self.truth.interior, self.neurites, predicted, thin(predicted), self.territories, self.truth.counted
        )

    def counted(self, value: int) -> ErrorParts:
        return ErrorParts(count_error_parts(self.codes(value), self.distance)[None])

    def names(self, value: int, tolerance: int) -> np.ndarray:
        """(H, W) of what each pixel is called, empty where it is right."""
        codes = self.codes(value)
        names = np.array(["", *ERROR_PARTS])[codes]
        return np.where(np.isin(codes, (1, 2)) & (self.distance < tolerance), "near", names)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """`cells` has all that can be wrong, `wide` levels and what is to be ignored as well; `bare` has no labels."""
    root = tmp_path_factory.mktemp("apart")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGCORE_DATA_DIR", str(root / "data"))
        found = {"root": root}
        for name, shape in (("cells", (2, 200, 260)), ("wide", (1, 520, 1040))):
            images, labels, predictions = cells(*shape, seed=1)
            predictions[:, :40, :44] = 0  # a neurite that is missed
            predictions[:, 36:44, 84:92] = 255  # a piece within membrane
            predictions[:, 40:80, 60:70] = 0  # a wall through a neurite
            predictions[:, 56:64, 124:138] = 255  # a gap in the membrane between two
            predictions[:, 70:78, 120:128] = 255  # a dent in a membrane
            predictions[:, 108:112, 60:66] = 0  # and a speck in a neurite
            if name == "wide":
                labels[:, :, 500:700] = IGNORE
            install(name, array_stack(images), array_stack(labels), voxel_size_nm=(50, 4, 4))
            path = root / f"{name}.tif"
            with StackWriter(path, height=shape[1], width=shape[2], slices=shape[0]) as writer:
                for page in predictions:
                    writer.write(page)
            folder = root / f"models/net/evaluation/{name}"
            folder.parent.mkdir(parents=True, exist_ok=True)
            scored = score(
                path, root / f"data/{name}/labels.tif", slices=range(shape[0]),
                names=[str(z) for z in range(shape[0])], thresholds={"pixel": 0.5}, workers=1,
            )  # fmt: skip
            write_evaluation(folder, scored, {}, probability=path)
            found[name] = [Slice(*pair) for pair in zip(labels, predictions, strict=True)]
        install("bare", array_stack(images[:, :90, :120]))
    return found


def legend(page: Page) -> dict[str, str]:
    spans = page.root.locator("[data-part]").all()
    return {span.get_attribute("data-part"): span.locator("b").inner_text() for span in spans}


def asked(page: Page) -> list[str]:
    return [url for url in page.requests if "/apart/" in url]


def known(page: Page, text: str) -> str:
    """What is forgiven, once that has this in it."""
    line = page.root.locator('[data-at="forgiven"]')
    line.filter(has_text=text).wait_for()
    return line.inner_text()


def downloaded(page: Page, path: Path) -> np.ndarray:
    with page.page.expect_download() as download:
        page.root.locator("[data-do=png]").click()
    download.value.save_as(path)
    return colours(path)


def test_numbers_are_those_of_segcore_to_the_last_digit(open_page, world):
    page = open_page()
    page.keys("8")
    for value, tolerances in {127: (0, 1, 5), 0: (5,), 200: (2,), 255: (2, 0)}.items():
        true = world["cells"][0].counted(value)
        page.slide("threshold", value)
        for tolerance in tolerances:
            page.slide("tolerance", tolerance)
            page.settled()
            wrong = {name: int(count[0]) for name, count in true.wrong(tolerance).items()}
            expected = wrong | {"all": sum(wrong.values())}
            assert legend(page) == {name: f"{count:,}" for name, count in expected.items()}
            # All of them are those the evaluation counts, and what is forgiven is the difference.
            forgiven = wrong["near"] + int(true.forgiven_though(tolerance)[0])
            assert int(page.data("wrong")) + forgiven == expected["all"]
            text = page.root.locator('[data-at="forgiven"]').inner_text()
            assert text.startswith(f"{forgiven:,} px forgiven") if tolerance else text == ""


def test_what_is_never_forgiven_is_counted_by_name(open_page, world):
    page = open_page()
    page.slide("threshold", 90)
    page.slide("tolerance", 2)
    page.settled()
    true = world["cells"][0].counted(90)
    within = dict(zip(ERROR_PARTS, true.counts[0, :, :2].sum(axis=1).tolist(), strict=True))
    found = known(page, "all the same")
    assert found == (
        f"{sum(within.values()):,} px forgiven, of them {within['merge']:,} open a membrane, {within['split']:,} cut a "
        f"neurite and {within['missed'] + within['invented']:,} miss or invent one all the same (within tolerance, but "
        "merges or splits); the percentage leaves them out"
    )


@pytest.mark.parametrize(("dataset", "contours"), [("cells", False), ("wide", True)])
def test_every_pixel_has_the_colour_of_its_part(open_page, world, tmp_path, dataset, contours):
    page = open_page(f"dataset={dataset}")
    page.keys("1", "5", "8", *("z" * contours))
    page.slide("opacity", 100)
    page.slide("tolerance", 2)
    page.settled()
    picture = downloaded(page, tmp_path / "apart.png")
    names = world[dataset][0].names(127, 2)
    if contours:
        around = np.pad(names, 1, mode="edge")
        beside = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
        names = np.where(np.any([names != one for one in beside], axis=0), names, "")
    for name, colour in PARTS.items():
        found = (picture == colour).all(axis=-1)
        assert found.any(), name
        np.testing.assert_array_equal(found, names == name, err_msg=name)


def test_a_coarse_view_hides_no_merge_among_boundaries(open_page, world):
    page = open_page("dataset=wide", width=700)
    page.keys("1")  # errors alone
    page.slide("opacity", 100)
    page.slide("tolerance", 2)
    page.page.mouse.move(0, 0)
    page.keys("-", "-")
    x, y, scale = page.view()
    assert scale < 0.5, "the pixels shown are those of a coarse level"
    places = {"merge": (60, 131), "split": (60, 65), "missed": (20, 22), "invented": (40, 88)}

    def shown() -> dict[str, tuple[int, ...]]:
        picture = picture_on_screen(page)
        height, width = picture.shape[:2]
        return {
            name: tuple(picture[int(height / 2 + (row - y) * scale), int(width / 2 + (column - x) * scale)].tolist())
            for name, (row, column) in places.items()
        }

    assert shown() == {"merge": MISSED, "split": FALSE, "missed": FALSE, "invented": MISSED}
    page.keys("8")
    assert shown() == {name: PARTS[name] for name in places}


def test_errors_stay_solid_within_the_tolerance_where_they_join_or_cut_neurites(open_page, world, tmp_path):
    page = open_page()
    page.keys("1")  # errors alone
    page.slide("opacity", 100)
    page.keys("ArrowRight", "ArrowLeft")
    assert asked(page) == [], "without a tolerance nothing is forgiven"
    page.slide("tolerance", 3)
    page.settled()
    picture = downloaded(page, tmp_path / "errors.png")
    names = world["cells"][0].names(127, 3)
    for colour, which in (
        (NEAR, ["near"]),
        (MISSED, ["thin", "merge", "invented"]),
        (FALSE, ["thick", "split", "missed"]),
    ):
        np.testing.assert_array_equal((picture == colour).all(axis=-1), np.isin(names, which))


DRAG = """async (slider) => {
  const steps = [];
  for (let value = 131; value <= 160; value++) {
    await new Promise(requestAnimationFrame);
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    steps.push([value, performance.now()]);
  }
  return steps;
}"""


def test_dragging_asks_for_nothing_until_the_slider_rests(open_page, world):
    page = open_page()
    page.keys("8")
    steps = page.root.locator('[data-at="threshold"]').evaluate(DRAG)
    page.settled()
    values = {int(re.search(r"(?:value=|apart/cells/net/test/\d/)(\d+)", url)[1]) for url in asked(page)}
    # A slow machine draws some steps so late that the slider did rest there.
    rested = {one[0] for one, after in itertools.pairwise(steps) if after[1] - one[1] > 140}
    assert 160 in values
    assert values <= rested | {127, 160}  # it began at 127
    assert sum("/tiles/" not in url and "/test/0/160" in url for url in asked(page)) == 1
    assert legend(page)["merge"] == f"{int(world['cells'][0].counted(160).wrong()['merge'][0]):,}"


def test_parts_stay_on_the_screen_while_others_are_under_way(open_page, world):
    page = open_page()
    page.keys("1", "5", "8")
    page.slide("opacity", 100)
    page.settled()
    before = picture_on_screen(page)
    held, holds = [], True
    page.page.route("**/apart/**", lambda route: held.append(route) if holds else route.continue_())
    page.slide("threshold", 200)
    page.root.locator("[data-part=all] b", has_text="…").wait_for()
    page.frames()
    np.testing.assert_array_equal(picture_on_screen(page), before)
    assert set(legend(page).values()) == {"…"}
    holds = False
    for route in held:
        route.continue_()
    page.settled()
    assert (picture_on_screen(page) != before).any()


def test_nothing_moves_while_numbers_and_texts_change(open_page):
    page = open_page()
    page.keys("8")
    places = ("canvas", "threshold", "tolerance", "strip", "parts", "forgiven")

    def boxes() -> list[dict[str, float]]:
        return [page.root.locator(f'[data-at="{name}"]').bounding_box() for name in places]

    before = boxes()
    for tolerance, value in ((2, 127), (5, 0), (1, 255), (0, 90)):
        page.slide("tolerance", tolerance)
        page.slide("threshold", value)
        assert boxes() == before
        page.settled()
        assert boxes() == before


def test_the_pointer_says_of_which_part_a_pixel_is(open_page):
    page = open_page()
    page.keys("8")
    x, y, scale = page.view()
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    for part, (row, column) in {"split": (60, 66), "missed": (20, 22), None: (100, 66)}.items():
        page.page.mouse.move(
            box["x"] + box["width"] / 2 + (column + 0.5 - x) * scale,
            box["y"] + box["height"] / 2 + (row + 0.5 - y) * scale,
        )
        under = page.root.locator("[data-under]").all()
        assert [one.get_attribute("data-part") for one in under] == [part] * (part is not None)


def test_a_link_carries_the_layer_and_what_it_does_not_know_is_left_out(open_page):
    page = open_page("dataset=cells#view=130,100,2&layers=image,apart,nonsense&mode=single")
    pressed = page.root.locator('[data-layer][aria-pressed="true"]').all()
    assert [one.get_attribute("data-layer") for one in pressed] == ["image", "apart"]
    assert page.view() == (130, 100, 2)
    page.page.evaluate("() => { navigator.clipboard.writeText = (text) => { window.copied = text; }; }")
    page.root.locator("[data-do=link]").click()
    page.page.wait_for_function("() => window.copied")
    assert "layers=image%2Capart" in page.page.evaluate("window.copied")


@pytest.mark.parametrize("query", ["dataset=bare&run=-", "dataset=cells&run=-"])
def test_without_labels_or_a_run_there_is_no_such_layer(open_page, query):
    page = open_page(query)
    assert not page.root.locator("[data-layer=apart]").is_visible()
    page.keys("8")
    assert not page.root.locator('[data-at="parts"]').is_visible()
    assert asked(page) == []


def test_what_cannot_be_told_is_said_and_the_rest_is_shown(open_page):
    page = open_page()
    page.page.route("**/apart/**", lambda route: route.fulfill(status=404, body="there is no such evaluation"))
    page.keys("8")
    page.page.get_by_text("Errors cannot be taken apart: there is no such evaluation.").wait_for()
    assert set(legend(page).values()) == {"…"}
    page.slide("tolerance", 1)
    assert re.fullmatch(r"[\d,]+ px forgiven", known(page, "forgiven"))


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 420])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_errors_taken_apart(open_page, artefacts, theme, width):
    page = open_page(width=width, theme=theme)
    page.keys("8")
    page.slide("tolerance", 1)
    page.settled()
    page.page.screenshot(path=artefacts / f"viewer-apart-{theme}-{width}.png", full_page=True)
    assert page.root.evaluate("e => e.scrollWidth <= e.clientWidth")
