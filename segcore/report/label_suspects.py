"""The section of a report about the labels: where they may be wrong."""

from __future__ import annotations

from segcore.measures import Suspect
from segcore.report.contents import MOST_SUSPECTS, Contents
from segcore.report.tables import table

_NEAR_PX = 10


def label_suspects(contents: Contents) -> str:
    """HTML: what reviewers called wrong, and the suspects on which most hangs."""
    reviewed = [one for one in contents.reviewed if one.decision == "label error"]
    said = f"<p>Reviewers called {len(reviewed)} places errors of the labels.</p>" if reviewed else ""
    if contents.suspects is None:
        return said + (
            "<p>These predictions say nothing of the labels: the images are not here, or the slices were, or may have "
            "been, learned from.</p>"
        )
    if not contents.suspects:
        return said + "<p>At no place is the prediction sure that the label is wrong.</p>"
    rows = [
        (
            *(str(at) for at in (one.slice, one.x, one.y)),
            "labelled membrane, predicted interior"
            if one.labelled_membrane
            else "labelled interior, predicted membrane",
            f"{one.pixels:,}",
            f"{one.gain:.2f}",
            f"{one.v_rand_gain:+.4f}",
            f"{100 * one.pixels_gain:+.2f}",
            _event_near(one, contents),
        )
        for one in contents.suspects[:MOST_SUSPECTS]
    ]
    return (
        said
        + f"<p>At {len(contents.suspects)} places the prediction, of networks that never saw these slices, is sure "
        "of the opposite of the label, farther from any boundary than a line can be misplaced. Either can be right: "
        f"only a look tells. {_first_suspects(len(rows), len(contents.suspects))}V_Rand and right pixels are what the "
        "slice would gain if the label said there what is predicted. They are ordered by weight: the share of what "
        "V_Rand lacks of 1 that would be gained, and the share of the slice's wrong pixels, added up.</p>"
        + table(
            (
                "slice",
                "x",
                "y",
                "what differs",
                "pixels",
                "weight",
                "V_Rand",
                "right pixels, percentage points",
                "same place as",
            ),
            rows,
        )
    )


def _first_suspects(shown: int, number: int) -> str:
    return f"The first {shown} are listed. " if shown < number else ""


def _event_near(suspect: Suspect, contents: Contents) -> str:
    """Which of the pictured splits and merges it has an opening of, or lies beside one."""
    for number, place in enumerate(contents.places, start=1):
        event = place.event
        if event.slice == suspect.slice and any(
            suspect.top - _NEAR_PX <= y < suspect.bottom + _NEAR_PX
            and suspect.left - _NEAR_PX <= x < suspect.right + _NEAR_PX
            for y, x in event.openings
        ):
            return f"{event.kind} {number}"
    return "–"
