"""Runs in words: only what was measured, nothing that is not a number, and synthetic data called so."""

import dataclasses
import re

import numpy as np
import pytest

from segcore.config import RunConfig, SplitConfig
from segcore.data import install
from segcore.evaluation.evaluating import evaluate
from segcore.evaluation.report import evaluation_json, evaluation_text, run_overview, write_card
from segcore.runs import Seen, create_run, make_split, open_run
from segcore.stacks import array_stack

NOT_A_NUMBER = re.compile(r"\b(nan|inf|None)\b")


@pytest.fixture
def found(mid_grey_run, cells):
    return evaluate(mid_grey_run, cells, device="cpu")


def test_a_run_in_a_line(mid_grey_run, cells):
    before = run_overview(mid_grey_run)
    assert before.cells() == ("mid-grey", "cells (synthetic)", "blocks", "finished", "1", "-", "-", "no")
    found = evaluate(mid_grey_run, cells, device="cpu")
    values = evaluation_json(found)
    after = run_overview(mid_grey_run)
    assert after.wrong_percent == pytest.approx(values["wrong_percent"])
    assert after.v_rand is not None
    assert after.cells()[5] == f"{values['wrong_percent']:.2f} %"
    # Other parts do not enter the line.
    evaluate(mid_grey_run, cells, part="train", device="cpu")
    assert run_overview(mid_grey_run) == after


def test_a_run_that_leaks_is_marked(mid_grey_run, cells):
    config = RunConfig(split=SplitConfig(protocol="notebook", copies=60))
    create_run(
        "leaking", config=config, split=make_split(12, config.split), info=mid_grey_run.info,
        slice_fingerprints=cells.info.slice_fingerprints,
    )  # fmt: skip
    line = run_overview(open_run("leaking"))
    assert line.leaks
    assert line.cells()[-1] == "LEAKS"


def test_slices_without_neurites_have_no_v_rand(mid_grey_run, data_dir, cell_stack):
    labels = cell_stack[1].copy()
    labels[8:] = 0
    blank = install("blank", array_stack(cell_stack[0]), array_stack(labels))
    run = mid_grey_run.update(dataset="blank", dataset_fingerprint=blank.info.fingerprint)
    found = evaluate(run, blank, part="test", device="cpu")
    line = run_overview(run)
    assert line.v_rand is None
    assert line.cells()[6] == "-"
    assert line.wrong_percent is not None
    card = write_card(run, blank, found).read_text(encoding="utf-8")
    for text in (card, evaluation_text(found)):
        assert "not defined" in text
        assert not NOT_A_NUMBER.search(text)


def test_a_summary_for_a_terminal(found, cell_stack):
    text = evaluation_text(found)
    values = evaluation_json(found)
    images, labels = (stack[8:] for stack in cell_stack)
    missed, false = ((images > 127) & (labels == 0)).sum(), ((images <= 127) & (labels > 0)).sum()
    assert "cells, test slices (4), pixel threshold 0.500" in text
    assert f"{values['wrong_percent']:.2f} %   {missed + false:,} of 9,360" in text
    assert f"{missed:,} pixels of membrane called interior" in text
    assert f"{false:,} pixels of interior called membrane" in text
    assert f"{values['v_rand']:.4f}, {values['v_info']:.4f} (mean over slices)" in text
    assert "chosen on these very slices" in text
    assert "synthetic" in text
    assert "LEAK" not in text
    assert str(found.folder) in text
    assert not NOT_A_NUMBER.search(text)


def test_a_leak_is_told_first(mid_grey_run, cells):
    text = evaluation_text(evaluate(mid_grey_run, cells, part="all", device="cpu"))
    assert "LEAK: 6 of these slices, or copies of them, were trained on" in text
    assert "chosen on 1 of these slices" in text
    assert text.index("LEAK") < text.index("wrong pixels")


