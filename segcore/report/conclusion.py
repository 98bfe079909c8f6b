"""A first draft of a report's conclusion, from what was measured; whoever hands the report on edits it."""

from __future__ import annotations

import math

from segcore.evaluation import events_by_harm, harm_of_first
from segcore.measures import mean_over_slices
from segcore.report.contents import Contents

_MOST_OF_IT = 0.8


def draft_conclusion(contents: Contents) -> str:
    """Paragraphs of plain text: what it is good for, its limits here, what else there is, what to do next."""
    return "\n\n".join(part for part in (_good_for(contents), _limits(contents), _instead(contents), _next(contents)))


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
                f"{share:.0f} % of the wrong pixels only move a boundary, so measures that are averaged over many "
                "neurites, such as areas, are little touched by them."
            )
    count = _events_for_most_harm(contents)
    if count:
        said.append(
            f"For a reconstruction the splits and merges count: the {count} that do most harm hold "
            f"{100 * _MOST_OF_IT:.0f} % of all harm, and correcting these by hand brings most of what can be gained."
        )
    return "What it is good for. " + (" ".join(said) or "The measures do not say.")


def _events_for_most_harm(contents: Contents) -> int:
    events = events_by_harm(contents.evaluation)
    if math.isnan(harm_of_first(contents.evaluation, 1)):
        return 0
    return next(n for n in range(1, len(events) + 1) if harm_of_first(contents.evaluation, n) >= _MOST_OF_IT)


def _limits(contents: Contents) -> str:
    said = []
    if contents.facts.get("leaks"):
        said.append("The slices were learned from, so these figures say nothing of new images.")
    elif contents.facts.get("leaks") is None:
        said.append("Nobody said which slices the method was trained on, so it may have been on these.")
    if contents.facts.get("synthetic"):
        said.append("The images are synthetic: nothing here is about real tissue.")
    number = len(contents.evaluation.slices)
    said.append(
        f"All figures are of {number} {'slice' if number == 1 else 'slices'} of one stack, which look alike; another "
        "animal, stain or microscope may do much worse. Slices are segmented one by one, and nothing joins them in "
        "depth."
    )
    if contents.facts.get("chosen_on"):
        said.append("Settings were chosen on some of the slices shown, which flatters.")
    return "Limits on this data. " + " ".join(said)


def _instead(contents: Contents) -> str:
    said = (
        "For neurites through many sections, methods that see them in three dimensions are made for it; this one does "
        "not compete with them."
    )
    if contents.run.info.dataset == "isbi2012" or "isbi2012" in str(contents.facts.get("dataset")):
        v_rand = mean_over_slices([one.v_rand for one in contents.evaluation.segments])
        ours = "" if math.isnan(v_rand) else f"; here it is {v_rand:.3f} on training slices that were held out"
        said += (
            " On the hidden test slices of ISBI 2012 the original U-Net has a V_Rand of 0.973, the best networks that "
            f"see one section 0.981 to 0.987, and a multicut over several sections 0.988{ours}. Other slices and other "
            "thinning: these figures compare orders, not digits."
        )
    return "What else there is. " + said


def _next(contents: Contents) -> str:
    said = []
    if contents.places:
        event = contents.places[0].event
        said.append(f"Look at slice {event.slice} first, at x {event.x}, y {event.y}.")
    if contents.suspects:
        said.append(
            f"Of the labels {len(contents.suspects)} places are in doubt; judge the first before training again."
        )
    undecided = [one for one in contents.places if not one.verdicts]
    if undecided:
        said.append(f"{len(undecided)} of the {len(contents.places)} places below were not judged by anybody yet.")
    return "What to do next. " + (" ".join(said) or "Nothing stands out.")
