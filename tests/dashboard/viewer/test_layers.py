"""The tile route: what it sends is what the files hold, and no address reaches anything else."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from dashboard.figures import pictures
from dashboard.viewer import kept
from dashboard.viewer.ahead import Ahead, Look
from dashboard.viewer.kept import KeptTiles
from dashboard.viewer.layers import TILE, Layers, open_layers
from dashboard.viewer.tiles import IGNORED, coarsest_is_kept, tile
from dashboard.viewer.turns import LOOKED_AT, SOME_DAY, SOON, Dropped, Turns, Wish
from segcore.data import install, installed, open_dataset
from segcore.errors import SegcoreError
from segcore.evaluation import read_evaluation, score, write_evaluation
from segcore.measures import Events, boundary_distance
from segcore.stacks import IGNORE, StackWriter, Truth, array_stack, reduced

SLICES, HEIGHT, WIDTH = 4, 700, 1300
EVALUATED = (1, 3)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory):
    """A labelled stack of six tiles a slice, a run with an evaluation of two of its slices, and a secret beside."""
    root = tmp_path_factory.mktemp("roots")
    before = {name: os.environ.get(name) for name in ("SEGCORE_DATA_DIR", "SEGCORE_MODELS_DIR")}
    os.environ["SEGCORE_DATA_DIR"], os.environ["SEGCORE_MODELS_DIR"] = str(root / "data"), str(root / "models")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (SLICES, HEIGHT, WIDTH), dtype=np.uint8)
    coarse = rng.random((SLICES, HEIGHT // 20, WIDTH // 20)) < 0.7
    labels = np.repeat(np.repeat(coarse, 20, axis=1), 20, axis=2).astype(np.uint8) * 255
    labels[:, 90:170, 200:530] = IGNORE
    labels[:, 600:, 1000:] = IGNORE
    install("big", array_stack(images), array_stack(labels))
    install("bare", array_stack(images[:2, :90, :80]))
    probability = rng.integers(0, 256, (len(EVALUATED), HEIGHT, WIDTH), dtype=np.uint8)
    evaluate(root / "models/net/evaluation/big", probability, root / "data/big/labels.tif")
    (root / "secret").mkdir()
    (root / "secret/images.tif").write_bytes(b"secret")
    yield root
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def evaluate(folder: Path, probability: np.ndarray, labels: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.parent / "predicted.tif"
    with StackWriter(path, height=HEIGHT, width=WIDTH, slices=len(probability)) as writer:
        for page in probability:
            writer.write(page)
    names = [str(z) for z in EVALUATED]
    found = score(path, labels, slices=EVALUATED, names=names, thresholds={"pixel": 0.5}, workers=1)
    write_evaluation(folder, found, {}, probability=path)


@pytest.fixture(scope="module")
def get(roots: Path, ask):
    """Sends a path as it is, byte for byte, to a real server that serves these."""
    return ask


def tile_path(layer: str, z: int = 1, level: int = 0, ty: int = 0, tx: int = 0, stack: str = "big/net/test") -> str:
    return f"/segcore/tiles/{stack}/{layer}/{z}/{level}/{ty}/{tx}"


@pytest.mark.parametrize("z", EVALUATED)
def test_tiles_are_the_files(get, roots, z):
    dataset = open_dataset("big")
    truth = Truth.of(dataset.labels[z])
    whole = {
        "image": dataset.images[z],
        "label": dataset.labels[z],
        "distance": np.where(truth.counted, boundary_distance(truth.interior, truth.counted), IGNORED),
        "probability": tifffile.imread(roots / "models/net/evaluation/big/probability.tif")[EVALUATED.index(z)],
    }
    for layer, expected in whole.items():
        for ty in range(2):
            for tx in range(3):
                answer = get(tile_path(layer, z, 0, ty, tx))
                assert answer.status == 200
                assert answer.headers["content-encoding"] == "identity"
                rows, columns = slice(ty * TILE, (ty + 1) * TILE), slice(tx * TILE, (tx + 1) * TILE)
                np.testing.assert_array_equal(answer.plane(), expected[rows, columns])


def test_a_bundle_is_all_layers_in_one(get):
    bundle = get(tile_path("bundle", 3, 0, 1, 2))
    assert bundle.headers["x-planes"] == "image,truth,probability"
    for layer in ("image", "probability"):
        np.testing.assert_array_equal(bundle.plane(layer), get(tile_path(layer, 3, 0, 1, 2)).plane())
    truth = bundle.plane("truth")
    label = np.where(truth == IGNORED, IGNORE, (truth >> 3) * 255)
    np.testing.assert_array_equal(label, get(tile_path("label", 3, 0, 1, 2)).plane())
    assert (label == IGNORE).any()
    np.testing.assert_array_equal(truth & 7, get(tile_path("distance", 3, 0, 1, 2)).plane())


def test_what_there_is_not_is_left_out(get):
    assert get(tile_path("bundle", 0)).headers["x-planes"] == "image,truth"  # not evaluated
    assert get(tile_path("bundle", 1, stack="big/-/test")).headers["x-planes"] == "image,truth"
    assert get(tile_path("bundle", 1, stack="bare/-/test")).headers["x-planes"] == "image"
    assert get(tile_path("label", 1, stack="bare/-/test")).status == 404
    assert get(tile_path("probability", 0)).status == 404


@pytest.mark.parametrize("tolerance", [0, 2])
@pytest.mark.parametrize("threshold", [0, 3, 127, 254])
def test_coarse_levels_keep_every_error(get, threshold, tolerance):
    dataset = open_dataset("big")
    truth = Truth.of(dataset.labels[1])
    interior, distance = truth.interior, boundary_distance(truth.interior, truth.counted)
    probability = np.block(
        [[get(tile_path("probability", 1, 0, ty, tx)).plane() for tx in range(3)] for ty in range(2)]
    )
    wrong = {
        "missed": ~interior & truth.counted & (probability > threshold) & (distance >= tolerance),
        "false": interior & (probability <= threshold) & (distance >= tolerance),
    }
    answer = get(tile_path("bundle", 1, 2) + f"?tolerance={tolerance}")
    found = {"missed": answer.plane("peak") > threshold, "false": answer.plane("trough") <= threshold}
    side = 4
    for name, pixels in wrong.items():
        blocks = np.pad(pixels, ((0, -HEIGHT % side), (0, -WIDTH % side)))
        blocks = blocks.reshape(blocks.shape[0] // side, side, -1, side).any(axis=(1, 3))
        np.testing.assert_array_equal(found[name], blocks)
    assert ("near_peak" in answer.headers["x-planes"]) == bool(tolerance)


@pytest.mark.parametrize("tolerance", [0, 2])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_coarse_pictures_show_a_block_as_wrong_where_one_of_its_pixels_is(roots, threshold, tolerance):
    layers, dataset = open_layers("big", "net", "test"), open_dataset("big")
    probability = tile_by_tile(layers, "probability", 1)
    full = pictures.error_overlay(np.zeros_like(probability), dataset.labels[1], probability, threshold, tolerance)
    tint = {
        name: np.rint(pictures.TINT * np.array(getattr(pictures, name))) for name in ("MISSED", "FALSE", "FORGIVEN")
    }
    planes = dict(tile(layers, "bundle", 1, 2, 0, 0, tolerance))
    coarse = pictures.coarse_error_overlay(planes | {"image": np.zeros_like(planes["image"])}, threshold)
    left = np.ones(coarse.shape[:2], bool)
    for name in ("MISSED", "FALSE", "FORGIVEN"):
        pixels = np.pad((full == tint[name]).all(axis=2), ((0, -HEIGHT % 4), (0, -WIDTH % 4)))
        blocks = pixels.reshape(pixels.shape[0] // 4, 4, -1, 4).any(axis=(1, 3)) & left
        np.testing.assert_array_equal((coarse == tint[name]).all(axis=2), blocks, err_msg=name)
        left &= ~blocks


def test_a_coarse_tile_knows_what_is_ignored_wherever_it_is(roots):
    """Also where it is in some of the bands only that a tile is made of, and in whole slices without any."""
    layers, dataset = open_layers("big", "net", "test"), open_dataset("big")
    for z in range(SLICES):
        planes = tile(layers, "bundle", z, 2, 0, 0)
        assert len({plane.shape for plane in planes.values()}) == 1
        share = reduced((dataset.labels[z] == IGNORE).astype(np.uint8) * 255, 2, "mean")
        np.testing.assert_array_equal(planes["ignored"], share)
        np.testing.assert_array_equal(planes["label"][share == 255], 0)


def tile_by_tile(layers: Layers, layer: str, z: int) -> np.ndarray:
    return np.block([[tile(layers, layer, z, 0, ty, tx)[layer] for tx in range(3)] for ty in range(2)])


@pytest.fixture(scope="module")
def deep(roots: Path) -> Path:
    """A stack whose slices are large enough to be kept at an eighth of their size, and an evaluation of one of them."""
    rng = np.random.default_rng(3)
    shape = (2, 2100, 4200)
    labels = (rng.random(shape) < 0.8).astype(np.uint8) * 255
    install("deep", array_stack(rng.integers(0, 256, shape, dtype=np.uint8)), array_stack(labels))
    path = roots / "predicted.tif"
    with StackWriter(path, height=2100, width=4200, slices=1) as writer:
        writer.write(rng.integers(0, 256, shape[1:], dtype=np.uint8))
    measured, _ = read_evaluation(roots / "models/net/evaluation/big")
    # Its numbers are those of another one; only pixels matter here.
    one = dataclasses.replace(
        measured, slices=(1,), names=("1",), evidence=measured.evidence.subset([0]), neurites=measured.neurites[:1],
        events=Events.of([]), points={name: scores[:1] for name, scores in measured.points.items()},
        over_thresholds=measured.over_thresholds[:1],
    )  # fmt: skip
    folder = roots / "models/net/evaluation/deep"
    write_evaluation(folder, one, {}, probability=path, labels=roots / "data/deep/labels.tif")
    return folder


PLANES = {"image", "label", "probability", "peak", "trough"}


@pytest.mark.parametrize("z", [0, 1])
@pytest.mark.parametrize(("level", "tx"), [(3, 0), (3, 1), (4, 0)])
def test_what_is_kept_reduced_is_what_would_be_made(deep, roots, monkeypatch, tmp_path, z, level, tx):
    monkeypatch.setenv("SEGCORE_CACHE_DIR", str(tmp_path))
    layers = open_layers("deep", "net", "test")
    assert (layers.coarsest, layers.reduced.keys()) == (4, PLANES)
    kept = tile(layers, "bundle", z, level, 0, tx)
    assert kept.keys() == (PLANES if z == 1 else {"image", "label"})
    made = tile(dataclasses.replace(layers, reduced={}, version="made"), "bundle", z, level, 0, tx)
    assert kept.keys() == made.keys()
    for name, plane in made.items():
        np.testing.assert_array_equal(kept[name], plane, err_msg=name)
    # Only what had to be made is kept as a tile.
    assert len(list(tmp_path.glob("*/*.npz"))) == 1
    assert coarsest_is_kept(layers, z, 0)
    assert not coarsest_is_kept(layers, z, 2)


def test_a_single_layer_comes_reduced_as_well(deep, roots):
    layers = open_layers("deep", "net", "test")
    for layer in ("image", "label", "probability"):
        made = tile(dataclasses.replace(layers, reduced={}, version="made"), layer, 1, 4, 0, 0)
        np.testing.assert_array_equal(tile(layers, layer, 1, 4, 0, 0)[layer], made[layer])


def test_a_damaged_reduced_stack_is_a_mistake_with_its_name(deep, roots):
    path = deep / "probability-eighth-peak.tif"
    whole = path.read_bytes()
    path.write_bytes(whole[:5000])
    try:
        with pytest.raises(SegcoreError, match=r"probability-eighth-peak\.tif"):
            open_layers("deep", "net", "test")
    finally:
        path.write_bytes(whole)


def test_without_the_reduced_stacks_tiles_are_made(deep, roots):
    kept = tile(open_layers("deep", "net", "test"), "bundle", 1, 4, 0, 0)
    path = roots / "data/deep/images-eighth.tif"
    path.rename(roots / "aside.tif")
    try:
        layers = open_layers("deep", "net", "test")
        assert layers.reduced.keys() == PLANES - {"image"}
        made = tile(layers, "bundle", 1, 4, 0, 0)
    finally:
        (roots / "aside.tif").rename(path)
    for name in PLANES:
        np.testing.assert_array_equal(made[name], kept[name])


def test_a_tile_is_the_same_made_and_kept(deep, roots, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGCORE_CACHE_DIR", str(tmp_path))
    layers = dataclasses.replace(open_layers("deep", None, "test"), reduced={}, version="again")
    found = tile(layers, "bundle", 0, 4, 0, 0)
    dataset = open_dataset("deep")
    for name, plane in (("image", dataset.images[0]), ("label", dataset.labels[0])):
        np.testing.assert_array_equal(found[name], reduced(plane, 4, "mean"))
    assert (132, 263) in [np.load(file)["image"].shape for file in tmp_path.glob("*/*.npz")]
    first = KeptTiles().get("other", lambda: found, on_disk=True)
    for name, plane in KeptTiles().get("other", dict, on_disk=True).items():
        np.testing.assert_array_equal(plane, first[name])
    assert [info.name for info in installed()] == ["bare", "big", "deep"]


def test_tiles_are_kept_within_bounds(roots, monkeypatch):
    monkeypatch.setattr(kept, "MOST_IN_MEMORY", 3 * 100)
    tiles = KeptTiles()
    made = []

    def get(name: str) -> None:
        tiles.get(name, lambda: made.append(name) or {"image": np.zeros((10, 10), np.uint8)}, on_disk=False)

    for name in "aabcdda":
        get(name)
    assert "".join(made) == "abcda"


def test_a_cache_that_cannot_be_written_is_none(roots, monkeypatch):
    monkeypatch.setenv("SEGCORE_CACHE_DIR", str(roots / "secret/images.tif/below"))
    planes = KeptTiles().get("x", lambda: {"image": np.ones((2, 2), np.uint8)}, on_disk=True)
    assert planes["image"].sum() == 4


def test_a_damaged_kept_tile_is_made_again(roots, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGCORE_CACHE_DIR", str(tmp_path))
    KeptTiles().get("x", lambda: {"image": np.ones((2, 2), np.uint8)}, on_disk=True)
    (file,) = tmp_path.glob("*/*.npz")
    file.write_bytes(b"PK nothing")
    planes = KeptTiles().get("x", lambda: {"image": np.full((2, 2), 3, np.uint8)}, on_disk=True)
    assert planes["image"].sum() == 12


def test_read_only_writes_no_tiles(roots, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGCORE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    KeptTiles().get("x", lambda: {"image": np.ones((2, 2), np.uint8)}, on_disk=True)
    assert not any(tmp_path.iterdir())


def test_slices_beside_the_one_looked_at_are_made_ahead(roots, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGCORE_CACHE_DIR", str(tmp_path / "first"))
    install("ahead", array_stack(np.zeros((3, 1100, 1100), np.uint8)))
    layers = open_layers("ahead", None, "test")
    Ahead().looked(Look(layers, 1, 0))
    end = time.monotonic() + 10
    while not all(coarsest_is_kept(layers, z, 0) for z in (0, 2)) and time.monotonic() < end:
        time.sleep(0.02)
    assert [coarsest_is_kept(layers, z, 0) for z in range(3)] == [True, False, True]
    assert len(list((tmp_path / "first").glob("*/*.npz"))) >= 2


def start(work) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_what_is_looked_at_goes_before_what_may_be():
    turns, order, wishes = Turns(1), [], [Wish(SOME_DAY), Wish(SOON), Wish(SOON), Wish(LOOKED_AT)]

    def work(number: int) -> None:
        with turns.turn(wishes[number]):
            order.append(number)

    with turns.turn(Wish()):
        threads = []
        for number in range(4):
            threads.append(start(lambda number=number: work(number)))
            time.sleep(0.02)
    for thread in threads:
        thread.join(5)
    assert order == [3, 1, 2, 0]


def test_long_work_lets_the_urgent_go_first():
    turns, order = Turns(1), []

    def urgent() -> None:
        with turns.turn(Wish(LOOKED_AT)):
            order.append("urgent")

    later = Wish(SOON)
    with turns.turn(later):
        thread = start(urgent)
        while not order:
            turns.pause(later)
        order.append("later")
        thread.join(5)
    assert order == ["urgent", "later"]


def test_what_nobody_waits_for_is_not_made():
    turns, wish, ended = Turns(1), Wish(), []

    def work() -> None:
        try:
            with turns.turn(wish):
                ended.append("made")
        except Dropped:
            ended.append("dropped")

    with turns.turn(Wish()):
        thread = start(work)
        time.sleep(0.02)
        turns.drop(wish)
        thread.join(5)
    assert ended == ["dropped"]
    # Work under way ends, too, and gives its place back.
    late = Wish(SOON)
    with pytest.raises(Dropped), turns.turn(late):  # noqa: PT012
        turns.drop(late)
        turns.pause(late)
    with turns.turn(Wish()):
        pass


def test_coarse_images_are_means(get):
    page = open_dataset("big").images[0].astype(float)
    blocks = page.reshape(HEIGHT // 4, 4, WIDTH // 4, 4).mean(axis=(1, 3))
    assert np.abs(get(tile_path("image", 0, 2)).plane() - blocks).max() <= 1


def test_tables_and_counts_are_those_of_segcore(get, roots):
    evidence = read_evaluation(roots / "models/net/evaluation/big")[0].evidence
    tables = np.frombuffer(get("/segcore/evidence/big/net/test/0/64").body, "<u4").reshape(-1, 2, 256, 6)
    np.testing.assert_array_equal(tables, evidence.counts)
    second = np.frombuffer(get("/segcore/evidence/big/net/test/1/1").body, "<u4").reshape(-1, 2, 256, 6)
    np.testing.assert_array_equal(second, evidence.counts[1:])
    for value in (0, 1, 127, 153, 254, 255):
        for tolerance in range(6):
            wrong = np.frombuffer(get(f"/segcore/wrong/big/net/test/{value}/{tolerance}").body, "<u4")
            expected = evidence.sweep(tolerance).wrong_pixels[:, value]
            np.testing.assert_array_equal(wrong, expected)


HOSTILE_NAMES = [
    "..", "../secret", "..%2fsecret", "%2e%2e", "%2e%2e%2fsecret", "..%5csecret", "%2fetc", "/etc", "big%00", "%00",
    "a" * 101, "a" * 5000, "b%C4%B1g", "%EF%BD%82ig", "big%20", "big.", "big%0a", "..%c0%afsecret", ".hidden", "CON",
    "%252e%252e", "~", "big%2f..%2f..%2fsecret", "big%3fx", "-rf", "%E2%80%AE", "big%EF%BC%8F..",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: name[:30])
@pytest.mark.parametrize("place", [0, 1])
def test_hostile_names_reach_nothing(get, name, place):
    parts = ["big", "net", "test"]
    parts[place] = name
    for path in (tile_path("image", stack="/".join(parts)), f"/segcore/evidence/{'/'.join(parts)}/0/1"):
        answer = get(path)
        assert answer.status in (400, 404)
        assert b"secret" not in answer.body
        assert b"/" not in answer.body  # not where files lie either
        assert len(answer.body) < 200


@pytest.mark.parametrize(
    "path",
    [
        tile_path("image", stack="big/net/other"),
        tile_path("image", stack="big/net/%2e%2e"),
        tile_path("images.tif"),
        tile_path("image") + "/0",
        tile_path("image").replace("/1/0/0/0", "/-1/0/0/0"),
        tile_path("image").replace("/1/0/0/0", "/1.0/0/0/0"),
        tile_path("image").replace("/1/0/0/0", "/0x1/0/0/0"),
        tile_path("image").replace("/1/0/0/0", "/%D9%A1/0/0/0"),  # an Arabic one
        tile_path("image").replace("/1/0/0/0", "/%C2%B9/0/0/0"),  # a superscript one
        tile_path("image").replace("/1/0/0/0", "/1%00/0/0/0"),
        tile_path("image").replace("/1/0/0/0", f"/{'9' * 4000}/0/0/0"),
        tile_path("image", 4),
        tile_path("image", 1, 9),
        tile_path("image", 1, 0, 2),
        tile_path("image", 1, 0, 0, 3),
        tile_path("bundle", 1, 1) + "?tolerance=6",
        tile_path("bundle", 1, 1) + "?tolerance=-1",
        tile_path("bundle", 1, 1) + "?tolerance=1;2",
        "/segcore/wrong/big/net/test/256/0",
        "/segcore/wrong/big/net/test/0/6",
        "/segcore/wrong/big/-/test/0/0",
        "/segcore/evidence/big/net/test/0/65",
        "/segcore/evidence/big/net/test/2/1",
        "/segcore/evidence/big/net/all/0/1",
        "/segcore/tiles/nothing/-/test/image/0/0/0/0",
        "/segcore/tiles/big/nobody/test/image/0/0/0/0",
        "/segcore/anything",
        "/segcore/",
    ],
    ids=lambda path: path[-40:],
)
def test_other_addresses_are_refused(get, path):
    assert get(path).status in (400, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_reading(get, method):
    assert get(tile_path("image"), method).status == 405


def test_a_rewritten_evaluation_is_read_anew(get, roots):
    folder = roots / "models/again/evaluation/big"
    zero = np.zeros((len(EVALUATED), HEIGHT, WIDTH), dtype=np.uint8)
    evaluate(folder, zero, roots / "data/big/labels.tif")
    path = tile_path("probability", 1, stack="big/again/test")
    before = open_layers("big", "again", "test").version
    assert not get(path).plane().any()
    evaluate(folder, zero + 9, roots / "data/big/labels.tif")
    assert (get(path).plane() == 9).all()
    assert open_layers("big", "again", "test").version != before
    (folder / "probability.tif").write_bytes(b"II*\0 nothing")
    assert get(path).status == 404
    (folder / "probability.tif").unlink()
    assert get(path).status == 404
    assert get(tile_path("bundle", 1, stack="big/again/test")).headers["x-planes"] == "image,truth"
    for file in folder.iterdir():
        file.unlink()
    assert get(tile_path("bundle", 1, stack="big/again/test")).status == 404
    with pytest.raises(SegcoreError):
        open_layers("big", "again", "test")
