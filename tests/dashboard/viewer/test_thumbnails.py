"""Small pictures of places: a known crop with its errors in colour, and no picture of what is not there."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.figures import colours
from dashboard.viewer.layers import open_layers
from dashboard.viewer.thumbnails import FALSE, LEAST_PX, MISSED, SIDE, shown_window, thumbnail
from segcore.data import install
from segcore.evaluation import score, write_evaluation
from segcore.stacks import IGNORE, StackWriter, array_stack

GREY = 100
# A gap in the wall, and a wall that nobody drew.
GAP, FALSE_WALL = np.s_[30:34, 60:63], np.s_[90:96, 120:126]


@pytest.fixture(scope="module", autouse=True)
def roots(tmp_path_factory: pytest.TempPathFactory):
    """Slices of even grey with a wall of three pixels; a small stack, and one whose slices are more than a tile."""
    root = tmp_path_factory.mktemp("thumbnails")
    before = {name: os.environ.get(name) for name in ("SEGCORE_DATA_DIR", "SEGCORE_MODELS_DIR")}
    os.environ["SEGCORE_DATA_DIR"], os.environ["SEGCORE_MODELS_DIR"] = str(root / "data"), str(root / "models")
    for name, height, width in (("small", 128, 200), ("large", 700, 1300)):
        labels = np.full((2, height, width), 255, np.uint8)
        labels[:, :, 60:63] = 0
        labels[1, 100:, :20] = IGNORE
        probability = labels[1:].copy()
        probability[0][GAP], probability[0][FALSE_WALL] = 255, 0
        install(name, array_stack(np.full(labels.shape, GREY, np.uint8)), array_stack(labels))
        predicted = root / "models/net/evaluation" / name / ".." / "predicted.tif"
        predicted.parent.parent.joinpath(name).mkdir(parents=True, exist_ok=True)
        with StackWriter(predicted, height=height, width=width, slices=1) as writer:
            writer.write(probability[0])
        found = score(
            predicted, root / "data" / name / "labels.tif", slices=[1], names=["1"], thresholds={"pixel": 0.5}
        )
        write_evaluation(root / "models/net/evaluation" / name, found, {}, probability=predicted)
    yield root
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def layers_of(name: str = "small"):
    return open_layers(name, "net", "test")


def picture(box=(24, 40, 56, 66), kind="merge", *more, name="small"):
    return decoded(thumbnail(layers_of(name), 1, box, kind, *(more or (127,))))


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)), int)


def is_like(found, expected) -> bool:
    """JPEG does not keep colours to the last digit."""
    return bool((np.abs(found - np.array(expected)) < 22).all())


def tinted(colour):
    return [0.85 * one + 0.15 * GREY for one in colour]


def test_a_known_crop():
    # 64 pixels around the middle of the box, (32, 61), at one and a half pixels a pixel.
    assert shown_window(layers_of(), (24, 40, 56, 66)) == ((0, 64, 29, 93), 0)
    found = picture()
    assert found.shape == (SIDE, SIDE, 3)
    assert is_like(found[48, 48], tinted(MISSED))
    assert is_like(found[36:39, 48], GREY)
    assert is_like(found[48, 40], GREY)
    blue = found[..., 2] - found[..., 0] > 60
    assert blue.sum() == pytest.approx(4 * 3 * 1.5**2, abs=8)


def test_only_what_the_kind_is_of_is_marked():
    box = (80, 104, 110, 134)
    (top, _, left, _), _ = shown_window(layers_of(), box)
    at = round((93 - top) * 1.5), round((123 - left) * 1.5)
    assert is_like(picture(box, "split")[at], tinted(FALSE))
    assert is_like(picture(box, "merge")[at], GREY)
    whole = picture((0, 128, 0, 200), "slice")
    assert whole.shape == (61, 96, 3)
    scale = 96 / 200
    for y, x, warm in ((32, 61, False), (93, 123, True)):
        red, _, blue = whole[round(y * scale), round(x * scale)]
        assert (red > blue + 30) if warm else (blue > red + 30)
    # Above 1 there is nothing, so everything is membrane then; what is ignored is no error at any threshold.
    everything = picture((0, 128, 0, 200), "split", 255)
    assert is_like(everything[30, 5], tinted(FALSE))
    assert is_like(everything[58, 5], GREY)


def test_what_a_tolerance_forgives_is_not_marked():
    # The middle of the gap is a pixel away from the boundary, its sides are none.
    found = picture((24, 40, 56, 66), "merge", 127, 1)
    assert is_like(found[48, 48], tinted(MISSED))
    assert is_like(found[48, 46], GREY) or found[48, 46, 2] < found[48, 48, 2]
    assert is_like(picture((24, 40, 56, 66), "merge", 127, 2)[48, 48], GREY)


def test_openings_are_ringed_once_where_they_lie_together():
    found = picture((24, 40, 56, 66), "merge", 127, 0, [(32, 61), (33, 62)])
    plain = picture()
    assert is_like(found[48, 48 - 10], MISSED)
    changed = np.abs(found - plain).sum(2) > 150
    assert not changed[48, 48]
    rows = np.flatnonzero(changed.any(1))
    assert (rows.min(), rows.max()) == pytest.approx((48 - 12, 48 + 12), abs=3)


def test_coarser_levels_for_large_boxes():
    layers = layers_of("large")
    assert shown_window(layers, (0, 10, 0, 10)) == ((0, LEAST_PX, 0, LEAST_PX), 0)
    window, level = shown_window(layers, (101, 301, 901, 1061))
    assert (window, level) == ((76, 326, 856, 1106), 1)
    # As wide as the slice is high: all of its height.
    assert shown_window(layers, (0, 700, 0, 700))[0] == (0, 700, 0, 875)
    found = picture((0, 700, 0, 1300), "slice", name="large")
    assert found.shape == (52, 96, 3)
    # Twelve pixels of nearly a million are a trace of blue, and nowhere else is any.
    blue = found[..., 2] - found[..., 0]
    assert blue[:8, :8].max() > 2 + blue[20:, 20:].max()


def test_colours_are_those_of_charts():
    assert (colours.rgb(colours.MISSED), colours.rgb(colours.FALSE)) == (MISSED, FALSE)


def address(stack="small/net/test", z=1, box=(24, 56, 40, 66), version=None, **query):
    version = layers_of().version if version is None else version
    asked = {"kind": "merge", "value": 127, "tolerance": 0, "at": "", "version": version} | query
    top, left, bottom, right = box
    text = "&".join(f"{name}={value}" for name, value in asked.items())
    return f"/segcore/thumbnails/{stack}/{z}/{top}/{left}/{bottom}/{right}?{text}"


def test_the_route_sends_the_picture_to_be_kept(ask):
    answer = ask(address(at="32,61"))
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in answer.headers["cache-control"]
    np.testing.assert_array_equal(decoded(answer.body), picture((24, 40, 56, 66), "merge", 127, 0, [(32, 61)]))
    assert len(answer.body) < 8000
    # Without a run there is the image alone.
    bare = ask(address("small/-/test", version=open_layers("small", None, "test").version))
    assert (bare.status, is_like(decoded(bare.body), GREY)) == (200, True)


def test_a_larger_picture_shows_the_same(ask):
    small, large = (decoded(ask(address(side=side)).body) for side in (96, 192))
    assert large.shape == (2 * small.shape[0], 2 * small.shape[1], 3)
    halved = large.reshape(small.shape[0], 2, small.shape[1], 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - small).mean() < 6
    assert decoded(ask(address(side=5)).body).shape == small.shape


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"z": 2}, 404),
        ({"z": 99999999}, 400),
        ({"box": (24, 56, 24, 66)}, 404),
        ({"box": (24, 56, 129, 66)}, 404),
        ({"box": (24, 190, 40, 201)}, 404),
        ({"box": (24, "x", 40, 201)}, 400),
        ({"stack": "nothing/net/test"}, 404),
        ({"stack": "small/nobody/test"}, 404),
        ({"stack": "small/net/some"}, 400),
        ({"stack": "../net/test"}, 400),
        ({"stack": "%2e%2e/net/test"}, 400),
        ({"version": "of-yesterday"}, 404),
        ({"version": ""}, 404),
        ({"kind": "loop"}, 400),
        ({"value": 256}, 404),
        ({"value": "high"}, 400),
        ({"tolerance": 6}, 404),
        ({"at": "1,x"}, 400),
        ({"side": 385}, 404),
        ({"side": "wide"}, 400),
    ],
)
def test_what_is_not_there(ask, wrong, status):
    answer = ask(address(**wrong))
    assert answer.status == status
    assert answer.headers["cache-control"] == "no-store"
    assert b"tmp" not in answer.body


def test_another_evaluation_has_other_addresses(ask, roots: Path):
    """Its pictures are never those that browsers keep of this one."""
    old = address()
    assert ask(old).status == 200
    path = roots / "models/net/evaluation/small/probability.tif"
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 10**9))
    assert ask(old).status == 404
    assert ask(address()).status == 200
