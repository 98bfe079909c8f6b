"""Every command that a report prints does what it says: it is run as it stands on the page."""

from __future__ import annotations

import html
import logging
import re
import shlex
import signal

import numpy as np
import pytest
import tifffile

from segcore.cli import main
from segcore.data import Correction, correct, runs_of
from segcore.evaluation import evaluate
from segcore.report import draft_conclusion, gather, report_page
from segcore.reviews import Place
from segcore.runs import open_run


@pytest.fixture
def here(tmp_path, monkeypatch, cell_stack):
    """A folder with the images that the page speaks of, in which commands are run."""
    folder = tmp_path / "here"
    (folder / "my-images").mkdir(parents=True)
    for z in range(2):
        tifffile.imwrite(folder / f"my-images/{z}.tif", cell_stack[0][z])
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def commands(here, capsys):
    """The commands on a page, run one by one in this process; each with what it printed."""

    def run(contents):
        page = report_page(contents, draft_conclusion(contents))
        section = page.partition("<h2>How to repeat it</h2>")[2]
        found = {}
        handler, quiet = signal.getsignal(signal.SIGTERM), logging.NullHandler()
        logging.getLogger().addHandler(quiet)
        try:
            for line in map(html.unescape, re.findall(r"<code>(.*?)</code>", section)):
                python, module, name, *words = shlex.split(line)
                assert (python, module, name) == ("python", "-m", "segcore")
                capsys.readouterr()
                assert main(words) == 0, capsys.readouterr()
                found[line.removeprefix("python -m segcore ")] = capsys.readouterr().out
        finally:
            logging.getLogger().removeHandler(quiet)
            signal.signal(signal.SIGTERM, handler)
        return found

    return run


def test_of_a_trained_run(evaluated, commands, here):
    contents = gather(evaluated)
    found = commands(contents)
    assert list(found) == [
        "evaluate mid-grey --dataset cells --slices test",
        "report mid-grey --out report.html",
        "predict mid-grey my-images predicted",
    ]
    wrong = int(contents.evaluation.evidence.confusion(0.5).pooled().wrong_pixels)
    assert f"{wrong:,}" in found["evaluate mid-grey --dataset cells --slices test"]
    # The page that was made anew is this one, but for the days.
    pages = (here / "report.html").read_text(encoding="utf-8"), report_page(contents, draft_conclusion(contents))
    again, before = (re.sub(r"\d{4}-\d\d-\d\d", "", page) for page in pages)
    assert again == before
    assert tifffile.imread(here / "predicted/probability.tif").shape == (2, 45, 52)


def test_of_other_slices_than_those_of_the_test(evaluated, cells, commands):
    evaluate(evaluated, cells, part="validation", device="cpu")
    found = commands(gather(evaluated, part="validation"))
    assert list(found)[:2] == [
        "evaluate mid-grey --dataset cells --slices validation",
        "report mid-grey --slices validation --out report.html",
    ]


def test_of_another_dataset(evaluated, cells, commands):
    block = np.zeros((45, 52), bool)
    block[:5, :5] = True
    place = Place(kind="wrong pixels", slice=9, y=0, x=0, top=0, left=0, bottom=5, right=5)
    copy = correct(cells, "better", [Correction(place=place, become="ignore", runs=runs_of(block), reviewer="Ada")])
    evaluate(evaluated, copy, device="cpu")
    found = commands(gather(evaluated, dataset="better"))
    assert list(found)[:2] == [
        "evaluate mid-grey --dataset better --slices test",
        "report mid-grey --dataset better --out report.html",
    ]


def test_of_a_run_that_chose_no_thresholds(mid_grey_run, cells, commands, here):
    info = mid_grey_run.folder / "run.json"
    info.write_text(re.sub(r'(?s)"operating_points": \{.*?\}', '"operating_points": null', info.read_text()))
    run = open_run("mid-grey")
    assert run.info.operating_points is None
    evaluate(run, cells, threshold=0.625, device="cpu")
    found = commands(gather(run))
    assert list(found) == [
        "evaluate mid-grey --dataset cells --slices test --threshold 0.625",
        "report mid-grey --out report.html",
        "predict mid-grey my-images predicted --threshold 0.625",
    ]
    assert "0.625" in found["predict mid-grey my-images predicted --threshold 0.625"]


def test_of_what_another_program_predicted(scored, commands):
    found = commands(gather(scored("theirs", trained_on=range(4))))
    assert list(found) == [
        "evaluate theirs --dataset cells --slices test --threshold 0.5",
        "report theirs --out report.html",
    ]


def test_of_a_comparison(evaluated, scored, commands, here):
    found = commands(gather(evaluated, other=scored("theirs")))
    assert list(found) == [
        "evaluate mid-grey --dataset cells --slices test",
        "evaluate theirs --dataset cells --slices test --threshold 0.5",
        "report mid-grey --compare theirs --out report.html",
        "predict mid-grey my-images predicted",
    ]
    assert "Compared with another run" in (here / "report.html").read_text(encoding="utf-8")
