"""Whose each pixel is, in tiles and in words: to the last pixel as `segcore.measures` says, and made once."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from dashboard.viewer import neurites as module
from dashboard.viewer.layers import TILE, Layers, NotThere, open_layers
from dashboard.viewer.neurites import neurite_facts, numbers_tile
from dashboard.viewer.tiles import tile
from dashboard.viewer.turns import Dropped, Wish
from segcore.data import fetch, install, open_dataset
from segcore.errors import SegcoreError
from segcore.evaluation import SEGMENTS, score, write_evaluation
from segcore.measures import pieces_within, score_segments, true_neurites
from segcore.runs import SegmentPoint
from segcore.segments import cut, find_basins, segments_of
from segcore.stacks import IGNORE, StackWriter, Truth, array_stack, only_rows

HEIGHT, WIDTH = 701, 1303
EVALUATED = (0, 2)
STACK = "odd/net/test"


def blocks(rng: np.random.Generator, side: int, share: float, shape=(HEIGHT, WIDTH)) -> np.ndarray:
    """True in squares that are there by chance."""
    coarse = rng.random((-(-shape[0] // side), -(-shape[1] // side))) < share
    return np.repeat(np.repeat(coarse, side, axis=0), side, axis=1)[: shape[0], : shape[1]]


def evaluate(
    folder: Path, labels: Path, segments: np.ndarray | None, slices=EVALUATED, own: Path | None = None
) -> None:
    """An evaluation with these segments; what was predicted does not matter."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    data = np.zeros((len(slices), *open_dataset(folder.name.partition("@")[0]).images.shape[1:]), np.uint8)
    probability = written(folder.parent / "predicted.tif", data)
    found = score(
        probability, own or labels, slices=slices, names=[str(z) for z in slices], thresholds={"pixel": 0.5}, workers=1
    )
    kept = None if segments is None else written(folder.parent / "kept.tif", segments.astype(np.uint32))
    write_evaluation(
        folder, found, {}, probability=probability, labels=own or labels, own_labels=own is not None, segments=kept
    )


