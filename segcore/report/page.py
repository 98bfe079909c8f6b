"""A report as one HTML file: no script, no font, no picture from anywhere else; on a screen as on A4."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from html import escape

from segcore.config import flatten, to_dict
from segcore.evaluation import BLOCK, collapse, harm_by_slice, summary
from segcore.measures import (
    CHALLENGE_THRESHOLDS,
    CLASSES,
    Confusion,
    Interval,
    Suspect,
    mean_over_slices,
    threshold_after,
)
from segcore.report.charts import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, Line, bar_chart, line_chart, shares_bar
from segcore.report.compared import comparison_section
from segcore.report.contents import MOST_SUSPECTS, Contents, Headline, PicturedEvent
from segcore.report.glossary import glossary
from segcore.report.tables import table
from segcore.runs import row_range, slice_ranges

_STYLE = """
:root { --ink: #1b2430; --quiet: #5b6673; --line: #d8dee6; --ground: #f3f5f7; --accent: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 62rem; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, "Segoe UI", "Source Sans 3", "DejaVu Sans", sans-serif; }
header { border-bottom: 3px solid var(--accent); margin-bottom: 1.2rem; }
header p { margin: 0 0 .6rem; color: var(--quiet); }
h1 { font-size: 1.9rem; margin: 0; } h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; } h3 { font-size: 1.05rem; }
.verdict { font-size: 1.1rem; font-weight: 600; margin: .8rem 0; }
.note { border-left: 4px solid #d55e00; background: #fff4ec; padding: .6rem .9rem; margin: .6rem 0; }
.quiet, figcaption, small { color: var(--quiet); } small { font-size: .85rem; }
table { border-collapse: collapse; margin: .6rem 0 1rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td:not(:first-child):not(:last-child) { white-space: nowrap; } .words td { white-space: normal; }
th:first-child, td:first-child, .left { text-align: left; } thead th { border-bottom: 2px solid var(--ink); }
.wide { overflow-x: auto; background: linear-gradient(90deg, #fff 1rem, transparent 2rem),
  linear-gradient(-90deg, #fff 1rem, transparent 2rem) 100% 0, linear-gradient(90deg, #0003, transparent .8rem),
  linear-gradient(-90deg, #0003, transparent .8rem) 100% 0; background-repeat: no-repeat;
  background-attachment: local, local, scroll, scroll; background-size: 2rem 100%, 2rem 100%, .8rem 100%, .8rem 100%; }
dl { display: grid; grid-template-columns: minmax(7rem, auto) 1fr; gap: .3rem 1rem; margin: .6rem 0; }
dt { font-weight: 600; } dd { margin: 0; } @media (max-width: 30rem) { dl { grid-template-columns: 1fr; }
  .many::before { content: "More columns to the right."; color: var(--quiet); font-size: .85rem; }
  dd { margin-bottom: .4rem; } table { font-size: .85rem; } }
.words th, .words td { text-align: left; }
.matrix td, .matrix th { text-align: center; border: 1px solid var(--line); } .matrix { width: auto; }
.wrong-missed { background: #cfe6f5; } .wrong-false { background: #fbe0cd; } .right { background: var(--ground); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem 2rem; }
figure { margin: 0; break-inside: avoid; } figure svg { width: 100%; height: auto; }
svg text { font-size: 11.5px; fill: var(--ink); } svg .small { font-size: 11px; fill: var(--quiet); }
svg .grid { stroke: var(--line); } .shares { border-radius: 4px; overflow: hidden; display: block; }
.key { display: inline-block; margin-right: 1.2rem; } .key i { display: inline-block; width: .8em; height: .8em;
  margin-right: .4em; border-radius: 2px; }
.places { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); gap: 1.2rem; }
.places article { break-inside: avoid; border: 1px solid var(--line); border-radius: 6px; padding: .7rem; }
.places img, .slice img { width: 100%; height: auto; border-radius: 4px; }
.both { display: grid; grid-template-columns: 1fr 1fr; gap: 4px; } .places p { margin: .4rem 0 0; }
.slice { max-width: 34rem; }
pre { background: var(--ground); padding: .7rem .9rem; border-radius: 6px; white-space: pre-wrap; }
details { margin: .6rem 0; }
@page { size: A4; margin: 16mm 14mm; }
@media print { body { padding: 0; max-width: none; font-size: 10.5pt; } h2 { break-after: avoid; } a { color: inherit; }
  .places { grid-template-columns: repeat(2, 1fr); } .pair { grid-template-columns: 1fr 1fr; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""

_NEAR_PX = 10

_PARTS = {
    "thin": ("membrane too thin at a boundary", SKY),
    "thick": ("membrane too thick at a boundary", "#E69F00"),
    "merge": ("opens a membrane (merge)", BLUE),
    "split": ("cuts a neurite (split)", ORANGE),
    "missed": ("neurite missed", "#8A3D00"),
    "invented": ("object invented", "#00405F"),
}
_PROTOCOLS = {
    "blocks": "one contiguous block held out as test",
    "kfold": "contiguous folds, one of them held out",
    "bands": "bands of rows of every slice",
    "crossval": "every slice predicted by networks that never saw it",
    "outside": "what another program predicted",
    "notebook": "copies first, split at random afterwards, which leaks",
}


def report_page(contents: Contents, conclusion: str) -> str:
    """The HTML of a report.

    Args:
        contents: what was gathered.
        conclusion: plain text; a paragraph's first sentence is set in bold.
    """
    sections = [
        _head(contents),
        _notes(contents),
        f'<p class="verdict">{escape(contents.verdict[0])}</p><p>{escape(" ".join(contents.verdict[1:]))}</p>',
        ""
        if contents.comparison is None or not contents.comparison.unfair
        else f'<p class="note">{escape(contents.comparison.unfair)}</p>',
        _section("Headline figures", _headlines(contents)),
        _section("Words", glossary()),
        _section("Trained on what, judged by what", _data(contents)),
        _section("Errors", _errors(contents)),
        _section("Over all settings", _curves(contents)),
        _section(
            f"The {len(contents.places)} splits and merges of most harm",
            _places(contents.places, contents.threshold_of_places),
        ),
        _section("Are the labels right?", _suspects(contents)),
        ""
        if contents.comparison is None
        else _section("Compared with another run", comparison_section(contents.comparison)),
        _section("Conclusion", _conclusion(conclusion)),
        _section("How to repeat it", _repeat(contents)),
    ]
    title = f"{contents.run.name} on {contents.facts.get('dataset')}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n" + "\n".join(filter(None, sections))
    ) + "\n</body></html>\n"


def _section(title: str, inside: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inside}</section>" if inside else ""


def _head(contents: Contents) -> str:
    info, number = contents.dataset, len(contents.evaluation.slices)
    about = str(contents.facts.get("dataset"))
    if info is not None:
        about = f"{info.title or info.name}, {info.height} x {info.width} pixels"
        if info.voxel_size_nm is not None:
            z, y, x = info.voxel_size_nm
            about += f" of {y:g} x {x:g} nm, {z:g} nm a slice"
    counted = f"{number} {contents.called} {'slice' if number == 1 else 'slices'} of {about}"
    dates = f"measured {_day(contents.facts)} · report of {contents.made[:10]}"
    return (
        f"<header><h1>{escape(contents.run.name)}</h1><p>{escape(counted)} · slices, x and y are counted from 0 · "
        f"{escape(dates)}</p></header>"
    )


def _day(facts: object) -> str:
    return str(facts.get("evaluated", "?"))[:10] if isinstance(facts, dict) else "?"


def _notes(contents: Contents) -> str:
    facts, run, said = contents.facts, contents.run, []
    cells = summary(contents.evaluation)["operating_points"]
    if collapsed := collapse(next(iter(cells.values()))["pooled"]["confusion"]):
        said.append(f"The model collapsed: {collapsed}. Other figures mean little then.")
    if facts.get("leaks"):
        said.append(
            f"These figures leak: slices {slice_ranges(facts.get('trained_on') or [])} were trained on. They say "
            "nothing about new images."
        )
    elif facts.get("leaks") is None:
        said.append("Nobody said which slices this was trained on, so it may have been on these.")
    if run.info.outside is not None:
        said.append(f"What another program predicted, from {run.info.outside.source}: {run.info.outside.read_as}.")
    if facts.get("chosen_on"):
        said.append(
            f"Thresholds, the bias of segments and the epoch were chosen on slices {slice_ranges(facts['chosen_on'])}, "
            f"which are judged here, too: their figures may be a little too good. {_without(contents)}".strip()
        )
    if facts.get("synthetic"):
        said.append("The images were drawn by a program. Figures on them say nothing about real tissue.")
    return "".join(f'<p class="note">{escape(one)}</p>' for one in said)


def _headlines(contents: Contents) -> str:
    rows = [
        (one.title, _number(one.by_slice.mean, one), _range(one.by_slice, one), _range(one.by_block, one))
        for one in contents.headlines
    ]
    header = ("mean over slices", "value", "95 % interval, by slice", f"by blocks of {BLOCK} neighbours")
    found = table(header, rows)
    if math.ceil(len(contents.evaluation.slices) / BLOCK) < 4:
        found += "<p><small>So few slices make few blocks of neighbours, which say little of another part.</small></p>"
    baselines = [
        (name, _or_dash(one.wrong_percent, 2, " %"), _or_dash(one.dice_interior, 4), _or_dash(one.v_rand, 3),
         _or_dash(one.v_info, 3))
        for name, one in contents.baselines.items()
    ]  # fmt: skip
    without = ("to compare with", "wrong pixels", "Dice of interior", "V_Rand", "V_Info")
    return (
        found
        + table(without, baselines)
        + "<p><small>A true boundary that is moved by a pixel harms no neurite, and makes so many pixels wrong all the "
        "same: by the percentage alone a harmless result is not told from a harmful one. A dash: not measured."
        "</small></p>"
    )


def _without(contents: Contents) -> str:
    """The figures of the slices that chose nothing."""
    evaluation = contents.evaluation
    places = [at for at, z in enumerate(evaluation.slices) if z not in contents.facts["chosen_on"]]
    if not places:
        return ""
    wrong = float(evaluation.evidence.subset(places).confusion(contents.threshold).pooled().wrong_percent)
    of = f"On the {len(places)} others {wrong:.2f} % of the pixels are wrong"
    if not evaluation.segments:
        return f"{of}."
    v_rand = mean_over_slices([evaluation.segments[at].v_rand for at in places])
    return f"{of}, and V_Rand of segments is {_or_dash(v_rand, 3)}."


def _number(value: float, one: Headline) -> str:
    return _or_dash(value, one.digits, one.unit)


def _range(interval: Interval, one: Headline) -> str:
    if math.isnan(interval.mean):
        return "–"
    return f"{interval.low:.{one.digits}f} to {interval.high:.{one.digits}f}{one.unit}"


def _or_dash(value: float | None, digits: int, unit: str = "") -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}{unit}"


def _data(contents: Contents) -> str:
    run, info = contents.run, contents.dataset
    split = run.split
    said = []
    if info is not None:
        said.append(
            f"Source of the images, some of which this report shows: {info.source or 'not stated'}. Terms: "
            f"{info.terms or 'not stated'}."
        )
    if run.info.outside is None:
        network = (
            f"Each slice is predicted by the network, of {', '.join(run.info.members)}, that had not seen it (by the "
            "mean of several, where several had not)"
            if run.info.members
            else f"A U-Net of {run.info.parameters:,} parameters, {run.info.epochs} epochs"
        )
        said.append(f"{network}, preset {run.config.preset}, trained on {run.info.device or 'an unknown device'}.")
    said.append(f"Split: {_PROTOCOLS.get(split.protocol, split.protocol)}.")
    rows = [
        (title, slice_ranges(indices) + (f", {rows}" if (rows := row_range(of)) else ""))
        for title, indices, of in (
            ("training", split.train, split.rows("train")),
            ("validation", split.validation, split.rows("validation")),
            ("left out", split.gap, None),
            ("test", split.test, split.rows("test")),
        )
        if indices
    ]
    rows += [(f"training of {name}", slice_ranges(trained)) for name, trained in contents.members]
    audit = run.audit_split()
    leak = (
        "unknown, as nobody said what was trained on"
        if audit.unknown
        else f"slices {slice_ranges(audit.trained_on)} were trained on and judged"
        if audit.leaks
        else "no judged slice, and no copy of one, was trained on"
    )
    return (
        "".join(f"<p>{escape(one)}</p>" for one in said)
        + table(("part", "slices, counted from 0"), rows, words=True)
        + f"<p>Leak audit: {escape(leak)}. {escape(audit.near_misses)}</p>"
    )


def _errors(contents: Contents) -> str:
    evaluation, threshold = contents.evaluation, contents.threshold
    pooled = evaluation.evidence.confusion(threshold).pooled()
    counts, percent = pooled.counts, pooled.percent()
    classes = [["right", "wrong-missed"], ["wrong-false", "right"]]
    body = "".join(
        f"<tr><th>labelled {name}</th>"
        + "".join(
            f'<td class="{classes[row][column]}">{percent[row, column]:.2f} %<br><small>{int(counts[row, column]):,} '
            "px</small></td>"
            for column in range(2)
        )
        + "</tr>"
        for row, name in enumerate(CLASSES)
    )
    columns = "".join(f"<th>predicted {name}</th>" for name in CLASSES)
    number = sum(evaluation.neurites)
    matrix = (
        f"<p>The slices have {number:,} neurites. {escape(_area(pooled))}</p>"
        f'<div class="wide"><table class="matrix"><thead><tr><th></th>{columns}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
        f"<p><small>Of all labelled pixels, at threshold {threshold:.3f}. Missed membrane (blue) risks merging "
        "neurites, false membrane (orange) splitting them.</small></p>"
    )
    name = next((name for name, value in evaluation.thresholds.items() if value == threshold), "")
    apart = ""
    if name in evaluation.error_parts:
        wrong = {part: int(pixels.sum()) for part, pixels in evaluation.error_parts[name].wrong().items()}
        apart = "<h3>Wrong pixels by what they are part of</h3>" + shares_bar(
            [(text, wrong[part], colour) for part, (text, colour) in _PARTS.items()]
        )
    picture = ""
    if contents.worst is not None:
        z, data = contents.worst
        picture = (
            f'<figure class="slice"><img src="{data}" alt="Slice {z} with its wrong pixels in colour">'
            f"<figcaption>Slice {z}{_why_worst(contents)}, at threshold {threshold:.3f}: missed membrane blue, false "
            "membrane orange.</figcaption></figure>"
        )
    harms = harm_by_slice(evaluation)
    by_slice = {z: harms.get(z, 0.0) for z in evaluation.slices}
    each = evaluation.evidence.confusion(threshold).wrong_percent.tolist()
    worst = max(by_slice, key=lambda z: by_slice[z]) if any(by_slice.values()) else None
    charts = (
        bar_chart("Harm of the splits and merges of each slice", by_slice, y_title="harm", colour=PURPLE, marked=worst)
        if len(evaluation.slices) > 1 and not any(map(math.isnan, by_slice.values()))
        else ""
    )
    if len(evaluation.slices) > 1:
        wrong_by_slice = dict(zip(evaluation.slices, each, strict=True))
        charts += bar_chart("Wrong pixels of each slice", wrong_by_slice, y_title="percent", colour=GREY, marked=worst)
    dark = f"<p><small>The dark bar is slice {worst}, in which splits and merges do most harm.</small></p>"
    return f'{matrix}{apart}<div class="pair">{charts}</div>{dark if charts and worst is not None else ""}{picture}'


def _area(pooled: Confusion) -> str:
    """How much smaller or larger interior comes out, as measures of areas would."""
    counts = pooled.counts
    (_, missed), (false, interior) = ((int(one) for one in row) for row in counts)
    labelled = false + interior
    if not labelled:
        return ""
    change = 100 * (missed - false) / labelled
    how = "larger" if change > 0 else "smaller"
    return f"Interior comes out {abs(change):.1f} % {how} in all than it is labelled."


def _why_worst(contents: Contents) -> str:
    harms = harm_by_slice(contents.evaluation)
    return ", in which splits and merges do most harm" if any(harms.values()) else ", the one with most wrong pixels"


def _curves(contents: Contents) -> str:
    evaluation = contents.evaluation
    sweep = evaluation.evidence.pooled().sweep(0)[0]
    xs = [threshold_after(value) for value in range(256)]
    marks = dict(evaluation.thresholds)
    percent = sweep.percent()
    middle = [float(value) for value in sweep.wrong_percent[5:-5]]
    top = 1.05 * max((value for value in middle if math.isfinite(value)), default=1.0)
    charts = [
        line_chart(
            "Wrong pixels by threshold",
            [
                Line(name="wrong", x=xs, y=sweep.wrong_percent.tolist(), colour=GREY),
                Line(name="missed membrane", x=xs, y=percent[:, 0, 1].tolist(), colour=BLUE, dash="6 3"),
                Line(name="false membrane", x=xs, y=percent[:, 1, 0].tolist(), colour=ORANGE, dash="2 3"),
            ],
            x_title="threshold on the probability of interior", y_title="percent of all pixels", y_range=(0, top),
            marks=marks,
        ),
        line_chart(
            "Neurites kept apart and together, by threshold", _neurite_lines(contents),
            x_title="threshold on the probability of interior", y_title="score, 1 is perfect",
            y_range=(_floor(contents), 1), marks=marks,
        ),
    ]  # fmt: skip
    if contents.history:
        epochs = [one.epoch for one in contents.history]
        charts.append(
            line_chart(
                "Dice of interior while it learned",
                [
                    Line(name="training, on patches", x=epochs, y=[one.train_dice for one in contents.history],
                         colour=BLUE, dash="2 3"),
                    Line(name="validation, on slices", x=epochs, y=[one.validation_dice for one in contents.history],
                         colour=GREEN),
                ],
                x_title="epoch", y_title="Dice at 0.5",
            )
        )  # fmt: skip
    chosen = contents.run.info.operating_points is not None
    return (
        f'<div class="pair">{"".join(charts)}</div><p><small>Curves that leave a chart are cut off at its edge. '
        + (
            "The marked thresholds were chosen on slices set aside for that and not on these curves, so a curve can be "
            "higher elsewhere; to choose by it would be to judge by the slices that one chose on."
            if chosen
            else "Nobody chose settings for this prediction, which has usual ones."
        )
        + "</small></p>"
    )


def _floor(contents: Contents) -> float:
    """Where the axis of scores begins: what lies between the challenge's thresholds 0.2 and 0.9 is to be seen."""
    middle = [
        mean_over_slices([getattr(one[at], name) for one in contents.evaluation.over_thresholds])
        for at, threshold in enumerate(CHALLENGE_THRESHOLDS)
        if 0.15 < threshold < 0.95
        for name in ("v_rand", "v_info")
    ]
    known = [value for value in middle if math.isfinite(value)]
    return max(0.0, math.floor(10 * min(known)) / 10) if known else 0.0


def _neurite_lines(contents: Contents) -> list[Line]:
    evaluation, xs = contents.evaluation, list(CHALLENGE_THRESHOLDS)
    found = []
    for title, name, dash in (("V_Rand", "v_rand", ""), ("V_Info", "v_info", "2 3")):
        means = [
            mean_over_slices([getattr(one[at], name) for one in evaluation.over_thresholds]) for at in range(len(xs))
        ]
        found.append(Line(name=title, x=xs, y=means, colour=PURPLE, dash=dash))
        if evaluation.segments:
            value = mean_over_slices([getattr(one, name) for one in evaluation.segments])
            found.append(
                Line(name=f"{title} of segments {value:.3f}", x=[0, 1], y=[value, value], colour=GREY, dash=dash)
            )
    return found


def _places(places: Sequence[PicturedEvent], threshold: float) -> str:
    if not places:
        return "<p>No neurite was split or merged.</p>"
    found = []
    for number, one in enumerate(places, start=1):
        event = one.event
        parts = " and ".join(f"{pixels:,}" for pixels in event.overlaps_px[:3])
        more = f" and {len(event.overlaps_px) - 3} more" if len(event.overlaps_px) > 3 else ""
        what = (
            f"one segment holds {parts} px{more} of {len(event.neurites)} neurites"
            if event.kind == "merge"
            else f"a neurite of {event.area_px:,} px lies in {len(event.segments)} segments, with {parts} px{more}"
        )
        harm = "" if math.isnan(event.harm) else f" Undone, V_Rand of the slice rises by {event.harm:.4f}."
        name = f"{event.kind} in slice {event.slice}"
        picture = (
            f'<div class="both"><img src="{one.plain}" alt="the image"><img src="{one.picture}" alt="{name}"></div>'
            if one.picture
            else ""
        )
        verdicts = "".join(
            f"<p><strong>{escape(verdict.decision)}</strong>, {escape(verdict.reviewer)}"
            + (f": {escape(verdict.note)}" if verdict.note else "")
            + "</p>"
            for verdict in one.verdicts
        )
        found.append(
            f"<article>{picture}<p><strong>{number}. {event.kind.capitalize()} in slice {event.slice}</strong>, at x "
            f"{event.x}, y {event.y}: {what}.{harm}</p>{verdicts}</article>"
        )
    about = (
        f"On the left the image, on the right the same with the wrong pixels of the mask at threshold {threshold:.3f}: "
        "missed membrane blue, false membrane orange. Rings mark where the membrane between neurites is open (blue) or "
        "where a false wall cuts one (orange); at most eight are drawn. The same neurite can be part of a merge and of "
        "a split."
    )
    judged = sum(bool(one.verdicts) for one in places)
    so_far = f"{judged} of these {len(places)} were judged by reviewers." if judged else "Nobody judged them yet."
    return f'<p><small>{about} {so_far}</small></p><div class="places">{"".join(found)}</div>'


def _suspects(contents: Contents) -> str:
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


def _conclusion(text: str) -> str:
    found = []
    for paragraph in text.split("\n\n"):
        first, dot, rest = paragraph.strip().partition(". ")
        if first:
            found.append(f"<p><strong>{escape(first)}{dot.strip()}</strong> {escape(rest)}</p>")
    return "".join(found)


def _repeat(contents: Contents) -> str:
    run, facts = contents.run, contents.facts
    name = shlex.quote(run.name)
    if run.info.outside is None:
        commands = [
            f"python -m segcore evaluate {name} --dataset {shlex.quote(str(facts.get('dataset')))} "
            f"--slices {contents.part}"
        ]
    else:
        commands = [
            f"python -m segcore score {name} {shlex.quote(run.info.outside.source)} --dataset "
            f"{shlex.quote(run.info.dataset)}"
        ]
    other = contents.comparison
    commands.append(
        f"python -m segcore report {name}"
        + ("" if other is None else f" --compare {shlex.quote(other.second.run)}")
        + " --out report.html"
    )
    versions = ", ".join(f"{key} {value}" for key, value in run.info.versions.items())
    fingerprint = str(facts.get("dataset_fingerprint"))[:16]
    settings = ""
    if run.has_network:
        commands.append(f"python -m segcore predict {name} my-images --out predicted")
    if run.info.outside is None:
        flat = flatten(to_dict(run.config))
        if run.info.members:  # each of which has a split of its own
            flat = {key: value for key, value in flat.items() if not key.startswith("split.")}
        settings = (
            "<details><summary>All settings of the run</summary><pre>"
            + escape("\n".join(f"{key} = {json.dumps(value)}" for key, value in flat.items()))
            + "</pre></details>"
        )
    return (
        f"<pre>{escape(chr(10).join(commands))}</pre><p><small>{escape(versions)}. Dataset fingerprint "
        f"{escape(fingerprint)}; evaluated {escape(_day(facts))} by segcore {escape(str(facts.get('segcore', '?')))}."
        f"</small></p>{settings}"
    )
