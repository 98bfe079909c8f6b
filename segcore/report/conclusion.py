"""A first draft of a report's conclusion, from what was measured; whoever hands the report on edits it."""

from __future__ import annotations

import math
from itertools import accumulate

from segcore.evaluation import harm_is_known
from segcore.measures import mean_over_slices
from segcore.report.compared import which_of_two
from segcore.report.contents import Contents
from segcore.report.sentences import counted

_MOST_OF_IT = 0.8


def draft_conclusion(contents: Contents) -> str:
    """Paragraphs of plain text: which of two runs, what it is good for, its limits, what else there is, what to do."""
    parts = (_which(contents), _good_for(contents), _limits(contents), _instead(contents), _next(contents))
    return "\n\n".join(part for part in parts if part)


def _which(contents: Contents) -> str:
    said = "" if contents.comparison is None else which_of_two(contents.comparison)
    return f"Which run to use. {said}" if said else ""


def _good_for(contents: Contents) -> str:
    evaluation = contents.evaluation
    said = []
    parts = next(iter(evaluation.error_parts.values()), None)
    if parts is not None:
        wrong = {name: int(pixels.sum()) for name, pixels in parts.wrong().items()}
        total = sum(wrong.values())
        if total:
            share = 100 * (wrong["thin"] + wrong["thick"]) / total
            said.append(
                f"{share:.0f} % of the mask's wrong pixels only move a boundary. They change areas and not which "
                "neurites there are."
            )
    count = _events_for_most_harm(contents)
    if count:
        most = f"the worst {count:,} of {len(evaluation.events):,} hold" if count > 1 else "the worst one holds"
        said.append(
            f"For a reconstruction the splits and merges count: {most} {100 * _MOST_OF_IT:.0f} % or more of all harm, "
            f"so correcting {'these' if count > 1 else 'it'} by hand may bring most of what can be gained."
        )
    return f"What {contents.run.name} is good for. " + (" ".join(said) or "The measures do not say.")


def _events_for_most_harm(contents: Contents) -> int:
    if not harm_is_known(contents.evaluation):
        return 0
    harms = sorted((max(harm, 0.0) for harm in contents.evaluation.events.column("harm")), reverse=True)
    every = math.fsum(harms)
    if not every:
        return 0
    return next(n for n, held in enumerate(accumulate(harms), start=1) if held >= _MOST_OF_IT * every)


def _limits(contents: Contents) -> str:
    said = []
    if contents.facts.get("leaks"):
        said.append("The slices were learned from, so these figures say nothing of new images.")
    elif contents.facts.get("leaks") is None:
        said.append("Nobody said which slices the method was trained on, so it may have been on these.")
    if contents.facts.get("synthetic"):
        said.append("The images are synthetic: nothing here is about real tissue.")
    number = len(contents.evaluation.slices)
    which = "one slice" if number == 1 else f"{number} slices of one dataset, which look alike"
    other = contents.comparison
    fewer = other is not None and len(other.slices) < number
    said.append(
        f"All figures{' but those of the comparison' if fewer else ''} are of {which}; with another animal, stain or "
        "microscope they may be much worse. "
        + (
            "Slices are segmented one by one, and nothing joins them in depth."
            if contents.run.info.outside is None
            else "Slices are measured one by one, so nothing is said of how they are joined in depth."
        )
    )
    if contents.run.info.members:
        said.append(
            "A new image would be predicted by one of the networks, or by the mean of all, which was measured on no "
            "slice here; each network has settings of its own."
        )
    if chosen := contents.facts.get("chosen_on"):
        which = "the slices shown" if len(chosen) == number else "some of the slices shown"
        said.append(f"Settings were chosen on {which}, and figures there may be a little too good.")
    return "Limits on this data. " + " ".join(said)


def _instead(contents: Contents) -> str:
    said = (
        "To follow neurites through many sections there are methods that see them in three dimensions, such as "
        "affinities with agglomeration or flood-filling networks"
    ) + ("; this one does not compete with them." if contents.run.info.outside is None else ".")
    if "isbi2012" in str(contents.facts.get("dataset")):
        v_rand = mean_over_slices([one.v_rand for one in contents.evaluation.segments])
        ours = ""
        if contents.facts.get("leaks") is False and not math.isnan(v_rand):
            ours = f"; here it is {v_rand:.3f}, on slices of the training stack that were not learned from"
        said += (
            " On the hidden test slices of the ISBI 2012 challenge (Arganda-Carreras et al. 2015, and its list of "
            "results since) the original U-Net has a V_Rand of 0.973, the best networks that "
            f"see one section 0.981 to 0.987, and a multicut over several sections 0.988{ours}. The published "
            "ones were measured on other slices than these, so they say what is usual and not which is better."
        )
    return "What else there is. " + said


def _next(contents: Contents) -> str:
    said = []
    if contents.places:
        event = contents.places[0].event
        said.append(f"Look at slice {event.slice} first, at x {event.x}, y {event.y}.")
    if number := contents.number_of_suspects:
        judge = "it" if number == 1 else "the label suspects, of most weight first,"
        said.append(
            f"{counted(number, 'place', 'places')} in the labels may be wrong: judge {judge} on the Errors page of "
            "segcore's dashboard, and correct what is wrong, before training again."
        )
    judged, number = sum(bool(one.verdicts) for one in contents.places), len(contents.places)
    if judged < number:
        which = contents.places[0].event.kind if number == 1 else f"{number} splits and merges"
        so_far = f"Nobody has judged the {which}" if not judged else f"Reviewers have judged {judged} of the {which}"
        said.append(f"{so_far} pictured above so far; that is done on the Errors page, too.")
    return "What to do next. " + (" ".join(said) or "Nothing stands out.")
