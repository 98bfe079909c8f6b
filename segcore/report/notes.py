"""What a reader of a report has to know before its figures: leaks, collapse, whose prediction it is."""

from __future__ import annotations

from html import escape

from segcore.evaluation import collapse, summary
from segcore.measures import mean_over_slices
from segcore.report.contents import Contents
from segcore.report.sentences import slices_named, were
from segcore.report.tables import or_dash


def notes(contents: Contents) -> str:
    """Warnings as HTML, a paragraph each; empty where there is none."""
    facts, run, said = contents.facts, contents.run, []
    cells = summary(contents.evaluation)["operating_points"]
    if collapsed := collapse(next(iter(cells.values()))["pooled"]["confusion"]):
        said.append(f"The model collapsed: {collapsed}. Other figures mean little then.")
    if facts.get("leaks"):
        seen = facts.get("trained_on") or ()
        said.append(
            f"These figures leak: {slices_named(seen)} {were(seen)} trained on. They say nothing about new images."
        )
    elif facts.get("leaks") is None:
        said.append("Nobody said which slices this was trained on, so it may have been on these.")
    if run.info.outside is not None:
        said.append(f"What another program predicted, from {run.info.outside.source}: {run.info.outside.read_as}.")
    if chosen := facts.get("chosen_on"):
        said.append(
            f"{_what(contents)} were chosen on {slices_named(chosen)}, which "
            f"{'is' if len(chosen) == 1 else 'are'} judged here, too: figures there may be a little too good. "
            f"{_without(contents)}".strip()
        )
    if facts.get("synthetic"):
        said.append("The images were drawn by a program. Figures on them say nothing about real tissue.")
    return "".join(f'<p class="note">{escape(one)}</p>' for one in said)


def _what(contents: Contents) -> str:
    """What slices that are judged may have chosen."""
    points, segments = (
        contents.run.info.operating_points,
        ["the bias of segments"] if contents.evaluation.segments else [],
    )
    if contents.run.info.members:
        # Each network's epoch was chosen on slices that it does not judge, and so may its bias have been.
        common = segments if points is not None and points.segments is not None else []
        return " and ".join(["The thresholds", *common])
    return f"{', '.join(['The thresholds', *segments])} and the epoch"


def _without(contents: Contents) -> str:
    """The figures of the slices that chose nothing."""
    evaluation = contents.evaluation
    places = [at for at, z in enumerate(evaluation.slices) if z not in contents.facts["chosen_on"]]
    if not places:
        return ""
    wrong = float(evaluation.evidence.subset(places).confusion(contents.threshold).pooled().wrong_percent)
    others = "other slice" if len(places) == 1 else f"{len(places)} other slices"
    of = f"On the {others} {wrong:.2f} % of the pixels are wrong"
    if not evaluation.segments:
        return f"{of}."
    v_rand = mean_over_slices([evaluation.segments[at].v_rand for at in places])
    return f"{of}, and V_Rand of segments is {or_dash(v_rand, 3)}."
