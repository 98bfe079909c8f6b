"""The section of a report about the labels: where they may be wrong."""

from __future__ import annotations

from segcore.measures import Suspect
from segcore.report.cards import card, grid, judged_so_far
from segcore.report.contents import Contents
from segcore.report.pictured import PicturedSuspect
from segcore.report.sentences import counted, listed

_NEAR_PX = 10
_LEAST_SHOWN = 0.00005
"""Less than this of V_Rand is 0.0000 as it is written."""


def label_suspects(contents: Contents) -> str:
    """HTML: what reviewers called wrong, and the suspects on which most hangs as cards."""
    number = sum(one.decision == "label error" for one in contents.reviewed)
    errors = counted(number, "place an error", "places errors")
    said = f"<p>Reviewers called {errors} of the labels.</p>" if number else ""
    if contents.suspects is None:
        return said + (
            "<p>These predictions say nothing of the labels. That takes the images, segments, and slices that are "
            "known not to have been learned from.</p>"
        )
    if not contents.suspects:
        return said + "<p>At no place is the prediction sure that the label is wrong.</p>"
    found, shown = contents.number_of_suspects, len(contents.suspects)
    at = counted(found, "place", "places")
    these = "this slice" if len(contents.evaluation.slices) == 1 else "these slices"
    first = f" The {shown} of most weight are shown." if shown < found else ""
    about = (
        "Pictures are as those of splits and merges, with the wrong pixels of the mask at threshold "
        f"{contents.threshold:.3f}; a box holds what is in doubt: labelled membrane that is predicted interior (blue), "
        f"or labelled interior that is predicted membrane (orange). {judged_so_far(contents.suspects)}"
    )
    cards = (_card(one, number, contents) for number, one in enumerate(contents.suspects, start=1))
    return (
        f"{said}<p>At {at} a prediction that did not learn from {these} is sure of the opposite of the label, "
        f"farther from any boundary than a line can be misplaced. Either can be right: only a look tells.{first} "
        "Weight, 0 to 2, says how much hangs on a place: what V_Rand of the slice would gain if the label said what is "
        "predicted, as a share of what it falls short of 1, and these pixels as a share of the slice's wrong ones, "
        "added up."
        f"</p><p><small>{about}</small></p>{grid(cards)}"
    )


def _card(place: PicturedSuspect, number: int, contents: Contents) -> str:
    one = place.suspect
    labelled, predicted = ("membrane", "interior") if one.labelled_membrane else ("interior", "membrane")
    gained = f"{100 * one.pixels_gain:.2f} percentage points more of the slice's pixels would be right"
    if abs(one.v_rand_gain) >= _LEAST_SHOWN:
        how = "rise" if one.v_rand_gain > 0 else "fall"
        gained = f"V_Rand of the slice would {how} by {abs(one.v_rand_gain):.4f}, and {gained}"
    near = _event_near(one, contents)
    return card(
        place,
        f"{number}. Labelled {labelled} in slice {one.slice}",
        f", at x {one.x}, y {one.y}: {one.pixels:,} px, predicted {predicted} with a probability of up to "
        f"{place.sure:.2f}. If the label were changed to that, {gained}. Weight {one.gain:.2f}.{near}",
        name=f"labelled {labelled} that is predicted {predicted}, in slice {one.slice}",
    )


def _event_near(suspect: Suspect, contents: Contents) -> str:
    """Which of the pictured splits and merges it has an opening of, or lies beside one, as a sentence."""
    near = [
        f"{place.event.kind} {number}"
        for number, place in enumerate(contents.places, start=1)
        if place.event.slice == suspect.slice
        and any(
            suspect.top - _NEAR_PX <= y < suspect.bottom + _NEAR_PX
            and suspect.left - _NEAR_PX <= x < suspect.right + _NEAR_PX
            for y, x in place.event.openings
        )
    ]
    return f" It lies where {listed(near)} above {'is' if len(near) == 1 else 'are'}." if near else ""
