"""The words of a report, for readers who know electron microscopy and not its segmentation."""

from __future__ import annotations

from html import escape


def glossary(*, chosen: bool, given_segments: bool = False) -> str:
    """A list of definitions, as HTML.

    Args:
        chosen: whether a pixel and a topology threshold were chosen by this program, on validation slices.
        given_segments: whether another program numbered the segments.
    """
    return (
        "<dl>"
        + "".join(
            f"<dt>{escape(word)}</dt><dd>{escape(text)}</dd>" for word, text in _words(chosen, given_segments).items()
        )
        + "</dl>"
    )


def _words(chosen: bool, given_segments: bool) -> dict[str, str]:
    return {
        "Interior and membrane": "the two classes. Missed membrane is membrane called interior: it may merge two "
        "neurites. False membrane is interior called membrane: it may split one.",
        "Neurite": "a connected piece of labelled interior in one slice; nothing is followed from slice to slice.",
        "Threshold": "each pixel is given a probability of interior, and what lies above the threshold is called "
        "interior."
        + (
            " The pixel threshold has the fewest wrong pixels and the topology threshold a V_Rand near the highest, "
            "both on the slices that settings were chosen on."
            if chosen
            else ""
        ),
        "Segments": "pieces that another program numbered, measured as they are."
        if given_segments
        else "pieces made of the whole probability and not of a threshold, by joining small basins with no membrane "
        "between them. Smoothing, in pixels, is how coarsely basins are found; bias, 0 to 1, is how much counts as "
        "membrane between them: higher makes more segments.",
        "V_Rand and V_Info": "how well pieces and neurites agree, weighted by area: 1 is perfect, and both fall with "
        "merges and with splits. They are computed as in the ISBI 2012 challenge.",
        "Harm": "of a split or merge: by how much V_Rand of its slice would rise if it alone were undone. Harm of a "
        "slice is the sum of these.",
        "Dice": "agreement of two areas, 0 to 1: twice what they share, divided by the sum of both.",
        "95 % interval": "where the mean lies in 95 of 100 sets that are drawn anew from these slices; nothing is said "
        "of other tissue. Neighbouring slices look alike, so they are also drawn in blocks; where the two differ, "
        "trust the wider one.",
    }