def test_a_prediction_without_a_wrong_pixel(mid_grey_run, cell_stack, data_dir):
    labels = cell_stack[1]
    images = np.where(labels > 0, 250, 5).astype(np.uint8)  # 0 and 255 would be padding where they touch an edge
    perfect = install("perfect", array_stack(images), array_stack(labels))
    text = evaluation_text(evaluate(mid_grey_run, perfect, device="cpu"))
    assert "0.00 %   0 of" in text
    assert "1.0000" in text
    assert not NOT_A_NUMBER.search(text)


def test_the_card(mid_grey_run, cells, found):
    path = write_card(mid_grey_run, cells, found)
    text = path.read_text(encoding="utf-8")
    assert path == mid_grey_run.folder / "README.md"
    values = evaluation_json(found)
    for part in (
        "# mid-grey",
        "Trained and measured on synthetic images. Its figures say nothing about real tissue.",
        "Round cells: 12 slices of 45 x 52 pixels, voxels of 50 x 4 x 4 nm",
        "| train | 0-5 |",
        "| left out | 6 |",
        "| validation | 7 |",
        "| test | 8-11 |",
        "no validation or test slice, and no copy of one, was trained on",
        "| pixel threshold 0.500 | topology threshold 0.750 |",
        f"{values['wrong_percent']:.2f} % ({values['wrong_pixels']:,} of 9,360)",
        f"{values['v_rand']:.4f}",
        "Optimistic, for comparing with the challenge only",
        "1 validation slices chose the thresholds, and 4 test slices",
        "`model.width=1`",
    ):
        assert part in text
    assert not NOT_A_NUMBER.search(text)
    assert "{" not in text
    # Every row of a table has as many cells as its header.
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1


def test_the_card_of_real_data_and_of_a_leak(mid_grey_run, cells, found):
    real = dataclasses.replace(
        cells, info=dataclasses.replace(cells.info, synthetic=False, citation="A. Author 2010", terms="free")
    )
    text = write_card(mid_grey_run, real, found).read_text(encoding="utf-8")
    assert "synthetic" not in text.lower()
    assert "## Citation\n\nA. Author 2010.\n" in text
    prints = list(mid_grey_run.slice_fingerprints)
    prints[9] = prints[1]
    leaking = dataclasses.replace(mid_grey_run, slice_fingerprints=tuple(prints))
    text = write_card(leaking, real, found).read_text(encoding="utf-8")
    assert "**Leak audit: 1 validation or test slices, or copies of them, were trained on (9). " in text
    assert "Test figures of this run say nothing about new data.**" in text


def test_the_card_tells_what_the_weights_had_seen_before(mid_grey_run, cells, found):
    prints = mid_grey_run.slice_fingerprints  # trained on 0-5, validated on 7, tested on 8-11

    def card(trained=(), validated=()):
        before = Seen(trained=tuple(prints[z] for z in trained), validated=tuple(prints[z] for z in validated))
        return write_card(dataclasses.replace(mid_grey_run, inherited=before), cells, found).read_text("utf-8")

    assert "no validation or test slice, and no copy of one, was trained on" in card()
    assert "chosen on test" not in card(validated=[7])  # it is for choosing
    chosen = card(validated=[8])
    assert "no validation or test slice, and no copy of one, was trained on" in chosen
    assert "Epochs or thresholds were chosen on test slices 8, which flatters." in chosen
    text = card(trained=[9, 10])
    assert "2 validation or test slices, or copies of them, were trained on (9-10). Test figures" in text
    assert "The weights it began with had been trained on 9-10." in text


def test_a_card_is_replaced_whole(mid_grey_run, cells, found, listing):
    write_card(mid_grey_run, cells, found)
    before = listing(mid_grey_run.folder)
    first = mid_grey_run.card.read_bytes()
    write_card(mid_grey_run, cells, found)
    assert mid_grey_run.card.read_bytes() == first
    assert listing(mid_grey_run.folder) == before
    assert np.all([".part" not in name for name in before])
