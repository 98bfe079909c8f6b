"""Errors taken apart, in tiles and in numbers: to the last pixel as an evaluation has them, and worked out once."""

from __future__ import annotations

import dataclasses
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from dashboard.viewer import apart as module
from dashboard.viewer.apart import GRAVE, apart_counts, apart_tile
from dashboard.viewer.layers import TILE, NotThere, open_layers
from dashboard.viewer.turns import Dropped, Wish
from segcore.data import install, open_dataset
from segcore.evaluation import read_evaluation, score, write_evaluation
from segcore.measures import (
    ERROR_PARTS,
    boundary_distance,
    count_error_parts,
    error_part_of_pixels,
    grown,
    thin,
    true_neurites,
)
from segcore.stacks import IGNORE, StackWriter, Truth, array_stack, only_rows

HEIGHT, WIDTH = 541, 1051
SMALL = (90, 120)
EVALUATED = (0, 2)
THRESHOLDS = {"pixel": 0.5, "topology": 0.7}
VALUES = (0, 127, 255)
STACK = "odd/net/test"


def cells(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A label, and a prediction with everything that can be wrong in it."""
    y, x = np.indices(shape)
    interior = np.hypot(y % 40 - 20, x % 44 - 22) < 18
    noise = ndimage.gaussian_filter(rng.normal(0, 1, shape), 3) * 6
    probability = 255 / (1 + np.exp(-(ndimage.gaussian_filter(np.where(interior, 3.0, -3.0), 1.5) + noise)))
    probability[:40, :44] = 0  # a neurite that is missed
    probability[38:42, 42:46] = 255  # a piece within membrane
    probability[40:80, 64:68] = 0  # a wall through the next neurite
    probability[58:62, 124:138] = 255  # and a gap in the membrane between two others
    return np.where(interior, 255, 0).astype(np.uint8), np.rint(probability).astype(np.uint8)


def evaluate(folder: Path, labels: Path, probability: np.ndarray, slices=EVALUATED, numbers=None, own=None) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.parent / "predicted.tif"
    with StackWriter(path, height=probability.shape[1], width=probability.shape[2], slices=len(slices)) as writer:
        for page in probability:
            writer.write(page)
    found = score(
        path, own or labels, slices=slices, names=[str(z) for z in slices], thresholds=THRESHOLDS, workers=1,
        numbers=numbers,
    )  # fmt: skip
    write_evaluation(folder, found, {}, probability=path, labels=own or labels, own_labels=own is not None)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`odd`, of six tiles a slice and odd sides, is ignored in part; `small` is a corner of it, and so is `numbered`,
    where neurites touch."""
    root = tmp_path_factory.mktemp("apart")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGCORE_DATA_DIR", str(root / "data"))
        patch.setenv("SEGCORE_MODELS_DIR", str(root / "models"))
        rng = np.random.default_rng(0)
        labels, predictions = (
            np.stack(part) for part in zip(*(cells(rng, (HEIGHT, WIDTH)) for _ in range(3)), strict=True)
        )
        labels[2, 100:400, 300:900] = IGNORE
        install("odd", array_stack(np.zeros_like(labels)), array_stack(labels))
        evaluate(root / "models/net/evaluation/odd", root / "data/odd/labels.tif", predictions[list(EVALUATED)])
        corner = array_stack(labels[:1, : SMALL[0], : SMALL[1]])
        install("small", corner, corner)
        numbers = np.where(labels[:1, : SMALL[0], : SMALL[1]] > 0, 1 + (np.arange(SMALL[1]) >= 66), 0)
        install("numbered", corner, corner, numbers=array_stack(numbers.astype(np.uint32)))
        predicted = predictions[:1, : SMALL[0], : SMALL[1]]
        for name in ("small", "numbered"):
            labelled = root / f"data/{name}/labels.tif"
            numbers_of = open_dataset(name).numbers
            evaluate(root / f"models/net/evaluation/{name}", labelled, predicted, slices=(0,), numbers=numbers_of)
        install("bare", array_stack(labels[:1, :90, :80]))
        yield root


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a slice is, without the viewer."""

    parts: np.ndarray
    distance: np.ndarray

    @property
    def bytes(self) -> np.ndarray:
        found = np.zeros(self.parts.shape, np.uint8)
        for code, name in enumerate(ERROR_PARTS, start=1):
            here = self.parts == code
            found[here] = {"thin": 1 + self.distance, "thick": (1 + self.distance) << 3}.get(
                name, np.full(self.parts.shape, GRAVE | code)
            )[here]
        return found


def expected(name: str, z: int, value: int, run: str = "net") -> Expected:
    layers = open_layers(name, run, "test")
    truth = Truth.of(
        layers.labels.window(z, 0, layers.height, 0, layers.width), layers.numbers if layers.numbers is None
        else layers.numbers[z],
    )  # fmt: skip
    page = layers.probability.window(layers.pages[z], 0, layers.height, 0, layers.width)
    prediction = truth.masked(page > value)
    neurites = true_neurites(truth.interior, truth.numbers)
    parts = error_part_of_pixels(
        truth.interior, neurites, prediction, thin(prediction), grown(neurites, truth.interior), truth.counted
    )
    return Expected(parts, boundary_distance(truth.interior, truth.counted))


def path(z: int = 0, value: object = 127, level: int = 0, ty: int = 0, tx: int = 0, stack: str = STACK) -> str:
    return f"/segcore/tiles/{stack}/apart/{z}/{level}/{ty}/{tx}?value={value}"


def assembled(ask, z: int, value: int, level: int) -> np.ndarray:
    side = TILE << level
    return np.block(
        [
            [ask(path(z, value, level, ty, tx)).plane("apart") for tx in range(-(-WIDTH // side))]
            for ty in range(-(-HEIGHT // side))
        ]
    )


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("z", EVALUATED)
def test_tiles_are_what_each_pixel_is_part_of(root, ask, z, value):
    true = expected("odd", z, value)
    if value == 127:
        assert set(np.unique(true.parts)) == set(range(7)), "all parts are there"
    np.testing.assert_array_equal(assembled(ask, z, value, 0), true.bytes)


def test_what_is_ignored_is_of_no_part(root, ask):
    ignored = open_dataset("odd").labels[2] == IGNORE
    assert not assembled(ask, 2, 127, 0)[ignored].any()


@pytest.mark.parametrize("level", [1, 2])
def test_a_block_is_what_matters_most_in_it(root, ask, level):
    true, side = expected("odd", 0, 127), 1 << level
    rows, columns = -(-HEIGHT // side), -(-WIDTH // side)
    found = assembled(ask, 0, 127, level)
    assert found.shape == (rows, columns)
    grave = [1 + ERROR_PARTS.index(name) for name in ("merge", "split", "missed", "invented")]
    seen = set()
    # The last row of blocks has what is left of an odd side.
    for row, column in itertools.product([*range(100 // side), rows - 1], range(columns)):
        block = np.s_[row * side : (row + 1) * side, column * side : (column + 1) * side]
        parts, distance = true.parts[block], true.distance[block]
        code = next((code for code in grave if (parts == code).any()), None)
        if code is not None:
            wanted = GRAVE | code
        else:
            thin_px, thick_px = (int((1 + distance[parts == code]).max(initial=0)) for code in (1, 2))
            wanted = thin_px | thick_px << 3
        assert found[row, column] == wanted, (row, column)
        seen.add(code)
    assert seen == {None, *grave}


@pytest.mark.parametrize("z", EVALUATED)
@pytest.mark.parametrize("value", VALUES)
def test_numbers_are_all_wrong_pixels(root, ask, z, value):
    answer = ask(f"/segcore/apart/{STACK}/{z}/{value}")
    assert answer.headers["x-shape"] == "6,6"
    found = np.frombuffer(answer.body, "<u4").reshape(6, 6)
    true = expected("odd", z, value)
    np.testing.assert_array_equal(found, count_error_parts(true.parts, true.distance))
    measured, _ = read_evaluation(root / "models/net/evaluation/odd")
    assert found.sum() == measured.evidence.confusion(value / 255).wrong_pixels[EVALUATED.index(z)]


@pytest.mark.parametrize("name", ["odd", "small", "numbered"])
def test_numbers_are_those_of_the_evaluation(root, name):
    measured, _ = read_evaluation(root / f"models/net/evaluation/{name}")
    layers = open_layers(name, "net", "test")
    for position, z in enumerate(measured.slices):
        for point, threshold in THRESHOLDS.items():
            found = apart_counts(layers, z, int(255 * threshold))
            np.testing.assert_array_equal(found, measured.error_parts[point].counts[position])


def test_neurites_are_those_of_the_numbers(root):
    """Two touch where there is a wall in the prediction, which cuts none of them then."""
    found = apart_tile(open_layers("numbered", "net", "test"), 0, 0, 0, 0, 127)
    np.testing.assert_array_equal(found, expected("numbered", 0, 127).bytes)
    without = dataclasses.replace(open_layers("numbered", "net", "test"), numbers=None, version="without")
    assert (found != apart_tile(without, 0, 0, 0, 0, 127)).any()


def predicted() -> np.ndarray:
    return open_layers("small", "net", "test").probability.window(0, 0, SMALL[0], 0, SMALL[1])


def test_an_evaluation_of_some_rows_takes_only_those_apart(root):
    with StackWriter(root / "own.tif", height=SMALL[0], width=SMALL[1], slices=1) as writer:
        writer.write(only_rows(np.array(open_dataset("small").labels[0]), (20, 70)))
    folder = root / "models/band/evaluation/small"
    evaluate(folder, root / "data/small/labels.tif", predicted()[None], slices=(0,), own=root / "own.tif")
    layers = open_layers("small", "band", "test")
    measured, _ = read_evaluation(folder)
    np.testing.assert_array_equal(apart_counts(layers, 0, 127), measured.error_parts["pixel"].counts[0])
    tile = apart_tile(layers, 0, 0, 0, 0, 127)
    assert not tile[:20].any()
    assert not tile[70:].any()
    assert tile[20:70].any()


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (path(), 200), (path(1), 404), (path(3), 404), (path(0, 256), 404), (path(0, -1), 400), (path(0, ""), 400),
        (path(0, "0.5"), 400), (path(0, "%D9%A1"), 400), (path(0).partition("?")[0], 400), (path(0, level=9), 404),
        (path(0, level=2, tx=1), 404), (path(stack="odd/-/test"), 404), (path(stack="bare/-/test"), 404),
        (path(stack="odd/net/all"), 404), (path(stack="../net/test"), 400), (path(stack="odd/%2e%2e/test"), 400),
        (f"/segcore/apart/{STACK}/0/127", 200), (f"/segcore/apart/{STACK}/1/127", 404),
        (f"/segcore/apart/{STACK}/0/256", 404), (f"/segcore/apart/{STACK}/0/a", 400),
        (f"/segcore/apart/{STACK}/0", 404), ("/segcore/apart/bare/-/test/0/127", 404),
    ],
)  # fmt: skip
def test_what_there_is_and_what_there_is_not(root, ask, address, status):
    answer = ask(address)
    assert answer.status == status
    if status != 200:
        assert b"/" not in answer.body
        assert len(answer.body) < 200


def test_a_slice_is_worked_out_once_a_threshold_and_its_truth_once(root, monkeypatch):
    calls = {"thin": 0, "grown": 0}
    for name in calls:
        original = getattr(module, name)

        def count(*args, name=name, original=original):
            calls[name] += 1
            return original(*args)

        monkeypatch.setattr(module, name, count)
    layers = dataclasses.replace(open_layers("odd", "net", "test"), version="once")
    threads = [
        threading.Thread(target=apart_tile, args=(layers, 0, level, 0, tx, 127))
        for level, tx in ((0, 0), (0, 1), (1, 0), (2, 0))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    apart_counts(layers, 0, 127)
    assert calls == {"thin": 1, "grown": 1}
    apart_counts(layers, 0, 130)
    assert calls == {"thin": 2, "grown": 1}
    with pytest.raises(Dropped):
        apart_counts(layers, 0, 131, Wish(dropped=True))
    assert calls == {"thin": 2, "grown": 1}


def test_what_is_kept_of_truths_is_bounded(root, monkeypatch):
    monkeypatch.setattr(module, "MOST_OF_TRUTHS", 1)
    for z in EVALUATED:
        apart_counts(dataclasses.replace(open_layers("odd", "net", "test"), version="bounded"), z, 127)
        assert [number for _, number in module._KNOWN] == [z]


def test_another_evaluation_is_taken_apart_anew(root, ask):
    page, bodies = predicted(), []
    for probability in (page, 255 - page):
        folder = root / "models/again/evaluation/small"
        evaluate(folder, root / "data/small/labels.tif", probability[None], slices=(0,))
        bodies.append(ask("/segcore/apart/small/again/test/0/127").body)
    assert bodies[0] != bodies[1]


def test_without_the_probability_there_is_nothing_to_take_apart(root):
    folder = root / "models/gone/evaluation/small"
    evaluate(folder, root / "data/small/labels.tif", predicted()[None], slices=(0,))
    os.remove(folder / "probability.tif")
    with pytest.raises(NotThere):
        apart_counts(open_layers("small", "gone", "test"), 0, 127)