def written(path: Path, pages: np.ndarray) -> Path:
    compression = "zlib" if pages.dtype == np.uint32 else None
    with StackWriter(
        path, height=pages.shape[1], width=pages.shape[2], slices=len(pages), dtype=pages.dtype, compression=compression
    ) as writer:
        for page in pages:
            writer.write(page)
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`odd`, of six tiles a slice and odd sides, is ignored in part; `numbered` has neurites that touch."""
    root = tmp_path_factory.mktemp("neurites")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGCORE_DATA_DIR", str(root / "data"))
        patch.setenv("SEGCORE_MODELS_DIR", str(root / "models"))
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (3, HEIGHT, WIDTH), dtype=np.uint8)
        labels = np.stack([np.where(blocks(rng, 9, 0.6), 255, 0).astype(np.uint8) for _ in range(3)])
        labels[2, 100:400, 300:900] = IGNORE
        install("odd", array_stack(images), array_stack(labels))
        segments = np.stack([true_neurites(blocks(rng, 13, 0.55)) for _ in EVALUATED])
        evaluate(root / "models/net/evaluation/odd", root / "data/odd/labels.tif", segments)
        numbers = 1 + np.arange(12, dtype=np.uint32).repeat(50)[None, None, :].repeat(40, axis=1)
        numbers[0, 18:22, 130:400] = 0
        install(
            "numbered", array_stack(images[:1, :40, :600]), array_stack(np.where(numbers, 255, 0).astype(np.uint8)),
            numbers=array_stack(numbers),
        )  # fmt: skip
        install("bare", array_stack(images[:2, :90, :80]))
        yield root


@pytest.fixture(scope="module")
def shipped(root: Path) -> None:
    """A copy of the run that comes with the program, and the stack it was evaluated on."""
    fetch("sample")
    shutil.copytree(Path(__file__).parents[3] / "models" / "sample-quick", root / "models" / "shipped")


def expected(z: int) -> dict[str, np.ndarray]:
    """What the issue of a slice is, without the viewer."""
    truth = Truth.of(open_dataset("odd").labels[z])
    found = {"neurite": true_neurites(truth.interior)}
    if z in EVALUATED:
        with module.open_stack(open_layers("odd", "net", "test").segments) as stack:
            page = stack.read(EVALUATED.index(z)).astype(np.int32)
        found["segment"] = pieces_within(page, truth.counted)
    return found


def path(z: int, level: int = 0, ty: int = 0, tx: int = 0, stack: str = STACK) -> str:
    return f"/segcore/tiles/{stack}/numbers/{z}/{level}/{ty}/{tx}"


def assembled(ask, z: int, level: int, stack: str = STACK) -> dict[str, np.ndarray]:
    """All tiles of a level together, as numbers by kind."""
    side = TILE << level
    rows, columns = -(-HEIGHT // side), -(-WIDTH // side)
    answers = [[ask(path(z, level, ty, tx, stack)) for tx in range(columns)] for ty in range(rows)]
    assert {answer.status for row in answers for answer in row} == {200}
    names = answers[0][0].headers["x-planes"].split(",")
    planes = {name: np.block([[answer.plane(name) for answer in row] for row in answers]) for name in names}
    kinds = sorted({name.partition("_")[0] for name in names})
    return {kind: planes[f"{kind}_low"] | (planes[f"{kind}_high"].astype(np.int32) << 8) for kind in kinds}


@pytest.mark.parametrize("z", range(3))
def test_planes_are_the_label_images_to_the_last_pixel(root, ask, z):
    found, true = assembled(ask, z, 0), expected(z)
    assert found.keys() == true.keys()
    assert true["neurite"].max() > 255, "the high byte is needed"
    for kind, numbers in true.items():
        np.testing.assert_array_equal(found[kind], numbers, err_msg=kind)


@pytest.mark.parametrize("level", [1, 2])
def test_a_coarse_level_has_one_pixel_of_each_block(root, ask, level):
    found, side = assembled(ask, 2, level), 1 << level
    for kind, numbers in expected(2).items():
        rows, columns = (np.minimum(np.arange(0, size, side) + side // 2, size - 1) for size in (HEIGHT, WIDTH))
        np.testing.assert_array_equal(found[kind], numbers[np.ix_(rows, columns)])
    bundle = ask(path(2, level).replace("numbers", "bundle"))
    assert bundle.headers["x-shape"] == ask(path(2, level)).headers["x-shape"]


def test_segments_end_where_the_label_is_ignored(root, ask):
    ignored = open_dataset("odd").labels[2] == IGNORE
    assert ignored.any()
    for numbers in assembled(ask, 2, 0).values():
        assert not numbers[ignored].any()


def test_an_evaluation_that_counted_some_rows_has_neurites_of_its_own(root):
    labels = open_dataset("odd").labels
    own = written(root / "own.tif", only_rows(np.array(labels), (200, 500)))
    segments = np.ones((1, HEIGHT, WIDTH), np.uint32)
    evaluate(root / "models/band/evaluation/odd", root / "data/odd/labels.tif", segments, slices=(1,), own=own)
    layers = open_layers("odd", "band", "test")
    neurites, found = module.slice_numbers(layers, 1)
    np.testing.assert_array_equal(neurites[200:500], true_neurites(labels[1, 200:500] == 255))
    assert not neurites[:200].any()
    assert not neurites[500:].any()
    assert found[200:500].all()
    assert not found[:200].any()


def test_neurites_are_those_of_the_numbers(root):
    layers = open_layers("numbered", None, "test")
    low = tile(layers, "numbers", 0, 0, 0, 0)["neurite_low"]
    dataset = open_dataset("numbered")
    true = true_neurites(dataset.labels[0] == 255, dataset.numbers[0])
    assert true.max() == 17  # five of the twelve are cut in two
    np.testing.assert_array_equal(low, true[:, :TILE])


def test_what_there_is_not_is_left_out(root, ask):
    names = "neurite_low,neurite_high"
    assert ask(path(0)).headers["x-planes"] == f"{names},segment_low,segment_high"
    assert ask(path(1)).headers["x-planes"] == names  # not evaluated
    assert ask(path(0, stack="odd/-/test")).headers["x-planes"] == names
    assert ask(path(0, stack="bare/-/test")).status == 404
    assert ask("/segcore/neurites/bare/-/test/0").status == 404
    facts = json.loads(ask("/segcore/neurites/odd/-/test/0").body)
    assert facts["segments"] is None
    assert len(facts["neurites"]["area"]) == expected(0)["neurite"].max()


def test_an_evaluation_without_segments(root):
    evaluate(root / "models/plain/evaluation/odd", root / "data/odd/labels.tif", None)
    layers = open_layers("odd", "plain", "test")
    assert layers.segments is None
    assert tile(layers, "numbers", 0, 0, 0, 0).keys() == {"neurite_low", "neurite_high"}


def test_segments_of_other_slices_are_a_mistake(root, ask):
    evaluate(root / "models/odd-one/evaluation/odd", root / "data/odd/labels.tif", np.ones((2, HEIGHT, WIDTH)))
    layers = open_layers("odd", "odd-one", "test")
    written(layers.segments, np.ones((3, HEIGHT, WIDTH), np.uint32))
    answer = ask(path(0, stack="odd/odd-one/test"))
    assert (answer.status, answer.body) == (404, b"the segments are those of other slices")
    layers.segments.write_bytes(b"II*\0 nothing")
    assert ask(path(0, stack="odd/odd-one/test")).status == 404
    assert open_layers("odd", "odd-one", "test").version != layers.version


def test_rewritten_segments_are_read_anew(root, ask):
    folder = root / "models/again/evaluation/odd"
    for number in (3, 70):
        evaluate(folder, root / "data/odd/labels.tif", np.full((2, HEIGHT, WIDTH), number))
        assert set(np.unique(ask(path(0, stack="odd/again/test")).plane("segment_low")).tolist()) == {number}


@pytest.mark.parametrize(("count", "status"), [(65_535, 200), (65_536, 404)])
def test_sixteen_bits_hold_so_many_and_no_more(root, ask, count, status):
    name = f"many-{count}"
    pixels = np.zeros(400 * 400, np.uint8)
    pixels[np.flatnonzero(np.indices((400, 400)).sum(axis=0).ravel() % 2 == 0)[:count]] = 255
    install(name, array_stack(np.zeros((1, 400, 400), np.uint8)), array_stack(pixels.reshape(1, 400, 400)))
    answers = [ask(path(0, stack=f"{name}/-/test")), ask(f"/segcore/neurites/{name}/-/test/0")]
    assert [answer.status for answer in answers] == [status, status]
    if status == 404:
        said = b"this slice has 65,536 neurites, and at most 65,535 can be shown"
        assert [answer.body for answer in answers] == [said, said]
    else:
        assert len(json.loads(answers[1].body)["neurites"]["area"]) == count


@pytest.mark.parametrize(
    "address",
    [
        path(3), path(0, 9), path(0, 2, 1), path(0, 0, 0, 3), path(0).replace("/0/0/0/0", "/-1/0/0/0"), path(0) + "/0",
        path(0, stack="odd/net/other"), path(0, stack="../net/test"), path(0, stack="odd/%2e%2e/test"),
        path(0, stack="odd/nobody/test"), path(0, stack="nothing/-/test"),
        "/segcore/neurites/odd/net/test/3", "/segcore/neurites/odd/net/test/-1", "/segcore/neurites/odd/net/test/1.0",
        "/segcore/neurites/odd/net/test/%D9%A1", f"/segcore/neurites/odd/net/test/{'9' * 4000}",
        "/segcore/neurites/odd/net/test/0/0", "/segcore/neurites/odd/net/test", "/segcore/neurites/odd/net/all/0",
        "/segcore/neurites/%2e%2e/net/test/0", "/segcore/neurites/odd/..%2fnet/test/0",
        "/segcore/neurites/odd/net/%2e%2e/0", "/segcore/neurites/big%00/-/test/0",
    ],
    ids=lambda address: address[-40:],
)  # fmt: skip
def test_other_addresses_are_refused(root, ask, address):
    answer = ask(address)
    assert answer.status in (400, 404)
    assert b"/" not in answer.body
    assert len(answer.body) < 200


@pytest.mark.parametrize("address", [path(0), "/segcore/neurites/odd/net/test/0"])
def test_only_reading(root, ask, address):
    assert ask(address, "POST").status == 405


def test_fates_worked_out_by_hand(root, ask):
    """Neurite 1 is split, 2 and 3 are merged, 4 is found whole, and 5 is too small to belong to anything."""
    label = np.zeros((60, 100), np.uint8)
    label[2:22, 2:42] = 255  # 1: 800 px
    label[2:22, 46:66] = 255  # 2: 400 px
    label[2:22, 70:98] = 255  # 3: 560 px
    label[26:58, 2:62] = 255  # 4: 1920 px
    label[30:33, 70:74] = 255  # 5: 12 px
    segments = np.zeros((60, 100), np.uint32)
    segments[:24, :32], segments[:24, 32:44] = 1, 2
    segments[:24, 44:] = 3
    segments[24:, :66] = 4
    segments[24:, 66:] = 6  # there is no 5
    # A sliver of 18 px of segment 3 in neurite 4 is too small to count.
    segments[26:29, 2:8] = 3
    install("hand", array_stack(np.zeros((1, 60, 100), np.uint8)), array_stack(label[None]))
    evaluate(root / "models/net/evaluation/hand", root / "data/hand/labels.tif", segments[None], slices=(0,))
    answer = ask("/segcore/neurites/hand/net/test/0")
    assert answer.headers["content-type"] == "application/json"
    facts = json.loads(answer.body)
    neurites, found = facts["neurites"], facts["segments"]
    assert neurites["area"] == [800, 400, 560, 1920, 12]
    assert neurites["with"] == [[1, 2], [3], [3], [4], []]
    assert found["area"] == [768, 288, 1344 + 18, 36 * 66 - 18, 0, 36 * 34]
    assert found["with"] == [[1], [1], [3, 2], [4], [], []]
    colour, own = neurites["colour"], found["colour"]
    assert (own[0], own[2], own[3], own[5]) == (colour[0], colour[2], colour[3], colour[4])
    assert own[1] not in (colour[0], own[0], own[2])
    assert len(set(colour)) == 5


def test_a_slice_is_worked_out_once_for_all_of_its_tiles(root, monkeypatch):
    layers = dataclasses.replace(open_layers("odd", "net", "test"), version="once")
    made = counted(monkeypatch)
    threads = [
        threading.Thread(target=numbers_tile, args=(layers, 0, level, 0, tx)) for level, tx in ((0, 0), (0, 1), (1, 0))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    neurite_facts(layers, 0)
    assert made == [0]


def counted(monkeypatch) -> list[int]:
    """The slices that are worked out from now on."""
    made: list[int] = []
    original = module.slice_numbers

    def count(layers: Layers, z: int, bias: float | None = None):
        made.append(z)
        return original(layers, z, bias)

    monkeypatch.setattr(module, "slice_numbers", count)
    return made


def test_a_slice_is_kept_packed(root):
    layers = open_layers("odd", "net", "test")
    numbers_tile(layers, 0, 0, 0, 0)
    # Small squares by chance are the worst there is. Raw it would be 16 bits of two kinds, and a third more.
    assert module._packed(layers, 0, Wish()).size < 5.3 * HEIGHT * WIDTH / 6


def test_what_nobody_waits_for_is_not_worked_out(root, monkeypatch):
    layers = dataclasses.replace(open_layers("odd", "net", "test"), version="dropped")
    made = counted(monkeypatch)
    with pytest.raises(Dropped):
        numbers_tile(layers, 0, 0, 0, 0, Wish(dropped=True))
    assert made == []


def test_work_goes_on_while_another_tile_of_the_slice_is_wanted(root, monkeypatch):
    layers = dataclasses.replace(open_layers("odd", "net", "test"), version="goes on")
    wish, other = Wish(), []
    original = module.slice_numbers

    def begun(layers: Layers, z: int, bias: float | None = None):
        # Whoever looks at it moves on: this tile is dropped, and the next one wanted.
        thread = threading.Thread(target=lambda: other.append(numbers_tile(layers, z, 0, 0, 1)))
        thread.start()
        key = next(iter(module._KEPT._waiting))
        while module._KEPT._waiting[key] < 2:
            threading.Event().wait(0.01)
        wish.dropped = True
        return original(layers, z)

    monkeypatch.setattr(module, "slice_numbers", begun)
    numbers_tile(layers, 0, 0, 0, 0, wish)
    monkeypatch.setattr(module, "slice_numbers", None)
    numbers_tile(layers, 0, 0, 0, 1)

    # And ends where nobody wants any of it.
    wish.dropped = False
    layers = dataclasses.replace(layers, version="ends")

    def alone(layers: Layers, z: int, bias: float | None = None):
        wish.dropped = True
        return original(layers, z)

    monkeypatch.setattr(module, "slice_numbers", alone)
    with pytest.raises(Dropped):
        numbers_tile(layers, 0, 0, 0, 0, wish)


def test_segments_are_cut_anew_with_another_bias(shipped, ask):
    layers = open_layers("sample", "shipped", "test")
    z = next(iter(layers.pages))
    point = layers.segment_points[z]
    page = tifffile.imread(layers.probability.path)[layers.pages[z]]
    interior = open_dataset("sample").labels[z] > 0
    at = f"sample/shipped/test/numbers/{z}/0/0/0"
    counts = []
    for percent in (20, round(100 * point.bias), 90):
        expected = cut(find_basins(page, point.smoothing_px), percent / 100, point.smallest_px)
        found = ask(f"/segcore/tiles/{at}?bias={percent}")
        numbers = found.plane("segment_low").astype(int) + 256 * found.plane("segment_high").astype(int)
        np.testing.assert_array_equal(numbers, expected)
        facts = json.loads(ask(f"/segcore/neurites/sample/shipped/test/{z}?bias={percent}").body)
        score = score_segments(true_neurites(interior), expected)
        assert (facts["scores"]["v_rand"], facts["scores"]["v_info"]) == (score.v_rand, score.v_info)
        assert facts["scores"]["split"] == sum(len(one) > 1 for one in facts["neurites"]["with"])
        counts.append(expected.max())
    assert counts == sorted(set(counts))
    # With the run's own bias they are those of the evaluation.
    own = ask(f"/segcore/tiles/{at}?bias={round(100 * point.bias)}").body
    assert own == ask(f"/segcore/tiles/{at}").body
    for bias, status in (("0", 400), ("100", 404), ("-1", 400), ("0.5", 400), ("a", 400), ("", 400)):
        assert ask(f"/segcore/tiles/{at}?bias={bias}").status == status, bias


def test_each_slice_is_cut_anew_of_its_own_basins(shipped):
    layers = open_layers("sample", "shipped", "test")
    one, other, *_ = layers.pages
    points = {
        one: SegmentPoint(smoothing_px=1.0, bias=0.3, smallest_px=25),
        other: SegmentPoint(smoothing_px=3.0, bias=0.6, smallest_px=400),
    }
    layers = dataclasses.replace(layers, segment_points=points, version="own")
    pages = tifffile.imread(layers.probability.path)
    for z, point in points.items():
        expected = segments_of(pages[layers.pages[z]], point.smoothing_px, 0.45, point.smallest_px)
        np.testing.assert_array_equal(module.slice_numbers(layers, z, 0.45)[1], expected)


def test_nothing_is_cut_anew_without_a_probability(root, ask):
    layers = dataclasses.replace(open_layers("odd", "net", "test"), segment_points={}, version="no point")
    with pytest.raises(NotThere):
        numbers_tile(layers, 0, 0, 0, 0, bias=0.5)


def test_no_such_slice_or_layer(root):
    layers = open_layers("odd", "net", "test")
    for z in (3, 10**6):
        with pytest.raises(NotThere):
            module.slice_numbers(layers, z)
        with pytest.raises(NotThere):
            neurite_facts(layers, z)
    with pytest.raises(NotThere):
        module.slice_numbers(open_layers("bare", None, "test"), 0)


def test_files_that_go_are_said(root):
    install("going", array_stack(np.zeros((1, 40, 50), np.uint8)), array_stack(np.full((1, 40, 50), 255, np.uint8)))
    folder = root / "models/net/evaluation/going"
    evaluate(folder, root / "data/going/labels.tif", np.ones((1, 40, 50)), slices=(0,))
    layers = open_layers("going", "net", "test")
    os.remove(folder / SEGMENTS)
    with pytest.raises(SegcoreError):
        numbers_tile(layers, 0, 0, 0, 0)
