"""Label suspects are cards: where, what the label and the prediction say, what hangs on it, what was decided."""

from __future__ import annotations

import re

import numpy as np
import pytest

from segcore.report import draft_conclusion, gather, report_page
from segcore.reviews import Place, Reviews, Verdict

NOTE = "<i>a cell, surely</i>"


def without_a_cell(mask: np.ndarray) -> None:
    """The cell around x 19, y 18 of slice 2 is called membrane."""
    y, x = np.mgrid[:45, :52]
    mask[2][np.hypot(y - 18, x - 19) < 7] = 0


@pytest.fixture
def page_of(read_aloud):
    def page(contents):
        found = report_page(contents, draft_conclusion(contents))
        section = re.search(r"(?s)<section><h2>Are the labels right\?</h2>.*?</section>", found)
        assert section is not None
        return section[0], read_aloud(section[0])

    return page


def test_a_cell_that_is_predicted_to_be_none_is_a_card(scored, page_of):
    contents = gather(scored("without", without_a_cell))
    (one,) = contents.suspects
    assert (one.suspect.slice, one.suspect.labelled_membrane, one.sure) == (2, False, 1.0)
    section, said = page_of(contents)
    assert section.count("<article>") == 1
    assert section.count('src="data:image/jpeg') == 2
    assert "At 1 place a prediction that did not learn from these slices is sure" in said
    at = f"at x {one.suspect.x}, y {one.suspect.y}: {one.suspect.pixels} px, predicted membrane"
    assert f"1. Labelled interior in slice 2 , {at} with a probability of up to 1.00." in said
    assert f"{100 * one.suspect.pixels_gain:.2f} percentage points more of the slice's pixels would be right" in said
    assert f"Weight {one.suspect.gain:.2f}." in said
    assert "Nobody has judged it yet." in said
    assert "1 place in the labels may be wrong" in draft_conclusion(contents)


def test_its_verdict_stands_below(scored, cells, page_of):
    run = scored("without", without_a_cell)
    suspect = gather(run).suspects[0].suspect
    place = Place(
        kind="label suspect", slice=suspect.slice, y=suspect.y, x=suspect.x, top=suspect.top, left=suspect.left,
        bottom=suspect.bottom, right=suspect.right,
    )  # fmt: skip
    fingerprint = cells.info.fingerprint
    Reviews(run.folder, fingerprint).put(
        Verdict(
            place=place, dataset="cells", fingerprint=fingerprint, reviewer="Ada", decision="label error", note=NOTE
        )
    )
    section, said = page_of(gather(run))
    assert f"label error , Ada: {NOTE}" in said
    assert NOTE not in section
    assert "Reviewers have judged it." in said
    assert "Reviewers called 1 place an error of the labels." in said


def test_it_names_the_merge_at_its_place(scored, page_of):
    def hole(mask):
        mask[3] = 255  # no membrane at all: every cell is merged, and all that is far from cells is suspect

    contents = gather(scored("merged", hole))
    assert contents.places[0].event.kind == "merge"
    _, said = page_of(contents)
    assert "Labelled membrane in slice 3" in said
    assert "It lies where merge 1 above is." in said


def test_at_most_ten_are_shown_and_all_are_counted(scored, page_of):
    def without_cells(mask):
        mask[1:] = 0

    contents = gather(scored("nothing", without_cells))
    assert contents.number_of_suspects > 10
    section, said = page_of(contents)
    assert section.count("<article>") == 10
    assert f"At {contents.number_of_suspects} places" in said
    assert "The 10 of most weight are shown." in said


def test_what_may_have_been_learned_from_says_nothing_of_labels(scored, page_of):
    contents = gather(scored("unknown", without_a_cell, trained_on=None))
    assert contents.suspects is None
    section, said = page_of(contents)
    assert "<article>" not in section
    assert "say nothing of the labels" in said
