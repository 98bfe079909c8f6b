"""The words of a report say nothing that is not so of its run."""

from __future__ import annotations

from segcore.report import draft_conclusion, gather, report_page
from segcore.report.glossary import glossary

CHOSEN = "both on the slices that settings were chosen on"
ABOVE = "what lies above the threshold is called interior."


def test_thresholds_are_chosen_or_they_are_not(read_aloud):
    chosen, given = (read_aloud(glossary(chosen=one)) for one in (True, False))
    assert f"{ABOVE} The pixel threshold has the fewest wrong pixels" in chosen
    assert CHOSEN in chosen
    assert f"{ABOVE} Segments" in given
    assert CHOSEN not in given


def test_a_run_that_was_trained_here_chose_its_own(evaluated, read_aloud):
    contents = gather(evaluated)
    assert CHOSEN in read_aloud(report_page(contents, draft_conclusion(contents)))


def test_nobody_chose_a_threshold_for_what_another_program_predicted(scored, read_aloud):
    contents = gather(scored("theirs"))
    said = read_aloud(report_page(contents, draft_conclusion(contents)))
    assert ABOVE in said
    for untrue in (CHOSEN, "the pixel threshold", "chosen threshold", "topology threshold", "the network gives"):
        assert untrue not in said, untrue
    assert "wrong pixels at threshold 0.500" in said
    assert "The marked threshold was chosen on no slices." in said


def test_segments_that_others_numbered_are_no_basins(read_aloud):
    assert "small basins" in read_aloud(glossary(chosen=False))
    assert "pieces that another program numbered" in read_aloud(glossary(chosen=False, given_segments=True))
