"""A report says what was measured, shows what is wrong, needs nothing from elsewhere, and takes no text for markup."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile

import numpy as np
import pytest
import tifffile

from segcore.data import Correction, correct, runs_of
from segcore.errors import ConfigError, RunError
from segcore.evaluation import evaluate, score_outside, summary
from segcore.report import draft_conclusion, gather, report_page, report_tables, write_report
from segcore.reviews import Place, Reviews, Verdict

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def text_of(read_aloud):
    return read_aloud


def test_it_says_what_was_measured(evaluated, text_of):
    contents = gather(evaluated)
    said = text_of(report_page(contents, draft_conclusion(contents)))
    point = summary(contents.evaluation)["operating_points"]["pixel"]
    assert contents.verdict[0] in said
    assert f"{point['pooled']['confusion']['interior_as_interior']:,} px" in said
    assert "4 test slices of Round cells" in said
    assert "training 0-5" in said
    assert "Leak audit: no judged slice, and no copy of one, was trained on." in said
    assert "The images were drawn by a program." in said
    assert "python -m segcore evaluate mid-grey --dataset cells --slices test" in said
    for title in ("Headline figures", "Errors", "Over all settings", "Are the labels right?", "Conclusion"):
        assert title in said


def test_it_needs_nothing_from_anywhere_else(evaluated):
    contents = gather(evaluated)
    page = report_page(contents, draft_conclusion(contents))
    assert not re.search(r"(?i)<(script|link|iframe)|\bsrc=\"(?!data:)|url\(|https?://", page)
    # Each place, and each suspect, with and without what is wrong, and a slice.
    places = min(10, len(contents.evaluation.events)) + min(10, contents.number_of_suspects)
    assert page.count('<img src="data:image/jpeg') == 2 * places + 1
    assert len(page) < 5_000_000


def test_the_conclusion_is_a_draft_that_can_be_replaced(evaluated, text_of):
    contents = gather(evaluated)
    draft = draft_conclusion(contents)
    assert [part.partition(".")[0] for part in draft.split("\n\n")] == [
        "What mid-grey is good for", "Limits on this data", "What else there is", "What to do next",
    ]  # fmt: skip
    said = text_of(report_page(contents, f"Not usable. {MARKUP}\n\nTry again."))
    assert f"Not usable. {MARKUP} Try again." in said
    assert "What else there is" not in said


def test_text_of_others_is_never_markup(cells, models_dir, tmp_path, text_of):
    mask = np.stack([cells.label(z) for z in range(12)])
    mask[0] = 255  # all neurites of the first slice are one
    tifffile.imwrite(tmp_path / "merged.tif", mask, photometric="minisblack")
    evaluated = score_outside("merged", tmp_path / "merged.tif", cells, trained_on=[]).run
    contents = gather(evaluated)
    event = contents.places[0].event
    assert (event.kind, event.slice) == ("merge", 0)
    place = Place(
        kind=event.kind, slice=event.slice, y=event.y, x=event.x, top=event.top, left=event.left, bottom=event.bottom,
        right=event.right,
    )  # fmt: skip
    fingerprint = cells.info.fingerprint
    Reviews(evaluated.folder, fingerprint).put(
        Verdict(
            place=place, dataset="cells", fingerprint=fingerprint, reviewer="<b>R. Hooke</b>", decision="model error",
            note=MARKUP,
        )
    )  # fmt: skip
    contents = gather(evaluated)
    assert contents.places[0].verdicts
    page = report_page(contents, draft_conclusion(contents))
    assert MARKUP not in page
    assert "<b>R." not in page
    assert f"model error , <b>R. Hooke</b>: {MARKUP}" in text_of(page)


def test_without_the_images_the_numbers_are_there(evaluated, data_dir, text_of):
    shutil.rmtree(data_dir)
    contents = gather(evaluated)
    page = report_page(contents, draft_conclusion(contents))
    assert "<img" not in page
    assert contents.verdict[0] in text_of(page)
    assert "say nothing of the labels" in text_of(page)


def test_with_another_run(evaluated, cells, tmp_path, text_of):
    mask = np.stack([cells.label(z) for z in range(12)])
    tifffile.imwrite(tmp_path / "perfect.tif", mask, photometric="minisblack")
    other = score_outside("perfect", tmp_path / "perfect.tif", cells).run
    contents = gather(evaluated, other=other)
    said = text_of(report_page(contents, ""))
    assert "Compared" in said
    assert "nobody said which slices perfect was trained on." in said
    assert "--compare perfect" in said


def test_a_run_that_learned_from_the_slices_is_not_said_to_be_better(evaluated, cells, tmp_path, models_dir, text_of):
    labels = np.stack([cells.label(z) for z in range(12)])
    tifffile.imwrite(tmp_path / "perfect.tif", labels, photometric="minisblack")
    other = score_outside("perfect", tmp_path / "perfect.tif", cells, trained_on=[]).run
    # What it was trained on is told afterwards, as an evaluation of trained slices tells it.
    summary_file = other.evaluation("cells") / "summary.json"
    found = json.loads(summary_file.read_text())
    found["facts"] |= {"trained_on": [8, 9], "leaks": True}
    summary_file.write_text(json.dumps(found))
    contents = gather(evaluated, other=other)
    said = text_of(report_page(contents, draft_conclusion(contents)))
    assert "No fair comparison: perfect was trained on 2 of the 4 slices that are compared (8-9)" in said
    assert "; 4 slices do not say how uncertain a difference of" in said
    assert "is better by" not in said
    assert "Which run to use. Trust the figures of mid-grey, and not those of perfect" in said
    assert "So use mid-grey: whether perfect is better is not known until" in said


def test_every_word_that_is_used_is_explained(evaluated, text_of):
    contents = gather(evaluated)
    said = text_of(report_page(contents, draft_conclusion(contents)))
    for word in ("V_Rand and V_Info how well", "Harm of a split or merge", "Segments pieces", "Dice agreement"):
        assert word in said


def test_of_what_another_program_predicted(cells, models_dir, tmp_path, text_of):
    mask = np.stack([cells.label(z) for z in range(12)])
    tifffile.imwrite(tmp_path / "perfect.tif", mask, photometric="minisblack")
    contents = gather(score_outside("perfect", tmp_path / "perfect.tif", cells).run)
    said = text_of(report_page(contents, draft_conclusion(contents)))
    assert "12 predicted slices" in said
    assert "U-Net of" not in said
    assert "Nobody said which slices this was trained on" in said
    assert "The run's folder holds what was predicted, read from perfect.tif" in said
    assert "All settings" not in said


def test_the_page_and_its_tables(evaluated, tmp_path):
    packed = write_report(gather(evaluated), tmp_path / "out" / "report.html", conclusion="Good.")
    assert packed == tmp_path / "out" / "report.zip"
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    with zipfile.ZipFile(io.BytesIO(packed.read_bytes())) as found:
        assert {*found.namelist()} == {"slices.csv", "events.csv", "neurites.csv", "reviews.csv"}
        own = evaluated.evaluation("cells") / "slices.csv"
        assert found.read("slices.csv") == own.read_bytes()


def test_the_tables_on_corrected_labels_have_the_verdicts_that_corrected_them(evaluated, cells):
    place = Place(kind="wrong pixels", slice=9, y=0, x=0, top=0, left=0, bottom=5, right=5)
    block = np.zeros((45, 52), bool)
    block[:5, :5] = True
    fingerprint = cells.info.fingerprint
    Reviews(evaluated.folder, fingerprint).put(
        Verdict(place=place, dataset="cells", fingerprint=fingerprint, reviewer="Ada", decision="label error")
    )
    copy = correct(cells, "better", [Correction(place=place, become="ignore", runs=runs_of(block), reviewer="Ada")])
    evaluate(evaluated, copy, device="cpu")
    with zipfile.ZipFile(io.BytesIO(report_tables(gather(evaluated, dataset="better")))) as found:
        assert "label error" in found.read("reviews.csv").decode()


def test_another_ending_is_refused_before_anything_is_written(evaluated, tmp_path):
    with pytest.raises(ConfigError, match=r"an HTML file; found report\.pdf; expected report\.html"):
        write_report(gather(evaluated), tmp_path / "report.pdf")
    assert not list(tmp_path.glob("report*"))


@pytest.mark.parametrize("which", [{"dataset": "others"}, {"part": "train"}])
def test_what_was_not_measured_is_refused(evaluated, which):
    with pytest.raises(RunError, match=r"was not evaluated on .*found cells \(test\)"):
        gather(evaluated, **which)
